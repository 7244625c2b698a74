"""Runners in real processes, forked from one that has Django loaded, so that a try costs little.

`python -m tests.faults.forking` is that one: it has no threads and no connections. Each line it
reads asks for a process, each line it writes tells of a process that began or ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, Result

# The side of the tests


@dataclass
class Runner:
    """One process; its output goes to files."""

    number: int  # since a process id is used again
    pid: int
    out: Path
    err: Path
    _forks: Forks

    def has_ended(self) -> bool:
        """Tell whether it has ended."""
        with contextlib.suppress(TimeoutError):
            self._forks.ended(self.number, 0)
        return self.number in self._forks.codes

    def wait(self, timeout: float = 60.0) -> Result:
        """Wait for its end (seconds); the code of a process killed by signal N is -N."""
        code = self._forks.ended(self.number, timeout)
        return Result(code, self.out.read_text(), self.err.read_text())

    def signal(self, number: int) -> None:
        """Send a signal; one that has ended already is not missed."""
        if self.has_ended():
            return  # its process id may be another's
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Forks:
    """The process that forks, and what it told."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self._count = 0
        self.codes: dict[int, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forking"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, *args: str, settings: dict[str, Any]) -> Runner:
        """Start `manage.py ARGS` with these settings, and return at once."""
        self._count += 1
        out, err = (Path(self._folder.name, f"{self._count}.{name}") for name in ("out", "err"))
        order = {
            "number": self._count,
            "args": args,
            "settings": settings,
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        return Runner(self._count, self._told("began", 30.0), out, err, self)

    def ended(self, number: int, timeout: float) -> int:
        """Wait for the end of a process; return its code."""
        end = time.monotonic() + timeout
        while number not in self.codes:
            self._told("ended", end - time.monotonic())
        return self.codes[number]

    def _told(self, what: str, timeout: float) -> int:
        """Read lines until one says `what`; return its process."""
        end = time.monotonic() + timeout
        pipe = self._process.stdout
        assert pipe is not None
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no process {what} within {timeout:.0f} s")
            told = json.loads(os.read(pipe.fileno(), LINE))
            if told["what"] == "ended":
                self.codes[told["number"]] = told["code"]
            if told["what"] == what:
                return int(told.get("pid", 0))

    def stop(self) -> None:
        """End the process that forks, which kills what still runs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._folder.cleanup()


# The side that forks

LINE = 80  # bytes of each line told, so that one read is one line


def main() -> None:
    """Fork what is asked for until standard input ends; then kill what still runs."""
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    load_command_class(get_commands()["runsqlmigrations"], "runsqlmigrations")
    import django.db.backends.postgresql.base
    import django.db.migrations.executor

    import migration_guard.running.postgresql.lock
    import migration_guard.running.postgresql.statement_work
    import migration_guard.running.postgresql.transaction  # noqa: F401

    running: dict[int, int] = {}  # process -> number
    buffer = b""
    while True:
        _reap(running)
        ready, _, _ = select.select([0], [], [], 0.01)
        if not ready:
            continue
        data = os.read(0, 65536)
        if not data:
            break
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _become(order)
            running[pid] = order["number"]
            _tell(what="began", pid=pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _tell(**values: object) -> None:
    os.write(1, json.dumps(values).ljust(LINE - 1).encode() + b"\n")


def _reap(running: dict[int, int]) -> None:
    for pid in list(running):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            _, status = os.waitpid(pid, 0)
            _tell(what="ended", number=running.pop(pid), code=os.waitstatus_to_exitcode(status))


def _become(order: dict[str, Any]) -> None:
    """Be `manage.py`; never return."""
    code = 1
    try:
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _configure(order["settings"])
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *order["args"]])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001, the process ends here
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _configure(values: dict[str, Any]) -> None:
    from django.conf import settings
    from django.db import connections
    from django.db.utils import ConnectionHandler

    settings.MIGRATION_GUARD = values["MIGRATION_GUARD"]
    for alias in list(connections):
        del connections[alias]
    connections.settings.clear()
    connections.settings.update(ConnectionHandler(values["DATABASES"]).settings)


if __name__ == "__main__":
    main()
