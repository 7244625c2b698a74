"""SQLite: statements that no transaction can hold: pragmas, VACUUM, ATTACH."""

from collections.abc import Sequence
from typing import Final

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Progress
from migration_guard.running.own_table_rows import OwnTableRows
from migration_guard.running.sqlite import foreign_keys, session_state
from migration_guard.running.sqlite.connection import SQLiteConnection, runs_alone
from migration_guard.running.sqlite.lasting_pragmas import refuse_ignored
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.classify import words
from migration_guard.sql.statements import Statement

_STEPS: Final = {"CREATE", "ALTER", "DROP"}


class SQLiteStatementWork(StatementWork):
    """Units in transactions, except for the few statements that run alone."""

    _connection: SQLiteConnection

    def __init__(self, connection: SQLiteConnection, history: History) -> None:
        super().__init__(connection, history)
        self._start = foreign_keys.Orphans()

    def remember_start(self, done: Sequence[Statement], statements: Sequence[Statement]) -> None:
        """Note the orphans that were there; none, where an earlier run may have made them."""
        if any(map(_is_step, statements)) and not any(map(_is_step, done)):
            with self._connection.failing():
                self._start = foreign_keys.find(self._connection)

    def run(self, unit: Unit, source: str, step: Progress) -> None:
        """Run a unit, and refuse rows without their parent.

        Steps of a table's rebuild leave such rows until the last one, so the end judges these.
        """
        if len(unit.statements) == 1 and _is_step(unit.statements[0]):
            super().run(unit, source, step)
            return
        with foreign_keys.refuse_orphans(self._connection, is_part=True):
            super().run(unit, source, step)

    def check_end(self, statements: Sequence[Statement]) -> None:
        """Refuse orphans that the file as a whole has made, and pragmas that did nothing."""
        refuse_ignored(self._connection, statements)
        if self._connection.may_leave_orphans and any(map(_is_step, statements)):
            with self._connection.failing(statements[-1]):
                foreign_keys.refuse_new(self._start, foreign_keys.find(self._connection))

    def begin(self, unit: Unit) -> None:
        """Start the transaction of a unit, and begin to note writes to the history."""
        self._connection.begin(exclusive=unit.exclusive)
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

    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Find temporary tables, databases in memory, and what the last INSERT left."""
        return session_state.unrepeatable(done, rest)

    def note_before(self, sql: str) -> str:  # noqa: ARG002
        """Return nothing: what runs alone leaves nothing half done."""
        return ""

    def can_tell(self, sql: str, note: str) -> bool:  # noqa: ARG002
        """Return True: what runs alone may simply be run again."""
        return True

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:  # noqa: ARG002
        """Return that nothing happened: only pragmas, VACUUM and ATTACH run alone."""
        return Effect.NOT_DONE


def _is_step(statement: Statement) -> bool:
    """Return whether a statement may be a step of the rebuild of a table."""
    return "".join(words(statement.text, "sqlite", 1)) in _STEPS
