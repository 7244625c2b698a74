"""DETACH PARTITION … CONCURRENTLY, which commits twice, ended between its two commits."""

import signal

import pytest

from tests.faults.state import journal
from tests.running.support import applied, kill, wait_until

OFF = "-- guard: transaction = off\n"
STATEMENTS = [
    "ALTER TABLE ev DETACH PARTITION ev1 CONCURRENTLY",
    "ALTER TABLE IF EXISTS ONLY public.ev\n  DETACH PARTITION public.ev1 CONCURRENTLY",
]
LIMITS = {
    "a lock time-out": "-- guard: lock_timeout = 300ms\n",
    "a statement time-out": "-- guard: statement_timeout = 1s\n",
}


@pytest.fixture
def ev(postgres):
    """Make a table of two partitions, and a second one inside the first."""
    for sql in (
        "CREATE TABLE ev (id int, day int) PARTITION BY RANGE (day)",
        "CREATE TABLE ev1 PARTITION OF ev FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE ev2 PARTITION OF ev FOR VALUES FROM (10) TO (20)",
        "INSERT INTO ev VALUES (1, 1), (2, 11)",
    ):
        postgres.execute(sql)
    return postgres


def reader(database, table="ev"):
    """Open a transaction that has read the table: a detach waits for its end."""
    connection = database.connect()
    connection.execute("BEGIN")
    connection.execute(f"SELECT * FROM {table}")
    return connection


def qualified(database, name):
    """Return the quoted name of a table, with its schema."""
    ((table,),) = database.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = %s",
        (name,),
    )
    return table


def partitions(database):
    """Return (name, is it half detached) of all partitions."""
    return database.execute(
        "SELECT c.relname, i.inhdetachpending FROM pg_inherits i "
        "JOIN pg_class c ON c.oid = i.inhrelid ORDER BY 1"
    )


def half_detached(database):
    return [name for name, is_pending in partitions(database) if is_pending]


def end(how, database, process):
    """End a run within its statement; return what it printed."""
    if how == "SIGKILL of the runner":
        kill(database, process)
        return ""
    if how == "SIGTERM of the runner":
        process.send_signal(signal.SIGTERM)
    elif how == "the server ends the connection":
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^ALTER TABLE'"
        )
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("statement", STATEMENTS, ids=["plain", "qualified"])
@pytest.mark.parametrize(
    "how",
    [
        "SIGKILL of the runner",
        "SIGTERM of the runner",
        "the server ends the connection",
        "a lock time-out",
        "a statement time-out",
    ],
)
def test_detach_when_it_ends_between_its_commits_is_finished_by_the_next_run(
    how, statement, ev, migrations, guard, guard_process, tried
):
    blocker = reader(ev)
    limit = LIMITS.get(how, "")
    migrations({"1_a.sql": f"{OFF}{limit}CREATE TABLE b (id int);\n{statement};\nDROP TABLE b"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: half_detached(ev) == ["ev1"])

    err = end(how, ev, process)

    assert half_detached(ev) == ["ev1"]
    if err:
        assert "1 of 3 statements of 1_a are done and stay done" in err
        assert "The partition public.ev1 is half detached from public.ev" in err
        assert "public.ev hides its rows, and inserts in its range fail" in err
        assert "runsqlmigrations again: it continues there" in err
        assert "rolled back" not in err
        assert ("Blocked by:" in err) == (how == "a lock time-out")
    blocker.execute("COMMIT")
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert (applied(ev), journal(ev)) == (["1_a"], [])
    assert partitions(ev) == [("ev2", False)]
    assert ev.execute("SELECT id FROM ev1") == [(1,)]
    tried(
        f"DETACH PARTITION CONCURRENTLY with a reader in the way: {how}",
        item=4,
        result="half detached, and said so; the next run finishes it",
    )


def stop_half_detached(database, process):
    """Kill a run whose detach is half done, and let the reader go on reading."""
    wait_until(lambda: half_detached(database))
    kill(database, process)


@pytest.mark.parametrize(
    ("before", "statement", "between", "left"),
    [
        (
            ['CREATE SCHEMA "my schema"', 'ALTER TABLE ev SET SCHEMA "my schema"'],
            'ALTER TABLE "my schema"."ev" DETACH PARTITION "ev1" CONCURRENTLY',
            [],
            "ev1",
        ),
        (
            ["CREATE SCHEMA s", "ALTER TABLE ev SET SCHEMA s", "ALTER TABLE ev1 SET SCHEMA s"],
            "SET search_path = s;\nALTER TABLE ev DETACH PARTITION ev1 CONCURRENTLY;\nRESET ALL",
            [],
            "ev1",
        ),
        (
            ['ALTER TABLE ev1 RENAME TO "Ev; 1"', "CREATE TABLE ev1 (id int)"],
            'ALTER TABLE EV DETACH PARTITION "Ev; 1" CONCURRENTLY',
            [],
            "Ev; 1",
        ),
        ([], STATEMENTS[0], ["ALTER TABLE ev1 RENAME TO other"], "other"),
        ([], STATEMENTS[0], ["ALTER TABLE ev RENAME TO events"], "ev1"),
        (
            [],
            "SET search_path = public;\n" + STATEMENTS[0],
            ["ALTER TABLE ev1 RENAME TO x", "CREATE TABLE ev1 (id int)"],
            "x",
        ),
        ([], STATEMENTS[0], ["ALTER TABLE ev DETACH PARTITION ev1 FINALIZE"], "ev1"),
        ([], STATEMENTS[0], ["DROP TABLE ev1"], "ev1"),
        ([], "-- guard: rerun = safe\n" + STATEMENTS[0], [], "ev1"),
        (
            [
                "CREATE TABLE top (id int, day int) PARTITION BY RANGE (day)",
                "ALTER TABLE top ATTACH PARTITION ev FOR VALUES FROM (0) TO (20)",
            ],
            STATEMENTS[0],
            [],
            "ev1",
        ),
    ],
    ids=[
        "quoted",
        "path",
        "case",
        "renamed",
        "parent",
        "replaced",
        "finalized",
        "dropped",
        "safe",
        "levels",
    ],
)
def test_detach_when_names_are_unusual_or_changed_since_is_finished(
    before, statement, between, left, ev, migrations, guard, guard_process
):
    for sql in before:
        ev.execute(sql)
    blocker = reader(ev, qualified(ev, "ev"))
    migrations({"1_a.sql": f"{OFF}{statement};"})
    process = guard_process.start("runsqlmigrations")
    stop_half_detached(ev, process)
    blocker.execute("COMMIT")
    for sql in between:
        ev.execute(sql)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (applied(ev), journal(ev)) == (["1_a"], [])
    assert half_detached(ev) == []
    assert left not in dict(partitions(ev))
    assert "ev2" in dict(partitions(ev))


def test_detach_when_half_done_and_still_read_waits_beyond_the_lock_timeout(
    ev, migrations, guard_process
):
    blocker = reader(ev)
    migrations({"1_a.sql": f"{OFF}-- guard: lock_timeout = 300ms\n{STATEMENTS[0]}"})
    assert guard_process("runsqlmigrations").code == 1
    process = guard_process.start("runsqlmigrations")
    wait_until(
        lambda: ev.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query ~ 'FINALIZE' AND wait_event_type = 'Lock' "
            "AND pid <> pg_backend_pid() AND now() - query_start > interval '1 second'"
        )
    )

    blocker.execute("COMMIT")
    _out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert (applied(ev), partitions(ev)) == (["1_a"], [("ev2", False)])


