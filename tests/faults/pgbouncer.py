"""A PgBouncer on loopback before the test server, gone at the end."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers import (
    START_TIMEOUT,
    find_program,
    free_port,
    on_sudden_death,
    temporary_directory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Database


def missing() -> str | None:
    """Say why there is no PgBouncer here, or `None` if there is one."""
    if find_program("pgbouncer"):
        return None
    return "no pgbouncer on this machine (Debian: apt-get install pgbouncer)"


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that runs."""

    port: int
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running(
    database: Database, server_port: int | None = None, **settings: object
) -> Iterator[Pooler]:
    """Start it with these settings of its section `[pgbouncer]`."""
    # Not Django's port: there may be a pooler before the server already.
    server_port = server_port or int(database.execute("SHOW port")[0][0])
    with temporary_directory("pgbouncer-") as folder:
        port = free_port()
        file = _configure(folder, database, server_port, {"listen_port": port, **settings})
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(find_program("pgbouncer")), *_as_somebody(), str(file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with on_sudden_death(f"kill -KILL {process.pid}", folder):
            try:
                _wait(process, port, folder / "log")
                yield Pooler(port, process)
            finally:
                process.terminate()
                process.wait(START_TIMEOUT)


def _configure(
    folder: Path, database: Database, server_port: int, settings: dict[str, object]
) -> Path:
    server = database.settings
    lines = {
        "listen_addr": "127.0.0.1",
        "unix_socket_dir": "",
        # The clients are let in; the server is told the password of this file.
        "auth_type": "trust",
        "auth_file": folder / "users",
        **settings,
    }
    (folder / "users").write_text(f'"{server["USER"]}" "{server["PASSWORD"]}"\n')
    file = folder / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={server['HOST']} port={server_port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    folder.chmod(0o755)
    return file


def _as_somebody() -> list[str]:
    """PgBouncer refuses to run as root."""
    return ["-u", "nobody"] if os.geteuid() == 0 else []


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"pgbouncer does not answer. Its log:\n{log.read_text(errors='replace')}")
