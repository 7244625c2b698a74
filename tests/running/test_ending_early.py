"""A run that ends early: what it says is what the database has, and a signal ends it at once."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.running.support import applied, wait_until

FIRST = {
    "0001_people.sql": "CREATE TABLE people (id integer PRIMARY KEY);",
    "0002_pets.sql": "CREATE TABLE pets (id integer PRIMARY KEY);",
}
COUNTING = (
    "INSERT INTO people SELECT i FROM (WITH RECURSIVE n (i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) SELECT i FROM n) AS m WHERE i < 0"
)
SLOW = {"postgresql": "SELECT pg_sleep(60)", "mysql": "DO SLEEP(60)", "sqlite": COUNTING}


def test_run_when_a_migration_fails_lists_and_tells_what_this_run_applied(
    database, migrations, guard
):
    migrations({**FIRST, "0003_typo.sql": "ALTER TABLE petz ADD COLUMN x integer;"})

    text = guard("runsqlmigrations")
    again = guard("runsqlmigrations", "--format", "json").json

    assert text.code == 1
    assert "  1. 0001_people @" in text.out
    assert "  2. 0002_pets @" in text.out
    states = {one["id"]: one["state"] for one in again["migrations"]}
    assert states["0002_pets"] == "applied"
    assert states["0003_typo"] == ("failed" if database.vendor == "mysql" else "pending")


def test_json_when_a_migration_fails_has_the_states_as_they_are_now(database, migrations, guard):
    migrations({**FIRST, "0003_typo.sql": "ALTER TABLE petz ADD COLUMN x integer;"})

    found = guard("runsqlmigrations", "--format", "json").json

    assert found["applied"] == ["0001_people", "0002_pets"]
    assert [one["state"] for one in found["migrations"]] == [
        "applied",
        "applied",
        "failed" if database.vendor == "mysql" else "pending",
    ]
    assert all(one["applied_at"] for one in found["migrations"][:2])


@pytest.mark.parametrize("directive", ["", "-- guard: transaction = off\n"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_run_when_a_signal_comes_within_a_long_statement_ends_it(
    database, migrations, guard, guard_process, sent, directive
):
    migrations({**FIRST, "0003_slow.sql": f"{directive}{SLOW[database.vendor]};"})
    run = guard_process.start("runsqlmigrations")
    wait_until(lambda: applied(database) == ["0001_people", "0002_pets"], 60)
    wait_until(lambda: _at_work(database, directive), 60)

    run.send_signal(sent)
    out, err = run.communicate(timeout=30)  # half of what the statement would take
    migrations({**FIRST, "0003_slow.sql": f"{directive}CREATE TABLE third (id integer);"})
    later = guard("runsqlmigrations")

    assert run.returncode == 1, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert "  2. 0002_pets @" in out
    assert later.code == 0, later.err
    assert applied(database) == ["0001_people", "0002_pets", "0003_slow"]


def _at_work(database, directive):
    """Tell whether the slow statement runs; SQLite shows no more than that somebody writes."""
    if database.vendor == "sqlite":
        if not directive:
            return Path(f"{database.settings['NAME']}-journal").exists()
        begun = database.execute("SELECT 1 FROM migration_guard_journal WHERE id = '0003_slow'")
        return begun and _is_locked(database)
    listing = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%'"
        " AND datname = current_database()",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%%'"
        " AND db = DATABASE()",
    }
    return database.execute(listing[database.vendor].replace("%%", "%"))[0][0] > 0


def _is_locked(database):
    """Tell whether another connection holds SQLite's write lock."""
    with closing(sqlite3.connect(database.settings["NAME"], timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False
