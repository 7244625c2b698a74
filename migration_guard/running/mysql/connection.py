"""MySQL and MariaDB: the connection.

Each DDL statement commits by itself, so every file goes through the journal. Source: MariaDB
knowledge base, "SQL statements that cause an implicit commit".
"""

import re
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows, StatementText
from migration_guard.planning.history_rows import HISTORY_TABLE
from migration_guard.planning.scripts import Unit
from migration_guard.reports.escaping import indent_continuation
from migration_guard.running import interrupts
from migration_guard.running.connection import (
    Answer,
    Connection,
    Progress,
    can_encode,
    time_parameter,
)
from migration_guard.running.errors import Kind
from migration_guard.running.facts import Facts, TableShape, to_shapes
from migration_guard.running.limits import Limits, StatementLimit
from migration_guard.running.liveness import UNANSWERED, bound_socket
from migration_guard.running.mysql import encodings, own_session, remedies
from migration_guard.running.remedies import FailedFile
from migration_guard.sql.classify import control
from migration_guard.sql.dialects import dialect
from migration_guard.sql.statements import Statement

_KINDS: Final = {
    1205: Kind.LOCKED,  # lock wait timeout
    1213: Kind.LOCKED,  # deadlock
    1020: Kind.LOCKED,  # the row has changed since the snapshot (MariaDB)
    1062: Kind.DUPLICATE,
    1021: Kind.FULL,  # the server waits for room on the disk
    1114: Kind.FULL,  # the table is full
    1792: Kind.READ_ONLY,
    1836: Kind.READ_ONLY,
    1053: Kind.LOST,  # shutdown in progress
    1927: Kind.LOST,  # connection was killed (MariaDB)
    2006: Kind.LOST,
    2013: Kind.LOST,
    2055: Kind.LOST,
    4031: Kind.LOST,  # disconnected for inactivity (MySQL)
    2002: Kind.LOST,  # no connection can be made, where there was one before
    2003: Kind.LOST,
    2026: Kind.LOST,  # what TLS makes of a connection that has ended
    3169: Kind.LOST,  # session was killed (MySQL)
}
# The server runs with an option that forbids the statement: read-only is one of several.
_OPTION_FORBIDS: Final = 1290
_NO_SUCH_TABLE: Final = 1146
# The variable is not known: an older MariaDB.
_UNKNOWN_VARIABLE: Final = 1193
# Too many connections: of the server, of the user, of the user at once.
_TOO_MANY: Final = {1040, 1203, 1226}
# Seconds that the server may take to note that a connection was closed.
_LEAVING: Final = 5.0
# In seconds, how long an answer may take that is ready at once.
READ_TIMEOUT: Final = 10
# In seconds, the most that a lock time-out takes.
_NO_LIMIT: Final = 31_536_000
_ROWS: Final = 100  # that are read at once; a row may have megabytes
_AT_LINE: Final = re.compile(r"at line (\d+)$")


