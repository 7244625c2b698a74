"""Ends a run in the gap before its n-th message to the database, whichever that is.

A run is a list of messages: the runner's own statements and the migration's. Between any two of
them the process may be killed, or its connection lost. `Runs` tries it in a process that is a copy
of one that has Django ready, so that a try costs milliseconds; the moment is a number, not luck.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import GuardProcess

NEVER = 10**9


class End(NamedTuple):
    """How a run ended: its exit code (a signal as a negative number) and how many messages it sent."""

    code: int
    messages: int


class Runs:
    """Runs migrations in copies of one process; each ends in the gap that it is told."""

    def __init__(self, processes: GuardProcess) -> None:
        self._environment = processes.environment
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, gap: int = NEVER, how: str = "kill") -> End:
        """Run; in the gap before message `gap` either `kill` the process or `lose` the connection."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.gaps"],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        shared = json.loads(self._environment()["TEST_SETTINGS_JSON"])
        self._process.stdin.write(json.dumps([gap, how, shared]) + "\n")
        self._process.stdin.flush()
        return End(*json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate(timeout=20)


def serve() -> None:
    """Answer each line of standard input: what to do -> how the run in a copy of us ended."""
    import django
    from django.conf import settings

    django.setup()
    for line in sys.stdin:
        gap, how, shared = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            settings.DATABASES = shared["DATABASES"]
            settings.MIGRATION_GUARD = shared["MIGRATION_GUARD"]
            os._exit(_run(gap, how, writer))
        os.close(writer)
        with os.fdopen(reader) as pipe:
            messages = len(pipe.read())
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), messages]) + "\n")
        sys.stdout.flush()


def _run(gap: int, how: str, writer: int) -> int:
    from django.db import connections

    from migration_guard.running import executor

    # The copied process knows the first database that there was.
    servers.forget_connection(servers.ALIAS)
    connections.settings = connections.configure_settings(None)
    with _counting(gap, how, writer):
        outcome = executor.run()
    return 0 if outcome.error is None else outcome.error.returncode


@contextlib.contextmanager
def _counting(gap: int, how: str, writer: int) -> Iterator[None]:
    """Count the messages of all connections, one byte each, and strike before number `gap`.

    Those that make the own tables go through Django's cursors; there, only a kill is tried.
    """
    from django.db import connection
    from django.db.backends.utils import CursorWrapper

    from migration_guard.vendors import VENDORS, load

    connection_class = load(VENDORS[connection.vendor].connection)
    count = 0

    def counted(owner: type[Any], name: str) -> None:
        original = getattr(owner, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == gap and how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif count == gap:
                _lose(self)
            os.write(writer, b".")
            return original(self, *args, **kwargs)

        setattr(owner, name, call)

    for name in ("fetch", "send", "send_prepared", "execute"):
        if name in vars(connection_class):
            counted(connection_class, name)
    if how == "kill":
        counted(CursorWrapper, "execute")
    yield


def _lose(lost: Any) -> None:
    """Let the server end a connection, and see it gone."""
    other = lost.wrapper.copy()
    with other.cursor() as cursor:
        if lost.vendor == "postgresql":
            pid = lost.driver.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        else:
            cursor.execute(f"KILL {lost.driver.thread_id()}")
    other.close()


if __name__ == "__main__":
    serve()
