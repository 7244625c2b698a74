"""Small files in a row on PostgreSQL: each is sent once, whatever stands around it."""

from threading import Thread

import pytest

from migration_guard.running import events, executor
from tests.running.support import WAITING, applied, wait_until

COUNTED = "SELECT nextval('runs')"  # which no rollback undoes
FIRST = {"1_a.sql": "CREATE SEQUENCE runs; CREATE TABLE a (id int, name text)"}


def runs(database):
    """Return how often `COUNTED` ran."""
    return database.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runs")[0][0]


def release_after_a_try(watcher, blocker):
    """Let the blocker go when somebody has waited for its lock and given up."""

    def waiting_now():
        return watcher.execute(WAITING).fetchall()

    wait_until(waiting_now)
    wait_until(lambda: not waiting_now())
    blocker.execute("ROLLBACK")


@pytest.mark.parametrize(
    "odd",
    [
        "PREPARE mine AS SELECT 1",
        "DEALLOCATE ALL",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
        "CREATE INDEX IF NOT EXISTS i ON a (id)",
        "-- guard: transaction = off\nCREATE INDEX CONCURRENTLY i ON a (id)",
        "-- long\n" * 10_000,
        "-- guard: environments = dev\nDELETE FROM applied_migrations WHERE id = '0_none'",
    ],
    ids=[
        "prepares",
        "deallocates",
        "encoding",
        "asks on the way",
        "no transaction",
        "large",
        "reads the history",
    ],
)
def test_run_when_a_file_is_odd_applies_it_and_those_around_it_once(
    postgres, migrations, guard, odd
):
    following = f"INSERT INTO a VALUES (1, 'ü€'); {COUNTED}"
    files = {
        **FIRST,
        "2_b.sql": COUNTED,
        "3_c.sql": f"{odd};\nSELECT 1",
        "4_d.sql": following,
        "5_e.sql": COUNTED,
    }
    migrations(files, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == ["1_a", "2_b", "3_c", "4_d", "5_e"]
    assert runs(postgres) == 3
    assert postgres.execute("SELECT name FROM a") == [("ü€",)]
    assert postgres.execute("SELECT sql FROM applied_migrations WHERE id = '4_d'") == [(following,)]


def test_run_when_a_lock_stands_in_the_way_tries_the_migration_again_as_a_whole(
    postgres, migrations, guard
):
    migrations(FIRST)
    assert guard("runsqlmigrations").code == 0
    blocked = f"{COUNTED}; INSERT INTO a VALUES (3)"
    files = {**FIRST, "2_b.sql": "SELECT 1", "3_c.sql": blocked, "4_d.sql": COUNTED}
    migrations(files, LOCK_TIMEOUT="200ms", LOCK_RETRIES=20)
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE a")
    release = Thread(target=release_after_a_try, args=(postgres.connect(), blocker))
    release.start()

    result = guard("runsqlmigrations")
    release.join()

    assert result.code == 0, result.err
    assert "try 2 of 21" in result.err
    assert applied(postgres) == ["1_a", "2_b", "3_c", "4_d"]
    assert postgres.execute("SELECT id FROM a") == [(3,)]
    assert runs(postgres) >= 3


def test_run_when_a_migration_fails_sends_nothing_of_the_next(postgres, migrations, guard):
    migrations({**FIRST, "2_b.sql": "SELECT 1/0", "3_c.sql": COUNTED})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert applied(postgres) == ["1_a"]
    assert runs(postgres) == 0


def test_events_when_small_files_follow_each_other_come_in_the_order_of_the_work(
    postgres, migrations
):
    empty = "-- guard: allow = empty, only here\n"
    migrations({**FIRST, "2_b.sql": "SELECT 1; SELECT 2", "3_c.sql": "SELECT 3", "4_d.sql": empty})
    seen = []

    outcome = executor.run(observe=seen.append)

    assert outcome.error is None
    kinds = (events.Started, events.Step, events.Applied)
    assert [(type(each), each.id) for each in seen] == [
        *((kind, id_) for id_ in ("1_a", "2_b", "3_c") for kind in kinds),
        (events.Started, "4_d"),
        (events.Applied, "4_d"),
    ]
