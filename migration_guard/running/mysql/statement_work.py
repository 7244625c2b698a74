"""MySQL and MariaDB: the statements of a file, and what became of an interrupted one.

Sources: MariaDB knowledge base, "Atomic DDL" (10.6); MySQL manual, "Atomic Data Definition
Statement Support" (8.0).
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from migration_guard.history import History
from migration_guard.planning.scripts import Unit
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.mysql import engines, own_tables, session_state
from migration_guard.running.mysql.connection import MySQLConnection, error_code
from migration_guard.running.mysql.ddl_targets import targets, temporary_tables
from migration_guard.running.mysql.lone_statements import (
    innermost,
    is_code,
    is_repeatable,
    names_accounts,
    remainder,
)
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.statement_work import Effect, StatementWork
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import Statement

_LOCK_TIMEOUT: Final = 1205
_ABSENT: Final = "absent"
# Syntax, unknown tables and columns, the number of values, rights.
_REFUSED_ITSELF: Final = {1044, 1049, 1054, 1064, 1136, 1142, 1143, 1146}


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

    def outlives_rollback(self, unit: Unit) -> bool:
        """Return whether the unit writes to a table whose engine has no transactions."""
        return engines.writes_for_good(self._connection, unit)

    def never_began(self, error: StatementError) -> bool:
        """Return whether the server refused the statement itself, before it wrote a row."""
        return error_code(error.error) in _REFUSED_ITSELF

    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Find temporary tables, locks, user variables, prepared statements, last ids."""
        return session_state.unrepeatable(done, rest)

    def note_before(self, sql: str) -> str:
        """Note which connection runs ``sql``, and how the object that it changes is defined."""
        return f"{self._connection.driver.thread_id()} {self._definition(innermost(sql))}"

    def can_tell(self, sql: str, note: str) -> bool:
        """Return True for what may be run again, and where the definitions were noted."""
        sql = innermost(sql)
        return is_repeatable(sql) or bool(targets(sql) and note.partition(" ")[2])

    def what_became_of(self, sql: str, note: str, *, failed: bool) -> Effect:
        """Compare the definitions with those noted: DDL is atomic for each object alone.

        Raises OperationalError (a lock wait) while the server still runs what was interrupted: it
        does not notice that the client is gone before the statement ends.
        """
        sql = innermost(sql)
        if failed:
            return Effect.UNKNOWN if is_code(sql) else Effect.NOT_DONE
        self._refuse_running(note.partition(" ")[0])
        if is_repeatable(sql):
            return Effect.NOT_DONE
        is_done = self._changed(sql, note)
        if is_done is None:
            return Effect.UNKNOWN
        if any(is_done) and not all(is_done):
            return Effect.HALF_DONE if remainder(sql, is_done) else Effect.UNKNOWN
        return Effect.DONE if all(is_done) else Effect.NOT_DONE

    def finish(self, sql: str, note: str) -> None:
        """Drop or rename what is still there."""
        sql = innermost(sql)
        is_done = self._changed(sql, note) or []
        if any(is_done) and (rest := remainder(sql, is_done)):
            self._connection.send(rest)

    def describe_remains(self, sql: str, note: str) -> str:
        """Return which of several objects are done, or what a failed replacement has dropped."""
        sql = innermost(sql)
        if names_accounts(sql):
            return "Of several accounts some may have been done: look at each."
        change, is_done = read_ddl(sql, self.vendor), self._changed(sql, note)
        if change is None or not is_done or change.verb not in ("CREATE", "DROP", "RENAME"):
            return ""
        names, now = [name for _kind, name in targets(sql)], self._definition(sql).split()
        if change.verb == "CREATE":
            was_there = note.partition(" ")[2] != _ABSENT
            is_gone = was_there and now == [_ABSENT]
            return f"{names[0]} is gone: it was dropped to be replaced." if is_gone else ""
        done = [name for name, is_changed in zip(names, is_done, strict=True) if is_changed]
        left = [
            name
            for name, is_changed, state in zip(names, is_done, now, strict=True)
            if not is_changed and state != _ABSENT
        ]
        if not done:
            return ""
        word = {"DROP": "dropped", "RENAME": "renamed"}[change.verb]
        return f"It has {word} {', '.join(done)}" + (f", not {', '.join(left)}." if left else ".")

    def _changed(self, sql: str, note: str) -> list[bool] | None:
        """Return for each object of a statement whether it was done; None where nothing tells."""
        before, now = note.partition(" ")[2].split(), self._definition(sql).split()
        if not now or len(now) != len(before):
            return None
        change = read_ddl(sql, self.vendor)
        makes = change is not None and change.verb == "CREATE"
        # CREATE OR REPLACE TABLE drops the old one first.
        return [
            new != old and not (makes and new == _ABSENT)
            for new, old in zip(now, before, strict=True)
        ]

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
            return _ABSENT if error_code(error) in own_tables.ABSENT else ""
        return hashlib.sha256(own_tables.COUNTER.sub("", repr(rows)).encode()).hexdigest()
