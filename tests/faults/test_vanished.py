"""The host of a runner vanishes without closing anything: its link is cut in the middle of a run.

All runs of this file are on one host, whose link is cut once, so that the minute that a server has
to notice passes once as well. The limits are those of production.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests import servers
from tests.conftest import ROOT, Result
from tests.faults import link, pgbouncer
from tests.faults.own_server import own_server
from tests.running.support import applied, sleeping, wait_until, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Database

MINUTE = 60.0
START = 180.0  # for all runs together
DEBIAN = Path("/usr/lib/postgresql/15/bin")
# The gate is a lock that the test holds, and opens at the moment that it chooses.
POSTGRES_GATE = "SELECT pg_advisory_xact_lock(7)"
MARIADB_GATE = "SELECT GET_LOCK(DATABASE(), 600)"
PASSED = {"1_a.sql": "CREATE TABLE a (id int);\nCREATE TABLE b (id int);"}
OURS = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'migration_guard' "
    "AND datname = current_database()"
)
WORKING = (
    f"{OURS} AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2)"
)
HOLDING = (
    f"{OURS} AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2)"
)
TRANSACTIONS = (
    "SELECT t.trx_mysql_thread_id FROM information_schema.innodb_trx t "
    "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
    "WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID()"
)


@dataclass
class Run:
    """One run on the host that vanishes, and the database that it works on."""

    database: Database
    folder: Path
    host: link.Host
    address: tuple[str, int]  # where it reaches the server, or the pooler before it
    process: subprocess.Popen[str] = field(init=False)
    gate: Any = None
    cut_at: float = 0.0
    holder: int = 0
    next_process: subprocess.Popen[str] | None = None

    def start(self, sql: str) -> None:
        """Begin, behind the gate."""
        self.gate = self.database.connect()
        self.execute_at_gate(
            "SELECT pg_advisory_lock(7)" if self.database.vendor == "postgresql" else MARIADB_GATE
        )
        self.write({"1_a.sql": sql})
        where = {"HOST": self.address[0], "PORT": str(self.address[1])}
        command = self.host.command(*_command("runsqlmigrations"))
        self.process = _start(command, {**self.database.settings, **where}, self.folder)

    def execute_at_gate(self, sql: str) -> None:
        with contextlib.closing(self.gate.cursor()) as cursor:
            cursor.execute(sql)

    def open_gate(self) -> None:
        self.execute_at_gate(
            "SELECT pg_advisory_unlock(7)"
            if self.database.vendor == "postgresql"
            else "SELECT RELEASE_LOCK(DATABASE())"
        )

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def start_next(self, *args: str) -> None:
        """Start what is to be run after it, on this machine."""
        self.write(PASSED)
        command = _command("runsqlmigrations", *args)
        self.next_process = _start(command, self.database.settings, self.folder)

    def end_next(self) -> Result:
        assert self.next_process is not None
        out, err = self.next_process.communicate(timeout=90.0)
        return Result(self.next_process.returncode, out, err)

    def next(self, *args: str) -> Result:
        self.start_next(*args)
        return self.end_next()

    @property
    def rest(self) -> float:
        """How much is left of the minute that the server has."""
        return self.cut_at + MINUTE - time.monotonic()


def _command(*args: str) -> list[str]:
    return [sys.executable, "-m", "django", *args]


def _start(command: list[str], database: dict[str, Any], folder: Path) -> subprocess.Popen[str]:
    settings = {
        "DATABASES": {"default": database},
        "MIGRATION_GUARD": {"DIRS": {"default": [str(folder)]}, "LOCK_TIMEOUT": "30min"},
    }
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_SETTINGS_JSON": json.dumps(settings, default=str),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# -- what a run is at when its host vanishes


def idle(run: Run) -> None:
    """Between two statements: it is stopped while one of them waits."""
    at_gate(run)
    run.process.send_signal(signal.SIGSTOP)
    run.open_gate()
    wait_until(lambda: not _waits(run.database))


def at_gate(run: Run) -> None:
    wait_until(lambda: _waits(run.database), START)


def at_work(run: Run) -> None:
    wait_until(lambda: sleeping(run.database), START)


def _waits(database: Database) -> bool:
    if database.vendor == "postgresql":
        return waiting(database)
    listed = "SELECT 1 FROM information_schema.processlist WHERE state = 'User lock'"
    return bool(database.execute(f"{listed} AND db = DATABASE()"))


@dataclass(frozen=True)
class Case:
    """Where a run is to be, and what is done to it `after` the cut."""

    server: str
    sql: str
    reach: Callable[[Run], None]
    after: Callable[[Run], None] = lambda _run: None


def open_gate(run: Run) -> None:
    run.open_gate()


def leave_only_the_lock(run: Run) -> None:
    ((run.holder,),) = run.database.execute(HOLDING)
    ((pid,),) = run.database.execute(WORKING)
    run.database.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    run.start_next("--wait", "60")


BEHIND_GATE = f"CREATE TABLE a (id int);\n{POSTGRES_GATE};\nCREATE TABLE b (id int);"
LONG = "CREATE TABLE a (id int);\nSELECT pg_sleep(600);"
BEHIND_MARIADB_GATE = f"BEGIN;\nINSERT INTO t VALUES (1);\n{MARIADB_GATE};\nCOMMIT;"
CASES = {
    "lock session, PostgreSQL 18": Case("18", LONG, at_work, leave_only_the_lock),
    "idle, PostgreSQL 18": Case("18", BEHIND_GATE, idle),
    "statement, PostgreSQL 18": Case("18", LONG, at_work),
    "end of statement, PostgreSQL 18": Case("18", BEHIND_GATE, at_gate, open_gate),
    "idle, PostgreSQL 15": Case("15", BEHIND_GATE, idle),
    "statement, PostgreSQL 15": Case("15", LONG, at_work),
    "end of statement, PostgreSQL 15": Case("15", BEHIND_GATE, at_gate, open_gate),
    "idle, session pool": Case("session", BEHIND_GATE, idle),
    "idle, transaction pool": Case("transaction", BEHIND_GATE, idle),
    "idle, MariaDB": Case("mariadb", BEHIND_MARIADB_GATE, idle),
    "end of statement, MariaDB": Case("mariadb", BEHIND_MARIADB_GATE, at_gate, open_gate),
}


class Bench:
    """The servers that the host reaches, and the runs on it."""

    def __init__(self, host: link.Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.runs: dict[str, Run] = {}
        self.missing: dict[str, str] = {}
        self._stack = contextlib.ExitStack()
        self._servers: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for run in self.runs.values():
            for process in filter(None, (run.process, run.next_process)):
                process.kill()
                process.communicate()
        self._stack.__exit__(*error)

    def begin(self) -> None:
        """Start all runs, and bring each to where the link will be cut."""
        for name, case in CASES.items():
            if reason := self._missing(case.server):
                self.missing[name] = reason
                continue
            run = self._make(name, case.server)
            run.start(case.sql)
            self.runs[name] = run
        for name, run in self.runs.items():
            CASES[name].reach(run)

    def cut(self) -> None:
        self.host.cut()
        for name, run in self.runs.items():
            run.cut_at = time.monotonic()
            CASES[name].after(run)

    def _missing(self, kind: str) -> str:
        if kind == "15" and not (DEBIAN / "initdb").exists():
            return "PostgreSQL 15: not on this machine (Debian: apt-get install postgresql-15)"
        if kind in ("session", "transaction") and (reason := pgbouncer.missing()):
            return f"PgBouncer: {reason}"
        if kind == "mariadb":
            if reason := servers.mariadb_missing():
                return f"MariaDB: {reason}"
            if servers.find_program("mariadbd") is None:
                return "MariaDB: no mariadbd on this machine"
        return ""

    def _make(self, case: str, kind: str) -> Run:
        server = self._server(kind)
        database: Database = self._stack.enter_context(server.database())
        port = int(database.settings["PORT"])
        if kind in ("session", "transaction"):
            listen = f"127.0.0.1,{self.host.address}"
            pooler = pgbouncer.running(database, pool_mode=kind, listen_addr=listen)
            port = self._stack.enter_context(pooler).port
        if kind == "mariadb":
            database.execute("CREATE TABLE t (id int)")
        folder = self.folder / case.replace(" ", "_")
        folder.mkdir()
        return Run(database, folder, self.host, (self.host.address, port))

    def _server(self, kind: str) -> Any:
        kind = "18" if kind in ("session", "transaction") else kind
        if kind not in self._servers:
            address = self.host.address
            if kind == "mariadb":
                started: Any = self._stack.enter_context(servers.mariadb_server(address))
            else:
                programs = DEBIAN if kind == "15" else None
                own = own_server(address=address, programs=programs)
                started = self._stack.enter_context(own).server
            self._servers[kind] = started
        return self._servers[kind]


@pytest.fixture(scope="module")
def vanished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give the runs of a host whose link has just been cut."""
    if reason := link.missing():
        pytest.skip(f"Namespaces: {reason}")
    with link.another_host() as host, Bench(host, tmp_path_factory.mktemp("vanished")) as bench:
        bench.begin()
        bench.cut()
        yield bench


