"""gap: a number between two others that no migration has."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "gap"
SEVERITY = Severity.INFO
NEEDS = NOTHING

# Numbers as long as 20260131 are dates and times, which have gaps.
_DATE_DIGITS: Final = 8


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each gap between two numbers that are not dates."""
    for before, after in pairwise(source.files):
        first, last = before.number + 1, after.number - 1
        if first <= last and len(str(after.number)) < _DATE_DIGITS:
            missing = str(first) if first == last else f"{first} to {last}"
            yield Problem(
                SLUG,
                f"no migration has the number {missing}, between {before.id} and {after.id}",
                "Usually harmless. If a merge lost a file, look for it on the other branches.",
                SEVERITY,
                after.path,
            )
