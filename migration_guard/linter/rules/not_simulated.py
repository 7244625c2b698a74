"""not-simulated: the text of a statement does not tell what it does to the schema."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "not-simulated"
SEVERITY = Severity.INFO
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a note for each such statement, once for all environments."""
    problems = (
        source.problem(
            SLUG,
            SEVERITY,
            effect.place.file,
            effect.place.offset,
            f"the order rules cannot follow {effect.why}, so they report nothing about the names "
            "in it",
            "Prove the order on an empty database: manage.py checkschema --fresh.",
        )
        for findings in source.simulations
        for effect in findings.unknown_effects
        if effect.place.file is not None
    )
    yield from dict.fromkeys(problems)