@pytest.fixture
def run(vanished: Bench, request: pytest.FixtureRequest) -> Run:
    if reason := vanished.missing.get(request.param):
        pytest.skip(reason)
    return vanished.runs[request.param]


def _of(*kinds: str) -> list[str]:
    return [name for name, case in CASES.items() if case.server in kinds]


LOCK = "lock session, PostgreSQL 18"
DIRECT = [name for name in _of("18", "15") if name != LOCK]


@pytest.mark.parametrize("run", [LOCK], indirect=True)
def test_next_run_when_the_lock_is_a_vanished_runs_names_how_to_end_it_and_goes_on(run, tried):
    """It began to wait at the cut."""
    result = run.end_next()

    assert result.code == 0, result.err
    waits = f"Waiting for another run of the SQL migrations: pid {run.holder} (migration_guard)"
    assert waits in result.err
    assert f"if its host is gone: SELECT pg_terminate_backend({run.holder});" in result.err
    assert applied(run.database) == ["1_a"]
    tried(
        "the runner's host vanishes, and only the session of its lock is left (postgresql)",
        item=2,
        result="the next run names it and how to end it, and goes on within a minute",
    )


@pytest.mark.parametrize("run", DIRECT, indirect=True)
def test_host_when_it_vanishes_leaves_no_session_and_no_lock_after_a_minute(run, tried):
    wait_until(lambda: not run.database.execute(OURS), run.rest)
    result = run.next("--no-wait")

    assert result.code == 0, result.err
    assert applied(run.database) == ["1_a"]
    tried(
        "the runner's host vanishes: idle, within a statement, or just before its end (postgresql)",
        item=2,
        result="within a minute no session and no lock is left; the next run goes through",
    )


