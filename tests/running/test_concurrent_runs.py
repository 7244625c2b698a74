"""Several deploys at once, killed processes, and the run lock on PostgreSQL."""

import os
import signal

import pytest
from django.db import connections

from migration_guard.running.postgresql_lock import AdvisoryLock
from tests.running.support import applied, kill, wait_until

CONCURRENTLY = "-- guard: transaction = off\nCREATE INDEX CONCURRENTLY t{0}_x ON t{1} (id)"
SLEEP = "CREATE TABLE slow (id int); SELECT pg_sleep(60)"


def files(count=12):
    return {
        f"{n}_m.sql": CONCURRENTLY.format(n, n - 1) if n % 4 == 0 else f"CREATE TABLE t{n} (id int)"
        for n in range(1, count + 1)
    }


def sleeping(database):
    return database.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")


def test_race_when_eight_start_at_once_each_migration_is_applied_once_in_order(
    postgres, migrations, guard_process
):
    migrations(files())

    runs = [guard_process.start("runsqlmigrations") for _ in range(8)]
    ends = [(run.communicate(timeout=90), run.returncode) for run in runs]

    assert [code for _, code in ends] == [0] * 8, [err for (_, err), _ in ends]
    assert applied(postgres) == [f"{n}_m" for n in range(1, 13)]
    invalid = postgres.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    assert invalid == [(0,)]


def test_no_wait_when_another_run_holds_the_lock_refuses_at_once_and_names_it(
    postgres, migrations, guard, guard_process
):
    migrations({"1_a.sql": SLEEP})
    holder = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    refused = guard("runsqlmigrations", "--no-wait")
    gave_up = guard("runsqlmigrations", "--wait", "0.5")
    kill(postgres, holder)

    assert (refused.code, gave_up.code) == (1, 1)
    for result in (refused, gave_up):
        assert "holds the run lock: pid " in result.err
        assert "(migration_guard), since 20" in result.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_when_a_statement_runs_rolls_back_releases_and_says_so(
    postgres, migrations, guard, guard_process, number
):
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": SLEEP})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    os.kill(process.pid, number)
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "Interrupted" in err
    assert "Applied before it in this run: 1_a." in err
    assert "Traceback" not in err
    assert applied(postgres) == ["1_a"]
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE slow (id int)"})
    assert guard("runsqlmigrations", "--no-wait").code == 0


def test_kill_when_a_transactional_migration_runs_leaves_nothing_and_converges(
    postgres, migrations, guard, guard_process
):
    migrations({"1_a.sql": SLEEP})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    kill(postgres, process)
    migrations({"1_a.sql": SLEEP.replace("60", "0")})

    assert applied(postgres) == []
    assert guard("runsqlmigrations", "--no-wait").code == 0
    assert applied(postgres) == ["1_a"]


def test_backend_when_terminated_is_told_with_the_state_left(
    postgres, migrations, guard, guard_process
):
    migrations({"1_a.sql": SLEEP})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    )
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "The connection was lost" in err
    assert "1_a was rolled back as a whole" in err
    assert "Traceback" not in err


def test_run_lock_when_its_connection_is_lost_stops_before_the_next_migration(
    postgres, migrations, guard_process
):
    migrations({"1_a.sql": "SELECT pg_sleep(2)", "2_b.sql": "CREATE TABLE b (id int)"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "The run lock was lost" in err
    assert applied(postgres) == ["1_a"]


def test_run_lock_when_a_try_fails_has_no_transaction_left(postgres):
    """CREATE INDEX CONCURRENTLY would wait for its end, which would wait for the build's run."""
    connection = connections["default"]
    connection.ensure_connection()
    first, second = AdvisoryLock(connection, "public"), AdvisoryLock(connection, "public")

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
