"""PostgreSQL: the connection.

Sources: PostgreSQL manual, "SET", "RESET", "DISCARD", Appendix A (SQLSTATE); psycopg manual,
"Pipeline mode support".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final, Self

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from psycopg.pq import TransactionStatus

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.history import Rows, StatementText
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Answer, Connection, Progress, can_encode
from migration_guard.running.errors import Kind, NotDoneError, StatementError
from migration_guard.running.facts import Facts, OtherHistory, TableShape
from migration_guard.running.limits import Limits
from migration_guard.running.postgresql import (
    cleaning,
    concurrent_indexes,
    encodings,
    errors,
    extensions,
    hidden_rows,
    histories,
    liveness,
    pipeline,
    pooler,
    remedies,
    unread_rows,
)
from migration_guard.running.postgresql.facts import can_look_for_client, fetch_facts
from migration_guard.running.postgresql.pipeline import Command, Pipeline, Prepared
from migration_guard.running.postgresql.pooler import Pooling
from migration_guard.running.remedies import FailedFile
from migration_guard.sql.classify import index_if_missing
from migration_guard.sql.statements import Statement

COPY_CHUNK: Final = 256 * 1024
_TRANSACTION_TIMEOUT: Final = 170_000  # the version that brought it
_LOOK_TIMEOUT: Final = 10  # seconds


class PostgreSQLConnection(Connection):
    """A psycopg 3 connection in autocommit."""

    _columns_query = (
        # Not information_schema, whose view of the columns takes ten times as long.
        "SELECT lower(c.relname::text), a.attname::text FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE lower(c.relname::text)"
    )
    _limits_of_another: ClassVar = {"connect_timeout": _LOOK_TIMEOUT}

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        super().__init__(wrapper)
        self.start = cleaning.Start()
        self.schema = self.user = ""
        self.counts = True  # rows, table by table, as long as no file switches that off
        self.pooling = Pooling.DIRECT
        self.pid = 0  # of the server's process
        # What waits to be sent, while statements are sent together.
        self.pipeline: Pipeline | None = None
        self.prepared: Prepared = {}
        self.may_prepare = True
        self.lock_timeout = ""  # the limit that was set last, as the server writes it
        self._is_reset = False  # since then, no statement of a file has run
        self._looks_for_client = False  # within a migration, where a pooler may have the session

    @property
    def keeps_session(self) -> bool:  # type: ignore[override]
        """Whether no pooler gives the session to another client at a commit."""
        return self.pooling is not Pooling.TRANSACTION

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        # Django lets go of a connection that cannot roll back.
        driver = self.wrapper.connection
        return driver is None or bool(driver.closed or driver.broken)

    def holds(self, text: str) -> bool:
        """Return whether the encodings of the database and of this client have all characters."""
        info = self.driver.info
        server = encodings.codec_of(info.parameter_status("server_encoding") or "")
        return can_encode(text, server) and can_encode(text, info.encoding)

    # -- facts

    @property
    def string_setting(self) -> str:
        """The value of standard_conforming_strings, which the server reports by itself."""
        return self.driver.info.parameter_status("standard_conforming_strings") or ""

    @staticmethod
    def configure(wrapper: BaseDatabaseWrapper, *, read_only: bool) -> None:
        """Take out the options that change how transactions work."""
        options = wrapper.settings_dict["OPTIONS"]
        for key in ("pool", "server_side_binding", "isolation_level"):
            options.pop(key, None)
        options.setdefault("application_name", "migration_guard")
        if read_only:
            # Who only looks does not wait for the network's own limit, which is minutes.
            options.setdefault("connect_timeout", _LOOK_TIMEOUT)

    def facts(self) -> Facts:
        """Read the facts, and the settings that Django made when it connected."""
        with pooler.patience(self.driver):
            if not (self.driver.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
                self.send("SET DateStyle = 'ISO'")  # psycopg reads no other; D-M-Y stays as it is
            facts = fetch_facts(self.fetch)
        liveness.bound_client(self.driver)
        own = [(name, value) for name, value, source in facts.settings if source == "session"]
        new_tables = facts.new_tables or ""
        # A history further down the search path is that of another schema then.
        self.schema = new_tables if conf.uses_separate_schemas() else facts.schema
        self.user = facts.user
        self.pid, self.counts = facts.pid, facts.counts
        if self.pid != self.driver.info.backend_pid:
            self.pooling = Pooling.SESSION  # as long as nothing else shows
            pooler.refuse_lost_options(self.wrapper, {name for name, *_ in facts.settings})
            self._looks_for_client = can_look_for_client(self.fetch)
        else:
            own += liveness.bound_session(self.fetch)
        self.start = cleaning.Start(role=facts.role, settings=tuple(own))
        return Facts(
            database=facts.database,
            name=facts.database,
            user=facts.user,
            schema=self.schema,
            new_tables=new_tables,
            read_only=facts.read_only,
            standby=facts.standby,
            search_path=facts.search_path,
        )

    def follow(self, original: BaseDatabaseWrapper) -> None:
        """Take over a search_path that somebody set in the open session of ``original``."""
        path = histories.search_path_of(original.connection)
        if path is not None:
            self.fetch("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))

    def shapes(self, schema: str, tables: Sequence[str]) -> dict[str, TableShape]:
        """Ask the catalogue."""
        return histories.read_shapes(self.fetch, schema, tables)

    def find_other_history(
        self, schema: str, columns: Iterable[str], checksums: Mapping[str, str]
    ) -> OtherHistory | None:
        """Look into all schemas; a lock on a history there is not waited for without end."""
        with self.failing():
            try:
                self.send("BEGIN READ ONLY")
                self.send(f"SET LOCAL lock_timeout = {_LOOK_TIMEOUT}000")
                return histories.find_other_history(self.fetch, schema, [*columns], checksums)
            finally:
                self.rollback()

    def current_schema(self) -> str | None:
        """Ask the server."""
        return self.fetch("SELECT pg_catalog.current_schema()")[0][0] or ""

    def schemas_with(self, tables: Sequence[str]) -> set[str]:
        """Ask the catalogue."""
        return histories.find_schemas(self.fetch, tables)

    def kind(self, error: Exception) -> Kind:
        """Classify by the connection's state, and by SQLSTATE."""
        return Kind.LOST if self.is_lost else errors.kind(error)

    def is_missing_table(self, error: Exception) -> bool:
        """Ask the SQLSTATE."""
        return isinstance(error, psycopg.errors.UndefinedTable)

    def message(self, error: Exception) -> str:
        """Return SQLSTATE, primary message, detail, hint and context."""
        return errors.message(error)

    def position(self, error: Exception, sql: str) -> int:  # noqa: ARG002
        """Return the character at which the server points."""
        return errors.position(error)

    def remedy(self, error: Exception, kind: Kind | None) -> str:
        """Return what to do about an error; a pooler's own messages have their own remedies."""
        return pooler.remedy(str(error)) or super().remedy(error, kind)

    def _connecting_step(self, error: Exception) -> str:
        return remedies.connecting_remedy(error, self.wrapper.settings_dict)

    def _own_step(self, error: Exception) -> str:
        return remedies.step_remedy(error, self.role)

    @property
    def role(self) -> str:
        """The role that runs the statements of a file."""
        return self.user if self.start.role == "none" else self.start.role

    def first_step(self, error: Exception, failed: FailedFile) -> str:
        """Return what to do about an error of a migration, or nothing."""
        code, message = getattr(error, "sqlstate", None), str(error)
        extension = extensions.missing_extension(message) if code in extensions.CODES else ""
        if extension:
            with suppress(psycopg.Error):
                schema, is_available = self.fetch(extensions.PLACE, (extension, extension))[0]
                return extensions.describe_remedy(
                    extension, schema, failed.file, is_available=is_available
                )
        return remedies.first_step(error, failed, self.role)

    def why_hidden(self, schema: str | None, tables: Sequence[str]) -> GuardError | None:
        """Return the row-level security, view or rule that stands before a table."""
        django = MigrationRecorder.Migration._meta.db_table
        return hidden_rows.find_reason(self.fetch(*hidden_rows.query(schema, [*tables], django)))

    def is_served(self, other: Self) -> bool:
        """Look for the server's process, which a pooler may keep for others."""
        sql = "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = %s"
        return bool(other.fetch(sql, (self.pid,)))

    # -- statements

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement, and what waits before it; return its rows."""
        if self.pipeline is not None:
            command = self.pipeline.add(sql, params)
            self.flush()
            return self.pipeline.rows(command)
        cursor = self._run(sql, params)
        return cursor.fetchall() if cursor.description else []

    def send(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement; it waits while statements are sent together."""
        if self.pipeline is not None:
            self.pipeline.add(sql, params)
        else:
            self._run(sql, params)

    def send_prepared(self, sql: str, params: Sequence[Any] = ()) -> Callable[[], Rows]:
        """Send a statement that each migration sends: the server plans it only once.

        Returns what reads its rows; while statements are sent together, after ``flush``.
        """
        if self.pipeline is None:
            rows = self.fetch(sql, params)
            return lambda: rows
        return partial(self.pipeline.rows, self.add_prepared(self.pipeline, sql, params))

    def add_prepared(self, pipeline: Pipeline, sql: str, params: Sequence[Any] = ()) -> Command:
        """Let a statement wait in a pipeline, prepared where the session is surely this one."""
        prepares = self.may_prepare and self.pooling is Pooling.DIRECT
        return (pipeline.add_prepared if prepares else pipeline.add)(sql, params)

    def flush(self) -> None:
        """Send what waits; the error names the statement that failed."""
        if self.pipeline is None:
            return
        try:
            self.pipeline.run()
        except psycopg.Error as error:
            stopped_at = self.pipeline.stopped_at
            failed = stopped_at.statement if stopped_at else None
            raise StatementError(error, self.kind(error), failed) from error

    def _run(self, sql: str, params: Sequence[Any]) -> "psycopg.Cursor[Any]":
        cursor = psycopg.Cursor(self.driver)
        with self.closing_on_signal():
            cursor.execute(sql, params or None, prepare=False)
        return cursor

    def execute(self, statement: Statement, source: str) -> int | None:
        """Run one statement in the extended protocol, which refuses a second one behind it."""
        self._is_reset = False
        try:
            if self.pipeline is not None:
                self.pipeline.add(statement.text, statement=statement)
                return None
            with self.closing_on_signal():
                if statement.data is None and pipeline.IS_AVAILABLE:
                    return unread_rows.execute(self.driver, statement.text)
                cursor = psycopg.Cursor(self.driver)
                if statement.data is None:
                    cursor.execute(statement.text, prepare=False, binary=True)
                else:
                    with cursor.copy(statement.text) as copy:
                        _stream(copy, source, statement.data)
        except UnicodeEncodeError as error:
            character = error.object[error.start : error.end]
            raise psycopg.DataError(f"client_encoding cannot hold {character!r}") from error
        return cursor.rowcount if cursor.rowcount >= 0 else None

    def run(
        self,
        unit: Unit,
        source: str,
        before: Progress,
        after: Answer = lambda _rows: None,
    ) -> None:
        """Run the statements; where they are sent together, only the first is announced."""
        if self.pipeline is not None:
            before(unit.statements[0])
            super().run(unit, source, lambda _statement: None, after)
        else:
            super().run(unit, source, before, after)
        # IF NOT EXISTS takes an INVALID index for done.
        for statement in unit.statements:
            if index_if_missing(statement.text):
                with self.failing(statement):
                    reason = concurrent_indexes.why_invalid(self, statement.text)
                if reason:
                    raise StatementError(NotDoneError(reason), Kind.OTHER, statement)

    def clock(self, after: datetime | None = None) -> StatementText:
        """Return the server's clock, which goes on within a transaction."""
        if after is None:
            return "pg_catalog.clock_timestamp()", ()
        return (
            "GREATEST(pg_catalog.clock_timestamp(), %s::timestamptz + interval '1 microsecond')",
            (after,),
        )

    @contextmanager
    def closing_on_signal(self) -> Iterator[None]:
        """Close the connection when a signal comes, because psycopg leaves it within a command.

        The server rolls back what it loses.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.driver.close()
            raise

    # -- transactions

    def begin(self, limits: Limits | None = None) -> None:
        """Start a transaction in READ COMMITTED, whatever the project's settings."""
        self._is_reset = False
        self.send("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        if limits is not None and self.pooling is Pooling.TRANSACTION:
            self._reset()  # the process may have been left unclean by another client
            self.pid = self.fetch("SELECT pg_backend_pid()")[0][0]
        else:
            self._bound_idleness()
        if limits is not None:
            self.limit(limits)

    def begin_as(self, modes: Sequence[Statement]) -> None:
        """Start a transaction whose snapshot is not taken before its first statement."""
        self.begin()
        for statement in modes:
            with self.failing(statement):
                self.execute(statement, "")

    def limit(self, limits: Limits) -> None:
        """Set both time-outs for this session; ``settle`` and ``clean`` undo it.

        Lift what a role may have against long transactions of the application. And let the server
        end the statement of a runner that was killed: else a long one keeps its locks, and its
        claim, to its end.
        """
        settings = [
            ("lock_timeout", _milliseconds(limits.lock_timeout)),
            ("statement_timeout", _milliseconds(limits.statement_timeout)),
        ]
        if self.driver.info.server_version >= _TRANSACTION_TIMEOUT:
            settings.append(("transaction_timeout", "0"))
        self._is_reset = False
        if self._looks_for_client:
            settings.append(("client_connection_check_interval", liveness.LOOK_FOR_CLIENT))
        rows = self.send_prepared(cleaning.set_config(tuple(settings)))
        if self.pipeline is None:
            self.lock_timeout = rows()[0][0]

    def rollback(self) -> None:
        """Roll back if there is something to; a broken connection has rolled back by itself."""
        self._is_reset, self.pipeline = False, None
        if self.is_lost or self.driver.info.transaction_status == TransactionStatus.IDLE:
            return
        with suppress(psycopg.Error):
            if self.pooling is Pooling.TRANSACTION:
                # In one message: the next one may reach another process of the server.
                self.send(f"ROLLBACK; {cleaning.DEALLOCATE_OWN}; {cleaning.UNLOCK}")
            else:
                self.send("ROLLBACK")

    @contextmanager
    def transaction(self, lock_timeout: float | None) -> Iterator[None]:
        """Commit what the runner itself writes in the block, or leave nothing of it."""
        with super().transaction(lock_timeout):
            yield
            self.settle()  # a pooler may hand the session on at the commit

    # -- the session

    def settle(self) -> None:
        """Fire deferred triggers under the file's own settings, then undo session changes."""
        self.send("SET CONSTRAINTS ALL IMMEDIATE")
        if self.pooling is Pooling.TRANSACTION:
            # After the commit it would be too late: the session is another client's then.
            for statement in (*cleaning.DROP, cleaning.DEALLOCATE_OWN, cleaning.UNLOCK):
                self.send(statement)
        self._reset()
        self._is_reset = True

    def clean(self) -> None:
        """Drop cursors, LISTENs, temporary tables, prepared statements and advisory locks.

        And undo session changes, where ``settle`` has not done so for good.
        """
        if self.is_lost or self.pooling is Pooling.TRANSACTION:
            return
        self.prepared = {}
        resets = () if self._is_reset else (cleaning.RESET_ALL, self.start.set_again())
        # One message: without parameters it goes to the server as it is.
        with self.failing():
            self.send("; ".join((cleaning.CLEAN, *resets)))

    def _reset(self) -> None:
        """Put role and settings back to what Django had set at the start."""
        self.send(cleaning.RESET_ALL)
        self.send_prepared(self.start.set_again())
        self._bound_idleness()

    def _bound_idleness(self) -> None:
        """Let the server end this transaction if a pooler keeps it for a runner that is gone."""
        if self.pooling is not Pooling.DIRECT and liveness.IDLENESS not in dict(
            self.start.settings
        ):
            self.send(liveness.BOUND_TRANSACTION)

    def renew(self) -> None:
        """Undo also what Django's migrations have set."""
        self._is_reset = False
        super().renew()

    @contextmanager
    def limiting_django(self, lock_timeout: float | None) -> Iterator[None]:
        """Set the limit before the first statement of the transaction."""
        limit = f"SET LOCAL lock_timeout = '{_milliseconds(lock_timeout)}'"
        is_set = False

        def set_limit(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal is_set
            if not is_set and context["connection"].in_atomic_block:
                is_set = True
                # Not the cursor of the statement, which may be a named one.
                with self.wrapper.wrap_database_errors:
                    psycopg.ClientCursor(self.driver).execute(limit)
            return execute(sql, params, many, context)

        with self.wrapper.execute_wrapper(set_limit):
            yield

    def fresh(self) -> None:
        """Start a file in a clean session."""
        self.clean()


def _milliseconds(limit: float | None) -> str:
    return str(int((limit or 0) * 1000)) + "ms"


def _stream(copy: psycopg.Copy, source: str, data: tuple[int, int]) -> None:
    """Send the inline data in chunks."""
    start, end = data
    for offset in range(start, end, COPY_CHUNK):
        copy.write(source[offset : min(offset + COPY_CHUNK, end)])
