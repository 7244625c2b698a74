"""Item 5: locks in the way of a migration, and what it does to those who queue behind it."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.record import rounds
from tests.faults.support import empty
from tests.running.support import applied, sleeping, wait_until

if TYPE_CHECKING:
    from tests.servers import Database

LOCK_TIMEOUT = 0.5  # seconds
TABLE = {"1_a.sql": "CREATE TABLE a (id int)"}
ALTER = {**TABLE, "2_b.sql": "CREATE TABLE b (id int);\nALTER TABLE a ADD c int"}


class Reader(threading.Thread):
    """Another session, which reads the table again and again and measures how long each takes."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []  # seconds
        self._connection = database.connect()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            start = time.monotonic()
            self._connection.execute("SELECT count(*) FROM a")
            self.took.append(time.monotonic() - start)
            time.sleep(0.01)

    def stop(self) -> list[float]:
        self._over.set()
        self.join(30)
        return self.took


def reading(database: Database):
    """Open a long transaction that has read the table."""
    session = database.connect()
    session.execute("SET application_name = 'nightly report'")
    session.execute("BEGIN")
    session.execute("SELECT count(*) FROM a WHERE id > 0")
    return session


def waiting(database: Database) -> bool:
    return bool(database.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


def test_lock_when_a_long_transaction_holds_the_table_gives_up_and_nobody_queues_for_longer(
    postgres, migrations, runners, tried
):
    for _ in range(rounds(bounded=1, full=20)):
        empty(postgres)
        migrations(TABLE, LOCK_TIMEOUT=f"{LOCK_TIMEOUT * 1000:.0f}ms", LOCK_RETRIES=3)
        assert runners("runsqlmigrations").code == 0
        migrations(ALTER)
        blocker = reading(postgres)
        reader = Reader(postgres)
        reader.start()

        result = runners("runsqlmigrations")
        took = reader.stop()
        pid = blocker.info.backend_pid
        blocker.close()

        assert result.code == 1
        assert result.err.count("canceling statement due to lock timeout") == 4
        assert re.search(r"rolled back, try 2 of 4.*try 3 of 4.*try 4 of 4", result.err, re.DOTALL)
        assert re.search(
            rf"pid {pid} \(postgres, nightly report\), idle in transaction, "
            r"in its transaction for 00:00:\d\d: SELECT count\(\*\) FROM a WHERE id > 0",
            result.err,
        ), result.err
        assert f"To end it: SELECT pg_terminate_backend({pid});" in result.err
        assert "end the blocking session or wait for it, and run" in result.err
        assert applied(postgres) == ["1_a"]
        assert postgres.execute("SELECT to_regclass('b')") == [(None,)]
        # That it queued at all shows that the measure can fail.
        assert LOCK_TIMEOUT / 2 < max(took) < LOCK_TIMEOUT * 3, sorted(took)[-5:]
        tried(
            f"a long transaction blocks the ALTER, lock_timeout {LOCK_TIMEOUT:g} s, 4 tries",
            item=5,
            result="rolled back each time; the message names session, query and age; no other "
            f"query was queued for more than {LOCK_TIMEOUT + 0.5:g} s",
        )


def test_lock_when_the_blocker_goes_away_is_granted_to_a_later_try(
    postgres, migrations, runners, tried
):
    for _ in range(rounds(bounded=1, full=20)):
        empty(postgres)
        migrations(TABLE, LOCK_TIMEOUT="200ms", LOCK_RETRIES=10)
        assert runners("runsqlmigrations").code == 0
        migrations(ALTER)
        blocker = reading(postgres)

        runner = runners.start("runsqlmigrations")
        wait_until(lambda: waiting(postgres))
        time.sleep(0.4)
        blocker.execute("ROLLBACK")
        result = runner.wait(30)

        assert result.code == 0, result.err
        assert "try 2 of 11" in result.err
        assert applied(postgres) == ["1_a", "2_b"]
        tried("the blocker ends between two tries", item=5, result="the next try applies it")


@pytest.mark.parametrize("header", ["", "-- guard: transaction = off\n"], ids=["on", "off"])
def test_deadlock_when_the_migration_is_its_victim_is_tried_again(
    postgres, migrations, runners, tried, header
):
    migrations({"1_a.sql": "CREATE TABLE a (id int);\nCREATE TABLE b (id int)"})
    assert runners("runsqlmigrations").code == 0
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int);\nCREATE TABLE b (id int)",
            "2_b.sql": f"{header}BEGIN;\nALTER TABLE b ADD c int;\nALTER TABLE a ADD c int;\nCOMMIT;",
        }
    )
    other = postgres.connect()
    other.execute("SET deadlock_timeout = '30s'")  # so that it is not the one who finds it
    other.execute("BEGIN")
    other.execute("SELECT * FROM a")

    runner = runners.start("runsqlmigrations")
    wait_until(lambda: waiting(postgres))
    other.execute("SELECT * FROM b")
    other.execute("COMMIT")
    result = runner.wait(30)

    assert result.code == 0, result.err
    assert "deadlock detected" in result.err
    assert applied(postgres) == ["1_a", "2_b"]
    tried("a deadlock with another session", item=5, result="rolled back, the next try applies it")


def test_claim_when_a_killed_run_is_within_a_long_statement_is_free_within_seconds(
    postgres, migrations, runners, guard_process, tried
):
    """Its process on the server would go on to the end, with the claim and all its locks."""
    migrations({"1_a.sql": "CREATE TABLE a (id int);\nSELECT pg_sleep(120)"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    process.kill()
    process.communicate()
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    start = time.monotonic()
    result = runners("runsqlmigrations")
    took = time.monotonic() - start

    assert result.code == 0, result.err
    assert took < 60
    assert applied(postgres) == ["1_a"]
    tried(
        "SIGKILL within a statement of two minutes",
        item=2,
        result="the server notices within seconds, and the next run converges",
    )
