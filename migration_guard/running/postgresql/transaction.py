"""PostgreSQL: the transaction of one migration, whose statements are sent together.

Each statement costs as much as a small ALTER. So the claim and its completion answer with the
counters of the history, and the COMMIT goes with the cleaning.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final

import psycopg

from migration_guard.history import History
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import Script
from migration_guard.running import interrupts
from migration_guard.running.connection import Progress
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.limits import Limits
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.postgresql import cleaning, counters, errors, pipeline
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.pooler import Pooling
from migration_guard.running.transaction import HistoryChanges, MigrationTransaction
from migration_guard.sql.classify import mentions

# Names of settings that change who the session is; SET SESSION AUTHORIZATION has words of its own.
_ROLE: Final = ("role", "session_authorization", "authorization")


class PostgreSQLTransaction(MigrationTransaction):
    """A transaction whose statements go to the server in one pipeline, if they may."""

    _connection: PostgreSQLConnection

    def __init__(self, connection: PostgreSQLConnection, history: History) -> None:
        super().__init__(connection, history)
        self._changes = HistoryChanges(0, 0, 0)
        self._of_all = counters.of_all(history)
        self._looks = not connection.counts
        self._before: OwnTableRows | None = None
        self._sets_up_inside = False

    def set_up_session(self, script: Script, limits: Limits, step: Progress) -> Limits | None:
        """Run what stands before BEGIN there, or behind the claim.

        Behind it where a pooler would hand the session on before BEGIN, or where the file takes a
        role, which may not write the claim.
        """
        texts = (
            [statement.text for statement in script.session.statements] if script.session else []
        )
        takes_role = any(
            mentions(text, name, self._connection.vendor) for text in texts for name in _ROLE
        )
        is_pooled = self._connection.pooling is Pooling.TRANSACTION
        self._sets_up_inside = is_pooled or takes_role
        return limits if self._sets_up_inside else super().set_up_session(script, limits, step)

    def open(self, limits: Limits | None, *, together: bool) -> None:
        """Start the transaction; statements sent together wait until an answer is needed."""
        connection = self._connection
        if together and pipeline.IS_AVAILABLE:
            connection.pipeline = pipeline.Pipeline(connection.driver, connection.prepared)
        connection.begin(limits)

    def claim(self, file: MigrationFile, fingerprint: str, environment: str) -> None:
        """Insert the history row, and let the answer hold the counters of the own tables."""
        sql, params = self._history.claim(file, fingerprint, environment)
        returning = f"{counters.OF_ROW}, {self._of_all}"
        self._claimed = self._connection.send_prepared(f"{sql} RETURNING {returning}", params)
        self._before = None
        if self._looks or counters.SETTING in file.text.lower():
            self._before = counters.look(self._connection.fetch, self._history)

    def run(self, script: Script, step: Progress) -> None:
        """Run all statements, fire deferred triggers, and undo session changes."""
        self._run_units(script.parts if self._sets_up_inside else script.units, script, step)
        self._counting = self._connection.send_prepared(counters.IS_COUNTING)
        self._connection.settle()

    def complete(self, migration_id: str, after: datetime | None) -> tuple[datetime, int] | None:
        """Complete the claim, send what waits, and read time, duration and counters."""
        connection = self._connection
        sql, params = self._history.complete(migration_id, after)
        if self._before is not None:
            after_file = counters.look(connection.fetch, self._history)
            self._changes = compare_rows(self._before, after_file)
        returning = f"{counters.OF_ROW}, {self._of_all}"
        completed = connection.send_prepared(f"{sql}, {returning}", params)
        connection.flush()
        connection.pipeline = None
        if not completed():
            return None
        ((applied_at, duration_ms, *now, tables_now),) = completed()
        ((*before, tables_before),) = self._claimed()
        if self._before is None:
            # The completion itself is an update.
            changes = counters.changes(before, now, own_updates=1)
            if changes is None or not self._counting()[0][0]:
                raise StatementError(counters.NotCountedError(), Kind.OTHER, None)
            tables = counters.changed_tables(tables_before, tables_now)
            self._changes = changes._replace(tables=tables)
        return self._history.moment(applied_at), duration_ms

    def changes(self) -> HistoryChanges:
        """Return the difference of the counters, or of the rows, from claim to completion."""
        return self._changes

    def commit(self) -> None:
        """Commit and clean, in one round trip where possible."""
        connection = self._connection
        if connection.pooling is Pooling.TRANSACTION or not pipeline.IS_AVAILABLE:
            connection.commit()
            connection.clean()
            return
        with interrupts.defer_signals(), connection.closing_on_signal():
            rows = pipeline.run_together(
                connection.driver, f"COMMIT; {cleaning.CLEAN_BUT_PREPARED}"
            )
        names = {name.decode() for name in connection.prepared.values()}
        if {*rows[0][1]} != names:
            connection.prepared = {}
            # The COMMIT was answered; what is lost shows itself later.
            with suppress(psycopg.Error):
                connection.send("DEALLOCATE ALL")

    def is_ours_to_retry(self, error: StatementError) -> bool:
        """Return whether a prepared statement of ours went stale, or the file stopped the counting.

        Disables further preparing, or compares rows from then on.
        """
        if isinstance(error.error, counters.NotCountedError) and not self._looks:
            self._looks = True
            return True
        connection = self._connection
        is_own_step = error.statement is None and not error.committing
        if not (connection.may_prepare and is_own_step and errors.is_stale(error.error)):
            return False
        connection.may_prepare = False
        return True
