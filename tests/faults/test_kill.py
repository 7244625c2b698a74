"""Item 2: the runner or a connection of it dies at a chosen step; the next run converges."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.proxy import Moment, Phase, Sent
from tests.faults.record import only_full, stride
from tests.faults.support import applied_now, empty, look
from tests.running.support import applied, sleeping, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Result
    from tests.faults.conftest import Runners
    from tests.faults.forking import Runner
    from tests.faults.proxy import Proxy
    from tests.servers import Database

FILES = {
    "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY);\n"
    "INSERT INTO a VALUES (1);\nSELECT pg_sleep(0.05);\nALTER TABLE a ADD b int DEFAULT 7;",
    "2_b.sql": "-- guard: transaction = off\nINSERT INTO a VALUES (2);\n"
    "CREATE INDEX CONCURRENTLY a_b ON a (b);\nVACUUM a;\nALTER TABLE a ADD c int;",
    # Too large for a pipeline: its statements wait for one another.
    "3_c.sql": "INSERT INTO a VALUES (3);\n" + "-- long\n" * 20_000 + "CREATE TABLE c (id int);",
    "4_d.sql": "-- guard: transaction = off\nCREATE TYPE mood AS ENUM ('sad');\n"
    "ALTER TYPE mood ADD VALUE 'glad';\nDROP INDEX CONCURRENTLY a_b;\n"
    "BEGIN;\nINSERT INTO a VALUES (4);\nUPDATE a SET c = id;\nCOMMIT;",
    # The claim of the second is prepared with the first.
    "5_e.sql": "ALTER TABLE a ADD e int;",
    "6_f.sql": "UPDATE a SET e = id;",
}
IDS = [name.removesuffix(".sql") for name in FILES]


# The faults


def kill(runner: Runner, moment: Moment, postgres: Database, proxy: Proxy) -> None:
    runner.signal(signal.SIGKILL)
    runner.wait()
    moment.drop()


def interrupt(number: int) -> Callable[..., None]:
    def send(runner: Runner, moment: Moment, postgres: Database, proxy: Proxy) -> None:
        runner.signal(number)
        moment.pass_on()

    return send


def terminate(connection: int) -> Callable[..., None]:
    def end(runner: Runner, moment: Moment, postgres: Database, proxy: Proxy) -> None:
        if connection in proxy.pids:
            pid = proxy.pids[connection]
            postgres.execute("SELECT pg_terminate_backend(%s)", (pid,))
            wait_until(
                lambda: (
                    not postgres.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,))
                )
            )
        moment.pass_on()

    return end


FAULTS = {
    "SIGKILL of the runner": kill,
    "SIGTERM of the runner": interrupt(signal.SIGTERM),
    "Ctrl-C": interrupt(signal.SIGINT),
    "pg_terminate_backend of the working connection": terminate(0),
    "pg_terminate_backend of the lock's connection": terminate(1),
}
ANY_FAULT = "SIGKILL, SIGTERM, Ctrl-C, either connection terminated"
INTERRUPTS = ("SIGTERM of the runner", "Ctrl-C")
CONVERGES = "the next run converges by itself, to the schema and rows of an undisturbed run"
every_fault = pytest.mark.parametrize("fault", FAULTS)


# The steps


@dataclass(frozen=True)
class Step:
    """A step of a run: the first statement that starts with `text`, once `after` was sent."""

    name: str
    text: str
    phase: Phase
    after: str = ""

    def moment(self) -> Moment:
        passed = False

        def matches(sent: Sent) -> bool:
            nonlocal passed
            if passed and sent.text.startswith(self.text):
                return True
            passed = passed or sent.text.startswith(self.after)
            return False

        return Moment(matches, self.phase)


INDEX = "CREATE INDEX CONCURRENTLY"
STEPS = [
    Step("before the lock", "SELECT pg_try_advisory_xact_lock", Phase.BEFORE),
    Step("while the own tables are made", 'INSERT INTO "django_migrations"', Phase.BEFORE),
    Step("between lock and plan", "SELECT id, number, checksum", Phase.BEFORE),
    Step("between claim and first statement", "CREATE TABLE a", Phase.BEFORE),
    Step("within a statement", "SELECT pg_sleep", Phase.DURING),
    Step("between statement and record", "SET CONSTRAINTS", Phase.BEFORE),
    Step("between record and commit", "COMMIT", Phase.BEFORE, after="CREATE TABLE a"),
    Step("between commit and its answer", "COMMIT", Phase.ANSWERED, after="CREATE TABLE a"),
    Step("after commit", "CLOSE ALL", Phase.BEFORE, after="CREATE TABLE a"),
    # The first try, in a transaction, is refused; the second one builds.
    Step("before CREATE INDEX CONCURRENTLY", INDEX, Phase.BEFORE, after=INDEX),
    Step("between CREATE INDEX CONCURRENTLY and its count", INDEX, Phase.ANSWERED, after=INDEX),
    Step("before a claim that is prepared", "BIND", Phase.BEFORE, after="COMMIT; CLOSE ALL"),
    Step("between such a claim and its answer", "BIND", Phase.ANSWERED, after="COMMIT; CLOSE ALL"),
    Step("between two statements that wait for each other", "CREATE TABLE c", Phase.ANSWERED),
]


# The bench


def contents(postgres: Database) -> dict[str, Any]:
    """Return all that an undisturbed run leaves."""
    return {
        **look(postgres),
        "rows": postgres.execute("SELECT * FROM a ORDER BY id"),
        "enum": postgres.execute("SELECT enumlabel FROM pg_enum ORDER BY enumsortorder"),
    }


@dataclass
class Bench:
    """One database on which a run is disturbed again and again."""

    postgres: Database
    proxy: Proxy
    runners: Runners
    undisturbed: dict[str, Any]
    statements: int

    def disturb(self, moment: Moment, fault: str) -> Result | None:
        """Run with the fault on an empty database, then run again; None if it was not reached."""
        empty(self.postgres)
        self.proxy.begin(moment)
        runner = self.runners.start("runsqlmigrations")
        while not moment.reached.wait(0.02) and not runner.has_ended():
            pass
        if not moment.reached.is_set():
            return None
        where = f"{fault} at {moment.phase.value} {moment.sent}"
        FAULTS[fault](runner, moment, self.postgres, self.proxy)
        first = runner.wait()
        left = applied_now(self.postgres) if fault != "SIGKILL of the runner" else None
        self.proxy.begin()
        again = self.runners("runsqlmigrations")

        assert again.code == 0, f"{where}:\n{first.err}\nthen\n{again.err}"
        assert contents(self.postgres) == self.undisturbed, where
        self._told_truly(first, left, fault, where)
        return first

    def _told_truly(self, first: Result, left: list[str] | None, fault: str, where: str) -> None:
        assert "Traceback" not in first.err, f"{where}:\n{first.err}"
        if left is None:
            return
        assert first.code in (0, 1, 2), f"{where}: {first}"
        assert left == IDS[: len(left)], where
        if fault in INTERRUPTS and first.code:
            assert "Interrupted" in first.err, f"{where}:\n{first.err}"
        # A connection lost during COMMIT is said to be the one case that is not known.
        if "Applied before it in this run: " in first.err and "or neither" not in first.err:
            listed = first.err.partition("Applied before it in this run: ")[2].splitlines()[0]
            assert listed == (", ".join(left) or "none") + ".", f"{where}: {left}\n{first.err}"


@pytest.fixture
def bench(postgres, proxy, runners, migrations) -> Bench:
    migrations(FILES)
    assert runners("runsqlmigrations").code == 0
    return Bench(postgres, proxy, runners, contents(postgres), len(proxy.trace))


@every_fault
def test_kill_when_it_comes_at_a_named_step_the_next_run_converges(bench, fault, tried):
    for step in STEPS:
        first = bench.disturb(step.moment(), fault)

        assert first is not None, f"{step.name} was not reached"
        tried(f"{step.name}: {ANY_FAULT}", item=2, result=CONVERGES)


@only_full
@every_fault
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.ANSWERED], ids=lambda phase: phase.value)
def test_kill_when_it_comes_at_any_statement_the_next_run_converges(bench, phase, fault, tried):
    for number in range(0, bench.statements, stride(bounded=1)):
        moment = Moment(lambda sent, number=number: sent.number == number, phase)
        if bench.disturb(moment, fault) is not None:
            tried(f"{fault}, at each single statement of a run in turn", item=2, result=CONVERGES)


# What is said


def test_backend_when_terminated_is_told_with_the_state_left(postgres, migrations, runners):
    migrations({"1_a.sql": "CREATE TABLE slow (id int); SELECT pg_sleep(60)"})
    runner = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    result = runner.wait(20)

    assert result.code == 1
    assert "The connection was lost" in result.err
    assert "1_a was rolled back as a whole" in result.err


def test_run_lock_when_its_connection_is_lost_stops_before_the_next_migration(
    postgres, migrations, runners
):
    migrations({"1_a.sql": "SELECT pg_sleep(2)", "2_b.sql": "CREATE TABLE b (id int)"})
    runner = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    result = runner.wait(20)

    assert result.code == 1
    assert "The run lock was lost" in result.err
    assert applied(postgres) == ["1_a"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
@pytest.mark.parametrize("times", [1, 3])
def test_signal_when_a_statement_runs_rolls_back_releases_and_says_so(
    postgres, migrations, runners, tried, number, times
):
    files = {"1_a.sql": "CREATE TABLE a (id int)"}
    migrations({**files, "2_b.sql": "CREATE TABLE b (id int); SELECT pg_sleep(60)"})
    runner = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    for _ in range(times):
        runner.signal(number)
        time.sleep(0.02)
    result = runner.wait(20)
    migrations({**files, "2_b.sql": "CREATE TABLE b (id int)"})
    again = runners("runsqlmigrations", "--no-wait")

    assert result.code == 1
    assert "Interrupted" in result.err
    assert "Traceback" not in result.err
    if times == 1:
        assert "the run lock is released.\nApplied before it in this run: 1_a." in result.err
    assert again.code == 0, again.err
    assert applied(postgres) == ["1_a", "2_b"]
    tried(
        f"{number.name}, {times} times in a row, within a statement",
        item=2,
        result="rolled back, lock released at once, and said so",
    )
