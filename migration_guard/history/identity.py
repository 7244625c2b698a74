"""Who writes: the person or job that runs this process, and the database user."""

import getpass
import socket
from typing import NamedTuple


class Identity(NamedTuple):
    """Who writes: the person or job, and the database user."""

    who: str
    database_user: str


def who() -> str:
    """Return the person or job that runs this process, as ``user@host``."""
    return f"{system_user()}@{socket.gethostname()}"[:200]


def system_user() -> str:
    """Return the user of the operating system, or ``unknown`` in a container without users."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
