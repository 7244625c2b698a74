"""SQLite: session, and a run lock that can only look.

``foreign_keys`` is off while a migration runs, or the rebuild of a table would cascade into its
children; inside a transaction the pragma is a silent no-op, so it is set before BEGIN IMMEDIATE.
Sources: sqlite.org, "Making Other Kinds Of Table Schema Changes", "Transactions", "PRAGMA",
"Compile-Time Authorization Callbacks".
"""

import getpass
import sqlite3
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows
from migration_guard.planning.preflight import HISTORY_TABLE, Unit
from migration_guard.running.session import (
    Doubt,
    Facts,
    Inspection,
    Kind,
    Progress,
    RunLock,
    Session,
)
from migration_guard.sql.classify import words
from migration_guard.sql.statements import Statement

# Statements that no transaction can hold, or in which they silently do nothing.
_ALONE = {"PRAGMA", "VACUUM", "ATTACH", "DETACH"}


class SQLiteSession(Session):
    """A sqlite3 connection in autocommit."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self._orphans: set[tuple[Any, ...]] | None = None
        self._seen: set[int] = set()
        self._foreign_keys = 1
        self._dirty = False

    # -- facts

    def facts(self) -> Facts:
        """Read whether the file can be written to."""
        self._foreign_keys = self.own("PRAGMA foreign_keys")[0][0]
        read_only = bool(self.own("PRAGMA query_only")[0][0])
        name = str(self.connection.settings_dict["NAME"])
        return Facts(name, getpass.getuser(), "main", read_only=read_only, standby=False)

    def kind(self, error: Exception) -> Kind:
        """Classify by SQLite's result code."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Kind.LOCKED
        if code == sqlite3.SQLITE_READONLY:
            return Kind.READ_ONLY
        if code == sqlite3.SQLITE_CONSTRAINT:
            name = getattr(error, "sqlite_errorname", "")
            unique = name in ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")
            return Kind.DUPLICATE if unique else Kind.OTHER
        return Kind.OTHER

    def message(self, error: Exception) -> str:
        """Return the name of the result code and the message."""
        return ": ".join(filter(None, (getattr(error, "sqlite_errorname", ""), str(error))))

    # -- transactions

    def begin(self) -> None:
        """Take the write lock at once, so that nothing that was read can be out of date."""
        self.own("PRAGMA foreign_keys = OFF")
        self.own("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit."""
        super().commit()
        self._restore()

    def rollback(self) -> None:
        """Roll back; some errors have done so already."""
        if self.driver.in_transaction:
            super().rollback()
        self._restore()

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:  # noqa: ARG002
        """Set how long a lock is waited for; SQLite has no time-out for statements."""
        milliseconds = int((lock_timeout or 0) * 1000) or 2**31 - 1
        self.own(f"PRAGMA busy_timeout = {milliseconds}")

    def settle(self) -> None:
        """Refuse rows that the migration left without their parent."""
        if self._orphans is None:
            return
        new = self._find_orphans() - self._orphans
        if new:
            table, rowid, parent, _key = min(new, key=str)
            raise sqlite3.IntegrityError(
                f"FOREIGN KEY constraint failed: {len(new)} rows lost their parent, "
                f"such as {table} rowid {rowid} (references {parent})"
            )

    def clean(self) -> None:
        """Drop what the file left in the session; what a pragma did goes with the connection."""
        if self._dirty:
            self.fresh()
        self._restore()
        for kind, name in self.own("SELECT type, name FROM sqlite_temp_master"):
            if kind in ("table", "view", "trigger"):
                self.own(f"DROP {kind} IF EXISTS temp.{self.connection.ops.quote_name(name)}")

    def fresh(self) -> None:
        """Open the file anew: pragmas and attached databases are gone."""
        self._dirty = False
        if self.connection.is_in_memory_db():  # type: ignore[attr-defined]
            return
        self.connection.close()
        self.connection.ensure_connection()

    def _restore(self) -> None:
        if not self.driver.in_transaction:
            self.own(f"PRAGMA foreign_keys = {self._foreign_keys}")

    def _find_orphans(self) -> set[tuple[Any, ...]]:
        return set(self.own("PRAGMA foreign_key_check"))

    # -- statements

    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own."""
        cursor = self.driver.cursor()
        try:
            # Not Django's cursor: its errors lack SQLite's result code.
            return list(sqlite3.Cursor.execute(cursor, sql.replace("%s", "?"), params))
        finally:
            cursor.close()

    def execute(self, statement: Statement, source: str) -> None:  # noqa: ARG002
        """Run one statement; sqlite3 refuses a second one behind it."""
        self._dirty = self._dirty or self._first_word(statement.text) in _ALONE
        cursor = self.driver.cursor()
        try:
            sqlite3.Cursor.execute(cursor, statement.text)
            cursor.fetchall()
        finally:
            cursor.close()

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements while SQLite's authorizer reports writes to the history."""
        self.driver.set_authorizer(self._authorize)
        try:
            super().run(unit, source, progress)
        finally:
            self.driver.set_authorizer(None)

    def _authorize(self, action: int, table: str | None, *_rest: str | None) -> int:
        if table is not None and table.lower() == HISTORY_TABLE:
            self._seen.add(action)
        return sqlite3.SQLITE_OK

    # -- the history

    def watch(self, table: str) -> None:  # noqa: ARG002
        """Begin to note writes to the history, and which rows lack their parent already."""
        self._seen = set()
        if self._orphans is None:
            self._orphans = self._find_orphans()

    def inspect(self, table: str, migration_id: str) -> Inspection:
        """Tell what the authorizer saw."""
        found = self.own(f"SELECT 1 FROM {table} WHERE id = %s", (migration_id,))
        claimed = self.driver.in_transaction and bool(found)
        wrote = bool(self._seen & {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE})
        changed = wrote or sqlite3.SQLITE_DELETE in self._seen
        return Inspection(claimed, changed=changed, wrote=wrote)

    # -- files that are no single transaction

    def runs_alone(self, unit: Unit) -> bool:
        """Tell it by the first word: SQLite ignores many pragmas in a transaction, in silence."""
        return len(unit.statements) == 1 and self._first_word(unit.statements[0].text) in _ALONE

    def mend(self, sql: str, note: str, *, failed: bool) -> Doubt:  # noqa: ARG002
        """Tell that nothing happened: only pragmas, VACUUM and ATTACH run alone."""
        return Doubt.NOT_DONE

    def _first_word(self, sql: str) -> str:
        return "".join(words(sql, self.vendor, 1))

    # -- locks

    def run_lock(self) -> RunLock:
        """Return a lock that waits for a writer; each migration then takes the write lock."""
        return _WriteLock(self)


class _WriteLock(RunLock):
    """SQLite knows one lock, on the whole file, and the migrations need it themselves.

    So the order between runs rests on BEGIN IMMEDIATE and the claim of each migration; this only
    waits for another writer before the first.
    """

    def __init__(self, session: SQLiteSession) -> None:
        self._session = session

    def try_acquire(self) -> bool:
        before = self._session.own("PRAGMA busy_timeout")[0][0]
        self._session.own("PRAGMA busy_timeout = 0")
        try:
            self._session.own("BEGIN IMMEDIATE")
            self._session.own("ROLLBACK")
        except sqlite3.OperationalError as error:
            if self._session.kind(error) is not Kind.LOCKED:
                raise
            return False
        finally:
            self._session.own(f"PRAGMA busy_timeout = {before}")
        return True

    def holder(self) -> str:
        return "another process is writing to the file"

    def held(self) -> bool:
        return True

    def release(self) -> None:
        return
