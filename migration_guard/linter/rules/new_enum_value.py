"""new-enum-value: an enum value is used in the transaction that added it."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "new-enum-value"
SEVERITY = Severity.ERROR
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each such use, once for all environments."""
    problems = (
        source.problem(
            SLUG,
            SEVERITY,
            value.place.file,
            value.place.offset,
            f"the enum value {value.name} is added and used in one transaction: the deploy stops "
            "here",
            "Add the value in a migration of its own, before this one.",
        )
        for findings in source.simulations
        for value in findings.new_values
        if value.place.file is not None
    )
    yield from dict.fromkeys(problems)
