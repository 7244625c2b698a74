"""number-taken: the other branch has merged a migration with the same number meanwhile."""

from collections.abc import Iterator

from migration_guard.linter.needs import PAST
from migration_guard.linter.source import Source
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity

SLUG = "number-taken"
SEVERITY = Severity.ERROR
NEEDS = PAST


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each migration of this branch whose number both sides took."""
    past = source.past
    by_number = {past.tip[migration_id]: migration_id for migration_id in sorted(past.since)}
    for file in own(source):
        other = by_number.get(file.number)
        if other is not None:
            yield Problem(
                SLUG,
                f"{file.id} has the number of {other}, which is on {past.ref} since this branch "
                "left it: merged, the two would run in an order that nobody chose",
                f"manage.py checksqlmigrations --base {past.ref} --renumber",
                SEVERITY,
                file.path,
            )


def own(source: Source) -> list[MigrationFile]:
    """Return the migrations that only this branch has, in order."""
    known = source.past.merged_ids | source.past.since
    return [file for file in source.files if file.id not in known]
