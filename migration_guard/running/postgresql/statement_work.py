"""PostgreSQL: statements outside the one transaction, mostly those about indexes.

Sources: PostgreSQL manual, "SET SESSION AUTHORIZATION", "Building Indexes Concurrently".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Kind, Progress, StatementError
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.postgresql import concurrent_indexes, counters
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.classify import concurrent_index, words

# What may be run again after an interruption without a second thought.
_HARMLESS: Final = {"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT"}


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
        connection = self._connection
        limit = connection.fetch("SELECT current_setting('lock_timeout')")[0][0]
        waits = lock_timeout is None and limit == connection.lock_timeout
        if waits:
            connection.send("SET lock_timeout = 0")
        try:
            super().run_alone(unit, source, lock_timeout)
        finally:
            if waits and not connection.is_lost:
                connection.send("SELECT pg_catalog.set_config('lock_timeout', %s, false)", (limit,))

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

    def note_before(self, sql: str) -> str:
        """Note what indexes there are, so that only new ones are taken for ours."""
        return concurrent_indexes.note(self._connection, sql)

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:
        """Find out what a statement left; drop an INVALID index that it made.

        Raises LockNotAvailable while the server still runs what was interrupted.
        """
        if not failed:
            concurrent_indexes.refuse_running(self._connection, sql)
        if concurrent_index(sql) is not None:
            return concurrent_indexes.clear(self._connection, sql, note, failed=failed)
        word = "".join(words(sql, self._connection.vendor, 1))
        # What failed did nothing, unless it is code, which may have committed on its way.
        if word in _HARMLESS or (failed and word not in ("CALL", "DO")):
            return Effect.NOT_DONE
        return Effect.UNKNOWN

    def _counters(self) -> tuple[Any, ...]:
        sql = counters.OF_TABLE.replace(" FROM (", f", {self._of_all} FROM (")
        return self._connection.fetch(sql, (self._history.table,))[0]

    def _step_out_of_role(self) -> None:
        self._connection.send("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        self._connection.send(f"SET LOCAL ROLE {self._connection.start.quoted_role}")
