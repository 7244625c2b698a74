"""What the tests of the runner share: waiting for a state, and killing a process."""

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any

from tests.servers import Database


def wait_until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for a truthy answer; a table that does not exist yet counts as no."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except Exception as error:
            if "exist" not in str(error) and "no such table" not in str(error):
                raise
        assert time.monotonic() < end, "the awaited state did not come"
        time.sleep(0.02)


def await_no_session_of(role: str, postgres: Database) -> None:
    """Wait for the end of a role's sessions; the server counts those that a client has closed."""
    query = f"SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = '{role}'"
    wait_until(lambda: postgres.execute(query) == [(True,)])


def sleeping(database: Database) -> bool:
    """Tell whether a statement sleeps in this database: workers may share a server."""
    return bool(
        database.execute(
            "SELECT 1 FROM pg_stat_activity "
            "WHERE wait_event = 'PgSleep' AND datname = current_database()"
        )
    )


WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def waiting(database: Database) -> bool:
    """Tell whether a session waits for a lock in this PostgreSQL database."""
    return bool(database.execute(WAITING))


def applied(database: Database) -> list[str]:
    """Return the ids in the history, in the order of time."""
    found = database.execute("SELECT id FROM applied_migrations ORDER BY applied_at")
    return [row[0] for row in found]


def kill(database: Database, process: Popen[str]) -> None:
    """Kill the runner as a node failure would, and see its PostgreSQL backends go."""
    process.kill()
    process.communicate()
    ours = "application_name = 'migration_guard' AND datname = current_database()"
    database.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    wait_until(lambda: not database.execute(f"SELECT 1 FROM pg_stat_activity WHERE {ours}"))
