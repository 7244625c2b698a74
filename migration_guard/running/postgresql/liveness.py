"""How both ends of a direct connection notice within a minute that the other host is gone.

Keepalives find the host of an idle session, tcp_user_timeout that of one which was sent an answer;
within a statement the server looks only because of client_connection_check_interval. Sources:
PostgreSQL manual, "TCP Settings", "Database Connection Control Functions", "pg_settings".
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from migration_guard.history import Rows
from migration_guard.running.liveness import IDLE, INTERVAL, PROBES, UNANSWERED, bound_socket

# How long an answer may take that is ready at once, in seconds.
PATIENCE: Final = 30.0
LOOK_FOR_CLIENT: Final = "2s"
_LIMITS: Final = {
    "tcp_keepalives_idle": str(IDLE),
    "tcp_keepalives_interval": str(INTERVAL),
    "tcp_keepalives_count": str(PROBES),
    "tcp_user_timeout": f"{UNANSWERED}s",
    "client_connection_check_interval": LOOK_FOR_CLIENT,
}
# Somebody chose the value for this user, database or client; the server's own files do not count.
_CHOSEN: Final = "'global', 'database', 'user', 'database user', 'client'"
_SET: Final = (
    "SELECT name, set_config(name, limits.value, false) FROM pg_catalog.pg_settings "
    "JOIN unnest(%s::text[], %s::text[]) AS limits (name, value) USING (name) "
    f"WHERE source NOT IN ({_CHOSEN}, 'session')"
)
# For a transaction behind a pooler: what is set for the session would reach the next client. After
# RESET ALL the server calls the source of an earlier SET LOCAL "session".
IDLENESS: Final = "idle_in_transaction_session_timeout"
BOUND_TRANSACTION: Final = (
    f"SELECT set_config(name, '{UNANSWERED}s', true) FROM pg_catalog.pg_settings "
    f"WHERE name = '{IDLENESS}' AND setting = '0' AND source NOT IN ({_CHOSEN})"
)
Fetch = Callable[..., Rows]


class NoAnswerError(psycopg.OperationalError):
    """The other end gave no answer in time, and was hung up on."""


def bound_session(fetch: Fetch) -> tuple[tuple[str, str], ...]:
    """Set the server's limits for this session; return those that were set, as (name, value).

    Those that the server does not know, that it refuses, or that somebody chose, are left out.
    """
    try:
        return _set(fetch, *_LIMITS)
    except psycopg.Error:
        return tuple(pair for name in _LIMITS for pair in _set_or_skip(fetch, name))


def _set_or_skip(fetch: Fetch, name: str) -> tuple[tuple[str, str], ...]:
    with suppress(psycopg.Error):
        return _set(fetch, name)
    return ()


def _set(fetch: Fetch, *names: str) -> tuple[tuple[str, str], ...]:
    values = [_LIMITS[name] for name in names]
    return tuple((name, _LIMITS[name]) for name, _ in fetch(_SET, ([*names], values)))


def bound_client(driver: psycopg.Connection[Any]) -> None:
    """Set the client's limits, but for those that OPTIONS or a service file states."""
    chosen = {option.keyword.decode(): option.val for option in driver.pgconn.info if option.val}
    if chosen.get("keepalives") == b"0":
        chosen |= dict.fromkeys(("keepalives_idle", "keepalives_interval", "keepalives_count"), b"")
    bound_socket(driver.fileno(), chosen)


def bound_connection(driver: psycopg.Connection[Any]) -> None:
    """Set the limits of both ends; of the client alone behind a pooler."""

    def fetch(sql: str, params: Sequence[Any] = ()) -> Rows:
        return psycopg.ClientCursor(driver).execute(sql, params).fetchall()

    bound_client(driver)
    if fetch("SELECT pg_catalog.pg_backend_pid()") == [(driver.info.backend_pid,)]:
        bound_session(fetch)


@contextmanager
def answering(driver: psycopg.Connection[Any], seconds: float | None = None) -> Iterator[None]:
    """Hang up if what is asked in the block has no answer in time; raise NoAnswerError.

    The server's own time-outs do not help: what waits in a network or a pooler never reached it.
    """
    seconds = PATIENCE if seconds is None else seconds
    hung_up = threading.Event()

    def hang_up() -> None:
        hung_up.set()
        with (
            suppress(psycopg.Error, OSError),  # it has ended by itself just now
            socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.OperationalError as error:
        if not hung_up.is_set():
            raise
        raise NoAnswerError(f"no answer for {seconds:g} s, so the runner hung up") from error
    finally:
        timer.cancel()
