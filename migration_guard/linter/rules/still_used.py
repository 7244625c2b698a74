"""still-used: a statement drops what something still uses, and only a later migration frees it."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.order.findings import StillUsed
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "still-used"
SEVERITY = Severity.ERROR
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each such statement, once for all environments."""
    problems = (
        _problem(source, drop)
        for findings in source.simulations
        for drop in findings.still_used
        if drop.place.file is not None
    )
    yield from dict.fromkeys(problems)


def _problem(source: Source, drop: StillUsed) -> Problem:
    what = "view" if drop.user.what == "relation" else drop.user.what
    user = f"{what} {drop.user.column or drop.user.name}"
    later = drop.freed.file
    is_same = later is None or later is drop.place.file
    where = "a later statement of this file" if is_same or later is None else later.id
    return source.problem(
        SLUG,
        SEVERITY,
        drop.place.file,
        drop.place.offset,
        f"{drop.name} is still used here by the {user}, which {where} drops or redefines: "
        "the deploy stops here",
        "Move this statement below that one."
        if is_same
        else f"Give this file a number above {where}, or say CASCADE if the {user} may go too.",
    )
