"""SQLite: the rows that a script writes, from the connection's own count."""

from migration_guard.running.limits import Limits
from migration_guard.running.row_counter import RowCounter, TableCounts, Tally
from migration_guard.running.sqlite.connection import SQLiteConnection


class SQLiteRowCounter(RowCounter):
    """Reads the number of changes; SQLite does not count by table."""

    _connection: SQLiteConnection

    def open(self, limits: Limits) -> None:
        """Start the transaction; foreign keys do what they do for the project."""
        self._connection.own_table_writes.forget()
        self._connection.limit(limits)
        self._connection.send("BEGIN IMMEDIATE")

    def tally(self) -> Tally:
        """Count all changes of this connection; the tables have no counts of their own."""
        rows = self._connection.fetch("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        tables = {row[0]: TableCounts(0, 0, 0, 0) for row in rows}
        return Tally(self._connection.driver.total_changes, tables)

    def own_tables_state(self) -> object:
        """Return what the authorizer saw; it knows the own tables by name."""
        return self._connection.own_table_writes.all()

    def idle_up_to(self, seconds: float) -> None:
        """Do nothing: there is no server that could end the transaction."""
