"""not-simulated: a statement whose effect on the schema cannot be told from its text."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "not-simulated"
SEVERITY = Severity.INFO
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a note for each such statement, once for all environments."""
    found = (
        source.problem(
            SLUG,
            SEVERITY,
            unknown.place.file,
            unknown.place.offset,
            f"what {unknown.why} does is not known to the order rules: about what it names they "
            "stay silent",
            "Prove the order on an empty database: manage.py checkschema --fresh.",
        )
        for simulation in source.simulations
        for unknown in simulation.unknown
        if unknown.place.file is not None
    )
    yield from dict.fromkeys(found)
