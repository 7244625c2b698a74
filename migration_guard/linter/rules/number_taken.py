"""number-taken: the other branch has since merged a migration with the same number."""

from collections.abc import Iterator

from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "number-taken"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each migration of this branch whose number the other branch took."""
    base = source.merge_base
    by_number = {base.tip[migration_id]: migration_id for migration_id in sorted(base.since)}
    for file in base.own_files(source.files):
        other = by_number.get(file.number)
        if other is not None:
            yield Problem(
                SLUG,
                f"{file.id} has the number of {other}, which {base.ref} has got since this branch "
                "began: after a merge, only their names would decide the order",
                f"manage.py checksqlmigrations --base {base.ref} --renumber",
                SEVERITY,
                file.path,
            )
