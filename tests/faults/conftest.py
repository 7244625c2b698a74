"""The frame of the fault suite: how a test says what it tried, and how often it tries.

    from tests.faults.record import rounds

    def test_kill_within_a_statement_then_the_next_run_converges(postgres, tried):
        for number in range(rounds(bounded=2, full=20)):
            ...  # inject the fault, assert that nothing was lost
            tried("SIGKILL within a statement", item=2, result="the next run converges")

`tried` is called after the assertions of each time that went well; `item` is a key of
`record.HEADINGS`. Equal words are added up into one row. A fault of which any test failed has no
row, nor has any other variant (parameter) of that test.

`rounds(bounded=…, full=…)` says how often: `.ci/run` runs the bounded part, which as a whole must
stay within five minutes; `FAULTS=full FAULTS_TABLE=docs/faults.md uv run pytest tests/faults` runs
all of it and writes the table (`FAULTS=full/20`: with every twentieth of a run's moments). Without
`FAULTS_TABLE` nothing is written. What makes no sense in the bounded part is decorated with
`@record.only_full`.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from tests.conftest import ROOT
from tests.faults import pgbouncer, record
from tests.faults.forking import Forks, Runner
from tests.faults.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.fixtures import SettingsWrapper

    from tests.conftest import Result
    from tests.servers import Database

LEDGER = pytest.StashKey[record.Ledger]()


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> record.Recorder:
    """Give `tried(fault, item=…, result=…, lost="nothing", times=1)`."""
    recorder = record.Recorder()
    _ledger(request.config).tried[request.node.nodeid] = recorder.rows
    return recorder


class Runners:
    """Starts `manage.py` in processes of their own, on the test's database and settings."""

    def __init__(self, forks: Forks, settings: SettingsWrapper) -> None:
        self._forks = forks
        self._settings = settings
        self._started: list[Runner] = []

    def __call__(self, *args: str, timeout: float = 60.0) -> Result:
        """Run a command to its end; `timeout` in seconds."""
        return self.start(*args).wait(timeout)

    def start(self, *args: str) -> Runner:
        """Start a command and return at once; what still runs after the test is killed."""
        shared = {
            "DATABASES": dict(connections.settings),
            "MIGRATION_GUARD": self._settings.MIGRATION_GUARD,
        }
        runner = self._forks.start(*args, settings=shared)
        self._started.append(runner)
        return runner

    def stop(self) -> None:
        """Kill what still runs."""
        for runner in self._started:
            if not runner.has_ended():
                runner.signal(signal.SIGKILL)
                runner.wait()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Start the process that forks when the first test asks for it."""
    started = Forks()
    yield started
    started.stop()


@pytest.fixture
def runners(forks: Forks, settings: SettingsWrapper) -> Iterator[Runners]:
    """Give `runners("runsqlmigrations", …)` and `.start(…)`: as guard_process, but quick to start."""
    started = Runners(forks, settings)
    yield started
    started.stop()


@pytest.fixture(scope="session", autouse=record.FULL)
def fuzzing() -> Iterator[subprocess.Popen[str]]:
    """Fuzz in a process beside the other tests, with the time that they leave."""
    seconds = record.rounds(bounded=10, full=600)
    command = ["nice", sys.executable, "-m", "tests.faults.fuzz", "--seconds", str(seconds)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process
        process.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that are decorated with `record.last` behind all others."""
    items.sort(key=lambda item: _full_name(item) in record.LAST)


def _full_name(item: pytest.Item) -> str:
    function = getattr(item, "function", None)
    return f"{function.__module__}.{function.__qualname__}" if function else ""


@pytest.fixture
def server_proxy(database: Database) -> Iterator[Proxy]:
    """Put a proxy before the test's server, of whichever vendor; `execute` goes past it."""
    settings = database.settings
    with Proxy(settings["HOST"], int(settings["PORT"]), database.vendor) as started:
        database.configure(PORT=str(started.port))
        yield started


@pytest.fixture
def proxy(postgres: Database) -> Iterator[Proxy]:
    """Put a proxy before the test's PostgreSQL; `postgres.execute` goes past it."""
    with Proxy(postgres.settings["HOST"], int(postgres.settings["PORT"])) as started:
        postgres.configure(PORT=str(started.port))
        yield started


@pytest.fixture
def pooler(postgres: Database) -> Iterator[Callable[..., pgbouncer.Pooler]]:
    """Give `pooler(pool_mode=…, **settings)`, which puts a PgBouncer before the test's PostgreSQL.

    Django goes through it from then on; `postgres.execute` goes past it.
    """
    if reason := pgbouncer.missing():
        pytest.skip(f"PgBouncer: {reason}")
    with contextlib.ExitStack() as stack:

        def start(**settings: object) -> pgbouncer.Pooler:
            started = stack.enter_context(pgbouncer.running(postgres, **settings))
            postgres.configure(PORT=str(started.port))
            return started

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note which tests did not pass."""
    report = yield
    ledger = _ledger(item.config)
    if report.failed:
        ledger.failed.add(item.nodeid)
    elif report.skipped:
        ledger.skipped.add(item.nodeid)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, if it was asked for and would be the whole truth."""
    config = terminalreporter.config
    ledger = _ledger(config)
    if not record.TABLE:
        return
    chosen = {
        "-k": config.option.keyword,
        "-m": config.option.markexpr,
        "--deselect": config.option.deselect,
        "--ignore": config.option.ignore or config.option.ignore_glob,
        "-x": terminalreporter.stats.get("failed") and config.option.maxfail,
        "the chosen files": [arg for arg in config.args if "::" in arg or arg.endswith(".py")],
    }
    terminalreporter.section("Faults", sep="=")
    if reasons := record.reasons_not_to_write(chosen):
        terminalreporter.write_line(f"{record.TABLE} NOT written: {'; '.join(reasons)}.", red=True)
        return
    record.write(Path(record.TABLE), ledger)
    terminalreporter.write_line(f"{record.TABLE} written: {len(ledger.rows())} faults.")
    for outcome, nodes in (("failed", ledger.failed), ("skipped", ledger.skipped)):
        for node in sorted(nodes):
            terminalreporter.write_line(f"no row, because it {outcome}: {node}", red=True)


def _ledger(config: pytest.Config) -> record.Ledger:
    return config.stash.setdefault(LEDGER, record.Ledger())
