"""alter-before-create: a statement needs what only a later migration creates."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.order.findings import Missing
from migration_guard.linter.order.keys import Place
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "alter-before-create"
SEVERITY = Severity.ERROR
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each missing object that is created later, once for all environments."""
    problems = (
        _problem(source, missing, missing.later.place)
        for findings in source.simulations
        for missing in findings.missing
        if missing.later is not None
    )
    yield from dict.fromkeys(problems)


def _problem(source: Source, missing: Missing, later: Place) -> Problem:
    here, there = missing.place.file, later.file
    same_file = here is there
    where = "a later statement of this file" if same_file or there is None else there.id
    message = f"the {missing.what} {missing.name} is needed here, and {where} creates it later"
    if missing.conditional:
        effect = (
            "IF EXISTS finds nothing on a new database, so the statement does nothing, counts as "
            "applied, and code that relies on it fails"
        )
    else:
        effect = "on a new database the deploy stops here"
    return source.problem(
        SLUG,
        SEVERITY if missing.is_sure else Severity.WARNING,
        here,
        missing.place.offset,
        f"{message}: {effect}",
        "Move this statement below the one that creates it."
        if same_file
        else _renumbering_hint(missing, later),
    )


def _renumbering_hint(missing: Missing, later: Place) -> str:
    here, there = missing.place.file, later.file
    if here is None or there is None:
        return "Put what creates it first."
    return (
        f"While it is applied nowhere, rename {here.id} to a number above {there.number} (or "
        f"{there.id} to one below {here.number}); if both are applied somewhere, move the "
        "statement into a new migration."
    )
