"""The run lock is lost while its run lives on: another run overtakes it, and nothing is done twice."""

from __future__ import annotations

import pytest

from migration_guard.running import events, executor
from tests.faults import record
from tests.faults.proxy import Moment, Phase
from tests.faults.state import journal, state
from tests.running.support import applied, sleeping, wait_until

OFF = "-- guard: transaction = off\n"
# Done twice, each of these would show: another index, another row.
STATEMENTS = {
    "postgres": [
        "CREATE TABLE a (id int)",
        "CREATE INDEX CONCURRENTLY ON a (id)",
        "INSERT INTO a VALUES (1)",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (2); COMMIT; END $$",
        "CALL p()",
        "DO $$ BEGIN INSERT INTO a VALUES (3); COMMIT; END $$",
        "ALTER TABLE a ADD n int DEFAULT 7",
    ],
    "mariadb": [
        "CREATE TABLE a (id int)",
        "ALTER TABLE a ADD INDEX (id)",
        "INSERT INTO a VALUES (1)",
        "CREATE PROCEDURE p() INSERT INTO a VALUES (2)",
        "CALL p()",
        "ALTER TABLE a ADD n int DEFAULT 7",
    ],
}
NAMED_LOCK = "SELECT IS_USED_LOCK(CONCAT('migration_guard ', LEFT(SHA2(DATABASE(), 256), 40)))"
HOLDERS = {
    "postgresql": "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "mysql": NAMED_LOCK,
}


def lose_lock(database) -> None:
    """End the session that holds the run lock, and see it gone."""
    ((pid,),) = database.execute(HOLDERS[database.vendor])
    if database.vendor == "mysql":
        database.execute(f"KILL {pid}")
        wait_until(lambda: database.execute(NAMED_LOCK) == [(None,)])
    else:
        database.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


CASES = [
    pytest.param(vendor, number, marks=[pytest.mark.mariadb] if vendor == "mariadb" else [])
    for vendor, statements in STATEMENTS.items()
    for number in range(1, len(statements) + 1)
]


@pytest.mark.parametrize(("vendor", "number"), CASES if record.FULL else CASES[1::3])
def test_run_when_another_overtakes_it_before_a_statement_does_nothing_twice(
    vendor, number, request, migrations, guard_process, tried
):
    database = request.getfixturevalue(vendor)
    text = OFF + ";\n".join(STATEMENTS[vendor])
    migrations({"1_a.sql": text, "2_b.sql": "CREATE TABLE b (id int)"})
    overtaken = []

    def overtake(event):
        if overtaken or not isinstance(event, events.Step) or event.number != number:
            return
        lose_lock(database)
        overtaken.append(guard_process("runsqlmigrations"))
        overtaken.append(state(database))

    outcome = executor.run(observe=overtake)

    other, left = overtaken
    assert other.code == 0, other.err
    assert state(database) == left
    assert outcome.error is None, outcome.error
    assert outcome.applied == ()
    assert (applied(database), journal(database)) == (["1_a", "2_b"], [])
    tried(
        f"the run lock is lost, and another run overtakes before a statement ({database.vendor})",
        item=1,
        result="no statement is done twice; both exit 0",
    )


def test_run_when_another_overtakes_it_before_the_record_is_no_failure(
    postgres, proxy, migrations, runners, tried
):
    last = "INSERT INTO a VALUES (1)"
    migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id int);\n{last};"})
    counted = []

    def behind_the_last_count(sent):
        counted.append(sent.text)
        return last in counted and sent.text.startswith("CLOSE ALL")

    moment = Moment(behind_the_last_count, Phase.BEFORE)
    proxy.begin(moment)
    first = runners.start("runsqlmigrations")
    assert moment.reached.wait(30)
    lose_lock(postgres)
    second = runners("runsqlmigrations")
    moment.pass_on()
    end = first.wait()

    assert second.code == 0, second.err
    assert end.code == 0, end.err
    assert postgres.execute("SELECT * FROM a") == [(1,)]
    assert (applied(postgres), journal(postgres)) == (["1_a"], [])
    tried(
        "the run lock is lost, and another run overtakes before the record",
        item=1,
        result="recorded once; both exit 0",
    )


def test_run_when_overtaken_and_more_is_pending_stops_instead_of_racing(
    postgres, migrations, guard_process
):
    """The other run is at work still: one that lost the lock must not work beside it."""
    migrations(
        {
            "1_a.sql": OFF + "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);",
            "2_b.sql": "SELECT pg_sleep(4)",
        }
    )
    others = []

    def overtake(event):
        if others or not isinstance(event, events.Step) or event.number != 2:
            return
        lose_lock(postgres)
        others.append(guard_process.start("runsqlmigrations"))
        wait_until(lambda: sleeping(postgres))

    outcome = executor.run(observe=overtake)
    _out, err = others[0].communicate(timeout=30)

    assert "The run lock was lost" in str(outcome.error)
    assert others[0].returncode == 0, err
    assert applied(postgres) == ["1_a", "2_b"]
