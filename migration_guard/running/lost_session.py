"""A session whose connection was lost, as the server still has it, and ways around it."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from django.db import DatabaseError

from migration_guard.running.connection import Connection
from migration_guard.running.errors import StatementError

# How long it may take to end what it was sent, in seconds.
_PATIENCE: Final = 5.0
_POLL: Final = 0.1


def openings(connection: Connection) -> Sequence[AbstractContextManager[Connection]]:
    """Return ways to a connection: the one of this run may be lost."""
    return nullcontext(connection), connection.another()


def errors_of_reaching(connection: Connection) -> tuple[type[Exception], ...]:
    """Return what an attempt raises where the database gives no answer."""
    return StatementError, DatabaseError, connection.driver_error


def await_end(connection: Connection, other: Connection) -> bool:
    """Wait until the server is done with the lost session; return False if it keeps it for long."""
    deadline = time.monotonic() + _PATIENCE
    while connection.is_served(other):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
