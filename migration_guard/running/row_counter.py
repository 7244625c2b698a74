"""The rows that a transaction writes, as the server counts them; only ``one_off`` uses it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Answer, Connection, Progress
from migration_guard.running.limits import Limits
from migration_guard.vendors import VENDORS, load


class TableCounts(NamedTuple):
    """Rows of one table that a transaction wrote; ``file`` changes where the table was emptied."""

    inserted: int
    updated: int
    deleted: int
    file: int


class Tally(NamedTuple):
    """What a transaction wrote until now, as the server counts it.

    ``total`` is the number of rows, with those that triggers and cascades wrote; ``tables`` are all
    permanent tables. Only differences between two tallies mean something.
    """

    total: int
    tables: Mapping[str, TableCounts]


class StorageEngines(Protocol):
    """A vendor's storage engines, some of which know no transactions."""

    def tables_without_transactions(self) -> Sequence[str]:
        """Return the tables whose changes no rollback undoes."""

    def outlast_rollback(self) -> bool:
        """Return whether a rollback may leave some of what this transaction changed."""


class RowCounter(ABC):
    """The open transaction of a script that is no migration, and its counts.

    ``engines`` is None where every table takes part in transactions.
    """

    engines: StorageEngines | None = None

    def __init__(self, connection: Connection, history: History) -> None:
        self._connection = connection
        self._history = history

    def open(self, limits: Limits) -> None:
        """Start the transaction; foreign keys are enforced as they are for the project."""
        self._connection.begin(limits)

    def run(self, unit: Unit, source: str, before: Progress, after: Answer) -> None:
        """Run the statements, and check what waits for the commit."""
        self._connection.run(unit, source, before, after)

    @abstractmethod
    def tally(self) -> Tally | None:
        """Count what this transaction wrote until now; None where the server does not count."""

    @abstractmethod
    def own_tables_state(self) -> object:
        """Return what compares unequal once this transaction changed rows of the own tables."""

    @abstractmethod
    def idle_up_to(self, seconds: float) -> None:
        """Let the server end this transaction after that time of silence, and not before."""

    def rollback(self) -> bool:
        """Roll back; return whether all of it is undone."""
        self._connection.rollback()
        return True


def counter_on(connection: Connection, history: History) -> RowCounter:
    """Return the row counter of this vendor."""
    counter: RowCounter = load(VENDORS[connection.vendor].row_counter)(connection, history)
    return counter
