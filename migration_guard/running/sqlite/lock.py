"""SQLite's run lock. Source: sqlite.org, "File Locking And Concurrency"."""

import sqlite3

from migration_guard.running.session import Kind, RunLock, Session, StatementError

LOCK_SUFFIX = "-guard-lock"


class FileLock(RunLock):
    """BEGIN EXCLUSIVE on an empty database beside the file; it goes with the process.

    SQLite's own lock, on the whole file, is what the migrations need themselves. The empty file is
    never deleted: whoever waits for it would wait for a file that is no more.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        path = session.own("PRAGMA database_list")[0][2]
        # A database in memory has no path, and no other process.
        self._connection = (
            sqlite3.connect(f"{path}{LOCK_SUFFIX}", timeout=0, isolation_level=None)
            if path
            else None
        )

    def try_acquire(self) -> bool:
        """Take the lock if it is free, and nobody else is writing."""
        try:
            with self._session.failing():
                if self._connection is not None and not self._connection.in_transaction:
                    self._connection.execute("BEGIN EXCLUSIVE")
                self._wait_for_writers()
        except StatementError as error:
            if error.kind is not Kind.LOCKED:
                raise
            return False
        self._session.be_patient()
        return True

    def _wait_for_writers(self) -> None:
        """See that no other program writes to the file."""
        self._session.own("PRAGMA busy_timeout = 0")
        self._session.own("BEGIN IMMEDIATE")
        self._session.own("ROLLBACK")

    def holder(self) -> str:
        """Tell what is in the way; SQLite does not know who."""
        if self._connection is None or self._connection.in_transaction:
            return "another process is writing to the file"
        return f"another process holds {LOCK_SUFFIX}, the lock beside the file"

    def held(self) -> bool:
        """Tell that it is held: only its own process can end it."""
        return True

    def release(self) -> None:
        """Close the file beside the database."""
        if self._connection is not None:
            self._connection.close()
