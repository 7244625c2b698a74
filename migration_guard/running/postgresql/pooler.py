"""Finding out whether a pooler stands between the runner and PostgreSQL, and in which mode.

A pooler has no query for it, but two signs: the process id that it gives a client is not that of
the server's process, and in transaction mode the server's process changes under an idle
client. Source: PgBouncer manual, "Features" and "Configuration".
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, Final

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.running.postgresql.liveness import NoAnswerError, answering
from migration_guard.running.requirements import DIRECTLY

# How long a pooler may take to find a free server connection, in seconds.
PATIENCE: Final = 30.0
_TWO: Final = (
    "See that the server behind the pooler runs. The run lock has a connection of its own, so the "
    "runner needs two at once: raise the pool's size to 2 or more, or wait until others give "
    f"theirs back. {DIRECTLY}"
)
# What a pooler says in the place of the server, and what to do about it.
_REMEDIES: Final = {
    "query_wait_timeout": _TWO,
    "client_login_timeout": _TWO,
    "no more connections allowed": _TWO,
    "max_client_conn": _TWO,
    "max_user_connections": _TWO,
    "no such database": "The pooler does not know this database: add it to [databases] in "
    "pgbouncer.ini, or correct NAME in DATABASES.",
    "statement pooling mode": f"A pool in statement mode knows no transactions. {DIRECTLY}",
    "unsupported startup parameter": "The pooler does not pass this on: set it with ALTER ROLE … "
    f"SET or ALTER DATABASE … SET, and take it out of OPTIONS in DATABASES. {DIRECTLY}",
}
# The settings that PgBouncer keeps for each client, wherever it goes.
KEPT: Final = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "standard_conforming_strings",
    "TimeZone",
}
_OPTION: Final = re.compile(r"(?:-c\s*|--)([\w.-]+)=")


class Pooling(Enum):
    """How long a client keeps a process of the server."""

    DIRECT = auto()
    SESSION = auto()
    TRANSACTION = auto()


def in_transaction_mode(own: Collection[int], other: int) -> bool:
    """Return whether several processes serve one client, or two clients share one.

    ``own`` are the server's processes that answered us, ``other`` answered another connection.
    """
    return len(own) > 1 or other in own


def remedy(message: str) -> str:
    """Return what to do about a message of the pooler's own, or an empty string."""
    return next((hint for text, hint in _REMEDIES.items() if text in message), "")


def refuse_lost_options(connection: BaseDatabaseWrapper, settings: Collection[str]) -> None:
    """Raise CannotTell where the pooler ignored what OPTIONS asks of the server at the start.

    ``settings`` are those that the client or the session made.
    """
    options = _OPTION.findall(connection.settings_dict["OPTIONS"].get("options", ""))
    names = [name.replace("-", "_").lower() for name in options]
    # A setting with a dot is an extension's, or nobody's, and not listed.
    lost = {name for name in names if "." not in name} - {name.lower() for name in settings}
    if lost:
        raise CannotTell(
            "The pooler ignored what OPTIONS in DATABASES sets at the start: "
            f"{', '.join(sorted(lost))}.",
            "Set it with ALTER ROLE … SET or ALTER DATABASE … SET, and take it out of OPTIONS. "
            + DIRECTLY,
        )


def refuse_lost_settings(settings: Collection[tuple[str, str]], role: str) -> None:
    """Raise CannotTell where the session's state says where migrations go, and will not last."""
    kept = {name: value for name, value in settings if name == "search_path"}
    if role != "none":
        kept["role"] = role
    if kept:
        listed = ", ".join(f"{name} = {value}" for name, value in kept.items())
        raise CannotTell(
            f"The session was given {listed}, and the connection goes through a pooler in "
            "transaction mode, where this does not last and reaches other clients.",
            f"Set it with ALTER ROLE … SET or ALTER DATABASE … SET instead. {DIRECTLY}",
        )


@contextmanager
def patience(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Hang up if the pooler finds no server connection in time; raise CannotTell."""
    try:
        with answering(connection, PATIENCE):
            yield
    except NoAnswerError as error:
        raise CannotTell(
            f"The pooler gave the runner no server connection for {PATIENCE:g} s.", _TWO
        ) from error
