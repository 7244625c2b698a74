"""The limit of a reader's waits for locks, and queries that the server may refuse.

Invariant: every setting, lock and transaction of the connection is afterwards as it was before.

Sources: PostgreSQL manual, "SET", "SAVEPOINT"; MariaDB manual, ``lock_wait_timeout``; SQLite,
"PRAGMA busy_timeout".
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

PATIENCE: Final = 2  # seconds

_BEFORE: Final = "migration_guard_before"
_READING: Final = "migration_guard_reading"
# A query that fails aborts the transaction on PostgreSQL only.
_AFTER_FAILURE: Final[Mapping[str, str]] = {
    "postgresql": f"ROLLBACK TO SAVEPOINT {_READING}",
    "mysql": "",
    "sqlite": "",
}


def brief_waits(connection: BaseDatabaseWrapper) -> AbstractContextManager[None]:
    """Wait at most PATIENCE seconds for a lock inside this block.

    On a vendor that the app does not support, the block waits as long as its server does.
    """
    limit = _LIMITS.get(connection.vendor)
    return limit(connection) if limit is not None else nullcontext()


@contextmanager
def attempt(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Keep the transaction usable after a query that fails. Only inside ``brief_waits``.

    Reading changes nothing, so that one savepoint serves all queries.
    """
    try:
        yield
    except DatabaseError:
        if statement := _AFTER_FAILURE.get(connection.vendor):
            _execute(connection, statement)
        raise


def reason(error: Exception) -> str:
    """Return the first line of the server's message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _postgresql(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Read between a savepoint and its rollback, which restores settings and gives up locks."""
    is_ours = connection.get_autocommit()
    if is_ours:
        connection.set_autocommit(False)
    try:
        if is_ours:
            # One moment for all queries; a transaction of the caller's has begun already.
            _execute(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _execute(connection, f"SAVEPOINT {_BEFORE}")
        _execute(connection, f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        _execute(connection, f"SAVEPOINT {_READING}")
        try:
            yield
        finally:
            if not connection.connection.closed:
                _execute(connection, f"ROLLBACK TO SAVEPOINT {_BEFORE}")
                _execute(connection, f"RELEASE SAVEPOINT {_BEFORE}")
    finally:
        if is_ours and not connection.connection.closed:
            connection.rollback()
            connection.set_autocommit(True)


@contextmanager
def _mysql(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait for metadata locks, such as those of an ALTER TABLE."""
    before = int(_execute(connection, "SELECT @@SESSION.lock_wait_timeout"))
    _execute(connection, f"SET SESSION lock_wait_timeout = {PATIENCE}")
    try:
        yield
    finally:
        with suppress(OperationalError):  # nothing is left of a lost session
            _execute(connection, f"SET SESSION lock_wait_timeout = {before}")


@contextmanager
def _sqlite(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait for the lock of the file, while a writer commits."""
    before = int(_execute(connection, "PRAGMA busy_timeout"))
    _execute(connection, f"PRAGMA busy_timeout = {PATIENCE * 1000}")
    try:
        yield
    finally:
        _execute(connection, f"PRAGMA busy_timeout = {before}")


def _execute(connection: BaseDatabaseWrapper, sql: str) -> str:
    """Run a statement. Return its only value as text, "" if it gives none."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else ""


_LIMITS: Final[Mapping[str, Callable[[BaseDatabaseWrapper], AbstractContextManager[None]]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
