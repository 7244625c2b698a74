"""The run lock of MySQL and MariaDB. Source: MariaDB knowledge base, "GET_LOCK"."""

import hashlib
from contextlib import suppress

from migration_guard.running.session import RunLock, Session

# In seconds, the most that wait_timeout takes: a connection that owns something idles meanwhile.
YEAR = 31_536_000


class NamedLock(RunLock):
    """GET_LOCK on a connection of its own; it goes with the connection."""

    def __init__(self, session: Session) -> None:
        self._waits = session
        self._connection = session.connection.copy()
        self._connection.connect()
        self._session = type(session)(self._connection)
        self._session.own(f"SET SESSION wait_timeout = {YEAR}")
        database = self._session.facts().database
        # The name is global to the server, and at most 64 characters long.
        digest = hashlib.sha256(database.encode()).hexdigest()
        self._name = f"migration_guard {digest[:40]}"

    def try_acquire(self) -> bool:
        """Take the lock if it is free; else save the session that waits from wait_timeout."""
        with self._session.failing():
            taken = bool(self._session.own("SELECT GET_LOCK(%s, 0)", (self._name,))[0][0])
            if not taken:
                self._waits.own("SELECT 1")
        return taken

    def holder(self) -> str:
        """Describe the connection that holds it."""
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
        """Tell whether the connection, and with it the lock, is still there."""
        try:
            sql = "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"
            return bool(self._session.own(sql, (self._name,))[0][0])
        except self._session.driver_error:
            return False

    def release(self) -> None:
        """Give it back at once: the server notices the end of its connection when it gets to it."""
        with suppress(self._session.driver_error):
            self._session.own("SELECT RELEASE_LOCK(%s)", (self._name,))
        self._connection.close()
