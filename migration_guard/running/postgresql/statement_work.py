"""PostgreSQL: statements outside the one transaction, mostly those about indexes.

Sources: PostgreSQL manual, "SET SESSION AUTHORIZATION", "Building Indexes Concurrently".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Progress
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.postgresql import (
    concurrent_indexes,
    counters,
    lone_statements,
    partition_detach,
    session_state,
)
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.classify import concurrent_index
from migration_guard.sql.partitions import concurrent_detach
from migration_guard.sql.statements import Statement


class PostgreSQLStatementWork(StatementWork):
    """Units in transactions, as far as a transaction can hold them."""

    _connection: PostgreSQLConnection

    def __init__(self, connection: PostgreSQLConnection, history: History) -> None:
        super().__init__(connection, history)
        self._before: tuple[Any, ...] = ()
        self._rows: OwnTableRows | None = None
        self._looks = False
        self._of_all = counters.of_all(history)

    def begin(self, unit: Unit) -> None:
        """Start the transaction of a unit, and read the counters of the own tables, or the rows."""
        if unit.modes is not None:
            with self.recording():
                self._rows = self.look()
            super().begin(unit)
            return
        super().begin(unit)
        self._before = self._counters()
        texts = (statement.text.lower() for statement in unit.statements)
        is_counting = self._before[4] and not any(counters.SETTING in text for text in texts)
        self._rows = self.look() if self._looks or not is_counting else None

    def run(self, unit: Unit, source: str, step: Progress) -> None:
        """Run a unit and its deferred triggers; then step out of a role that the file took."""
        super().run(unit, source, step)
        with self._connection.failing():
            self._connection.send("SET CONSTRAINTS ALL IMMEDIATE")
            self._step_out_of_role()

    def run_alone(self, unit: Unit, source: str, lock_timeout: float | None) -> None:
        """Run a unit, waiting for locks without limit, unless the file itself has one.

        With a lock_timeout, any older snapshot makes a concurrent build fail and leave an INVALID
        index.
        """
        limit = self._lock_limit()
        waits = lock_timeout is None and limit == self._connection.lock_timeout
        with self._waiting_for_locks(limit) if waits else nullcontext():
            super().run_alone(unit, source, lock_timeout)

    def changes(self) -> HistoryChanges:
        """Return the difference of the counters, or of the rows, since ``begin``."""
        if self._rows is not None:
            return compare_rows(self._rows, self.look())
        now = self._counters()
        changes = counters.changes(self._before[:5], now[:5])
        if changes is None:
            raise StatementError(counters.NotCountedError(), Kind.OTHER, None)
        return changes._replace(tables=counters.changed_tables(self._before[5], now[5]))

    def is_ours_to_retry(self, error: StatementError) -> bool:
        """Return True if the unit stopped the counting; compares rows from then on."""
        is_ours = isinstance(error.error, counters.NotCountedError) and not self._looks
        self._looks = self._looks or is_ours
        return is_ours

    def look(self) -> OwnTableRows:
        """Read by which transaction each row came to its place."""
        return counters.look(self._connection.fetch, self._history)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Commit what the block writes, outside a role that the file took."""
        with super().recording():
            self._step_out_of_role()
            yield

    def runs_alone(self, unit: Unit) -> bool:  # noqa: ARG002
        """Return False: the server itself refuses a transaction where there may be none."""
        return False

    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Find temporary objects, prepared statements, cursors, advisory locks, last values."""
        return session_state.unrepeatable(done, rest)

    def note_before(self, sql: str) -> str:
        """Note what there is, so that only what is new is taken for ours."""
        if detach := concurrent_detach(sql):
            return partition_detach.note(self._connection, detach)
        if concurrent_index(sql) is not None:
            return concurrent_indexes.note(self._connection, sql)
        return lone_statements.note(self._connection, sql)

    def can_tell(self, sql: str, note: str) -> bool:  # noqa: ARG002
        """Return True for indexes, partitions, and what may be run again or looked up."""
        known = concurrent_index(sql) or concurrent_detach(sql)
        return known is not None or lone_statements.can_tell(sql)

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:
        """Find out what a statement left; drop an INVALID index that it made.

        Raises LockNotAvailable while the server still runs what was interrupted.
        """
        if not failed:
            concurrent_indexes.refuse_running(self._connection, sql)
        if detach := concurrent_detach(sql):
            return partition_detach.find_effect(self._connection, detach, note)
        if concurrent_index(sql) is not None:
            return concurrent_indexes.clear(self._connection, sql, note, failed=failed)
        return lone_statements.find_effect(self._connection, sql, note, failed=failed)

    def finish(self, sql: str, note: str) -> None:
        """Take a partition out that is half detached, waiting for older snapshots."""
        detach = concurrent_detach(sql)
        if detach is not None:
            with self._waiting_for_locks(self._lock_limit()):
                partition_detach.finish(self._connection, detach, note)

    def describe_remains(self, sql: str, note: str) -> str:
        """Return what a half detached partition means to those who use its table."""
        detach = concurrent_detach(sql)
        return partition_detach.describe(self._connection, detach, note) if detach else ""

    def _counters(self) -> tuple[Any, ...]:
        sql = counters.OF_TABLE.replace(" FROM (", f", {self._of_all} FROM (")
        return self._connection.fetch(sql, (self._history.table,))[0]

    def _lock_limit(self) -> str:
        limit: str = self._connection.fetch("SELECT current_setting('lock_timeout')")[0][0]
        return limit

    @contextmanager
    def _waiting_for_locks(self, limit: str) -> Iterator[None]:
        """Let the block wait for locks without limit; ``limit`` holds again behind it."""
        connection = self._connection
        connection.send("SET lock_timeout = 0")
        try:
            yield
        finally:
            if not connection.is_lost:
                connection.send("SELECT pg_catalog.set_config('lock_timeout', %s, false)", (limit,))

    def _step_out_of_role(self) -> None:
        self._connection.send("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        self._connection.send(f"SET LOCAL ROLE {self._connection.start.quoted_role}")