@pytest.mark.parametrize("run", _of("session", "transaction"), indirect=True)
def test_host_when_it_vanishes_behind_a_pooler_leaves_only_its_run_lock(run, tried):
    wait_until(lambda: not run.database.execute(WORKING), run.rest)
    ((pid,),) = run.database.execute(HOLDING)
    refused = run.next("--no-wait")
    ending = f"SELECT pg_terminate_backend({pid});"
    run.database.execute(ending)
    wait_until(lambda: not run.database.execute(HOLDING))
    result = run.next("--no-wait")

    assert refused.code == 1
    assert f"If its host is gone, end its session with {ending}" in refused.err
    assert result.code == 0, result.err
    assert applied(run.database) == ["1_a"]
    tried(
        "the runner's host vanishes behind PgBouncer",
        item=3,
        result="within a minute its transaction is ended; the next run names the session of the "
        "run lock and how to end it",
    )


@pytest.mark.parametrize("run", _of("mariadb"), indirect=True)
def test_host_when_it_vanishes_on_mariadb_leaves_only_its_run_lock(run, tried):
    wait_until(lambda: not run.database.execute(TRANSACTIONS), run.rest)
    refused = run.next("--no-wait")
    holder = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    ((thread,),) = run.database.execute(f"{holder} AND id <> {run.gate.thread_id()}")
    run.database.execute(f"KILL {thread}")
    wait_until(lambda: not run.database.execute(f"{holder} AND id = {thread}"))
    result = run.next("--no-wait")

    assert refused.code == 1
    assert f"If its host is gone, end its session with KILL {thread};" in refused.err
    assert result.code == 0, result.err
    assert applied(run.database) == ["1_a"]
    tried(
        "the runner's host vanishes: idle, or just before the end of its statement (mysql)",
        item=2,
        result="within a minute its transaction is ended; the next run names the session of the "
        "run lock and how to end it",
    )


@pytest.mark.parametrize("run", ["statement, PostgreSQL 18"], indirect=True)
def test_runner_when_the_server_vanishes_says_so_within_two_minutes(run):
    _out, err = run.process.communicate(timeout=run.rest + MINUTE)

    assert run.process.returncode == 1
    assert "The connection was lost" in err
    assert "1_a was rolled back as a whole" in err
    assert "Next: check that the server is up, and run manage.py runsqlmigrations again." in err
    assert "Traceback" not in err
