"""What the runner needs of a database connection; one subclass per vendor.

A session owns one driver connection in autocommit and types its own BEGIN and COMMIT. Statements
go to the driver one a message and without parameters, so that ``%`` is plain text.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Any, NamedTuple, Self

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.preflight import Unit
from migration_guard.problems import Problem
from migration_guard.running import interrupts
from migration_guard.sql.statements import Statement

# Called with the number of the statement that is about to run, counted from 1.
Progress = Callable[[int], None]


class Kind(Enum):
    """What a driver's error means for the runner."""

    LOCKED = auto()  # rolled back, may be tried again
    DUPLICATE = auto()  # a unique key is taken
    ALONE = auto()  # cannot run inside a transaction; nothing happened
    DONE_BEFORE = auto()  # what the statement makes exists, or what it drops does not
    READ_ONLY = auto()  # the target accepts no writes
    LOST = auto()  # the connection is gone
    FULL = auto()  # there is no room for what the statement writes
    OTHER = auto()


class Facts(NamedTuple):
    """What a session knows of its database from one query at the start.

    ``schema`` is where the own tables are or will be: a schema (PostgreSQL), the database (MySQL),
    ``main`` (SQLite).
    """

    database: str
    user: str
    schema: str
    read_only: bool
    standby: bool


class Writes(NamedTuple):
    """What was done to the history: numbers of rows, or of statements, above zero where any."""

    inserted: int
    updated: int
    deleted: int


class Counts(NamedTuple):
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
    tables: Mapping[str, Counts]


