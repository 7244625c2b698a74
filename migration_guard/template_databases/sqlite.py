"""Templates of SQLite databases: files in the user's cache folder, which only the user can open.

A file gets its name when it is finished: the key, and its length, by which a file that lost its end
is known. Its time is when its first step ran.
"""

import os
import shlex
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.template_databases.shelf import (
    LONGEST_AGE,
    Obstacle,
    Shelf,
    Template,
    TestDatabase,
    replaced,
)

_SUFFIX: Final = ".sqlite3"
_UNFINISHED: Final = ".unfinished"
# Seconds that a run waits for another one that builds.
_PATIENCE: Final = 300


class SQLiteShelf(Shelf):
    """The folder of the user who runs the tests."""

    most_bytes = 256 << 20

    def __init__(self, _alias: str) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self._folder = Path(cache) / "migration_guard" / "templates"

    def refuse(self, *, any_place: bool) -> None:  # noqa: ARG002 - a file is always here
        """Make the folder; raise Obstacle if others may write there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            folder = shlex.quote(str(self._folder))
            raise Obstacle(f"other users may open the folder of templates (chmod 700 {folder})")

    def likeness(self) -> str:
        """Return what SQLite is like here."""
        with closing(sqlite3.connect(":memory:")) as connection:
            options = connection.execute("PRAGMA compile_options").fetchall()
        return repr((sqlite3.sqlite_version, options))

    def now(self) -> float:
        """Return the time of this machine."""
        return time.time()

    def read_all(self, *, sized: bool = True) -> list[Template]:  # noqa: ARG002 - costs nothing
        """Return the finished files."""
        files = (path for path in self._folder.iterdir() if path.suffix == _SUFFIX)
        statuses = ((path, path.stat()) for path in files)
        return [
            Template(str(path), path.stem.partition("-")[0], status.st_mtime, status.st_size)
            for path, status in statuses
            if path.stem.endswith(f"-{status.st_size}")
        ]

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:  # noqa: ARG002 - one lock for all
        """Hold the lock of the folder."""
        path = self._folder / "lock"
        with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            yield

    @contextmanager
    def creating(self, creation: Any, template: Template | None) -> Iterator[TestDatabase]:
        """Copy the template's pages into the test database as soon as that is made, if empty."""
        database = TestDatabase()
        plain = creation._create_test_db  # noqa: SLF001

        def create(*args: Any, **kwargs: Any) -> str:
            name: str = plain(*args, **kwargs)
            # In memory it lives as long as a connection to it.
            target = sqlite3.connect(name, uri=True)
            stack.callback(target.close)
            database.is_new = not target.execute("SELECT 1 FROM sqlite_master").fetchall()
            if database.is_new and template is not None:
                database.is_copy = _copy(template.name, target)
            return name

        with ExitStack() as stack, replaced(creation, "_create_test_db", create):
            yield database

    def keep(self, connection: BaseDatabaseWrapper, keys: Sequence[str], born: float) -> None:
        """Copy the database into a file, which gets its name at the end."""
        connection.ensure_connection()
        source = connection.connection
        pages = source.execute("PRAGMA page_count").fetchone()[0]
        size = pages * source.execute("PRAGMA page_size").fetchone()[0]
        self.sweep()
        if not self.make_room(size):
            return
        unfinished = self._folder / f"{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(unfinished)) as target:
                source.backup(target)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
                length = os.fstat(file.fileno()).st_size
            os.utime(unfinished, (born, born))
            unfinished.replace(self._folder / f"{keys[-1]}-{length}{_SUFFIX}")
        finally:
            unfinished.unlink(missing_ok=True)

    def drop(self, template: Template) -> bool:
        """Delete the file; whoever copies it has it open."""
        Path(template.name).unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def sweep(self) -> list[str]:
        """Delete what killed runs have left unfinished, and what is no longer whole."""
        oldest = time.time() - LONGEST_AGE
        unfinished = self._folder.glob(f"*{_UNFINISHED}")
        left = {str(path) for path in unfinished if path.stat().st_mtime < oldest}
        left |= {str(path) for path in self._folder.glob(f"*{_SUFFIX}")} - {
            template.name for template in self.read_all()
        }
        for name in left:
            Path(name).unlink(missing_ok=True)
        return sorted(left)


def _copy(template: str, target: sqlite3.Connection) -> bool:
    """Return whether a database became a copy; an interrupted one is rolled back."""
    try:
        with closing(sqlite3.connect(f"{Path(template).as_uri()}?mode=ro", uri=True)) as source:
            source.backup(target)
    except sqlite3.Error:
        return False
    return True
