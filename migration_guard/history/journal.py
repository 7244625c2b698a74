"""The journal: how far the migrations have come that are no single transaction."""

from typing import Any

from migration_guard.history.access import Access
from migration_guard.models import JournalEntry
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.names import pad


class Journal:
    """The entries of running and failed migrations."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._connection = access.connection
        self.table = access.table_of(JournalEntry)

    def rows(self) -> dict[str, JournalRow]:
        """Return the running and failed migrations by id."""
        rows = self._connection.fetch(
            "SELECT id, number, state, done, total, done_digest, doubt, note, statement, error "
            f"FROM {self.table}"
        )
        failed = JournalEntry.State.FAILED
        return {row[0]: JournalRow(row[0], int(row[1]), row[2] == failed, *row[3:]) for row in rows}

    def open(self, file: MigrationFile, total: int, environment: str) -> None:
        """Insert the entry of ``file``: the claim of a migration that is no single transaction."""
        now, params = self._connection.clock()
        self._connection.send(
            f"INSERT INTO {self.table} (id, number, state, done, total, done_digest, doubt, "
            "note, statement, error, started_at, updated_at, database_user, environment) VALUES "
            f"(%s, %s, %s, 0, %s, '', 0, '', '', '', {now}, {now}, %s, %s)",
            (
                file.id,
                pad(file.number),
                JournalEntry.State.RUNNING,
                total,
                *params,
                *params,
                self._access.identity.database_user,
                environment,
            ),
        )

    def write(self, migration_id: str, **values: Any) -> None:
        """Set columns of one entry, and the time of the change."""
        now, params = self._connection.clock()
        columns = ", ".join([*(f"{column} = %s" for column in values), f"updated_at = {now}"])
        fitting = [
            self._access.fit(value) if isinstance(value, str) else value
            for value in values.values()
        ]
        self._connection.send(
            f"UPDATE {self.table} SET {columns} WHERE id = %s",
            (*fitting, *params, migration_id),
        )

    def close(self, migration_id: str) -> None:
        """Delete one entry."""
        self._connection.send(f"DELETE FROM {self.table} WHERE id = %s", (migration_id,))
