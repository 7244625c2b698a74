"""Ways to be wrong that were found by reading, each closed."""

import signal

import pytest

from tests.running.support import applied, sleeping, wait_until

OFF = "-- guard: transaction = off\n"


def test_adoption_when_it_was_interrupted_keeps_a_plain_run_from_starting_over(
    database, migrations, guard
):
    migrations({"0001_a.sql": "CREATE TABLE a (id integer)"})
    database.execute("CREATE TABLE applied_migrations (id varchar(200), applied_at varchar(40))")
    database.execute("INSERT INTO applied_migrations VALUES ('0001_a', '2026-01-01 10:00:00')")
    # As if the process had ended right after the team's table was set aside.
    database.execute("ALTER TABLE applied_migrations RENAME TO applied_migrations_before_adoption")

    refused = guard("runsqlmigrations")
    adopted = guard("runsqlmigrations", "--adopt", "--format", "json")

    assert refused.code == 2
    assert "An adoption was interrupted" in refused.err
    assert adopted.code == 0, adopted.err
    assert [m["state"] for m in adopted.json["migrations"]] == ["applied"]
    assert guard("runsqlmigrations").code == 0


def test_adoption_when_the_table_is_in_a_later_schema_is_refused(postgres, migrations, guard):
    postgres.execute("CREATE TABLE applied_migrations (id text, applied_at timestamptz)")
    postgres.execute("CREATE SCHEMA app")
    postgres.configure(OPTIONS={"options": "-c search_path=app,public"})
    migrations({"0001_a.sql": "SELECT 1"})

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 2
    assert 'Put "public" first in the search_path' in result.err


def test_code_when_it_committed_and_then_met_a_lock_is_not_run_again_by_itself(
    postgres, migrations, guard
):
    postgres.execute("CREATE TABLE a (id integer)")
    postgres.execute("CREATE TABLE locked (id integer)")
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE locked")
    code = "DO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; LOCK TABLE locked; END $$"
    limit = "-- guard: lock_timeout = 300ms\n"
    migrations({"1_a.sql": f"{OFF}{limit}{code}"}, LOCK_RETRIES=3)

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert postgres.execute("SELECT count(*) FROM a") == [(1,)]


def test_drop_index_concurrently_when_it_failed_does_not_count_in_the_next_run(
    postgres, migrations, guard
):
    migrations({"1_a.sql": f"{OFF}DROP INDEX CONCURRENTLY no_such_index"})

    codes = [guard("runsqlmigrations").code for _ in range(2)]

    assert codes == [1, 1]
    assert applied(postgres) == []


@pytest.mark.parametrize("option", [["--baseline", "1"], ["--fake", "1_a"]])
def test_marking_when_a_migration_is_half_done_is_refused(postgres, migrations, guard, option):
    migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id integer); SELECT 1/0"})
    guard("runsqlmigrations")

    result = guard("runsqlmigrations", *option)

    assert result.code == 1
    assert "half done (1 of 2" in result.err
    assert postgres.execute("SELECT done FROM migration_guard_journal") == [(1,)]


def test_fake_when_the_migration_is_for_dev_only_is_refused_in_production(
    postgres, migrations, guard
):
    migrations({"1_a.sql": "-- DEV/TEST ONLY\nSELECT 1"})

    assert guard("runsqlmigrations", "--fake", "1_a").code == 1
    assert applied(postgres) == []


def test_edit_when_it_adds_a_password_shows_no_diff(postgres, migrations, guard):
    migrations({"1_a.sql": "SELECT 1"})
    guard("runsqlmigrations")
    migrations({"1_a.sql": "SELECT 1; CREATE ROLE zz PASSWORD 'hunter2'"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "edited" in result.err
    assert "hunter2" not in result.err


def test_encoding_when_a_file_changes_it_is_a_problem(postgres, migrations, guard):
    migrations({"1_a.sql": "SET client_encoding = 'LATIN1'; SELECT 'č'"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "changes the encoding of the session" in result.err
    migrations({"1_a.sql": "SET client_encoding = 'UTF8'; SELECT 'č'"})
    assert guard("runsqlmigrations").code == 0


def test_signal_when_a_journaled_statement_runs_is_no_failure_of_the_file(
    postgres, migrations, guard_process
):
    migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id integer); SELECT pg_sleep(60)"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "Interrupted" in err
    assert "ERROR 25P02" not in err
    journal = postgres.execute("SELECT state, done FROM migration_guard_journal")
    assert journal == [("running", 1)]
