"""SQLite: the connection.

``foreign_keys`` is off while a migration's statements run, or the rebuild of a table would cascade
into its children, unless the file itself sets it before. Inside a transaction the pragma is a
silent no-op, so it is set before BEGIN IMMEDIATE. What it would have refused is looked for before
the commit.
Sources: sqlite.org, "Making Other Kinds Of Table Schema Changes", "Transactions", "PRAGMA",
"Compile-Time Authorization Callbacks".
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import PROJECT_NAME, Rows, StatementText, who
from migration_guard.planning.scripts import Unit
from migration_guard.reports.escaping import indent_continuation
from migration_guard.running import interrupts
from migration_guard.running.connection import Answer, Connection, Progress, time_parameter
from migration_guard.running.errors import Kind, NotDoneError, StatementError
from migration_guard.running.facts import Facts, TableShape, to_shapes
from migration_guard.running.limits import Limits, StatementLimit
from migration_guard.running.remedies import FailedFile
from migration_guard.running.sqlite import remedies
from migration_guard.running.sqlite.own_table_writes import OwnTableWrites
from migration_guard.sql.classify import words
from migration_guard.sql.dialects import SQLITE
from migration_guard.sql.pragmas import read_pragma
from migration_guard.sql.statements import Statement

# First words of statements that no transaction can hold, or in which they silently do nothing.
_ALONE: Final = {"PRAGMA", "VACUUM", "ATTACH", "DETACH"}
_KINDS: Final = {
    sqlite3.SQLITE_BUSY: Kind.LOCKED,
    sqlite3.SQLITE_LOCKED: Kind.LOCKED,
    sqlite3.SQLITE_READONLY: Kind.READ_ONLY,
    sqlite3.SQLITE_FULL: Kind.FULL,
}
# How long the runner's own short transactions wait for another program that writes, in ms.
_PATIENCE: Final = 60_000
_NO_LIMIT: Final = 2**31 - 1
# Instructions of SQLite's virtual machine between two looks at the clock.
_TICKS: Final = 10_000


class SQLiteConnection(Connection):
    """A sqlite3 connection in autocommit."""

    _columns_query = (
        "SELECT lower(object.name), info.name FROM sqlite_master AS object, "
        "pragma_table_info(object.name) AS info WHERE lower(object.name)"
    )
    _connect_remedy = "Check NAME and OPTIONS in DATABASES, and that the folder of the file exists."

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        super().__init__(wrapper)
        self.own_table_writes = OwnTableWrites()
        self._enforced = 1
        self._is_dirty = False
        # Whether the file itself has said what is to hold.
        self._has_set_foreign_keys = False
        self._attached: set[str] = set()
        self._patience = 0
        self._statement_timeout: float | None = None

    # -- facts

    @staticmethod
    def configure(wrapper: BaseDatabaseWrapper, *, read_only: bool) -> None:
        """Let who only reads write no file, and others take the write lock at once."""
        settings = wrapper.settings_dict
        if read_only:
            # An init_command such as PRAGMA journal_mode would write.
            settings["OPTIONS"].pop("init_command", None)
            settings["NAME"] = _read_only_uri(str(settings["NAME"]))
        else:
            # Django's own steps too: a lock that is taken late cannot be waited for.
            settings["OPTIONS"]["transaction_mode"] = "IMMEDIATE"

    def facts(self) -> Facts:
        """Read whether the file is a database that can be written to."""
        try:
            self.send("PRAGMA schema_version")
        except sqlite3.OperationalError as error:
            # A writer that keeps readers out too: the run lock waits for it.
            if self.kind(error) is not Kind.LOCKED:
                raise
        self._enforced = self.fetch("PRAGMA foreign_keys")[0][0]
        self._patience = self.fetch("PRAGMA busy_timeout")[0][0]
        self._attached = self._databases()
        read_only = bool(self.fetch("PRAGMA query_only")[0][0])
        settings = self.wrapper.settings_dict
        database = str(settings.get(PROJECT_NAME, settings["NAME"]))
        user = who().split("@")[0]
        name = Path(database).name
        return Facts(database, name, user, "main", "main", read_only=read_only, standby=False)

    def shapes(self, schema: str, tables: Sequence[str]) -> dict[str, TableShape]:
        """Ask the schema table; SQLite does not limit the length of text."""
        marks = ", ".join(["%s"] * len(tables))
        rows = self.fetch(
            "SELECT lower(object.name), lower(info.name), NULL, object.type = 'table' "
            f"FROM {schema}.sqlite_master AS object, pragma_table_info(object.name, %s) AS info "
            f"WHERE lower(object.name) IN ({marks}) ORDER BY info.cid",
            (schema, *tables),
        )
        return to_shapes(
            (table, column, length, bool(is_table)) for table, column, length, is_table in rows
        )

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

    def is_missing_table(self, error: Exception) -> bool:
        """Ask the text: SQLite has no code of its own for it."""
        return str(error).startswith("no such table")

    def message(self, error: Exception) -> str:
        """Return the name of the result code and the message."""
        parts = (getattr(error, "sqlite_errorname", ""), str(error))
        return indent_continuation(": ".join(filter(None, parts)))

    def _connecting_step(self, error: Exception) -> str:
        return remedies.connecting_remedy(self.driver_cause(error) or error)

    def _own_step(self, error: Exception) -> str:
        return remedies.step_remedy(error)

    def first_step(self, error: Exception, failed: FailedFile) -> str:
        """Return what to do about an error of a migration, or nothing."""
        return remedies.first_step(error, failed)

    # -- statements

    def fetch(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement of the runner's own; return its rows."""
        # Not Django's cursor: its errors lack SQLite's result code.
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql.replace("%s", "?") if params else sql, params)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def send(self, sql: str, params: Sequence[object] = ()) -> None:
        """Run one statement of the runner's own, to its end."""
        self.fetch(sql, params)

    def execute(self, statement: Statement, source: str) -> int | None:  # noqa: ARG002
        """Run one statement; sqlite3 refuses a second one behind it."""
        self._is_dirty = self._is_dirty or runs_alone(statement.text)
        pragma = read_pragma(statement.text)
        if pragma is not None and pragma.name == "foreign_keys" and pragma.value:
            self._has_set_foreign_keys = True
        cursor = self.driver.cursor()
        try:
            with self._interrupting():
                before = self.driver.total_changes
                with self._explaining_denial(statement):
                    cursor.execute(statement.text)
                rows = sum(1 for _row in cursor)
                if self.driver.total_changes != before:
                    # Not rowcount, which does not know a WITH … DELETE.
                    return int(self.fetch("SELECT changes()")[0][0])
                return rows if cursor.description else None
        finally:
            cursor.close()

    @contextmanager
    def _explaining_denial(self, statement: Statement) -> Iterator[None]:
        """Say what the authorizer denied, where SQLite says only "not authorized"."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            change = self.own_table_writes.denied
            if not change:
                raise
            denial = NotDoneError(
                f"it changed the migration history: it {change}; remove that statement (only a "
                "migration whose environments exclude production may remove markers of others)"
            )
            raise StatementError(denial, Kind.OTHER, statement) from error

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        """Interrupt a statement that runs longer than the limit."""
        if self._statement_timeout is None:
            yield
            return
        deadline = time.monotonic() + self._statement_timeout
        self.driver.set_progress_handler(lambda: time.monotonic() > deadline, _TICKS)
        try:
            yield
        finally:
            self.driver.set_progress_handler(None, 0)

    def run(
        self,
        unit: Unit,
        source: str,
        before: Progress,
        after: Answer = lambda _rows: None,
    ) -> None:
        """Run the statements while the authorizer reports writes to the history."""
        self.driver.set_authorizer(self.own_table_writes.authorize)
        try:
            with interrupts.stop_on_signal(self.driver.interrupt):
                super().run(unit, source, before, after)
        finally:
            self.driver.set_authorizer(None)

    def statement_limit(self) -> StatementLimit:
        """Return the library's limit."""
        code = sqlite3.SQLITE_LIMIT_SQL_LENGTH
        return StatementLimit(self.driver.getlimit(code), "SQLITE_LIMIT_SQL_LENGTH")

    def clock(self, after: datetime | None = None) -> StatementText:
        """Return the time of this process as a parameter."""
        return time_parameter(self.wrapper, datetime.now(UTC), after)

    # -- transactions

    def begin(self, limits: Limits | None = None, *, exclusive: bool = False) -> None:
        """Take the write lock at once, so that nothing that was read can be out of date."""
        if limits is not None:
            self.limit(limits)  # BEGIN IMMEDIATE is what waits for the lock
        self._enforced = self.fetch("PRAGMA foreign_keys")[0][0]
        if not self._has_set_foreign_keys:
            self.send("PRAGMA foreign_keys = OFF")
        try:
            self.send("BEGIN EXCLUSIVE" if exclusive else "BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._restore()
            raise

    def limit(self, limits: Limits) -> None:
        """Set both time-outs; a lock is waited for, a statement interrupted after its time."""
        lock_timeout = limits.lock_timeout
        self._wait_up_to(_NO_LIMIT if lock_timeout is None else int(lock_timeout * 1000))
        self._statement_timeout = limits.statement_timeout

    def commit(self) -> None:
        """Commit."""
        super().commit()
        self._restore()

    def rollback(self) -> None:
        """Roll back; some errors have done so already."""
        if self.driver.in_transaction:
            super().rollback()
        self._restore()

    def _restore(self) -> None:
        self.send(f"PRAGMA foreign_keys = {self._enforced}")

    # -- the session

    def clean(self) -> None:
        """Drop what the file left in the session; what a pragma did goes with the connection."""
        self.own_table_writes.forget()
        self._statement_timeout = None
        if self._is_dirty or self._temporary():
            self.fresh()
        self._wait_up_to(self._patience)

    def fresh(self) -> None:
        """Open the file anew: pragmas, attached databases and temporary tables are gone."""
        self._is_dirty = self._has_set_foreign_keys = False
        if self.wrapper.is_in_memory_db():  # type: ignore[attr-defined]
            self._empty()
            return
        self.wrapper.close()
        # Django's first statements may have to wait for another program already.
        self.wrapper.settings_dict["OPTIONS"]["timeout"] = self._patience / 1000
        # Not ensure_connection(), which would wrap the driver's errors in Django's.
        self.wrapper.connect()
        self._wait_up_to(self._patience)

    @property
    def may_leave_orphans(self) -> bool:
        """Whether foreign keys are off only because the runner switched them off."""
        return bool(self._enforced) and not self._has_set_foreign_keys

    def be_patient(self) -> None:
        """From now on let the runner's own steps wait for other programs that write."""
        self._patience = max(self._patience, _PATIENCE)
        self._wait_up_to(self._patience)

    def _wait_up_to(self, milliseconds: int) -> None:
        self.send(f"PRAGMA busy_timeout = {milliseconds}")

    def _empty(self) -> None:
        """Do for a database in memory, which ends with its connection, what can be done."""
        for kind, name in self._temporary():
            if kind in ("table", "view", "trigger"):
                self.send(f"DROP {kind} IF EXISTS temp.{SQLITE.quote(name)}")
        for name in self._databases() - self._attached:
            self.send(f"DETACH {SQLITE.quote(name)}")
        self.send("PRAGMA foreign_keys = ON")

    def _temporary(self) -> Rows:
        return self.fetch(
            "SELECT type, name FROM sqlite_temp_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )

    def _databases(self) -> set[str]:
        return {row[1] for row in self.fetch("PRAGMA database_list")} - {"main", "temp"}


def runs_alone(sql: str) -> bool:
    """Return whether no transaction can hold a statement, by its first word."""
    return "".join(words(sql, "sqlite", 1)) in _ALONE


def _read_only_uri(name: str) -> str:
    """Return the URI that reads the file, or an empty database if there is no file yet."""
    uri = name if name.startswith("file:") else f"file:{quote(str(Path(name).resolve()))}"
    path = Path(unquote(urlsplit(uri).path))
    if not path.exists():
        return ":memory:"
    # A reader would make the files of the write-ahead log, and could not take them away again.
    still = "" if Path(f"{path}-wal").exists() or not _is_write_ahead(path) else "&immutable=1"
    return f"{uri}{'&' if '?' in uri else '?'}mode=ro{still}"


def _is_write_ahead(path: Path) -> bool:
    """Return whether the file is in WAL mode (SQLite, "Database File Format", 1.3.3)."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] == b"\2\2"
    except OSError:  # opening it as a database says it better
        return False
