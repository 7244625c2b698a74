"""foreign-format: a line that another tool executes asks it for no transaction."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.planning.foreign_formats import RULE, Effect
from migration_guard.planning.foreign_markers import foreign_markers
from migration_guard.planning.scripts import in_one_transaction
from migration_guard.problems import Problem, Severity

SLUG = RULE
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a warning for each new file that asks another tool for no transaction, and not us.

    A file that another tool divides is an error, which is found when files are split.
    """
    merged = source.context.merge_base.merged if source.context.merge_base is not None else {}
    for file in source.files:
        is_split = file.id in source.scripts
        if not is_split or file.path in merged or not in_one_transaction(file, source.vendor):
            continue
        for marker in foreign_markers(file, source.vendor):
            if marker.effect is Effect.NO_TRANSACTION:
                yield source.problem(
                    SLUG,
                    SEVERITY,
                    file,
                    marker.start,
                    f'"{marker.text[:80]}" asks {marker.tool} for no transaction; here it is a '
                    "comment, and the file runs in one",
                    "Write -- guard: transaction = off above the first statement; or delete the "
                    "line, if a transaction is right.",
                )
                break
