"""Throwaway folders for temporary files, each owned by a process.

SQLite's lock on an empty file beside the folder marks it as owned; the lock ends with the process.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, is_throwaway

_LOCK_SUFFIX: Final = ".lock"


class ThrowawayFolders:
    """Makes throwaway folders where the system keeps temporary files; owns one at a time."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir())
        self._lock: sqlite3.Connection | None = None

    def create(self, name: str) -> Path:
        """Make a folder that only this user can open. Raises CannotTell."""
        try:
            # The lock comes first, since a folder without a lock is a leftover.
            self._lock = _lock(self._lock_path(name))
            self.path(name).mkdir(mode=0o700)
        except (OSError, sqlite3.Error) as error:
            raise CannotTell(
                f"No temporary folder could be made in {self._folder}: {error}.",
                "Set TMPDIR to a folder that you may write to, with space for the database.",
            ) from error
        return self.path(name)

    def drop(self, name: str) -> None:
        """Delete a folder and its lock file."""
        self.close()
        self._delete(name)

    def sweep(self, keep: Collection[str] = ()) -> list[str]:
        """Delete the folders whose lock nobody holds, except those with files to ``keep``."""
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

    def path(self, name: str) -> Path:
        """Return where the folder is, or would be."""
        return self._folder / name

    def _delete(self, name: str) -> None:
        shutil.rmtree(self.path(name), ignore_errors=True)
        self._lock_path(name).unlink(missing_ok=True)

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
