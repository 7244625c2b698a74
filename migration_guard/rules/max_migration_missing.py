"""max-migration-missing: there is no max_migration.txt beside the migrations."""

from collections.abc import Iterator

from migration_guard.planning import max_migration
from migration_guard.problems import Problem, Severity
from migration_guard.rules.needs import NOTHING
from migration_guard.rules.source import Source

SLUG = "max-migration-missing"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a warning for each such folder."""
    found = max_migration.problems(source.names)
    yield from (problem for problem in found if problem.rule == SLUG)
