"""MySQL and MariaDB: session, run lock, and what became of DDL that was interrupted.

Each DDL statement commits by itself, so every file goes through the journal. Sources: MariaDB
knowledge base, "Atomic DDL" (10.6), "GET_LOCK", "SQL statements that cause an implicit commit";
MySQL manual, "Atomic Data Definition Statement Support" (8.0).
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows
from migration_guard.planning.preflight import Unit
from migration_guard.running.session import (
    Doubt,
    Facts,
    Inspection,
    Kind,
    RunLock,
    Session,
)
from migration_guard.sql.classify import transactional_dml, words
from migration_guard.sql.statements import Statement

_KINDS = {
    1205: Kind.LOCKED,  # lock wait timeout
    1213: Kind.LOCKED,  # deadlock
    1062: Kind.DUPLICATE,
    1290: Kind.READ_ONLY,
    1792: Kind.READ_ONLY,
    1836: Kind.READ_ONLY,
    1053: Kind.LOST,  # shutdown in progress
    1317: Kind.OTHER,  # query interrupted
    1927: Kind.LOST,  # connection was killed
    2006: Kind.LOST,
    2013: Kind.LOST,
    2055: Kind.LOST,
}
_HARMLESS = {"ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "FLUSH", "GRANT", "REVOKE"}
_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_QUALIFIED = rf"(?P<name>{_NAME}(?:\s*\.\s*{_NAME})?)"
_ON_TABLE = re.compile(
    rf"(?:CREATE|DROP)\b[^`'\"(]*?\bINDEX\b.*?\bON\s+{_QUALIFIED}", re.IGNORECASE | re.DOTALL
)
_OBJECT = re.compile(
    r"(?:CREATE|DROP|ALTER|RENAME)\s+(?:OR\s+REPLACE\s+|ONLINE\s+|IGNORE\s+|AGGREGATE\s+|"
    r"(?:DEFINER|ALGORITHM)\s*=\s*[\w`'@%.]+\s+|SQL\s+SECURITY\s+\w+\s+)*"
    r"(?P<kind>TABLE|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|SEQUENCE)\s+"
    rf"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{_QUALIFIED}",
    re.IGNORECASE,
)
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
_AT_LINE = re.compile(r"at line (\d+)$")
_YEAR = 31_536_000


class MySQLSession(Session):
    """A MySQLdb (or PyMySQL) connection in autocommit."""

    transactional: ClassVar[bool] = False

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self._used = False

    # -- facts

    def facts(self) -> Facts:
        """Read the facts; a server that is read-only for others is a replica."""
        database, user, read_only, tx_read_only = self.own(
            "SELECT DATABASE(), CURRENT_USER(), @@global.read_only, "
            f"@@session.{self._read_only_variable()}"
        )[0]
        return Facts(
            database, user, database, read_only=bool(tx_read_only), standby=bool(read_only)
        )

    def _read_only_variable(self) -> str:
        return "tx_read_only" if self._mariadb else "transaction_read_only"

    @property
    def _mariadb(self) -> bool:
        return bool(self.connection.mysql_is_mariadb)  # type: ignore[attr-defined]

    def kind(self, error: Exception) -> Kind:
        """Classify by the server's error number."""
        return _KINDS.get(_code(error), Kind.OTHER)

    def message(self, error: Exception) -> str:
        """Return the server's error number and message."""
        if len(error.args) > 1:
            return f"ERROR {error.args[0]}: {error.args[1]}"
        return str(error)

    def position(self, error: Exception, sql: str) -> int:
        """Return the beginning of the line that a syntax error names."""
        match = _AT_LINE.search(self.message(error))
        lines = sql.split("\n")[: int(match[1]) - 1] if match else []
        return sum(len(line) + 1 for line in lines)

    # -- transactions

    def begin(self) -> None:
        """Start a transaction: it holds data changes until the first statement that commits."""
        self.own("START TRANSACTION")

    def limit(self, lock_timeout: float | None, statement_timeout: float | None) -> None:
        """Set both time-outs; MySQL (not MariaDB) limits only SELECT statements in time."""
        if lock_timeout is not None:
            seconds = max(1, round(lock_timeout))
            self.own(
                "SET SESSION lock_wait_timeout = %s, SESSION innodb_lock_wait_timeout = %s",
                (seconds, seconds),
            )
        if statement_timeout is not None and self._mariadb:
            self.own("SET SESSION max_statement_time = %s", (statement_timeout,))
        elif statement_timeout is not None:
            milliseconds = int(statement_timeout * 1000)
            self.own("SET SESSION max_execution_time = %s", (milliseconds,))

    def fresh(self) -> None:
        """Connect anew, unless nothing of a file ran on this connection."""
        if self._used:
            self.connection.close()
            self.connection.ensure_connection()
            self._used = False

    # -- statements

    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql, params or None)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def execute(self, statement: Statement, source: str) -> None:  # noqa: ARG002
        """Run one statement, and read all results of a CALL."""
        self._used = True
        cursor = self.driver.cursor()
        try:
            cursor.execute(statement.text)
            while cursor.nextset():
                pass
        finally:
            cursor.close()

    # -- the history

    def inspect(self, table: str, migration_id: str) -> Inspection:
        """Tell whether the claim stands; MySQL does not count what a transaction changed."""
        found = self.own(f"SELECT 1 FROM {table} WHERE id = %s", (migration_id,))
        return Inspection(bool(found), changed=None, wrote=None)

    # -- files that are no single transaction

    def runs_alone(self, unit: Unit) -> bool:
        """Tell whether the statement commits by itself; a transaction would not hold it."""
        return not all(transactional_dml(one.text, self.vendor) for one in unit.statements)

    def before_alone(self, sql: str) -> str:
        """Note how the object that ``sql`` changes is defined before."""
        return self._definition(sql)

    def mend(self, sql: str, note: str, *, failed: bool) -> Doubt:
        """Compare the definition with the one noted: DDL is atomic, so it is the old or the new."""
        word = "".join(words(sql, self.vendor, 1))
        if word in _HARMLESS or (failed and word not in ("CALL", "EXECUTE", "BEGIN")):
            return Doubt.NOT_DONE
        now = self._definition(sql)
        if not now or not note:
            return Doubt.UNKNOWN
        return Doubt.NOT_DONE if now == note else Doubt.DONE

    def _definition(self, sql: str) -> str:
        """Return a digest of the object's definition, ``absent``, or nothing if it is not known."""
        target = _target(sql)
        if target is None:
            return ""
        kind, name = target
        try:
            rows = self.own(f"SHOW CREATE {kind} {name}")
        except self.driver_error as error:
            if self.kind(error) is Kind.LOST:
                raise
            return "absent"
        return hashlib.sha256(_COUNTER.sub("", repr(rows)).encode()).hexdigest()

    # -- locks

    def run_lock(self) -> RunLock:
        """Return the named lock of this database."""
        return _NamedLock(self.connection)

    def blockers(self) -> str:
        """Describe the open transactions of other sessions (needs the PROCESS privilege)."""
        other = MySQLSession(self.connection.copy())
        try:
            other.connection.ensure_connection()
            found = other.own(
                "SELECT t.trx_mysql_thread_id, p.user, p.host, t.trx_started, LEFT(p.info, 200) "
                "FROM information_schema.innodb_trx t "
                "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
                "WHERE t.trx_mysql_thread_id <> %s",
                (self.driver.thread_id(),),
            )
        finally:
            other.connection.close()
        return "\n".join(
            f"connection {thread} ({user}@{host}), in its transaction since {since}: {query or ''}"
            for thread, user, host, since, query in found
        )


