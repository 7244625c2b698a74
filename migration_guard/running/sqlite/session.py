"""SQLite: the session.

``foreign_keys`` is off while a migration's statements run, or the rebuild of a table would cascade
into its children; inside a transaction the pragma is a silent no-op, so it is set before BEGIN
IMMEDIATE. What it would have refused is looked for before the commit.
Sources: sqlite.org, "Making Other Kinds Of Table Schema Changes", "Transactions", "PRAGMA",
"Compile-Time Authorization Callbacks".
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows, who
from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.planning.preflight import Unit
from migration_guard.running import interrupts
from migration_guard.running.session import (
    Counts,
    Doubt,
    Facts,
    Kind,
    Progress,
    RunLock,
    Session,
    Tally,
    Writes,
)
from migration_guard.running.sqlite import foreign_keys
from migration_guard.running.sqlite.lock import FileLock
from migration_guard.sql.classify import words
from migration_guard.sql.statements import Statement

# Statements that no transaction can hold, or in which they silently do nothing.
_ALONE = {"PRAGMA", "VACUUM", "ATTACH", "DETACH"}
_WRITES = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
_KINDS = {
    sqlite3.SQLITE_BUSY: Kind.LOCKED,
    sqlite3.SQLITE_LOCKED: Kind.LOCKED,
    sqlite3.SQLITE_READONLY: Kind.READ_ONLY,
    sqlite3.SQLITE_FULL: Kind.FULL,
}
# How long the runner's own short transactions wait for another program that writes, in ms.
_PATIENCE = 60_000
_NO_LIMIT = 2**31 - 1
# Instructions of SQLite's virtual machine between two looks at the clock.
_TICKS = 10_000


class SQLiteSession(Session):
    """A sqlite3 connection in autocommit."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        # Own tables and what was done to them.
        self._seen: set[tuple[str, int]] = set()
        self._enforced = 1
        self._dirty = False
        self._attached: set[str] = set()
        self._patience = 0
        self._statement_timeout: float | None = None

    # -- facts

    def facts(self) -> Facts:
        """Read whether the file is a database that can be written to."""
        try:
            self.own("PRAGMA schema_version")
        except sqlite3.OperationalError as error:
            # A writer that keeps readers out too: the run lock waits for it.
            if self.kind(error) is not Kind.LOCKED:
                raise
        self._enforced = self.own("PRAGMA foreign_keys")[0][0]
        self._patience = self.own("PRAGMA busy_timeout")[0][0]
        self._attached = self._databases()
        read_only = bool(self.own("PRAGMA query_only")[0][0])
        name = str(self.connection.settings_dict["NAME"])
        return Facts(name, who().split("@")[0], "main", read_only=read_only, standby=False)

    def kind(self, error: Exception) -> Kind:
        """Classify by SQLite's result code."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _KINDS:
            return _KINDS[code]
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
        self._enforced = self.own("PRAGMA foreign_keys")[0][0]
        self.own("PRAGMA foreign_keys = OFF")
        try:
            self.own("BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._restore()
            raise

    def begin_limited(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Start the transaction; BEGIN IMMEDIATE is what waits for the lock."""
        self.limit(lock_timeout, statement_timeout)
        self.begin()

    def begin_script(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Start the transaction; foreign keys do what they do for the project."""
        self._seen = set()
        self.limit(lock_timeout, statement_timeout)
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

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Set both time-outs; a lock is waited for, a statement interrupted after its time."""
        milliseconds = _NO_LIMIT if lock_timeout is None else int(lock_timeout * 1000)
        self._wait_up_to(milliseconds)
        self._statement_timeout = statement_timeout

    def clean(self) -> None:
        """Drop what the file left in the session; what a pragma did goes with the connection."""
        self._seen = set()
        self._statement_timeout = None
        if self._dirty or self._temporary():
            self.fresh()
        self._wait_up_to(self._patience)

    def fresh(self) -> None:
        """Open the file anew: pragmas, attached databases and temporary tables are gone."""
        self._dirty = False
        if self.connection.is_in_memory_db():  # type: ignore[attr-defined]
            self._empty()
            return
        self.connection.close()
        # Not ensure_connection(), which would wrap the driver's errors in Django's.
        self.connection.connect()
        self._wait_up_to(self._patience)

    def be_patient(self) -> None:
        """From now on let the runner's own steps wait for other programs that write."""
        self._patience = max(self._patience, _PATIENCE)
        self._wait_up_to(self._patience)

    def _wait_up_to(self, milliseconds: int) -> None:
        self.own(f"PRAGMA busy_timeout = {milliseconds}")

    def _restore(self) -> None:
        self.own(f"PRAGMA foreign_keys = {self._enforced}")

    def _empty(self) -> None:
        """Do for a database in memory, which ends with its connection, what can be done."""
        for kind, name in self._temporary():
            if kind in ("table", "view", "trigger"):
                self.own(f"DROP {kind} IF EXISTS temp.{self.connection.ops.quote_name(name)}")
        for name in self._databases() - self._attached:
            self.own(f"DETACH {self.connection.ops.quote_name(name)}")
        self.own("PRAGMA foreign_keys = ON")

    def _temporary(self) -> Rows:
        return self.own(
            "SELECT type, name FROM sqlite_temp_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )

    def _databases(self) -> set[str]:
        return {row[1] for row in self.own("PRAGMA database_list")} - {"main", "temp"}

    # -- statements

    def own(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement of the runner's own."""
        # Not Django's cursor: its errors lack SQLite's result code.
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql.replace("%s", "?") if params else sql, params)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def execute(self, statement: Statement, source: str) -> None:  # noqa: ARG002
        """Run one statement; sqlite3 refuses a second one behind it."""
        self._dirty = self._dirty or self._first_word(statement.text) in _ALONE
        cursor = self.driver.cursor()
        try:
            with self._interrupting():
                before = self.driver.total_changes
                cursor.execute(statement.text)
                rows = sum(1 for _row in cursor)
                self.answered = rows if cursor.description else None
                if self.driver.total_changes != before:
                    # Not rowcount, which does not know a WITH … DELETE.
                    self.answered = self.own("SELECT changes()")[0][0]
        finally:
            cursor.close()

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        if self._statement_timeout is None:
            yield
            return
        deadline = time.monotonic() + self._statement_timeout
        self.driver.set_progress_handler(lambda: time.monotonic() > deadline, _TICKS)
        try:
            yield
        finally:
            self.driver.set_progress_handler(None, 0)

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements while the authorizer reports writes to the history.

        In a transaction, rows that they left without their parent are refused, unless the file (or
        the project) itself turned foreign keys off.
        """
        with self.failing():
            # Where they are on in the transaction, it is a script, and SQLite itself looks.
            off = not self.own("PRAGMA foreign_keys")[0][0]
            checked = bool(self.driver.in_transaction and self._enforced and off)
            before = foreign_keys.find(self) if checked else foreign_keys.Orphans()
        self.driver.set_authorizer(self._authorize)
        try:
            with interrupts.breaking(self.driver.interrupt):
                super().run(unit, source, progress)
        finally:
            self.driver.set_authorizer(None)
        with self.failing():
            if checked:
                foreign_keys.refuse_new(before, foreign_keys.find(self))

    def _authorize(
        self, action: int, table: str | None, _column: str | None, database: str | None, *_: object
    ) -> int:
        # VACUUM copies the history into a database of its own, which has another name.
        if database == "main" and table is not None and table.lower() in OWN_TABLES:
            self._seen.add((table.lower(), action))
        return sqlite3.SQLITE_OK

    # -- the history

    def watch(self, table: str) -> None:  # noqa: ARG002
        """Begin to note writes to the history."""
        self._seen = set()

    def writes(self, table: str) -> Writes:  # noqa: ARG002
        """Return which kinds of writes the authorizer saw."""
        return Writes(*(int((HISTORY_TABLE, action) in self._seen) for action in _WRITES))

    def claimed(self, table: str, migration_id: str) -> bool:
        """Tell it by the row, and by the transaction being open still."""
        return bool(self.driver.in_transaction) and super().claimed(table, migration_id)

    # -- scripts that are no migrations

    def tally(self) -> Tally:
        """Count all changes of this connection; by table SQLite does not count."""
        tables = self.own("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        return Tally(self.driver.total_changes, {row[0]: Counts(0, 0, 0, 0) for row in tables})

    def state_of(self, tables: Sequence[str]) -> object:  # noqa: ARG002
        """Return what the authorizer saw; it knows the own tables by name."""
        return {(table, action) for table, action in self._seen if action in _WRITES}

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
        """Return a lock on a file beside the database; no other program may be writing either."""
        with self.failing():
            return FileLock(self)
