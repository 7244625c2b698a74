"""enum-value-used: a value is added to an enum and used in the same transaction."""

from collections.abc import Iterator

from migration_guard.linter.danger.enum_values import AddedValue, read_added_value, uses_value
from migration_guard.linter.danger.walk import Step
from migration_guard.linter.needs import POSTGRESQL
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "enum-value-used"
SEVERITY = Severity.ERROR
NEEDS = POSTGRESQL


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each value that is used before the transaction that adds it ends."""
    added: list[AddedValue] = []
    made: set[str] = set()
    transaction: object = None
    for step in source.walk.steps({"VALUE"}):
        here = source.transaction(step.file, step.statement)
        if here != transaction or here is None:
            added, made, transaction = [], set(), here
        if here is None:
            continue
        words = step.part.words
        if words[:2] == ["CREATE", "TYPE"] and step.ddl is not None:
            made.add(step.ddl.name)
        value = read_added_value(step)
        if value is not None and value.type not in made:
            added.append(value)
        elif value is None:
            used = next((value for value in added if uses_value(step, value)), None)
            if used is not None:
                yield _problem(source, step, used)


def _problem(source: Source, step: Step, value: AddedValue) -> Problem:
    return source.problem(
        SLUG,
        SEVERITY,
        step.file,
        step.part.offset,
        f"{step.excerpt}: PostgreSQL refuses the value {value.literal} of {value.type} here, since "
        "the transaction that adds it has not ended",
        "Put ALTER TYPE … ADD VALUE into a migration of its own before this one.",
    )
