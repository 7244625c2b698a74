"""SQLite: the transaction of one migration, statement by statement."""

import time
from datetime import datetime

from migration_guard.history import History
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import Script
from migration_guard.running.connection import Progress
from migration_guard.running.limits import Limits
from migration_guard.running.sqlite import foreign_keys
from migration_guard.running.sqlite.connection import SQLiteConnection
from migration_guard.running.sqlite.lasting_pragmas import refuse_ignored
from migration_guard.running.transaction import HistoryChanges, MigrationTransaction


class SQLiteTransaction(MigrationTransaction):
    """A transaction that holds the write lock of the file from its first statement."""

    _connection: SQLiteConnection

    def __init__(self, connection: SQLiteConnection, history: History) -> None:
        super().__init__(connection, history)
        self._started = 0.0
        self._exclusive = False

    def set_up_session(self, script: Script, limits: Limits, step: Progress) -> Limits | None:
        """Run what stands before BEGIN, which may change the own tables as little as the rest."""
        self._exclusive = any(unit.exclusive for unit in script.units)
        self._connection.own_table_writes.guard()
        try:
            limits_to_set = super().set_up_session(script, limits, step)
        finally:
            self._connection.own_table_writes.forget()
        if script.session is not None:
            refuse_ignored(self._connection, script.session.statements)
        return limits_to_set

    def open(self, limits: Limits | None, *, together: bool) -> None:  # noqa: ARG002
        """Start the transaction; without a server, nothing is sent together."""
        self._started = time.monotonic()
        self._connection.begin(limits, exclusive=self._exclusive)

    def claim(self, file: MigrationFile, fingerprint: str, environment: str) -> None:
        """Insert the history row."""
        self._connection.send(*self._history.claim(file, fingerprint, environment))
        self._connection.own_table_writes.guard()

    def run(self, script: Script, step: Progress) -> None:
        """Run all statements."""
        with foreign_keys.refuse_orphans(self._connection):
            self._run_units(script.units, script, step)

    def complete(self, migration_id: str, after: datetime | None) -> tuple[datetime, int] | None:
        """Complete the claim, if the transaction is open still."""
        if not self._connection.driver.in_transaction:
            return None
        duration_ms = round((time.monotonic() - self._started) * 1000)
        self._connection.send(*self._history.complete(migration_id, after, duration_ms))
        applied_at = self._history.applied_at(migration_id)
        return None if applied_at is None else (applied_at, duration_ms)

    def changes(self) -> HistoryChanges:
        """Return which kinds of writes the authorizer saw."""
        return self._connection.own_table_writes.of_history()

    def commit(self) -> None:
        """Commit, and clean the session."""
        self._connection.commit()
        self._connection.clean()
