"""Watching what the statements of a run do to tables, without a part in what the run does.

One class for each vendor, in ``impact``. A look that fails leaves the run as it is: what was not
seen is unknown.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from migration_guard.impact.trace import StatementTrace
from migration_guard.planning.scripts import Script
from migration_guard.sql.statements import Statement
from migration_guard.vendors import VENDORS, load


class TraceRequest(NamedTuple):
    """Which migrations to trace; ``names`` holds ids and ``app.name``, None stands for all.

    ``measures`` is False where times mean nothing, as in a database without rows.
    """

    names: frozenset[str] | None = None
    measures: bool = True

    def covers(self, name: str) -> bool:
        """Return whether a migration of either kind is to be traced."""
        return self.names is None or name in self.names


class Tracer(ABC):
    """Watches one migration after the other on one connection."""

    # What a report says of this vendor before all else.
    note: ClassVar[str] = ""
    # Whether there is anything to see in this vendor's databases.
    sees_locks: ClassVar[bool] = True

    def __init__(self, connection: Any, request: TraceRequest) -> None:
        self._connection = connection
        self.request = request

    def start(self, name: str, script: Script | None) -> None:
        """Watch a migration from now on; Django's have no ``script``."""

    def forget(self) -> None:
        """Take nothing for known any more: a migration runs that is not traced."""

    @abstractmethod
    def execute(self, statement: Statement, source: str) -> int | None:
        """Run a statement as the connection does, and look at what it did."""

    def begin(self) -> None:
        """Look at what there is before the statements of a transaction; forget a failed one."""

    def end(self) -> None:
        """Note the time: all statements of the transaction have run."""

    def commit(self) -> None:
        """Keep what was seen of the transaction, which is committed."""

    def is_at_fault(self) -> bool:
        """Return whether a look ended the transaction; then this migration is traced no more."""
        return False

    @contextmanager
    def watch_django(self) -> Iterator[None]:
        """Look at each statement that Django sends in the block."""
        yield

    @abstractmethod
    def take(self) -> tuple[StatementTrace, ...]:
        """Return what was seen of the migration, statement by statement."""


def tracer_class_of(vendor: str) -> type[Tracer]:
    """Return the class that traces this vendor's databases."""
    tracer_class: type[Tracer] = load(VENDORS[vendor].tracer)
    return tracer_class


def tracer_on(connection: Any, request: TraceRequest | None) -> Tracer | None:
    """Return the tracer of this vendor if something is to be traced."""
    if request is None:
        return None
    return tracer_class_of(connection.vendor)(connection, request)