def test_detach_when_it_ends_before_its_first_commit_runs_again(
    ev, migrations, guard, guard_process
):
    blocker = ev.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE ev IN SHARE UPDATE EXCLUSIVE MODE")
    migrations({"1_a.sql": f"{OFF}{STATEMENTS[0]}"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: ev.execute("SELECT 1 FROM migration_guard_journal WHERE doubt = 1"))
    kill(ev, process)
    blocker.execute("COMMIT")
    assert partitions(ev) == [("ev1", False), ("ev2", False)]

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (applied(ev), partitions(ev)) == (["1_a"], [("ev2", False)])


@pytest.mark.parametrize(
    ("edited", "code"),
    [
        (STATEMENTS[0].lower().replace(" ", "\n ") + " -- later", 0),
        (STATEMENTS[0].replace("CONCURRENTLY", "FINALIZE"), 0),
        (STATEMENTS[0].replace("CONCURRENTLY", ""), 1),
    ],
    ids=["layout", "finalize", "another"],
)
def test_detach_when_edited_while_half_done_runs_as_it_stands_now(
    edited, code, ev, migrations, guard, guard_process
):
    blocker = reader(ev)
    migrations({"1_a.sql": f"{OFF}{STATEMENTS[0]}"})
    stop_half_detached(ev, guard_process.start("runsqlmigrations"))
    blocker.execute("COMMIT")

    migrations({"1_a.sql": f"{OFF}{edited}"})
    result = guard("runsqlmigrations")

    assert result.code == code, result.err
    assert half_detached(ev) == (["ev1"] if code else [])


def test_detach_when_somebody_else_left_it_half_done_is_not_taken_for_ours(
    ev, migrations, guard, guard_process
):
    blocker = reader(ev)
    other = ev.connect()
    other.execute("SET lock_timeout = '100ms'")
    with pytest.raises(Exception, match="lock timeout"):
        other.execute(STATEMENTS[0])
    blocker.execute("COMMIT")
    migrations({"1_a.sql": f"{OFF}{STATEMENTS[0]}"})

    results = [guard("runsqlmigrations") for _ in range(2)]

    assert [result.code for result in results] == [1, 1]
    assert all("FINALIZE to complete the pending detach" in result.err for result in results)
    migrations({"1_a.sql": f"{OFF}{STATEMENTS[0].replace('CONCURRENTLY', 'FINALIZE')}"})
    assert guard("runsqlmigrations").code == 0
