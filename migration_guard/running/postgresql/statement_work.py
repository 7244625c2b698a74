"""PostgreSQL: statements outside the one transaction, mostly those about indexes.

Sources: PostgreSQL manual, "SET SESSION AUTHORIZATION", "Building Indexes Concurrently".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from migration_guard.history import History
from migration_guard.planning.preflight import Unit
from migration_guard.running.connection import Progress
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
        self._before: tuple[Any, ...] | None = None

    def begin(self) -> None:
        """Start the transaction of a unit, and read the counters of the history."""
        super().begin()
        self._before = self._counters()

    def run(self, unit: Unit, source: str, step: Progress) -> None:
        """Run a unit; then step out of a role that the file took, until the transaction's end."""
        super().run(unit, source, step)
        with self._connection.failing():
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

    def changes(self) -> HistoryChanges | None:
        """Return the difference of the counters since ``begin``."""
        return counters.changes(self._before, self._counters()) if self._before else None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Commit what the block writes, outside a role that the file took."""
        self._before = None
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
        return self._connection.fetch(counters.OF_TABLE, (self._history.table,))[0]

    def _step_out_of_role(self) -> None:
        self._connection.send("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        self._connection.send(f"SET LOCAL ROLE {self._connection.start.quoted_role}")
