"""unknown-relation: a statement needs a table or column that no migration creates."""

from collections.abc import Iterator

from migration_guard.linter.needs import GRAMMAR
from migration_guard.linter.order.findings import Missing
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "unknown-relation"
SEVERITY = Severity.WARNING
NEEDS = GRAMMAR


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each missing object that is never created, once for all environments."""
    problems = (
        _problem(source, missing)
        for findings in source.simulations
        for missing in findings.missing
        if missing.later is None
    )
    yield from dict.fromkeys(problems)


def _problem(source: Source, missing: Missing) -> Problem:
    if missing.was_removed:
        fact = "is gone by then: a migration before this one drops or renames it"
    else:
        fact = "is created by no migration before this one that runs in the same environments"
    return source.problem(
        SLUG,
        SEVERITY,
        missing.place.file,
        missing.place.offset,
        f"the {missing.what} {missing.name} {fact}, so on a new database the deploy may stop here",
        "Correct the name, or add the migration that creates it. If the database had it before "
        "the first migration, put its dump (pg_dump --schema-only) beside the migrations as "
        "_baseline.sql; or: -- guard: allow = unknown-relation, <reason>.",
    )
