"""unknown-setting: a key of MIGRATION_GUARD that the app does not know."""

from collections.abc import Iterator

from migration_guard import conf
from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "unknown-setting"
SEVERITY = Severity.ERROR
NEEDS = NOTHING


def check(_source: Source) -> Iterator[Problem]:
    """Yield a problem for each unknown key."""
    for key in conf.unknown_names():
        yield Problem(SLUG, key.fact, key.hint)
