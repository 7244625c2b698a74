"""PostgreSQL: the session.

Sources: PostgreSQL manual, "SET", "RESET", "DISCARD", Appendix A (SQLSTATE); psycopg manual,
"Pipeline mode support".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql as pg

from migration_guard.history import Rows
from migration_guard.planning.preflight import Unit, shorten
from migration_guard.running import postgresql_indexes
from migration_guard.running.postgresql_lock import AdvisoryLock
from migration_guard.running.session import (
    Doubt,
    Facts,
    Kind,
    Progress,
    RunLock,
    Session,
    StatementError,
    Writes,
)
from migration_guard.sql.classify import concurrent_index, mask_secrets, words
from migration_guard.sql.statements import Statement

COPY_CHUNK = 256 * 1024

_KINDS = {
    "55P03": Kind.LOCKED,  # lock_not_available
    "40P01": Kind.LOCKED,  # deadlock_detected
    "23505": Kind.DUPLICATE,
    "25001": Kind.ALONE,  # active_sql_transaction
    "2D000": Kind.ALONE,  # invalid_transaction_termination: a DO block or procedure that commits
    "25006": Kind.READ_ONLY,
    "57P01": Kind.LOST,  # admin_shutdown
    "57P02": Kind.LOST,
    "57P05": Kind.LOST,
}


class PostgreSQLSession(Session):
    """A psycopg 3 connection in autocommit."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self._settings: list[tuple[str, str]] = []
        self._role = "none"
        self._schema = ""
        self._lock_timeout = ""
        self._batch: list[tuple[psycopg.Cursor[Any], Statement | None]] | None = None
        self._counts_before: psycopg.Cursor[Any] | None = None

    # -- facts

    def facts(self) -> Facts:
        """Read the facts, and the settings that Django made when it connected."""
        row = self.own(
            "SELECT current_database(), session_user, current_setting('role'), "
            "COALESCE((SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.oid = to_regclass('applied_migrations')), "
            "current_schema(), ''), "
            "current_setting('default_transaction_read_only') = 'on', pg_is_in_recovery()"
        )[0]
        self._settings = [
            (name, value)
            for name, value in self.own(
                "SELECT name, current_setting(name) FROM pg_catalog.pg_settings "
                "WHERE source = 'session'"
            )
        ]
        self._role, self._schema = row[2], row[3]
        return Facts(row[0], row[1], row[3], read_only=row[4], standby=row[5])

    def kind(self, error: Exception) -> Kind:
        """Classify by SQLSTATE."""
        if self._lost():
            return Kind.LOST
        return _KINDS.get(getattr(error, "sqlstate", None) or "", Kind.OTHER)

    def message(self, error: Exception) -> str:
        """Return SQLSTATE, primary message, detail, hint and context."""
        diag = error.diag if isinstance(error, psycopg.Error) else None
        if diag is None or diag.message_primary is None:
            return str(error).strip()
        lines = [f"{diag.severity or 'ERROR'} {diag.sqlstate}: {diag.message_primary}"]
        for name, text in (
            ("DETAIL", diag.message_detail),
            ("HINT", diag.message_hint),
            ("CONTEXT", diag.context),
        ):
            if text:
                lines.append(f"{name}: {text}")
        return "\n".join(lines)

    def position(self, error: Exception, sql: str) -> int:  # noqa: ARG002
        """Return the character at which the server points."""
        diag = error.diag if isinstance(error, psycopg.Error) else None
        position = diag.statement_position if diag is not None else None
        return int(position) - 1 if position else 0

    # -- transactions

    def begin(self) -> None:
        """Start the transaction in READ COMMITTED, whatever the project's settings."""
        self._counts_before = None
        self.own("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")

    def rollback(self) -> None:
        """Roll back if there is something to; a broken connection has rolled back by itself."""
        if self._lost():
            return
        if self.driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            super().rollback()

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Set both time-outs for this session; ``settle`` and ``clean`` undo it."""
        rows = self.own(
            "SELECT pg_catalog.set_config('lock_timeout', %s, false), "
            "pg_catalog.set_config('statement_timeout', %s, false)",
            (_milliseconds(lock_timeout), _milliseconds(statement_timeout)),
        )
        self._lock_timeout = rows[0][0] if rows else ""

    def settle(self) -> None:
        """Fire deferred triggers under the file's own settings, then undo session changes."""
        self.own("SET CONSTRAINTS ALL IMMEDIATE")
        self._reset()

    def clean(self) -> None:
        """Drop cursors, LISTENs, temporary tables, prepared statements and advisory locks."""
        if self._lost():
            return
        with self.batch():
            for statement in ("CLOSE ALL", "UNLISTEN *", "DISCARD TEMP", "DEALLOCATE ALL"):
                self.own(statement)
            self.own("SELECT pg_catalog.pg_advisory_unlock_all()")
            self._reset()

    def _reset(self) -> None:
        """Put role and settings back to what Django had set at the start."""
        self.own("RESET SESSION AUTHORIZATION")
        self.own("RESET ROLE")
        self.own("RESET ALL")
        for name, value in self._settings:
            self.own("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
        if self._role != "none":
            self.own(pg.SQL("SET ROLE {}").format(self._own_role()).as_string())

    def fresh(self) -> None:
        """Start a file in a clean session."""
        self.clean()

    # -- statements

    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement; within ``batch`` only a SELECT that is not a function call waits."""
        cursor = self._cursor(None)
        cursor.execute(sql, params or None, prepare=False)
        if self._batch is None:
            return cursor.fetchall() if cursor.description else []
        asked = sql.startswith("SELECT ") and not sql.startswith("SELECT pg_catalog.")
        return cursor.fetchall() if asked else []

    def execute(self, statement: Statement, source: str) -> None:
        """Run one statement in the extended protocol, which refuses a second one behind it."""
        cursor = self._cursor(statement)
        if statement.data is not None:
            with cursor.copy(statement.text) as copy:
                _stream(copy, source, statement.data)
            return
        try:
            cursor.execute(statement.text, prepare=False, binary=True)
        except UnicodeEncodeError as error:
            held = error.object[error.start : error.end]
            raise psycopg.DataError(f"client_encoding cannot hold {held!r}") from error

    def _cursor(self, statement: Statement | None) -> psycopg.Cursor[Any]:
        """Return a new cursor, which a batch knows before it sends: an answer may come at once."""
        cursor = psycopg.Cursor(self.driver)
        if self._batch is not None:
            self._batch.append((cursor, statement))
        return cursor

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements; within ``batch`` they are sent without waiting."""
        if self._batch is None:
            super().run(unit, source, progress)
            return
        progress(1)
        for statement in unit.statements:
            self.execute(statement, source)

    @contextmanager
    def failing(self, statement: Statement | None = None) -> Iterator[None]:
        """Within ``batch`` leave it to that: an error may be the answer to an earlier statement."""
        if self._batch is not None:
            yield
            return
        with super().failing(statement):
            yield

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Send what follows in one pipeline; the error names the statement that failed."""
        if self._batch is not None:
            yield
            return
        self._batch = []
        try:
            with self.driver.pipeline() as pipeline:
                yield
                pipeline.sync()
        except psycopg.Error as error:
            failed = next((s for cursor, s in self._batch if cursor.pgresult is None), None)
            raise StatementError(error, self.kind(error), failed) from error
        finally:
            self._batch = None

    # -- the history

    def watch(self, table: str) -> None:
        """Note the server's counters: they also hold what earlier transactions did."""
        cursor = self._cursor(None)
        cursor.execute(_COUNTS, (table,), prepare=False)
        self._counts_before = cursor

    def writes(self, table: str) -> Writes | None:
        """Compare the counters; None where the server does not count (track_counts is off)."""
        if self._counts_before is None:
            return None
        before = self._counts_before.fetchone()
        after = self.own(_COUNTS, (table,))[0]
        if before is None or not after[4]:
            return None
        inserted, updated, deleted = (b - a for a, b in zip(before[:3], after[:3], strict=True))
        # TRUNCATE counts no row, but gives the table a new file.
        return Writes(inserted, updated, max(deleted, int(before[3] != after[3])))

    def claimed(self, table: str, migration_id: str) -> bool:
        """Find the claim by the transaction that wrote it."""
        found = self.own(
            f"SELECT 1 FROM {table} WHERE id = %s AND xmin = pg_catalog.pg_current_xact_id()::xid",
            (migration_id,),
        )
        return bool(found)

    # -- files that are no single transaction

    def as_owner(self) -> None:
        """Step out of a role that the file took, until the end of the transaction."""
        self.own("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        self.own(pg.SQL("SET LOCAL ROLE {}").format(self._own_role()).as_string())

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
        return postgresql_indexes.note(self, sql)

    def mend(self, sql: str, note: str, *, failed: bool) -> Doubt:
        """Look what a statement left; drop an INVALID index that it made."""
        if concurrent_index(sql) is not None:
            return postgresql_indexes.mend(self, sql, note, failed=failed)
        word = "".join(words(sql, self.vendor, 1))
        # What failed did nothing, unless it is code, which may have committed on its way.
        if word in _HARMLESS or (failed and word not in ("CALL", "DO")):
            return Doubt.NOT_DONE
        return Doubt.UNKNOWN

    def verify(self, sql: str) -> str:
        """Say no to an INVALID index, which IF NOT EXISTS takes for done."""
        return postgresql_indexes.verify(self, sql)

    def _own_role(self) -> pg.Composable:
        return pg.SQL("NONE") if self._role == "none" else pg.Identifier(self._role)

    def _lost(self) -> bool:
        return bool(self.driver.closed or self.driver.broken)

    # -- locks

    def run_lock(self) -> RunLock:
        """Return the advisory lock of this schema's history."""
        return AdvisoryLock(self.connection, self._schema)

    def blockers(self) -> str:
        """Describe the sessions that block this session's backend, with query and age."""
        watcher = PostgreSQLSession(self.connection.copy())
        try:
            watcher.connection.ensure_connection()
            found = watcher.own(
                "SELECT pid, usename, application_name, state, "
                "date_trunc('second', clock_timestamp() - xact_start)::text, query "
                "FROM pg_catalog.pg_stat_activity "
                "WHERE pid = ANY(pg_catalog.pg_blocking_pids(%s))",
                (self.driver.info.backend_pid,),
            )
        finally:
            watcher.connection.close()
        return "\n".join(
            f"pid {pid} ({user}, {app or 'no application_name'}), {state}, "
            f"in its transaction for {age}: {shorten(mask_secrets(query or '', self.vendor), 200)}"
            for pid, user, app, state, age, query in found
        )


_COUNTS = (
    "SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(oid), "
    "pg_catalog.pg_stat_get_xact_tuples_updated(oid), "
    "pg_catalog.pg_stat_get_xact_tuples_deleted(oid), pg_catalog.pg_relation_filenode(oid), "
    "current_setting('track_counts') = 'on' "
    "FROM (SELECT %s::regclass::oid AS oid) AS history"
)


# What may be run again after an interruption without a second thought.
_HARMLESS = {"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT"}


def _milliseconds(limit: float | None) -> str:
    return str(int((limit or 0) * 1000)) + "ms"


def _stream(copy: psycopg.Copy, source: str, data: tuple[int, int]) -> None:
    """Send the inline data in chunks."""
    start, end = data
    for offset in range(start, end, COPY_CHUNK):
        copy.write(source[offset : min(offset + COPY_CHUNK, end)])
