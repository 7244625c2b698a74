"""max-migration-stale: max_migration.txt does not name the newest migration."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.planning import max_migration
from migration_guard.problems import Problem, Severity

SLUG = "max-migration-stale"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a warning for each folder whose file is stale."""
    problems = max_migration.problems(source.read_names)
    yield from (problem for problem in problems if problem.rule == SLUG)
