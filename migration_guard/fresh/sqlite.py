"""Throwaway SQLite databases: a file in a temporary folder.

The folder is owned through SQLite's own lock on an empty file beside it, which goes with the
process.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Host, is_throwaway

_LOCK_SUFFIX = ".lock"


class SQLiteHost(Host):
    """The folder for temporary files."""

    def __init__(self, _alias: str) -> None:
        self._folder = Path(tempfile.gettempdir())
        self._owned: sqlite3.Connection | None = None

    def create(self, name: str, template: str = "") -> str:  # noqa: ARG002 - has no templates
        """Make the folder; the file comes with the first connection."""
        try:
            # The lock comes first: a folder without one is a leftover.
            self._owned = _locked(self._lock_of(name))
            self._path(name).mkdir(mode=0o700)
        except (OSError, sqlite3.Error) as error:
            raise CannotTell(
                f"No temporary folder could be made in {self._folder}: {error}.",
                "Set TMPDIR to a folder that you may write to, with space for the database.",
            ) from error
        return str(self._path(name) / "db.sqlite3")

    def drop(self, name: str) -> None:
        """Delete the folder and the file beside it."""
        self.close()
        self._delete(name)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Delete the folders of that name whose lock nobody holds."""
        swept = []
        for folder in sorted(self._folder.glob(f"{PREFIX}*")):
            kept = any(path.startswith(f"{folder}/") for path in keep)
            if kept or not is_throwaway(folder.name) or not folder.is_dir():
                continue
            try:
                with closing(_locked(self._lock_of(folder.name))):
                    pass
            except sqlite3.Error:  # its owner lives, or is another user
                continue
            self._delete(folder.name)
            swept.append(folder.name)
        return swept

    def close(self) -> None:
        """Give up the folder."""
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    def _delete(self, name: str) -> None:
        shutil.rmtree(self._path(name), ignore_errors=True)
        self._lock_of(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _lock_of(self, name: str) -> Path:
        return self._folder / f"{name}{_LOCK_SUFFIX}"


def _locked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
