"""SQLite: statements that no transaction can hold: pragmas, VACUUM, ATTACH."""

from migration_guard.planning.scripts import Unit
from migration_guard.running.own_table_rows import OwnTableRows
from migration_guard.running.sqlite.connection import SQLiteConnection, runs_alone
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges


class SQLiteStatementWork(StatementWork):
    """Units in transactions, except for the few statements that run alone."""

    _connection: SQLiteConnection

    def begin(self, unit: Unit) -> None:
        """Start the transaction of a unit, and begin to note writes to the history."""
        super().begin(unit)
        self._connection.own_table_writes.guard()

    def changes(self) -> HistoryChanges:
        """Return which kinds of writes the authorizer saw."""
        return self._connection.own_table_writes.of_history()

    def look(self) -> OwnTableRows:
        """Return nothing: the authorizer has denied what would change an own table."""
        self._connection.own_table_writes.guard()
        return OwnTableRows({}, {})

    def runs_alone(self, unit: Unit) -> bool:
        """Decide by the first word: SQLite ignores many pragmas in a transaction, in silence."""
        return len(unit.statements) == 1 and runs_alone(unit.statements[0].text)

    def note_before(self, sql: str) -> str:  # noqa: ARG002
        """Return nothing: what runs alone leaves nothing half done."""
        return ""

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:  # noqa: ARG002
        """Return that nothing happened: only pragmas, VACUUM and ATTACH run alone."""
        return Effect.NOT_DONE
