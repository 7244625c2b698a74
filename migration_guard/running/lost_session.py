"""A session whose connection was lost, as the server still has it."""

import time
from typing import Final

from migration_guard.running.connection import Connection

# How long it may take to end what it was sent, in seconds.
_PATIENCE: Final = 5.0
_POLL: Final = 0.1


def await_end(connection: Connection, other: Connection) -> bool:
    """Wait until the server is done with the lost session; return False if it keeps it for long."""
    deadline = time.monotonic() + _PATIENCE
    while connection.is_served(other):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
