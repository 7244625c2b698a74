"""MySQL and MariaDB: the session, and what became of DDL that was interrupted.

Each DDL statement commits by itself, so every file goes through the journal. Sources: MariaDB
knowledge base, "Atomic DDL" (10.6), "GET_LOCK", "SQL statements that cause an implicit commit";
MySQL manual, "Atomic Data Definition Statement Support" (8.0).
"""

import hashlib
import math
import re
import time
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.history import Rows
from migration_guard.planning.preflight import Unit, shorten
from migration_guard.running import interrupts
from migration_guard.running.mysql import session_state
from migration_guard.running.mysql.ddl_targets import targets
from migration_guard.running.mysql.lock import NamedLock
from migration_guard.running.session import (
    Doubt,
    Facts,
    Kind,
    Progress,
    RunLock,
    Session,
    Tally,
)
from migration_guard.sql.classify import makes_temporary, mask_secrets, transactional_dml, words
from migration_guard.sql.statements import Statement

_KINDS = {
    1205: Kind.LOCKED,  # lock wait timeout
    1213: Kind.LOCKED,  # deadlock
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
}
# The server runs with an option that forbids the statement: read-only is one of several.
_OPTION_FORBIDS = 1290
_LOCK_TIMEOUT = 1205
# A storage engine without savepoints (Aria) takes part; a rollback is not complete.
_NO_SAVEPOINTS, _NOT_UNDONE = 1178, 1196
# Too many connections: of the server, of the user, of the user at once.
_TOO_MANY = {1040, 1203, 1226}
# Seconds that the server may take to note that a connection was closed.
_LEAVING = 5.0
# No such database, table, routine, trigger, event, sequence; or no view, no sequence.
_ABSENT = {1049, 1146, 1305, 1347, 1360, 1539, 4089, 4091}
# Interrupted, they may simply be run again: only the session knows of them, or the effect is one.
_HARMLESS = {
    *("ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "FLUSH", "GRANT", "USE", "LOCK", "UNLOCK"),
    *("PREPARE", "DEALLOCATE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"),
}
_RUNS_CODE = {"CALL", "EXECUTE", "BEGIN"}
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
# In seconds, the most that a lock time-out takes.
_NO_LIMIT = 31_536_000
_AT_LINE = re.compile(r"at line (\d+)$")


class MySQLSession(Session):
    """A MySQLdb (or PyMySQL) connection in autocommit."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        # Making the own tables leaves traces too.
        self._used = True
        self._thread = 0

    # -- facts

    def facts(self) -> Facts:
        """Read the facts; a server that is read-only for others is a replica."""
        database, user, read_only, tx_read_only = self.own(
            "SELECT DATABASE(), CURRENT_USER(), @@global.read_only, "
            f"@@session.{self._read_only_variable()}"
        )[0]
        # MariaDB 12 gives a word.
        standby = str(read_only).upper() not in ("0", "OFF")
        return Facts(database, user, database or "", read_only=bool(tx_read_only), standby=standby)

    def _read_only_variable(self) -> str:
        return "tx_read_only" if self._mariadb else "transaction_read_only"

    @property
    def _mariadb(self) -> bool:
        return bool(self.connection.mysql_is_mariadb)  # type: ignore[attr-defined]

    def kind(self, error: Exception) -> Kind:
        """Classify by the server's error number."""
        if _code(error) == _OPTION_FORBIDS and "read" in self.message(error):
            return Kind.READ_ONLY
        if isinstance(error, self.connection.Database.InterfaceError):  # type: ignore[attr-defined]
            return Kind.LOST  # the driver closed the connection at an earlier error
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
        # Asked for here: while a statement runs, no other thread may touch the connection.
        self._thread = self.driver.thread_id()
        seconds = _NO_LIMIT if lock_timeout is None else max(1, round(lock_timeout))
        self.own(
            "SET SESSION lock_wait_timeout = %s, SESSION innodb_lock_wait_timeout = %s",
            (seconds, seconds),
        )
        if self._mariadb:
            self.own("SET SESSION max_statement_time = %s", (statement_timeout or 0,))
        else:
            milliseconds = int((statement_timeout or 0) * 1000)
            self.own("SET SESSION max_execution_time = %s", (milliseconds,))

    def fresh(self) -> None:
        """Connect anew, unless nothing of a file ran on this connection."""
        if self._used:
            self.connection.close()
            self._connect()
            self._used = False

    def _connect(self) -> None:
        """Connect; where connections are limited, once the server has noted the end of the last."""
        deadline = time.monotonic() + _LEAVING
        while True:
            try:
                # Not ensure_connection(), which would wrap the driver's errors in Django's.
                self.connection.connect()
            except self.driver_error as error:
                if _code(error) not in _TOO_MANY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    # -- statements

    def own(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement of the runner's own."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql, params or None)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def run(self, unit: Unit, source: str, progress: Progress) -> None:
        """Run the statements; a signal ends the one that runs on the server too."""
        # Asked for now: another thread must not touch a connection that waits.
        thread = self.driver.thread_id()
        with interrupts.breaking(lambda: self._kill_query(thread)):
            super().run(unit, source, progress)

    def _kill_query(self, thread: int) -> None:
        other = self.connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {thread}")
        finally:
            other.close()

    def execute(self, statement: Statement, source: str) -> None:  # noqa: ARG002
        """Run one statement, and read all results of a CALL."""
        self._used = True
        cursor = self.driver.cursor()
        try:
            cursor.execute(statement.text)
            # A statement that tells no number of rows answers with 0.
            rows = cursor.rowcount
            self.answered = rows if cursor.description or rows else None
            while cursor.nextset():
                pass
        finally:
            cursor.close()

    # -- scripts that are no migrations

    def tally(self) -> Tally | None:
        """Count what MariaDB's storage engines were told to write, also by a function's code.

        Not by table, and without the cascades of InnoDB; an ignored INSERT counts too. MySQL counts
        its internal temporary tables among them, so it tells nothing.
        """
        if not self._mariadb:
            return None
        found = self.own(
            "SHOW SESSION STATUS WHERE Variable_name IN "
            "('Handler_write', 'Handler_update', 'Handler_delete')"
        )
        return Tally(sum(int(row[1]) for row in found), {})

    def state_of(self, tables: Sequence[str]) -> object:
        """Return the checksums of the tables: there are no counters."""
        return self.own(f"CHECKSUM TABLE {', '.join(tables)}")

    def plain_tables(self) -> Sequence[str]:
        """Return the tables of this database whose storage engine knows no transactions."""
        found = self.own(
            "SELECT t.table_name FROM information_schema.tables t "
            "JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_schema = DATABASE() AND e.transactions = 'NO'"
        )
        return [row[0] for row in found]

    def may_last(self) -> bool:
        """Ask for a rollback to this very moment, which warns as the whole one will."""
        try:
            self.own("SAVEPOINT migration_guard_now")
            self.own("ROLLBACK TO SAVEPOINT migration_guard_now")
        except self.driver_error as error:
            if _code(error) == _NO_SAVEPOINTS:
                return True
            raise
        return not self._undone()

    def roll_back_all(self) -> bool:
        """Roll back; tell by the server's warning whether all of it is undone."""
        self.own("ROLLBACK")
        return self._undone()

    def idle_up_to(self, seconds: float) -> None:
        """Set it for this connection, also where the server's own limits are shorter."""
        limits = ["wait_timeout", *(["idle_transaction_timeout"] if self._mariadb else [])]
        for name in limits:
            self.own(f"SET SESSION {name} = {math.ceil(seconds)}")

    def _undone(self) -> bool:
        return all(row[1] != _NOT_UNDONE for row in self.own("SHOW WARNINGS"))

    # -- files that are no single transaction

    def runs_alone(self, unit: Unit) -> bool:
        """Tell whether the statement commits by itself; a transaction would not hold it."""
        return not all(transactional_dml(one.text, self.vendor) for one in unit.statements)

    def unrepeatable(
        self, done: Sequence[Statement], rest: Sequence[Statement]
    ) -> tuple[Statement, str] | None:
        """Find user variables whose values cannot be had again, prepared statements, last ids."""
        return session_state.unrepeatable(done, rest)

    def before_alone(self, sql: str) -> str:
        """Note which connection runs ``sql``, and how the object that it changes is defined."""
        return f"{self.driver.thread_id()} {self._definition(sql)}"

    def mend(self, sql: str, note: str, *, failed: bool) -> Doubt:
        """Compare the definition with the one noted: DDL is atomic, so it is the old or the new.

        Raises OperationalError (a lock wait) while the server still runs what was interrupted: it
        does not notice that the client is gone before the statement ends.
        """
        word = self._first_word(sql)
        if failed and word not in _RUNS_CODE:
            return Doubt.NOT_DONE
        thread, _, before = note.partition(" ")
        if not failed:
            self._refuse_running(thread)
        if word in _HARMLESS or makes_temporary(sql, self.vendor):
            return Doubt.NOT_DONE
        now = self._definition(sql)
        if not now or not before:
            return Doubt.UNKNOWN
        changed = [new != old for new, old in zip(now.split(), before.split(), strict=True)]
        if any(changed) and not all(changed):
            return Doubt.UNKNOWN  # of several objects, one
        return Doubt.DONE if all(changed) else Doubt.NOT_DONE

    def _first_word(self, sql: str) -> str:
        return "".join(words(sql, self.vendor, 1))

    def _refuse_running(self, thread: str) -> None:
        found = self.own(
            # After a restart of the server, the number may be a stranger's.
            "SELECT id FROM information_schema.processlist WHERE id = %s "
            "AND command IN ('Query', 'Killed') AND user = SUBSTRING_INDEX(USER(), '@', 1)",
            (thread or 0,),
        )
        if found and thread != str(self.driver.thread_id()):
            raise self.connection.Database.OperationalError(  # type: ignore[attr-defined]
                _LOCK_TIMEOUT,
                f"connection {thread} still runs the statement that was interrupted: "
                f"wait for its end, or KILL {thread}",
            )

    def _definition(self, sql: str) -> str:
        """Return a digest of each object's definition, or ``absent``; nothing if unknown."""
        found = [self._defined(kind, name) for kind, name in targets(sql)]
        return " ".join(found) if all(found) else ""

    def _defined(self, kind: str, name: str) -> str:
        try:
            rows = self.own(f"SHOW CREATE {kind} {name}")
        except self.driver_error as error:
            if self.kind(error) in (Kind.LOST, Kind.LOCKED):
                raise
            return "absent" if _code(error) in _ABSENT else ""
        return hashlib.sha256(_COUNTER.sub("", repr(rows)).encode()).hexdigest()

    # -- locks

    def run_lock(self) -> RunLock:
        """Return the named lock of this database."""
        with self.failing():
            return NamedLock(self)

    def blockers(self) -> str:
        """Describe the open transactions of other sessions (needs the PROCESS privilege)."""
        other = MySQLSession(self.connection.copy())
        try:
            other.connection.connect()
            found = other.own(
                "SELECT t.trx_mysql_thread_id, p.user, p.host, t.trx_started, p.info "
                "FROM information_schema.innodb_trx t "
                "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
                "WHERE t.trx_mysql_thread_id <> %s",
                (self._thread,),
            )
        finally:
            other.connection.close()
        return "\n".join(
            f"connection {thread} ({user}@{host}), in its transaction since {since}: "
            + shorten(mask_secrets(query or "", self.vendor), 200)
            for thread, user, host, since, query in found
        )


def _code(error: Exception) -> int:
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0
