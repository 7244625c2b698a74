"""The run lock of MySQL and MariaDB. Source: MariaDB knowledge base, "GET_LOCK"."""

import hashlib
from contextlib import suppress
from typing import Final

from migration_guard.running.locks import Holder, RunLock
from migration_guard.running.mysql.connection import MySQLConnection
from migration_guard.sql.classify import show_statement
from migration_guard.sql.excerpt import shorten

# In seconds, the most that wait_timeout takes: a connection that owns something idles meanwhile.
YEAR: Final = 31_536_000


class NamedLock(RunLock):
    """GET_LOCK on a connection of its own; it goes with the connection."""

    def __init__(self, connection: MySQLConnection) -> None:
        self._waiting = connection
        self._connection = _connect(connection)
        self._connection.send(f"SET SESSION wait_timeout = {YEAR}")
        database = self._connection.facts().database
        # The name is global to the server, and at most 64 characters long.
        digest = hashlib.sha256(database.encode()).hexdigest()
        self._name = f"migration_guard {digest[:40]}"

    def try_acquire(self) -> bool:
        """Take the lock if it is free; else save the session that waits from wait_timeout."""
        with self._connection.failing():
            is_taken = bool(self._connection.fetch("SELECT GET_LOCK(%s, 0)", (self._name,))[0][0])
            if not is_taken:
                self._waiting.send("SELECT 1")
        return is_taken

    def holder(self) -> Holder:
        """Describe the connection that holds it, and how to end it."""
        # Without the PROCESS privilege the list lacks the connections of other users.
        thread, user, host, time = self._connection.fetch(
            "SELECT l.id, p.user, p.host, p.time FROM (SELECT IS_USED_LOCK(%s) AS id) l "
            "LEFT JOIN information_schema.processlist p ON p.id = l.id",
            (self._name,),
        )[0]
        if thread is None:  # it was given back meanwhile
            return Holder()
        about = f" ({user}@{host}), idle for {time} s" if user else ""
        return Holder(f"connection {thread}{about}", f"KILL {thread};")

    def is_held(self) -> bool:
        """Return whether the connection, and with it the lock, is still there."""
        try:
            sql = "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"
            return bool(self._connection.fetch(sql, (self._name,))[0][0])
        except self._connection.driver_error:
            return False

    def release(self) -> None:
        """Give it back at once: the server may notice the end of its connection late."""
        with suppress(self._connection.driver_error):
            self._connection.send("SELECT RELEASE_LOCK(%s)", (self._name,))
        self._connection.wrapper.close()

    def blockers(self) -> str:
        """Describe the open transactions of other sessions (needs the PROCESS privilege)."""
        # Not on the lock's own connection, which the run may use at the same time.
        other = _connect(self._waiting)
        try:
            transactions = other.fetch(
                "SELECT t.trx_mysql_thread_id, p.user, p.host, t.trx_started, p.info "
                "FROM information_schema.innodb_trx t "
                "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
                "WHERE t.trx_mysql_thread_id <> %s",
                (self._waiting.thread,),
            )
        finally:
            other.wrapper.close()
        return "\n".join(
            f"connection {thread} ({user}@{host}), in its transaction since {since}: "
            + shorten(show_statement(query or "", other.vendor), 200)
            + f"\n    To end it: KILL {thread};"
            for thread, user, host, since, query in transactions
        )


def _connect(connection: MySQLConnection) -> MySQLConnection:
    """Open another connection; a network that is cut cannot let it hang."""
    wrapper = connection.copy_wrapper()
    # Not ensure_connection(), which would wrap the driver's errors in Django's.
    wrapper.connect()
    return MySQLConnection(wrapper)
