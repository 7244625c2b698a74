"""MySQL and MariaDB: the statements of a file, and what became of an interrupted one.

Sources: MariaDB knowledge base, "Atomic DDL" (10.6); MySQL manual, "Atomic Data Definition
Statement Support" (8.0).
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Kind
from migration_guard.running.mysql import own_tables, session_state
from migration_guard.running.mysql.connection import MySQLConnection, error_code
from migration_guard.running.mysql.ddl_targets import targets, temporary_tables
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.classify import makes_temporary, words
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import Statement

_LOCK_TIMEOUT: Final = 1205
# Interrupted, they may simply be run again: only the session knows of them, or the effect is one.
_HARMLESS: Final = {
    *("ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "FLUSH", "GRANT", "USE", "LOCK", "UNLOCK"),
    *("PREPARE", "DEALLOCATE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"),
}
_RUNS_CODE: Final = {"CALL", "EXECUTE", "BEGIN"}


class MySQLStatementWork(StatementWork):
    """Data changes in transactions, and DDL, which commits by itself."""

    _connection: MySQLConnection

    def __init__(self, connection: MySQLConnection, history: History) -> None:
        super().__init__(connection, history)
        self._before = OwnTableRows({}, {})
        # The last unit that was begun, and the temporary tables of those before it.
        self._unit: Unit | None = None
        self._temporary: set[str] = set()

    def begin(self, unit: Unit) -> None:
        """Start the transaction of a unit, and read the own tables: there are no counters.

        A rollback leaves temporary tables, which a second try would find.
        """
        if unit == self._unit:
            for name in temporary_tables(unit.statements) - self._temporary:
                self._connection.send(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        elif self._unit is not None:
            self._temporary |= temporary_tables(self._unit.statements)
        self._unit = unit
        if unit.modes is not None:
            self._before = self.look()
        super().begin(unit)
        if unit.modes is None:
            self._before = self.look()

    def changes(self) -> HistoryChanges:
        """Return the difference of the rows since ``begin``."""
        return compare_rows(self._before, self.look())

    def look(self) -> OwnTableRows:
        """Read a digest of each row of the history, and the others' checksums and definitions."""
        return own_tables.look(self._connection, self._history)

    def runs_alone(self, unit: Unit) -> bool:
        """Return whether the statement commits by itself; a transaction would not hold it."""
        return any(
            implicit_commit(statement.text) is not Commit.NO for statement in unit.statements
        )

    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Find temporary tables, and user variables, prepared statements and last ids too."""
        return super().unrepeatable(done, rest) or session_state.unrepeatable(done, rest)

    def note_before(self, sql: str) -> str:
        """Note which connection runs ``sql``, and how the object that it changes is defined."""
        return f"{self._connection.driver.thread_id()} {self._definition(sql)}"

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:
        """Compare the definition with the one noted; DDL is atomic, so it is the old or the new.

        Raises OperationalError (a lock wait) while the server still runs what was interrupted: it
        does not notice that the client is gone before the statement ends.
        """
        word = "".join(words(sql, self._connection.vendor, 1))
        if failed and word not in _RUNS_CODE:
            return Effect.NOT_DONE
        thread, _, before = note.partition(" ")
        if not failed:
            self._refuse_running(thread)
        if word in _HARMLESS or makes_temporary(sql, self._connection.vendor):
            return Effect.NOT_DONE
        now = self._definition(sql)
        if not now or not before:
            return Effect.UNKNOWN
        changed = [new != old for new, old in zip(now.split(), before.split(), strict=True)]
        if any(changed) and not all(changed):
            return Effect.UNKNOWN  # of several objects, one
        return Effect.DONE if all(changed) else Effect.NOT_DONE

    def _refuse_running(self, thread: str) -> None:
        connection = self._connection
        running = connection.fetch(
            # After a restart of the server, the number may be a stranger's.
            "SELECT id FROM information_schema.processlist WHERE id = %s "
            "AND command IN ('Query', 'Killed') AND user = SUBSTRING_INDEX(USER(), '@', 1)",
            (thread or 0,),
        )
        if running and thread != str(connection.driver.thread_id()):
            raise connection.wrapper.Database.OperationalError(  # type: ignore[attr-defined]
                _LOCK_TIMEOUT,
                f"connection {thread} still runs the statement that was interrupted: "
                f"wait for its end, or KILL {thread}",
            )

    def _definition(self, sql: str) -> str:
        """Return a digest of each object's definition, or ``absent``; nothing if unknown."""
        digests = [self._digest(kind, name) for kind, name in targets(sql)]
        return " ".join(digests) if all(digests) else ""

    def _digest(self, kind: str, name: str) -> str:
        try:
            rows = self._connection.fetch(f"SHOW CREATE {kind} {name}")
        except self._connection.driver_error as error:
            if self._connection.kind(error) in (Kind.LOST, Kind.LOCKED):
                raise
            return "absent" if error_code(error) in own_tables.ABSENT else ""
        return hashlib.sha256(own_tables.COUNTER.sub("", repr(rows)).encode()).hexdigest()
