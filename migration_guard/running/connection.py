"""What every part of the runner needs of a database connection; one subclass for each vendor.

A connection is in autocommit, and the runner types its own BEGIN and COMMIT. Statements go to the
driver one a message and without parameters, so that ``%`` is plain text.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeAlias

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from migration_guard.exceptions import GuardError
from migration_guard.history import Rows, StatementText
from migration_guard.planning.scripts import Unit
from migration_guard.running import interrupts
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts, OtherHistory, TableShape
from migration_guard.running.limits import Limits, StatementLimit
from migration_guard.running.remedies import FailedFile
from migration_guard.running.tracer import Tracer
from migration_guard.running.wrapper_copy import copy_wrapper
from migration_guard.sql.statements import Statement

# Called with the statement that is about to run.
Progress: TypeAlias = Callable[[Statement], None]
# Called with the rows that a statement touched or returned; None where the server does not say.
Answer: TypeAlias = Callable[[int | None], None]


class Connection(ABC):
    """A vendor's connection, as the runner drives it; ``wrapper`` is Django's connection."""

    # Whether the session lasts from one transaction to the next; a pooler may end it.
    keeps_session = True
    # Watches the statements of the migration that runs now, if it is traced.
    tracer: Tracer | None = None
    # What to do about a connection that cannot be made, and about a step that is refused.
    _connect_remedy: ClassVar = (
        "Check that the server runs, and host, port, user and password in DATABASES."
    )
    # Returns lower-case names of tables and their columns; what follows lists names of tables.
    _columns_query: ClassVar[str]
    _step_remedy: ClassVar = (
        "The user of DATABASES needs the right to read and write the own tables, and two "
        "connections at once."
    )
    _lost_remedy: ClassVar = (
        "Next: check that the server is up, and run the same command again; it finds out how far "
        "this one came."
    )
    # OPTIONS of another connection, which must not wait for the network's own limit of minutes.
    _limits_of_another: ClassVar[dict[str, Any]] = {}

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        self.wrapper = wrapper

    @property
    def vendor(self) -> str:
        """Django's name of the vendor."""
        return self.wrapper.vendor

    @property
    def driver(self) -> Any:
        """The driver's own connection; raises the driver's error while there is none."""
        if self.wrapper.connection is None:
            raise self.wrapper.Database.InterfaceError("not connected")  # type: ignore[attr-defined]
        return self.wrapper.connection

    @property
    def driver_error(self) -> type[Exception]:
        """The base class of the driver's errors."""
        error: type[Exception] = self.wrapper.Database.Error  # type: ignore[attr-defined]
        return error

    # -- facts

    @property
    def string_setting(self) -> str:
        """The session's setting by which literals are read, as ``split`` takes it."""
        return ""

    @staticmethod
    @abstractmethod
    def configure(wrapper: BaseDatabaseWrapper, *, read_only: bool) -> None:
        """Set the vendor's options of a connection that is not open yet."""

    @abstractmethod
    def facts(self) -> Facts:
        """Read the facts; also remembers the state that ``clean`` restores."""

    def follow(self, original: BaseDatabaseWrapper) -> None:
        """Work where the open session of ``original`` works, if somebody has moved it."""

    @abstractmethod
    def shapes(self, schema: str, tables: Sequence[str]) -> dict[str, TableShape]:
        """Return the shapes of those of ``tables`` that are in ``schema``."""

    def find_other_history(
        self, schema: str, columns: Iterable[str], checksums: Mapping[str, str]
    ) -> OtherHistory | None:
        """Return a history outside of ``schema`` with the id and checksum of a file here.

        Or one that may be such a history, where the user may not read it. ``columns`` make its
        shape. None on a vendor whose databases have one schema.
        """

    def current_schema(self) -> str | None:
        """Return the schema of new tables, "" for none; None where a database has only one."""
        return None

    def schemas_with(self, tables: Sequence[str]) -> set[str]:  # noqa: ARG002
        """Return the schemas that hold any of these tables, where a database has several."""
        return set()

    @abstractmethod
    def kind(self, error: Exception) -> Kind:
        """Classify a driver's error."""

    @abstractmethod
    def is_missing_table(self, error: Exception) -> bool:
        """Return whether a driver's error says that there is no such table."""

    @abstractmethod
    def message(self, error: Exception) -> str:
        """Return the server's message, with its code, detail and hint."""

    def driver_cause(self, error: BaseException) -> Exception | None:
        """Return the driver's error that is, or is behind, an error of Django's."""
        seen: BaseException | None = error
        while seen is not None and not isinstance(seen, self.driver_error):
            seen = seen.__cause__ or seen.__context__
        return seen

    def position(self, error: Exception, sql: str) -> int:  # noqa: ARG002
        """Return the 0-based character of ``sql`` at which the error points (0: unknown)."""
        return 0

    def remedy(self, error: Exception, kind: Kind | None) -> str:
        """Return what to do about an error of a step of the runner; None: of connecting."""
        if kind is None:
            return self._connecting_step(error) or self._connect_remedy
        if kind is Kind.LOST:
            return self._lost_remedy
        if first := self._own_step(error):
            return f"{first[0].upper()}{first[1:]}, and run again."
        return self._connecting_step(error) or self._step_remedy  # the lock connects anew

    @abstractmethod
    def _connecting_step(self, error: Exception) -> str:
        """Return what to do about a connection that cannot be made, or nothing."""

    @abstractmethod
    def _own_step(self, error: Exception) -> str:
        """Return what to do before the next run about a refused step of the runner, or nothing."""

    def holds(self, text: str) -> bool:
        """Return whether the own tables can hold all characters of ``text``."""
        return can_encode(text, "utf-8")

    def why_hidden(self, schema: str | None, tables: Sequence[str]) -> GuardError | None:  # noqa: ARG002
        """Return why rows of the own ``tables`` may not be seen; None where all are.

        Without a ``schema`` those that an unqualified name finds are meant.
        """
        return None

    @abstractmethod
    def first_step(self, error: Exception, failed: FailedFile) -> str:
        """Return what to do before the next run about an error of a migration, or nothing."""

    @contextmanager
    def another(self) -> Iterator[Self]:
        """Open another connection to the same database."""
        wrapper = self.copy_wrapper()
        try:
            wrapper.ensure_connection()
            yield type(self)(wrapper)
        finally:
            wrapper.close()

    def copy_wrapper(self) -> BaseDatabaseWrapper:
        """Return a wrapper for another connection whose answers do not keep us waiting for long."""
        wrapper = copy_wrapper(self.wrapper)
        options = wrapper.settings_dict["OPTIONS"]
        wrapper.settings_dict["OPTIONS"] = {**self._limits_of_another, **options}
        return wrapper

    def is_served(self, other: Self) -> bool:  # noqa: ARG002
        """Return whether the server still has this session, as ``other`` sees it."""
        return False

    # -- statements

    @abstractmethod
    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own, with ``%s`` parameters; return its rows."""

    @abstractmethod
    def send(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement of the runner's own whose answer nobody reads."""

    @abstractmethod
    def execute(self, statement: Statement, source: str) -> int | None:
        """Run one statement of a file; return the rows that it touched or returned.

        ``source`` holds its inline COPY data. Returns None where the server gives no number.
        """

    def run(
        self,
        unit: Unit,
        source: str,
        before: Progress,
        after: Answer = lambda _rows: None,
    ) -> None:
        """Run the statements of ``unit`` in order; raise StatementError for the one that fails."""
        execute = self.execute if self.tracer is None else self.tracer.execute
        for statement in unit.statements:
            before(statement)
            with self.failing(statement):
                rows = execute(statement, source)
            after(rows)

    @contextmanager
    def failing(self, statement: Statement | None = None) -> Iterator[None]:
        """Turn a driver's error into a StatementError that names ``statement``."""
        try:
            yield
        except self.driver_error as error:
            raise StatementError(error, self.kind(error), statement) from error

    def statement_limit(self) -> StatementLimit | None:
        """Return how long a statement may be, None where a file cannot be that long."""
        return None

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Mark the StatementError of a COMMIT: if the connection is lost, the outcome is open."""
        try:
            with self.failing():
                yield
        except StatementError as error:
            error.committing = True
            raise

    @abstractmethod
    def clock(self, after: datetime | None = None) -> StatementText:
        """Return the time now as SQL with parameters, at least 1 µs later than ``after``."""

    def columns(self, tables: Sequence[str]) -> list[tuple[str, str]]:
        """Return the tables of these names in any schema, in lower case, with their columns."""
        marks = ", ".join(["%s"] * len(tables))
        rows = self.fetch(f"{self._columns_query} IN ({marks})", tables)
        return [(str(table), str(column)) for table, column in rows]

    # -- transactions

    @abstractmethod
    def begin(self, limits: Limits | None = None) -> None:
        """Start the transaction of a migration, or of a unit of one, under these limits.

        None keeps the limits that were set last.
        """

    def begin_as(self, modes: Sequence[Statement]) -> None:
        """Start the transaction of a unit as its file says, and run nothing else in it."""
        raise NotImplementedError

    @abstractmethod
    def limit(self, limits: Limits) -> None:
        """Set both time-outs for what follows."""

    def commit(self) -> None:
        """Commit; a signal waits for the answer."""
        with interrupts.defer_signals():
            self.send("COMMIT")

    def rollback(self) -> None:
        """Roll back, whatever the state; a lost connection has rolled back by itself."""
        with suppress(self.driver_error):
            self.send("ROLLBACK")

    @contextmanager
    def transaction(self, lock_timeout: float | None) -> Iterator[None]:
        """Commit what the runner itself writes in the block, or leave nothing of it.

        A lock is waited for as long as ``lock_timeout`` says, in seconds, None for no limit.
        """
        try:
            with self.failing():
                self.begin(Limits(lock_timeout))
                yield
            with self.committing():
                self.commit()
        except BaseException:
            with suppress(Exception):
                self.rollback()
            raise
        finally:
            with suppress(StatementError, self.driver_error):
                self.clean()

    @contextmanager
    def limiting_django(self, lock_timeout: float | None) -> Iterator[None]:  # noqa: ARG002
        """Limit how long statements of Django's wait for a lock, in each transaction of the block.

        Only PostgreSQL has a limit that ends with the transaction.
        """
        yield

    # -- the session

    def renew(self) -> None:
        """Give a clean session before and after other code than the runner's uses this one."""
        self.wrapper.ensure_connection()
        self.fresh()

    def clean(self) -> None:
        """Drop what a file left in the session, after its commit or rollback."""

    @abstractmethod
    def fresh(self) -> None:
        """Give a file that is no single transaction a clean session."""


def can_encode(text: str, codec: str) -> bool:
    """Return whether a codec of Python's has all characters of ``text``, which is no NUL."""
    if not text.isascii():
        try:
            text.encode(codec)
        except UnicodeEncodeError:
            return False
    return "\0" not in text


def time_parameter(
    wrapper: BaseDatabaseWrapper, now: datetime, after: datetime | None
) -> StatementText:
    """Return ``now`` as a parameter of SQL, or what is 1 µs later than ``after``."""
    if after is not None:
        now = max(now, after + timedelta(microseconds=1))
    if not settings.USE_TZ:
        now = timezone.make_naive(now)
    return "%s", (wrapper.ops.adapt_datetimefield_value(now),)