class MySQLConnection(Connection):
    """A MySQLdb (or PyMySQL) connection in autocommit."""

    _columns_query = (
        "SELECT lower(table_name), column_name FROM information_schema.columns "
        "WHERE lower(table_name)"
    )
    _limits_of_another: ClassVar = {"connect_timeout": READ_TIMEOUT, "read_timeout": READ_TIMEOUT}

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        super().__init__(wrapper)
        # Making the own tables leaves traces too.
        self._is_used = True
        # The server's number of this connection. While a statement runs, no other thread may ask.
        self.thread = 0
        self._charset = ""
        self._mode = ""
        # Whether settings may stand in the way of own statements, now and when a session begins,
        # and the driver's connection that has the runner's own at the moment.
        self._is_foreign = self._begins_foreign = False
        self._own_session: Any = None
        self.user = ""  # with its host, as the server knows it

    @property
    def is_mariadb(self) -> bool:
        """Whether the server is MariaDB."""
        return bool(self.wrapper.mysql_is_mariadb)  # type: ignore[attr-defined]

    def holds(self, text: str) -> bool:
        """Return whether the columns of the history have all characters; asked only once."""
        if text.isascii():
            return can_encode(text, "ascii")
        if not self._charset:
            rows = self.fetch(encodings.CHARSET)
            self._charset = str(rows[0][0]) if rows else encodings.MADE
        return encodings.has_characters(self._charset, text)

    # -- facts

    @property
    def string_setting(self) -> str:
        """The sql_mode with which the session began."""
        return self._mode

    @staticmethod
    def configure(wrapper: BaseDatabaseWrapper, *, read_only: bool) -> None:  # noqa: ARG004
        """Set isolation and character set, and let a message hold one statement."""
        options = wrapper.settings_dict["OPTIONS"]
        options["isolation_level"] = "read committed"
        options["charset"] = "utf8mb4"  # the files are UTF-8
        if wrapper.Database.__name__ == "MySQLdb":  # type: ignore[attr-defined]
            options["multi_statements"] = False

    def facts(self) -> Facts:
        """Read the facts; a server that is read-only for others is a replica."""
        variable = "tx_read_only" if self.is_mariadb else "transaction_read_only"
        database, user, server_read_only, read_only, *settings = self.fetch(
            f"SELECT DATABASE(), CURRENT_USER(), @@global.read_only, @@session.{variable}, "
            f"{own_session.READ}"
        )[0]
        self._mode = str(settings[0])
        self._is_foreign = self._begins_foreign = own_session.is_foreign(tuple(settings))
        self._use_own_settings()  # for Django's steps too
        self.user = user
        self._bound_session()
        # MariaDB 12 gives a word.
        standby = str(server_read_only).upper() not in ("0", "OFF")
        schema = database or ""
        return Facts(database, database, user, schema, schema, bool(read_only), standby=standby)

    def follow(self, original: BaseDatabaseWrapper) -> None:
        """Use the database that the open session of ``original`` uses, in later sessions too."""
        database = _database_of(original.connection, self.driver_error)
        if database and database != self.fetch("SELECT DATABASE()")[0][0]:
            self.send(f"USE {dialect(self.wrapper.vendor).quote(database)}")
            self.wrapper.settings_dict["NAME"] = database

    def shapes(self, schema: str, tables: Sequence[str]) -> dict[str, TableShape]:
        """Ask the information schema; it hides what the user may not use, which is refused."""
        # By equality, so that the server opens no other table of the schema.
        query = (
            "SELECT lower(c.table_name), lower(c.column_name), c.character_maximum_length, "
            "t.table_type, c.ordinal_position "
            "FROM information_schema.columns c, information_schema.tables t "
            "WHERE c.table_schema = %s AND c.table_name = %s "
            "AND t.table_schema = %s AND t.table_name = %s"
        )
        parameters = [name for table in tables for name in (schema, table, schema, table)]
        rows = self.fetch(" UNION ALL ".join([query] * len(tables)) + " ORDER BY 5", parameters)
        shapes = to_shapes(
            (table, column, length, kind not in ("VIEW", "SEQUENCE"))
            for table, column, length, kind, _position in rows
        )
        if HISTORY_TABLE in tables and HISTORY_TABLE not in shapes:
            self._require_absence(f"{dialect(self.wrapper.vendor).quote(schema)}.{HISTORY_TABLE}")
        return shapes

    def _require_absence(self, table: str) -> None:
        """Raise the server's error unless it says that there is no such table."""
        try:
            self.fetch(f"SELECT 1 FROM {table} LIMIT 0")
        except self.driver_error as error:
            if not self.is_missing_table(error):
                raise

    def _bound_session(self) -> None:
        """Let both ends notice within a minute that the other is gone, as far as they can.

        MariaDB ends an idle transaction, unless somebody chose how long it may idle; MySQL cannot.
        """
        self.thread = self.driver.thread_id()
        if hasattr(self.driver, "fileno"):
            bound_socket(self.driver.fileno())
        if self.is_mariadb:
            try:
                self._fetch(
                    "SET SESSION idle_transaction_timeout = "
                    f"IF(@@idle_transaction_timeout, @@idle_transaction_timeout, {UNANSWERED})"
                )
            except self.driver_error as error:
                if error_code(error) != _UNKNOWN_VARIABLE:
                    raise

    def is_served(self, other: Self) -> bool:
        """Look for the connection that was used last."""
        sql = "SELECT 1 FROM information_schema.processlist WHERE id = %s"
        return bool(other.fetch(sql, (self.thread,)))

    def kind(self, error: Exception) -> Kind:
        """Classify by the server's error number."""
        if error_code(error) == _OPTION_FORBIDS and "read" in self.message(error):
            return Kind.READ_ONLY
        if isinstance(error, self.wrapper.Database.InterfaceError):  # type: ignore[attr-defined]
            return Kind.LOST  # the driver closed the connection at an earlier error
        return _KINDS.get(error_code(error), Kind.OTHER)

    def is_missing_table(self, error: Exception) -> bool:
        """Ask the number: a table that the user may not use has another one."""
        return error_code(error) == _NO_SUCH_TABLE

    def message(self, error: Exception) -> str:
        """Return the server's error number and message."""
        if len(error.args) > 1:
            return indent_continuation(f"ERROR {error.args[0]}: {error.args[1]}")
        return indent_continuation(str(error))

    def position(self, error: Exception, sql: str) -> int:
        """Return the beginning of the line that a syntax error names."""
        match = _AT_LINE.search(self.message(error))
        lines = sql.split("\n")[: int(match[1]) - 1] if match else []
        return sum(len(line) + 1 for line in lines)

    def _connecting_step(self, error: Exception) -> str:
        code, message = error_code(error), self.message(error)
        return remedies.connecting_remedy(code, message, self.wrapper.settings_dict)

    def _own_step(self, error: Exception) -> str:
        name = str(self.wrapper.settings_dict["NAME"])
        return remedies.step_remedy(error_code(error), self.message(error), self.user, name)

    def first_step(self, error: Exception, failed: FailedFile) -> str:
        """Return what to do about an error of a migration, or nothing."""
        name = str(self.wrapper.settings_dict["NAME"])
        return remedies.first_step(error_code(error), self.message(error), failed, self.user, name)

    # -- statements

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own; return its rows."""
        self._use_own_settings()
        return self._fetch(sql, params)

    def _fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql, params or None)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def _use_own_settings(self) -> None:
        """Let no setting of the server, the project or a file reach the runner's statements."""
        if self._is_foreign and self._own_session is not self.driver:
            self._fetch(own_session.enter(self._mode))
            self._own_session = self.driver

    def _use_settings_of_file(self) -> None:
        if self._own_session is self.driver:
            self._fetch(own_session.LEAVE)
        self._own_session = None

    def send(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement of the runner's own."""
        self.fetch(sql, params)

    def execute(self, statement: Statement, source: str) -> int | None:  # noqa: ARG002
        """Run one statement, and read all results of a CALL; no row is kept."""
        self._is_used = True
        self._use_settings_of_file()
        self._is_foreign = self._is_foreign or own_session.may_change(statement.text)
        # This kind of cursor reads rows from the server as they are asked for.
        cursor = self.driver.cursor(self.wrapper.Database.cursors.SSCursor)  # type: ignore[attr-defined]
        try:
            cursor.execute(statement.text)
            # A statement without a number of rows answers with 0.
            rows: int = _drain(cursor) if cursor.description else cursor.rowcount
            has_rows = cursor.description or rows
            while cursor.nextset():
                _drain(cursor)
        finally:
            cursor.close()
        return rows if has_rows else None

    def run(
        self,
        unit: Unit,
        source: str,
        before: Progress,
        after: Answer = lambda _rows: None,
    ) -> None:
        """Run the statements; a signal ends the one that runs on the server too."""
        # Asked for now: another thread must not touch a connection that waits.
        thread = self.driver.thread_id()
        with interrupts.stop_on_signal(lambda: self._kill_query(thread)):
            super().run(unit, source, before, after)

    def _kill_query(self, thread: int) -> None:
        other = self.copy_wrapper()
        try:
            with other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {thread}")
        finally:
            other.close()

    def statement_limit(self) -> StatementLimit:
        """Return the server's limit of a message, which holds two more bytes."""
        name = "max_allowed_packet"
        return StatementLimit(self.fetch(f"SELECT @@session.{name}")[0][0] - 2, name)

    def clock(self, after: datetime | None = None) -> StatementText:
        """Return the server's time as a parameter."""
        now = self.fetch("SELECT UTC_TIMESTAMP(6)")[0][0].replace(tzinfo=UTC)
        return time_parameter(self.wrapper, now, after)

    # -- transactions

    def begin(self, limits: Limits | None = None) -> None:
        """Start a transaction: it holds data changes until the first statement that commits."""
        self.send("START TRANSACTION")
        if limits is not None:
            self.limit(limits)

    def begin_as(self, modes: Sequence[Statement]) -> None:
        """Start a transaction as the file does: what SET TRANSACTION says holds for the next."""
        for statement in modes:
            with self.failing(statement):
                self.execute(statement, "")
        if not any(control(statement.text, self.vendor) for statement in modes):
            self._fetch("START TRANSACTION")  # nothing between it and SET TRANSACTION

    def limit(self, limits: Limits) -> None:
        """Set both time-outs; MySQL (not MariaDB) limits only SELECT statements in time."""
        seconds = _NO_LIMIT if limits.lock_timeout is None else max(1, round(limits.lock_timeout))
        self.send(
            "SET SESSION lock_wait_timeout = %s, SESSION innodb_lock_wait_timeout = %s",
            (seconds, seconds),
        )
        statement_timeout = limits.statement_timeout or 0
        if self.is_mariadb:
            self.send("SET SESSION max_statement_time = %s", (statement_timeout,))
        else:
            self.send("SET SESSION max_execution_time = %s", (int(statement_timeout * 1000),))

    # -- the session

    def renew(self) -> None:
        """Connect anew, with the project's own settings of the session."""
        self._is_used = True
        super().renew()

    def fresh(self) -> None:
        """Connect anew, unless nothing of a file ran on this connection."""
        if self._is_used:
            self.wrapper.close()
            self._connect()
            self._is_used = False
            self._is_foreign = self._begins_foreign

    def _connect(self) -> None:
        """Connect; where connections are limited, wait until the server lets the last one go."""
        deadline = time.monotonic() + _LEAVING
        while True:
            try:
                # Not ensure_connection(), which would wrap the driver's errors in Django's.
                self.wrapper.connect()
                with self.wrapper.cursor():  # a wrapper that knows tenants chooses the database
                    self._bound_session()
                    return
            except self.driver_error as error:
                if error_code(error) not in _TOO_MANY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _database_of(session: Any, driver_error: type[Exception]) -> str | None:
    """Return the database that a session of the driver's uses; None without one."""
    if session is None:
        return None
    try:
        with closing(session.cursor()) as cursor:
            cursor.execute("SELECT DATABASE()")
            return str(cursor.fetchall()[0][0] or "")
    except driver_error:  # it has ended meanwhile, and the next one begins anew
        return None


def _drain(cursor: Any) -> int:
    """Read the rows of a result to their end; return how many there are."""
    count = 0
    while rows := cursor.fetchmany(_ROWS):
        count += len(rows)
    return count


def error_code(error: Exception) -> int:
    """Return the server's error number; 0 for an error of the driver's own."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0