class _NamedLock(RunLock):
    """GET_LOCK on a connection of its own; it goes with the connection."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection.copy()
        self._connection.ensure_connection()
        self._session = MySQLSession(self._connection)
        self._session.own(f"SET SESSION wait_timeout = {_YEAR}")
        database = self._session.facts().database
        # The name is global to the server, and at most 64 characters long.
        digest = hashlib.sha256(database.encode()).hexdigest()
        self._name = f"migration_guard {digest[:40]}"

    def try_acquire(self) -> bool:
        return self._session.own("SELECT GET_LOCK(%s, 0)", (self._name,))[0][0] == 1

    def holder(self) -> str:
        found = self._session.own(
            "SELECT p.id, p.user, p.host, p.time FROM information_schema.processlist p "
            "WHERE p.id = IS_USED_LOCK(%s)",
            (self._name,),
        )
        return ", ".join(
            f"connection {thread} ({user}@{host}), idle for {time} s"
            for thread, user, host, time in found
        )

    def held(self) -> bool:
        try:
            sql = "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"
            return self._session.own(sql, (self._name,))[0][0] == 1
        except self._session.driver_error:
            return False

    def release(self) -> None:
        self._connection.close()


def _target(sql: str) -> tuple[str, str] | None:
    match = _OBJECT.match(sql)
    if match is not None:
        return match["kind"].upper(), match["name"]
    match = _ON_TABLE.match(sql)
    return ("TABLE", match["name"]) if match is not None else None


def _code(error: Exception) -> int:
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0
