"""table-rewrite: a statement copies a table while others wait."""

from collections.abc import Iterator

from migration_guard.linter.danger.rewrites import WORDS, read_rewrites
from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "table-rewrite"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that rewrites a table which is not new."""
    for step in source.walk.steps(WORDS[source.vendor]):
        rewrites = [
            rewrite
            for rewrite in read_rewrites(step)
            if rewrite.table is None or not step.tables.is_fresh(rewrite.table)
        ]
        if rewrites:
            yield source.problem(
                SLUG,
                SEVERITY,
                step.file,
                step.part.offset,
                f"{step.excerpt}: {rewrites[0].fault}",
                f"{rewrites[0].hint}. If the table is small: "
                "-- guard: allow = table-rewrite, <reason>.",
            )
