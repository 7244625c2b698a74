"""SQLite: whoever writes shuts out all other writers, so there is nothing to trace."""

from typing import ClassVar

from migration_guard.impact.trace import StatementTrace
from migration_guard.running.tracer import Tracer
from migration_guard.sql.statements import Statement


class SQLiteTracer(Tracer):
    """Traces nothing."""

    sees_locks: ClassVar = False
    note: ClassVar = (
        "SQLite has one writer: while a migration runs, nobody else writes to any table. There is "
        "nothing to trace."
    )

    def execute(self, statement: Statement, source: str) -> int | None:
        """Run the statement."""
        rows: int | None = self._connection.execute(statement, source)
        return rows

    def take(self) -> tuple[StatementTrace, ...]:
        """Return nothing."""
        return ()
