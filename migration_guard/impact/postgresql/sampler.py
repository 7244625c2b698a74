"""Looking at a statement that commits by itself, from another connection, while it runs.

Not from the run lock's: its transaction stays open, and CREATE INDEX CONCURRENTLY would wait for it
if it looked while a query there has a snapshot. In a throwaway database this is of use: there the
statement waits for the first look. Source: PostgreSQL manual, "Building Indexes Concurrently".
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.db import DatabaseError
from psycopg.pq import TransactionStatus

from migration_guard.impact.postgresql import queries
from migration_guard.impact.postgresql.queries import Look, Start
from migration_guard.running.postgresql.connection import PostgreSQLConnection

# In seconds: without a pause at first, since most statements are short.
_EAGER: Final = 0.1
_PAUSE: Final = 0.05
# How long a statement is awaited that holds a lock and reads nothing, or holds none.
_ENOUGH: Final = 0.5
_PATIENCE: Final = 5.0
_RELATIONS: Final = queries.begin(queries.UNKNOWN)


@dataclass
class Samples:
    """What was seen of a statement; ``unknown`` says why it was not looked at to its end."""

    before: Start | None = None
    looks: list[Look] = field(default_factory=list)
    after: Start | None = None
    unknown: str = ""


@contextmanager
def sample(connection: PostgreSQLConnection, *, may_delay: bool) -> Iterator[Samples]:
    """Look at the locks of the connection again and again while the block runs.

    With ``may_delay``, a statement that waits for snapshots waits until it was seen, unless a
    time-out would end it.
    """
    samples, pid = Samples(), connection.pid
    is_awaited = may_delay and _waits_without_limit(connection)
    with ExitStack() as stack:
        try:
            driver = stack.enter_context(connection.another()).driver
            driver.execute("SET statement_timeout = '10s'")  # so that the run is not kept waiting
            if is_awaited:
                driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            samples.before = queries.read_start(_fetch(driver, _RELATIONS))
        except (psycopg.Error, DatabaseError) as error:
            samples.unknown = f"no second connection could look: {str(error).strip()}"
        else:
            _look_once(driver, pid, samples)  # the server plans the query now
            stop = threading.Event()
            thread = threading.Thread(
                target=_look,
                args=(driver, pid, samples, stop),
                name="migration_guard trace",
                daemon=True,
            )
            thread.start()
            stack.callback(_end, driver, samples, stop, thread)
        yield samples


def _waits_without_limit(connection: PostgreSQLConnection) -> bool:
    with suppress(psycopg.Error):
        limits = connection.fetch(
            "SELECT pg_catalog.current_setting('lock_timeout'), "
            "pg_catalog.current_setting('statement_timeout')"
        )
        return limits == [("0", "0")]
    return False


def _look(driver: Any, pid: int, samples: Samples, stop: threading.Event) -> None:
    began = time.monotonic()
    pause = 0.0
    while not samples.unknown and not stop.wait(pause):
        is_awaited = driver.info.transaction_status != TransactionStatus.IDLE
        if is_awaited:  # within a transaction the server reads activities once
            _clear_snapshot(driver)
        _look_once(driver, pid, samples)
        elapsed = time.monotonic() - began
        if is_awaited and _has_seen(samples, elapsed):
            _let_go(driver)
        is_eager = is_awaited or elapsed < _EAGER
        pause = 0.0 if is_eager else max(_PAUSE, elapsed / 100)  # of a long one, not all is kept
    _let_go(driver)


def _has_seen(samples: Samples, elapsed: float) -> bool:
    locks = [lock for look in samples.looks for lock in look.relations]
    return any(lock.scans for lock in locks) or elapsed > (_ENOUGH if locks else _PATIENCE)


def _clear_snapshot(driver: Any) -> None:
    with suppress(psycopg.Error):  # which the look behind it meets too
        driver.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")


def _let_go(driver: Any) -> None:
    """End the transaction whose snapshot a statement waits for."""
    with suppress(psycopg.Error):
        driver.rollback()


def _end(driver: Any, samples: Samples, stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    thread.join()
    try:
        samples.after = queries.read_start(_fetch(driver, _RELATIONS))
    except psycopg.Error as error:
        samples.unknown = samples.unknown or _explain(error)


def _look_once(driver: Any, pid: int, samples: Samples) -> None:
    try:
        look = queries.read_look(_fetch(driver, queries.look_at(pid)))
    except psycopg.Error as error:
        samples.unknown = _explain(error)
    else:
        samples.looks.append(look)


def _explain(error: Exception) -> str:
    return f"looking from another connection failed: {str(error).strip()}"


def _fetch(driver: Any, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = psycopg.Cursor(driver).execute(sql, prepare=True).fetchone() or ()
    return row
