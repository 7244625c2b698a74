"""The statements of a file that is no single transaction; only ``journaled`` uses it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Connection, Progress
from migration_guard.running.errors import StatementError
from migration_guard.running.own_table_rows import OwnTableRows
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.statements import Statement
from migration_guard.vendors import VENDORS, load


class Effect(Enum):
    """What became of a statement that was sent, and whose end was not seen."""

    DONE = auto()
    HALF_DONE = auto()  # ``finish`` does the rest
    NOT_DONE = auto()
    UNKNOWN = auto()


class StatementWork(ABC):
    """Runs units in transactions or alone, and finds out what became of an interrupted one."""

    def __init__(self, connection: Connection, history: History) -> None:
        self._connection = connection
        self._history = history

    @property
    def vendor(self) -> str:
        """Django's name of the vendor."""
        return self._connection.vendor

    def remember_start(self, done: Sequence[Statement], statements: Sequence[Statement]) -> None:
        """Note what the end of the file is compared with; ``done`` ran in an earlier run."""

    def check_end(self, statements: Sequence[Statement]) -> None:
        """Raise StatementError if the file as a whole is not done, or left what it may not."""

    def begin(self, unit: Unit) -> None:
        """Start the transaction of a unit, and count what happens to the own tables from then.

        Where the file says how it begins, what takes a snapshot comes before.
        """
        if unit.modes is None:
            self._connection.begin()
        else:
            self._connection.begin_as(unit.modes)

    def run(self, unit: Unit, source: str, step: Progress) -> None:
        """Run a unit in its transaction; what follows there is written as the connected user."""
        self._connection.run(unit, source, step)

    def run_alone(self, unit: Unit, source: str, lock_timeout: float | None) -> None:  # noqa: ARG002
        """Run a unit outside a transaction, waiting for locks as such a statement must.

        ``lock_timeout`` is what the file itself says, in seconds.
        """
        self._connection.run(unit, source, lambda _number: None)

    @abstractmethod
    def changes(self) -> HistoryChanges:
        """Return what the unit did to the own tables since ``begin``."""

    def is_ours_to_retry(self, error: StatementError) -> bool:  # noqa: ARG002
        """Return whether the runner itself caused the error, and a second try avoids it."""
        return False

    @abstractmethod
    def look(self) -> OwnTableRows:
        """Read the own tables, to be compared after a statement that commits by itself."""

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Commit what the block writes to the own tables, as the user who connected."""
        with self._connection.failing():
            self._connection.begin()
            yield
            self._connection.commit()

    @abstractmethod
    def runs_alone(self, unit: Unit) -> bool:
        """Return whether ``unit`` surely commits by itself; else a transaction is tried."""

    def outlives_rollback(self, unit: Unit) -> bool:  # noqa: ARG002
        """Return whether a rollback leaves what ``unit`` writes."""
        return False

    def never_began(self, error: StatementError) -> bool:  # noqa: ARG002
        """Return whether a statement that failed surely wrote nothing."""
        return False

    @abstractmethod
    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Return a statement of ``done`` whose session held what ``rest`` may need, and what.

        The words go on from "It".
        """

    @abstractmethod
    def note_before(self, sql: str) -> str:
        """Return a note of what is there before ``sql`` runs alone."""

    @abstractmethod
    def can_tell(self, sql: str, note: str) -> bool:
        """Return whether the next run will know what to do about ``sql``, if it is in doubt.

        Where it returns False, ``what_became_of`` an interrupted statement is unknown.
        """

    def finish(self, sql: str, note: str) -> None:
        """Do the rest of a statement that is half done."""

    def describe_remains(self, sql: str, note: str) -> str:  # noqa: ARG002
        """Return what a statement in doubt has left for all to see, as sentences, or nothing."""
        return ""

    @abstractmethod
    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:
        """Find out what became of ``sql``, and clear its remains.

        ``failed`` says that the server answered with an error; else it was interrupted. Raises an
        error of the kind LOCKED while the server still runs it.
        """


def work_on(connection: Connection, history: History) -> StatementWork:
    """Return the statement work of this vendor."""
    work: StatementWork = load(VENDORS[connection.vendor].statement_work)(connection, history)
    return work
