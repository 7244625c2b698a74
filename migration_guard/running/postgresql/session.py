"""PostgreSQL: the session.

Sources: PostgreSQL manual, "SET", "RESET", "DISCARD", Appendix A (SQLSTATE); psycopg manual,
"Pipeline mode support".
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from migration_guard.history import Rows
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.preflight import Unit
from migration_guard.problems import Problem
from migration_guard.running import interrupts
from migration_guard.running.postgresql import concurrent_indexes, counters, errors, pooler
from migration_guard.running.postgresql.cleaning import (
    DEALLOCATE_OWN,
    DROP,
    PREPARED,
    UNLOCK,
    Start,
    set_config,
)
from migration_guard.running.postgresql.counters import OF_ONE, OF_ROW, Counters
from migration_guard.running.postgresql.interrupted import refuse_running
from migration_guard.running.postgresql.lock import AdvisoryLock
from migration_guard.running.postgresql.pipeline import Pipeline, Prepared, run_together
from migration_guard.running.postgresql.pooler import Pooling
from migration_guard.running.session import (
    Doubt,
    Facts,
    Kind,
    NotDoneError,
    Progress,
    RunLock,
    Session,
    StatementError,
    Tally,
    Writes,
)
from migration_guard.sql.classify import concurrent_index, index_if_missing, words
from migration_guard.sql.statements import Statement

COPY_CHUNK = 256 * 1024
LOOK_FOR_CLIENT = "2s"
_TRANSACTION_TIMEOUT = 170_000  # the version that brought it
_CLEAN = "; ".join((*DROP, "DEALLOCATE ALL", UNLOCK))
# Prepared statements are named instead.
_CLEAN_BUT_PREPARED = "; ".join((*DROP, f"{UNLOCK}, {PREPARED}"))


class _Transaction:
    """What is known of one transaction; ``batch`` holds what waits to be sent for it.

    ``settled``: since ``settle``, no statement of a file has run.
    """

    __slots__ = ("batch", "counters", "settled")

    def __init__(self, batch: Pipeline | None = None) -> None:
        self.batch = batch
        self.counters: Counters | None = None
        self.settled = False


class PostgreSQLSession(Session):
    """A psycopg 3 connection in autocommit."""

    completes_at_once = True

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self._start = Start()
        self._current = _Transaction()
        self._schema = ""
        self._lock_timeout = ""
        self._prepares = True
        self._prepared: Prepared = {}
        self._pid = 0  # of the server's process
        self._looks_for_client = False
        self._pooling = Pooling.DIRECT
        self._lock: AdvisoryLock | None = None

    # -- facts

    def facts(self) -> Facts:
        """Read the facts, and the settings that Django made when it connected."""
        with pooler.patience(self.driver):
            if not (self.driver.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
                self.own("SET DateStyle = 'ISO'")  # psycopg reads no other; D-M-Y stays as it is
            row = self._facts()
        self._schema, self._pid, settings = row[3], row[6], row[7]
        own = [(name, value) for name, value, source in settings if source == "session"]
        self._start = Start(role=row[2], settings=tuple(own))
        if self._pid != self.driver.info.backend_pid:
            self._pooling = Pooling.SESSION  # as long as nothing else shows
            pooler.refuse_lost_options(self.connection, {name for name, *_ in settings})
        self._looks_for_client = self._can_look_for_client()
        return Facts(row[0], row[1], row[3], read_only=row[4], standby=row[5])

    def _facts(self) -> tuple[Any, ...]:
        return self.own(
            "SELECT current_database(), session_user, current_setting('role'), "
            "COALESCE((SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.oid = to_regclass('applied_migrations')), "
            "current_schema(), ''), "
            "current_setting('default_transaction_read_only') = 'on', pg_is_in_recovery(), "
            "pg_backend_pid(), ARRAY(SELECT ARRAY[name, current_setting(name), source] "
            "FROM pg_catalog.pg_settings WHERE source IN ('session', 'client'))"
        )[0]

    def _can_look_for_client(self) -> bool:
        """Tell whether the server can notice, within a statement, that its client is gone."""
        try:
            # Outside a transaction this sets nothing; some operating systems refuse it.
            return bool(
                self.own(
                    "SELECT set_config(name, %s, true) FROM pg_catalog.pg_settings "
                    "WHERE name = 'client_connection_check_interval' AND setting = '0'",
                    (LOOK_FOR_CLIENT,),
                )
            )
        except psycopg.Error:
            return False

    def kind(self, error: Exception) -> Kind:
        """Classify by the connection's state, and by SQLSTATE."""
        return Kind.LOST if self._lost() else errors.kind(error)

    def message(self, error: Exception) -> str:
        """Return SQLSTATE, primary message, detail, hint and context."""
        return errors.message(error)

    def position(self, error: Exception, sql: str) -> int:  # noqa: ARG002
        """Return the character at which the server points."""
        return errors.position(error)

    # -- transactions

    def begin(self) -> None:
        """Start the transaction in READ COMMITTED, whatever the project's settings."""
        self._current.counters, self._current.settled = None, False
        self.own("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")

    def begin_limited(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Start the transaction of a migration; a pooled process may have been left unclean."""
        self.begin()
        if self._pooling is Pooling.TRANSACTION:
            self._reset()
            self._pid = self.own("SELECT pg_backend_pid()")[0][0]
        self.limit(lock_timeout, statement_timeout)

    def finish(self) -> None:
        """Commit and clean in one round trip, where ``settle`` has undone session changes."""
        if self._pooling is Pooling.TRANSACTION or not self._current.settled:
            super().finish()
            return
        with interrupts.deferred(), self._or_hang_up():
            found = run_together(self.driver, f"COMMIT; {_CLEAN_BUT_PREPARED}")
        if {*found[0][1]} != {name.decode() for name in self._prepared.values()}:
            self._prepared = {}
            # The COMMIT was answered; what is lost shows itself later.
            with suppress(psycopg.Error):
                self.own("DEALLOCATE ALL")

    def rollback(self) -> None:
        """Roll back if there is something to; a broken connection has rolled back by itself."""
        self._current.settled = False
        if self._lost() or self.driver.info.transaction_status == TransactionStatus.IDLE:
            return
        with suppress(psycopg.Error):
            if self._pooling is Pooling.TRANSACTION:
                # In one message: the next one may reach another process of the server.
                self.own(f"ROLLBACK; {DEALLOCATE_OWN}; {UNLOCK}")
            else:
                self.own("ROLLBACK")

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Set both time-outs for this session; ``settle`` and ``clean`` undo it.

        Lift what a role may have against long transactions of the application. And let the server
        end the statement of a runner that was killed: else a long one keeps its locks, and its
        claim, to its end.
        """
        limits = [
            ("lock_timeout", _milliseconds(lock_timeout)),
            ("statement_timeout", _milliseconds(statement_timeout)),
        ]
        if self.driver.info.server_version >= _TRANSACTION_TIMEOUT:
            limits.append(("transaction_timeout", "0"))
        self._current.settled = False
        if self._looks_for_client:
            limits.append(("client_connection_check_interval", LOOK_FOR_CLIENT))
        rows = self.own(set_config(tuple(limits)))
        self._lock_timeout = rows[0][0] if rows else ""

    def settle(self) -> None:
        """Fire deferred triggers under the file's own settings, then undo session changes."""
        self.own("SET CONSTRAINTS ALL IMMEDIATE")
        if self._pooling is Pooling.TRANSACTION:
            # After the commit it would be too late: the session is another client's then.
            for statement in (*DROP, DEALLOCATE_OWN, UNLOCK):
                self.own(statement)
        self._reset()
        self._current.settled = True

    def clean(self) -> None:
        """Drop cursors, LISTENs, temporary tables, prepared statements and advisory locks.

        And undo session changes, where ``settle`` has not done so for good.
        """
        if self._lost() or self._pooling is Pooling.TRANSACTION:
            return
        self._prepared = {}
        resets = () if self._current.settled else self._start.resets()
        # One message: without parameters it goes to the server as it is.
        with self.failing():
            self.own("; ".join((_CLEAN, *resets)))

    def _reset(self) -> None:
        """Put role and settings back to what Django had set at the start."""
        for statement in self._start.resets():
            self.own(statement)

    def fresh(self) -> None:
        """Start a file in a clean session."""
        self.clean()

    # -- statements

    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement; within ``batch`` all but a SELECT of rows waits."""
        batch = self._current.batch
        if batch is None:
            return self._run(sql, params)
        if sql.startswith("SELECT pg_catalog."):  # a call, whose answer nobody needs there
            self._ask_again(sql, params)
            return []
        command = batch.add(sql, params)
        if not sql.startswith("SELECT "):
            return []
        self._send(batch)
        return batch.rows(command)

    def ask(self, sql: str, params: Sequence[Any] = ()) -> Callable[[], Rows]:
        """Run one statement; within ``batch`` its rows come with the answer to the whole."""
        batch = self._current.batch
        if batch is None:
            rows = self._run(sql, params)
            return lambda: rows
        return partial(batch.rows, batch.add(sql, params))

    def _ask_again(self, sql: str, params: Sequence[Any]) -> Callable[[], Rows]:
        """As ``ask``, for what each migration asks: within ``batch`` it is planned only once."""
        batch = self._current.batch
        if batch is None or not self._prepares or self._pooling is not Pooling.DIRECT:
            return self.ask(sql, params)
        return partial(batch.rows, batch.add_prepared(sql, params))

    def _run(self, sql: str, params: Sequence[Any]) -> Rows:
        cursor = psycopg.Cursor(self.driver)
        with self._or_hang_up():
            cursor.execute(sql, params or None, prepare=False)
        return cursor.fetchall() if cursor.description else []

    def execute(self, statement: Statement, source: str) -> None:
        """Run one statement in the extended protocol, which refuses a second one behind it."""
        self._current.settled = False
        self.answered = None
        try:
            if self._current.batch is not None:
                self._current.batch.add(statement.text, statement=statement)
                return
            cursor = psycopg.Cursor(self.driver)
            with self._or_hang_up():
                if statement.data is None:
                    cursor.execute(statement.text, prepare=False, binary=True)
                else:
                    with cursor.copy(statement.text) as copy:
                        _stream(copy, source, statement.data)
        except UnicodeEncodeError as error:
            held = error.object[error.start : error.end]
            raise psycopg.DataError(f"client_encoding cannot hold {held!r}") from error
        self.answered = cursor.rowcount if cursor.rowcount >= 0 else None

    @contextmanager
    def _or_hang_up(self) -> Iterator[None]:
        """Close the connection when a signal comes: psycopg leaves it within a command.

        The server rolls back what it loses.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.driver.close()
            raise

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements; within ``batch`` they wait, and the first is told of for all."""
        if self._current.batch is not None:
            progress(1)
            progress = _untold
        super().run(unit, source, progress)
        for statement in unit.statements:
            if index_if_missing(statement.text):
                self._refuse_invalid(statement)

    def _refuse_invalid(self, statement: Statement) -> None:
        """Say no to an INVALID index, which IF NOT EXISTS takes for done."""
        with self.failing(statement):
            fault = concurrent_indexes.verify(self, statement.text)
        if fault:
            raise StatementError(NotDoneError(fault), Kind.OTHER, statement)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Send what follows in one pipeline; the error names the statement that failed."""
        pipeline = Pipeline(self.driver, self._prepared)
        self._current = _Transaction(pipeline)
        try:
            yield
            self._send(pipeline)
        finally:
            self._current.batch = None

    def _send(self, batch: Pipeline) -> None:
        try:
            batch.run()
        except psycopg.Error as error:
            failed = batch.stopped_at.statement if batch.stopped_at else None
            raise StatementError(error, self.kind(error), failed) from error

    # -- the history

    def watch(self, table: str) -> None:
        """Note the server's counters: they also hold what earlier transactions did."""
        look = partial(self.ask, OF_ONE, (table,))
        self._current.counters = Counters(look(), look)

    def claim(self, table: str, sql: str, params: Sequence[Any]) -> None:
        """Let the claim answer with the counters: each statement costs as much as a small ALTER."""
        before = self._ask_again(f"{sql} RETURNING {OF_ROW}", params)
        self._current.counters = Counters(before, partial(self.ask, OF_ONE, (table,)))

    def complete(self, sql: str, params: Sequence[Any]) -> Callable[[], Rows]:
        """Let the completion, which ends with RETURNING, answer with the counters too."""
        answer = self._ask_again(f"{sql}, {OF_ROW}", params)
        if self._current.counters is not None:
            self._current.counters.end(answer)
        return answer

    def writes(self, table: str) -> Writes | None:  # noqa: ARG002
        """Compare the counters; None where the server does not count (track_counts is off)."""
        return self._current.counters.writes() if self._current.counters is not None else None

    def is_fault_of_ours(self, error: StatementError) -> bool:
        """Tell it of what was prepared and is no more as it was; nothing is prepared again."""
        own = self._prepares and error.statement is None and not error.committing
        found = own and errors.is_stale(error.error)
        self._prepares = self._prepares and not found
        return found

    def claimed(self, table: str, migration_id: str) -> bool:
        """Find the claim by the transaction that wrote it."""
        found = self.own(
            f"SELECT 1 FROM {table} WHERE id = %s AND xmin = pg_catalog.pg_current_xact_id()::xid",
            (migration_id,),
        )
        return bool(found)

    # -- scripts that are no migrations

    def tally(self) -> Tally | None:
        """Read the server's counters; None where it does not count (track_counts is off)."""
        return counters.tally(self.own)

    def state_of(self, tables: Sequence[str]) -> object:
        """Return the server's counters of these tables, and the traces of their rows."""
        return [counters.trace(self.own, table) for table in tables]

    def idle_up_to(self, seconds: float) -> None:
        """Set it for the rest of the transaction, also where the server's own limit is shorter."""
        self.own(f"SET LOCAL idle_in_transaction_session_timeout = {round(seconds * 1000)}")

    # -- files that are no single transaction

    def as_owner(self) -> None:
        """Step out of a role that the file took, until the end of the transaction."""
        self.own("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        self.own(f"SET LOCAL ROLE {self._start.quoted_role}")

    @contextmanager
    def waiting(self, lock_timeout: float | None) -> Iterator[None]:
        """Wait for locks without limit, unless the file says otherwise.

        With a lock_timeout, any older snapshot makes a concurrent build fail and leave an INVALID
        index.
        """
        limit = self.own("SELECT current_setting('lock_timeout')")[0][0]
        free = lock_timeout is None and limit == self._lock_timeout
        if free:
            self.own("SET lock_timeout = 0")
        try:
            yield
        finally:
            if free and not self._lost():
                self.own("SELECT pg_catalog.set_config('lock_timeout', %s, false)", (limit,))

    def before_alone(self, sql: str) -> str:
        """Note what indexes there are, so that only new ones are taken for ours."""
        return concurrent_indexes.note(self, sql)

    def mend(self, sql: str, note: str, *, failed: bool) -> Doubt:
        """Look what a statement left; drop an INVALID index that it made.

        Raises LockNotAvailable while the server still runs what was interrupted.
        """
        if not failed:
            refuse_running(self, sql)
        if concurrent_index(sql) is not None:
            return concurrent_indexes.mend(self, sql, note, failed=failed)
        word = "".join(words(sql, self.vendor, 1))
        # What failed did nothing, unless it is code, which may have committed on its way.
        if word in _HARMLESS or (failed and word not in ("CALL", "DO")):
            return Doubt.NOT_DONE
        return Doubt.UNKNOWN

    def _lost(self) -> bool:
        return bool(self.driver.closed or self.driver.broken)

    # -- locks

    def run_lock(self) -> RunLock:
        """Return the advisory lock of this schema's history."""
        pooled = self._pooling is not Pooling.DIRECT
        self._lock = AdvisoryLock(
            self.connection,
            self._schema,
            self._judge if pooled else None,
            lambda: self.own("SELECT 1"),
        )
        return self._lock

    def _judge(self, other: int) -> None:
        """Find out how the pooler works, now that the lock's connection has process ``other``."""
        with pooler.patience(self.driver):
            own = {self._pid, *(self.own("SELECT pg_backend_pid()")[0][0] for _ in range(2))}
        if pooler.in_transaction_mode(own, other):
            pooler.refuse_lost_settings(self._start.settings, self._start.role)
            self._pooling = Pooling.TRANSACTION
            self._start = self._start.only(pooler.KEPT)

    def unfit(self, files: Sequence[MigrationFile]) -> list[Problem]:
        """Say no to files that need a session where a pooler in transaction mode has none."""
        if self._pooling is not Pooling.TRANSACTION:
            return []
        return pooler.session_needed(files)

    def remedy(self, error: Exception) -> str:
        """Return what to do about a message of a pooler."""
        return pooler.remedy(str(error))

    def blockers(self) -> str:
        """Describe the sessions that block this session's process, with query and age."""
        return self._lock.blockers(self._pid) if self._lock is not None else ""


# What may be run again after an interruption without a second thought.
_HARMLESS = {"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT"}


def _untold(_number: int) -> None:
    """Tell nobody."""


def _milliseconds(limit: float | None) -> str:
    return str(int((limit or 0) * 1000)) + "ms"


def _stream(copy: psycopg.Copy, source: str, data: tuple[int, int]) -> None:
    """Send the inline data in chunks."""
    start, end = data
    for offset in range(start, end, COPY_CHUNK):
        copy.write(source[offset : min(offset + COPY_CHUNK, end)])