class StatementError(Exception):
    """A driver refused one statement; ``statement`` is None for a step of the runner's own.

    ``committing``: it was the COMMIT, so a lost connection leaves the outcome open. ``blockers``
    describes the sessions that held the lock.
    """

    def __init__(self, error: Exception, kind: Kind, statement: Statement | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind = kind
        self.statement = statement
        self.committing = False
        self.blockers = ""


class NotDoneError(Exception):
    """A statement ended without an error, and yet must not count as done."""


class Session(ABC):
    """A vendor's connection, as the runner drives it."""

    # One statement can complete a claim, if it is of this transaction, and tell what it wrote.
    completes_at_once = False

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        # The rows that the last statement touched or returned; None where it tells none.
        self.answered: int | None = None

    @property
    def vendor(self) -> str:
        """Django's name of the vendor."""
        return self.connection.vendor

    @property
    def driver(self) -> Any:
        """The driver's own connection; raises the driver's error while there is none."""
        if self.connection.connection is None:
            raise self.connection.Database.InterfaceError("not connected")  # type: ignore[attr-defined]
        return self.connection.connection

    @contextmanager
    def another(self) -> Iterator[Self]:
        """Give a session on a new connection to the same database."""
        connection = self.connection.copy()
        try:
            connection.ensure_connection()
            yield type(self)(connection)
        finally:
            connection.close()

    @property
    def driver_error(self) -> type[Exception]:
        """The base class of the driver's errors."""
        error: type[Exception] = self.connection.Database.Error  # type: ignore[attr-defined]
        return error

    # -- facts

    @abstractmethod
    def facts(self) -> Facts:
        """Read the facts; also remembers what ``settle`` and ``clean`` restore."""

    @abstractmethod
    def kind(self, error: Exception) -> Kind:
        """Classify a driver's error."""

    @abstractmethod
    def message(self, error: Exception) -> str:
        """Return the server's message, with its code, detail and hint."""

    def remedy(self, error: Exception) -> str:  # noqa: ARG002
        """Return what to do about an error that has nothing to do with rights, or nothing."""
        return ""

    def position(self, error: Exception, sql: str) -> int:  # noqa: ARG002
        """Return the 0-based character of ``sql`` at which the error points (0: not told)."""
        return 0

    # -- transactions

    def begin(self) -> None:
        """Start the transaction of a migration (or of a unit of one)."""
        self.own("BEGIN")

    def begin_limited(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Start the transaction of a migration, with ``limit`` for what follows."""
        self.begin()
        self.limit(lock_timeout, statement_timeout)

    def begin_script(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Start the transaction of a script that is no migration: foreign keys are enforced."""
        self.begin_limited(lock_timeout, statement_timeout)

    def commit(self) -> None:
        """Commit; a signal waits for the answer."""
        with interrupts.deferred():
            self.own("COMMIT")

    @contextmanager
    def transaction(self, lock_timeout: float | None) -> Iterator[None]:
        """Commit what the runner itself writes in the block, or leave nothing of it.

        A lock is waited for as long as ``lock_timeout`` says, in seconds, None for no limit.
        """
        try:
            with self.failing():
                self.begin_limited(lock_timeout, None)
                yield
                self.settle()  # a pooler may hand the session on at the commit
                self.commit()
        except BaseException:
            with suppress(Exception):
                self.rollback()
            raise
        finally:
            with suppress(StatementError, self.driver_error):
                self.clean()

    def finish(self) -> None:
        """Commit the transaction of a migration, and ``clean``.

        An error may have come before the commit or behind it: the history tells.
        """
        self.commit()
        self.clean()

    def rollback(self) -> None:
        """Roll back, whatever the state; a lost connection has rolled back by itself."""
        try:
            self.own("ROLLBACK")
        except self.driver_error:
            return

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Set both time-outs, in seconds, None for no limit, for what follows."""

    def be_patient(self) -> None:
        """From now on, the run lock being held, wait longer for other programs that write."""

    def settle(self) -> None:
        """Before the last write: check what waits for the commit, and undo session changes."""

    def clean(self) -> None:
        """After commit or rollback: drop what the file left in the session."""

    def fresh(self) -> None:
        """Before a file that is no single transaction: a clean session."""

    # -- statements

    @abstractmethod
    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own, with ``%s`` parameters; return its rows."""

    def ask(self, sql: str, params: Sequence[Any] = ()) -> Callable[[], Rows]:
        """Run one statement of the runner's own; its rows may be read after a ``batch``."""
        rows = self.own(sql, params)
        return lambda: rows

    @abstractmethod
    def execute(self, statement: Statement, source: str) -> None:
        """Run one statement of a migration; ``source`` holds its inline COPY data."""

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements of ``unit`` in order; raise StatementError for the one that fails."""
        for number, statement in enumerate(unit.statements, 1):
            progress(number)
            with self.failing(statement):
                self.execute(statement, source)

    @contextmanager
    def failing(self, statement: Statement | None = None) -> Iterator[None]:
        """Turn a driver's error into a StatementError that names ``statement``."""
        try:
            yield
        except self.driver_error as error:
            raise StatementError(error, self.kind(error), statement) from error

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let a driver that can do so send several statements before it waits for the first."""
        yield

    # -- the history

    def watch(self, table: str) -> None:  # noqa: ARG002
        """Begin to count what this transaction does to ``table`` (a quoted, qualified name)."""
        return

    def claim(self, table: str, sql: str, params: Sequence[Any]) -> None:
        """Insert a claim into ``table``, and ``watch`` it from then on."""
        self.own(sql, params)
        self.watch(table)

    def complete(self, sql: str, params: Sequence[Any]) -> Callable[[], Rows]:
        """Complete the claim, as ``ask``; what comes after it ``writes`` does not tell."""
        return self.ask(sql, params)

    def writes(self, table: str) -> Writes | None:  # noqa: ARG002
        """Return what was done to ``table`` since ``watch``; None where it is not told."""
        return None

    def is_fault_of_ours(self, error: StatementError) -> bool:  # noqa: ARG002
        """Tell whether a migration failed for nothing of its own, and will not so once more."""
        return False

    def claimed(self, table: str, migration_id: str) -> bool:
        """Tell whether the claim stands, in the transaction that made it."""
        return bool(self.own(f"SELECT 1 FROM {table} WHERE id = %s", (migration_id,)))

    # -- scripts that are no migrations

    def tally(self) -> Tally | None:
        """Count what this transaction wrote until now; None where the server does not tell."""
        return None

    @abstractmethod
    def state_of(self, tables: Sequence[str]) -> object:
        """Return what compares unequal once this transaction changed rows of these tables.

        The names are quoted and qualified.
        """

    def plain_tables(self) -> Sequence[str]:
        """Return the tables whose changes no rollback undoes."""
        return ()

    def may_last(self) -> bool:
        """Tell whether a rollback may leave some of what this transaction changed."""
        return False

    def roll_back_all(self) -> bool:
        """Roll back; tell whether all of it is undone."""
        self.rollback()
        return True

    def idle_up_to(self, seconds: float) -> None:  # noqa: ARG002
        """Let the server end this transaction after that time without a word, and not before."""
        return

    # -- files that are no single transaction

    def unfit(self, files: Sequence[MigrationFile]) -> list[Problem]:  # noqa: ARG002
        """Return why this connection cannot run some of the files; the run lock is held."""
        return []

    def runs_alone(self, unit: Unit) -> bool:  # noqa: ARG002
        """Tell whether ``unit`` is known to commit by itself; else it is tried in a transaction."""
        return False

    def unrepeatable(
        self,
        done: Sequence[Statement],  # noqa: ARG002
        rest: Sequence[Statement],  # noqa: ARG002
    ) -> tuple[Statement, str] | None:
        """Return what of ``done`` its session knew, ``rest`` needs, and no other session can have.

        The words go on from "It".
        """
        return None

    def as_owner(self) -> None:
        """For the rest of the transaction: write the own tables as the user who connected."""

    @contextmanager
    def waiting(self, lock_timeout: float | None) -> Iterator[None]:  # noqa: ARG002
        """For one statement that runs alone: wait for locks as such a statement must.

        ``lock_timeout`` is what the file itself says, in seconds.
        """
        yield

    def before_alone(self, sql: str) -> str:  # noqa: ARG002
        """Return a note of what is there before ``sql`` runs alone."""
        return ""

    def mend(self, sql: str, note: str, *, failed: bool) -> "Doubt":  # noqa: ARG002
        """Find out what became of ``sql``, and clear its remains.

        ``failed``: the server answered with an error; else it was interrupted.
        """
        return Doubt.UNKNOWN

    # -- locks

    @abstractmethod
    def run_lock(self) -> "RunLock":
        """Return the run lock of this database, not yet taken."""

    def blockers(self) -> str:
        """Describe the sessions that block this one now; called from another thread."""
        return ""


class Doubt(Enum):
    """What became of a statement that was sent, and whose end was not seen."""

    DONE = auto()
    NOT_DONE = auto()
    UNKNOWN = auto()


class RunLock(ABC):
    """The lock that makes concurrent runs wait for one another in an orderly way.

    Correctness does not rest on it: each migration is claimed by a unique key as well.
    """

    @abstractmethod
    def try_acquire(self) -> bool:
        """Take the lock if it is free."""

    @abstractmethod
    def holder(self) -> str:
        """Describe who holds it: pid, application and since when, as far as the vendor tells."""

    @abstractmethod
    def held(self) -> bool:
        """Tell whether this process still holds it."""

    @abstractmethod
    def release(self) -> None:
        """Give it back and close its connection."""
