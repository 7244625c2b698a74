"""Item 1: runners at once, waiting for each other, refusing to wait, killed at random."""

from __future__ import annotations

import random
import re
import signal
import time

import pytest
from django.db import connections

from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.lock import AdvisoryLock
from tests.faults.record import rounds
from tests.faults.support import empty
from tests.running.support import applied, wait_until

COUNT = 30
SEED = 20260122
HOLDING = "SELECT pg_sleep(60)"
LOCKS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def files() -> dict[str, str]:
    """Thirty migrations, each of which leaves one line in a log; every fifth builds an index."""
    made = {"1_m.sql": "CREATE TABLE log (at int GENERATED ALWAYS AS IDENTITY, number int)"}
    for number in range(2, COUNT + 1):
        line = f"INSERT INTO log (number) VALUES ({number})"
        made[f"{number}_m.sql"] = (
            f"-- guard: transaction = off\n{line};\n"
            f"CREATE INDEX CONCURRENTLY log_{number} ON log (number)"
            if number % 5 == 0
            else f"CREATE TABLE t{number} (id int);\n{line}"
        )
    return made


def each_once_in_order(database) -> None:
    assert applied(database) == [f"{number}_m" for number in range(1, COUNT + 1)]
    logged = database.execute("SELECT number FROM log ORDER BY at")
    assert logged == [(number,) for number in range(2, COUNT + 1)]
    built = database.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'log'::regclass")
    assert built == [(COUNT // 5,)]
    assert database.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert database.execute("SELECT count(*) FROM migration_guard_journal") == [(0,)]
    wait_until(lambda: not database.execute(LOCKS))


def test_race_when_eight_processes_start_at_once_each_migration_is_applied_once_in_order(
    postgres, migrations, guard_process, tried
):
    migrations(files())

    runs = [guard_process.start("runsqlmigrations") for _ in range(8)]
    ends = [(run.communicate(timeout=90), run.returncode) for run in runs]

    assert [code for _, code in ends] == [0] * 8, [err for (_, err), _ in ends]
    each_once_in_order(postgres)
    tried(
        "8 runners start at once on an empty database",
        item=1,
        result="all exit 0; each of 30 migrations applied once, in order",
    )


@pytest.mark.parametrize("count", [2, 8])
def test_race_when_repeated_on_empty_databases_each_migration_is_applied_once_in_order(
    postgres, migrations, runners, tried, count
):
    migrations(files())
    often = rounds(bounded=5, full=50) if count == 2 else rounds(bounded=1, full=20)

    for _ in range(often):
        empty(postgres)
        runs = [runners.start("runsqlmigrations") for _ in range(count)]
        ends = [run.wait(90) for run in runs]

        assert [end.code for end in ends] == [0] * count, [end.err for end in ends]
        each_once_in_order(postgres)
        tried(
            f"{count} runners start at once on an empty database",
            item=1,
            result="all exit 0; each of 30 migrations applied once, in order",
        )


def test_race_when_one_of_two_is_killed_at_random_the_other_goes_on_where_it_stopped(
    postgres, migrations, runners, tried
):
    migrations(files())
    chance = random.Random(SEED)

    for number in range(rounds(bounded=5, full=50)):
        empty(postgres)
        runs = [runners.start("runsqlmigrations") for _ in range(2)]
        victim, other = chance.sample(runs, 2)
        time.sleep(chance.uniform(0.0, 0.6))
        victim.signal(signal.SIGKILL)
        end = other.wait(90)

        assert victim.wait().code in (0, -signal.SIGKILL)
        assert end.code == 0, f"round {number}: {end.err}"
        each_once_in_order(postgres)
        tried(
            "2 runners at once, one of them killed at a random moment",
            item=1,
            result="the other exits 0; each of 30 migrations applied once, in order",
        )


@pytest.mark.parametrize(("option", "least", "most"), [("--no-wait", 0, 30), ("--wait=2", 2, 30)])
def test_wait_when_another_run_holds_the_lock_gives_up_in_time_and_names_the_holder(
    postgres, migrations, guard, runners, tried, option, least, most
):
    migrations({"1_a.sql": HOLDING})
    holder = runners.start("runsqlmigrations")
    wait_until(lambda: postgres.execute(LOCKS))
    ((pid,),) = postgres.execute(LOCKS)
    since = postgres.execute(
        "SELECT to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
        "FROM pg_stat_activity WHERE pid = %s",
        (pid,),
    )[0][0]

    start = time.monotonic()
    refused = guard("runsqlmigrations", option)
    took = time.monotonic() - start
    holder.signal(signal.SIGTERM)

    assert refused.code == 1
    assert f"holds the run lock: pid {pid} (migration_guard), since {since} UTC" in refused.err
    ending = f"SELECT pg_terminate_backend({pid});"
    assert f"If its host is gone, end its session with {ending}" in refused.err
    assert least <= took < most
    assert holder.wait().code == 1
    tried(
        f"the run lock is held, {re.sub('[=]', ' ', option)}",
        item=1,
        result="gives up in time, names pid, application and since when",
    )


def test_run_lock_when_a_try_fails_has_no_transaction_left(postgres):
    """CREATE INDEX CONCURRENTLY would wait for its end, which would wait for the build's run."""
    wrapper = connections["default"]
    wrapper.ensure_connection()
    connection = PostgreSQLConnection(wrapper)
    first, second = AdvisoryLock(connection), AdvisoryLock(connection)

    tries = (first.try_acquire(), second.try_acquire())
    states = postgres.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
        "AND (query LIKE 'SELECT set_config%' OR query = 'ROLLBACK') ORDER BY state"
    )
    first.release()
    third = second.try_acquire()
    second.release()

    assert tries == (True, False)
    assert states == [("idle",), ("idle in transaction",)]
    assert third
