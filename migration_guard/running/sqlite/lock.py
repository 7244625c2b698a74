"""SQLite's run lock. Source: sqlite.org, "File Locking And Concurrency"."""

import sqlite3
from contextlib import closing, suppress
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.locks import Holder, RunLock
from migration_guard.running.sqlite.connection import SQLiteConnection

LOCK_SUFFIX: Final = "-guard-lock"
_WRITER: Final = Holder("Another process is writing to the file", is_run=False)


class FileLock(RunLock):
    """BEGIN EXCLUSIVE on an empty database beside the file; it goes with the process.

    SQLite's own lock, on the whole file, is what the migrations need themselves. The empty file is
    never deleted: a process that waits for it would wait for a file that is gone.
    """

    def __init__(self, connection: SQLiteConnection) -> None:
        self._waiting = connection
        path = connection.fetch("PRAGMA database_list")[0][2]
        # A database in memory has no path, and no other process.
        self._file = (
            sqlite3.connect(f"{path}{LOCK_SUFFIX}", timeout=0, isolation_level=None)
            if path
            else None
        )

    @staticmethod
    def find_barrier(wrapper: BaseDatabaseWrapper) -> Holder | None:
        """Return the writer whose lock Django's first statements would run into.

        These are its query for compile options, which waits for writers on SQLite 3.53 (3.40 does
        not), and ``init_command``. Django leaves the connection open that fails so.
        """
        if wrapper.is_in_memory_db():  # type: ignore[attr-defined]
            return None
        # Any other error is left to Django, so that it is reported in one place.
        with suppress(sqlite3.Error, TypeError, ImproperlyConfigured):
            options = {**wrapper.get_connection_params(), "timeout": 0}
            with closing(sqlite3.connect(**options)) as connection:
                try:
                    for sql in ("PRAGMA schema_version", *wrapper.init_commands):  # type: ignore[attr-defined]
                        connection.execute(sql)
                except sqlite3.OperationalError as error:
                    return _WRITER if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY else None
        return None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, and nobody else is writing."""
        try:
            with self._waiting.failing():
                if self._file is not None and not self._file.in_transaction:
                    self._file.execute("BEGIN EXCLUSIVE")
                self._wait_for_writers()
        except StatementError as error:
            if error.kind is not Kind.LOCKED:
                raise
            return False
        self._waiting.be_patient()
        return True

    def _wait_for_writers(self) -> None:
        """Fail while another program writes to the file."""
        self._waiting.send("PRAGMA busy_timeout = 0")
        self._waiting.send("BEGIN IMMEDIATE")
        self._waiting.send("ROLLBACK")

    def holder(self) -> Holder:
        """Describe what is in the way; SQLite does not know who."""
        if self._file is None or self._file.in_transaction:
            return _WRITER
        return Holder(f"another process holds {LOCK_SUFFIX}, the lock beside the file")

    def is_held(self) -> bool:
        """Return True: only its own process can end it."""
        return True

    def release(self) -> None:
        """Close the file beside the database."""
        if self._file is not None:
            self._file.close()

    def blockers(self) -> str:
        """Return nothing: SQLite does not know who writes."""
        return ""
