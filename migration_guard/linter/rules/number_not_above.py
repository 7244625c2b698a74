"""number-not-above: a new migration's number is below one that is merged already."""

from collections.abc import Iterator

from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "number-not-above"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each migration of this branch below the highest merged number."""
    base = source.merge_base
    taken = {base.tip[migration_id] for migration_id in base.since}
    highest, newest = base.highest
    for file in base.own_files(source.files):
        if file.number <= highest and file.number not in taken:
            yield Problem(
                SLUG,
                f"{file.id} is new, and {newest} is merged already: where {newest} is applied, "
                "this file is out of order and the deploy stops",
                f"manage.py checksqlmigrations --base {base.ref} --renumber",
                SEVERITY,
                file.path,
            )
