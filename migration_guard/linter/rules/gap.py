"""gap: a number between two others that no migration has."""

from collections.abc import Iterator
from itertools import pairwise

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "gap"
SEVERITY = Severity.INFO
NEEDS = NOTHING

_DATE_DIGITS = 8  # 20260131: from here on numbers are dates and times, which have gaps


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each gap between two counted numbers."""
    for before, after in pairwise(source.files):
        first, last = before.number + 1, after.number - 1
        if first <= last and len(str(after.number)) < _DATE_DIGITS:
            missing = str(first) if first == last else f"{first} to {last}"
            yield Problem(
                SLUG,
                f"no migration has the number {missing}, between {before.id} and {after.id}",
                "Harmless, unless a file was forgotten in a merge: look for it on the other "
                "branches.",
                SEVERITY,
                after.path,
            )
