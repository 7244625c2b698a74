"""How long a migration may wait and run, and how long a statement of it may be."""

from typing import NamedTuple

from migration_guard.conf import Conf
from migration_guard.planning.directives import Directives


class Limits(NamedTuple):
    """The time-outs of one migration in seconds (None: no limit)."""

    lock_timeout: float | None
    statement_timeout: float | None = None

    @classmethod
    def of(cls, directives: Directives, conf: Conf) -> "Limits":
        """Return what the file says (0: no limit), else what the settings say."""
        return cls(
            _first(directives.lock_timeout, conf.lock_timeout),
            _first(directives.statement_timeout, conf.statement_timeout),
        )


class StatementLimit(NamedTuple):
    """The most bytes that a statement may have, and the name of what says so."""

    bytes: int
    name: str


def _first(directive: float | None, setting: float | None) -> float | None:
    return setting if directive is None else directive or None
