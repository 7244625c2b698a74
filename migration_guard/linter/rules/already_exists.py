"""already-exists: a statement creates what a migration before it has created."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.order.findings import Clash
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "already-exists"
SEVERITY = Severity.ERROR
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each such statement, once for all environments."""
    problems = (
        _problem(source, clash)
        for findings in source.simulations
        for clash in findings.clashes
        if clash.place.file is not None
    )
    yield from dict.fromkeys(problems)


def _problem(source: Source, clash: Clash) -> Problem:
    first = clash.made.file.id if clash.made.file is not None else "the baseline"
    hint = "Choose another name, or say IF NOT EXISTS if both mean the same."
    if clash.freed is not None and clash.freed.file is not None:
        hint = (
            f"{clash.freed.file.id} drops or renames the old one, too late: give this file a "
            "number above it."
        )
    return source.problem(
        SLUG,
        SEVERITY,
        clash.place.file,
        clash.place.offset,
        f"the {clash.what} {clash.name} exists already, made by {first}: the deploy stops here",
        hint,
    )
