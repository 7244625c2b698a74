"""number-not-above: a new migration's number is below one that is merged already."""

from collections.abc import Iterator

from migration_guard.linter.needs import PAST
from migration_guard.linter.rules.number_taken import own
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "number-not-above"
SEVERITY = Severity.ERROR
NEEDS = PAST


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each migration of this branch that others have overtaken."""
    past = source.past
    taken = {past.tip[migration_id] for migration_id in past.since}
    number, newest = past.highest
    for file in own(source):
        if file.number <= number and file.number not in taken:
            yield Problem(
                SLUG,
                f"{file.id} is new, and {newest} is merged already: where {newest} is applied, "
                "this file is out of order and the deploy stops",
                f"manage.py checksqlmigrations --base {past.ref} --renumber",
                SEVERITY,
                file.path,
            )
