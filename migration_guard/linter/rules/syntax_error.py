"""syntax-error: PostgreSQL's grammar refuses the statement."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "syntax-error"
SEVERITY = Severity.ERROR
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that the grammar of PostgreSQL 18 refuses."""
    for file in source.files:
        for parsed in source.parse_trees.get(file.id, ()):
            if parsed.error:
                yield source.problem(
                    SLUG,
                    SEVERITY,
                    file,
                    parsed.statement.start + parsed.error_offset,
                    f"{parsed.error}: the server refuses the file here",
                    "Correct it. If your server is newer than the installed grammar and accepts "
                    "it, write -- guard: allow = syntax-error, <reason>.",
                )
