"""Throwaway SQLite databases: files in a temporary folder.

Each has a folder of its own. SQLite's lock on an empty file beside the folder marks it as owned;
the lock ends with the process.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Host, Missing, is_throwaway

_LOCK_SUFFIX: Final = ".lock"
# How the messages begin of errors that a missing row can cause.
_ROW_ERRORS: Final = ("FOREIGN KEY", "NOT NULL", "CHECK")


class SQLiteHost(Host):
    """The folder for temporary files."""

    def __init__(self, _alias: str) -> None:
        self._folder = Path(tempfile.gettempdir())
        self._lock: sqlite3.Connection | None = None

    def create(self, name: str, template: str = "") -> str:  # noqa: ARG002 - has no templates
        """Make a folder. The first connection makes the database file."""
        try:
            # The lock comes first, since a folder without a lock is a leftover.
            self._lock = _lock(self._lock_path(name))
            self._path(name).mkdir(mode=0o700)
        except (OSError, sqlite3.Error) as error:
            raise CannotTell(
                f"No temporary folder could be made in {self._folder}: {error}.",
                "Set TMPDIR to a folder that you may write to, with space for the database.",
            ) from error
        return str(self._path(name) / "db.sqlite3")

    def drop(self, name: str) -> None:
        """Delete the folder and the lock file."""
        self.close()
        self._delete(name)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Delete the throwaway folders whose lock nobody holds."""
        swept = []
        for folder in sorted(self._folder.glob(f"{PREFIX}*")):
            is_kept = any(path.startswith(f"{folder}/") for path in keep)
            if is_kept or not is_throwaway(folder.name) or not folder.is_dir():
                continue
            try:
                with closing(_lock(self._lock_path(folder.name))):
                    pass
            except sqlite3.Error:  # its owner lives, or is another user
                continue
            self._delete(folder.name)
            swept.append(folder.name)
        return swept

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def database_of(self, connection: BaseDatabaseWrapper) -> str:
        """Return the file of the settings, which is the one that SQLite opens."""
        return str(connection.settings_dict["NAME"])

    def missing(self, error: BaseException) -> Missing | None:
        """Return ROWS for errors of constraints."""
        is_about_rows = isinstance(error, sqlite3.IntegrityError)
        return Missing.ROWS if is_about_rows and str(error).startswith(_ROW_ERRORS) else None

    def _delete(self, name: str) -> None:
        shutil.rmtree(self._path(name), ignore_errors=True)
        self._lock_path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _lock_path(self, name: str) -> Path:
        return self._folder / f"{name}{_LOCK_SUFFIX}"


def _lock(path: Path) -> sqlite3.Connection:
    """Return a connection that holds the lock on a file. Raises sqlite3.Error if another does."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
