"""`--baseline` and `--fake`: recorded as applied, nothing run, each act audited."""

import json

import pytest

from tests.commands.refusals import audit, history, tables

FILES = {
    "0001_people.sql": "CREATE TABLE people (id integer);",
    "0002_sample.sql": "-- DEV/TEST ONLY\nINSERT INTO people VALUES (1);",
    "0003_pets.sql": "CREATE TABLE pets (id integer);",
    "0010_toys.sql": "CREATE TABLE toys (id integer);",
}


@pytest.fixture
def existing(database, migrations):
    """Give a database to which somebody applied the first files by hand."""
    folder = migrations(FILES)
    for name in ("0001_people.sql", "0003_pets.sql"):
        database.execute((folder / name).read_text())
    return folder


def test_baseline_when_the_database_was_made_by_hand_records_and_runs_nothing(
    database, existing, guard
):
    result = guard("runsqlmigrations", "--baseline", "3")

    assert result.code == 0, result.err
    assert "Recorded as baseline, not run: 0001_people" in result.err
    assert history(database) == ["0001_people", "0003_pets"]
    assert tables(database) == {"people", "pets"}
    assert audit(database) == [
        ("baseline", "0001_people", "--baseline 3"),
        ("baseline", "0003_pets", "--baseline 3"),
    ]


def test_baseline_when_the_next_run_comes_it_goes_on_from_there(database, existing, guard):
    guard("runsqlmigrations", "--baseline", "3")

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0010_toys"])
    assert tables(database) == {"people", "pets", "toys"}
    times = [
        migration["applied_at"]
        for migration in result.json["migrations"]
        if migration["applied_at"]
    ]
    assert times == sorted(set(times))


def test_baseline_when_the_plan_is_shown_leaves_what_this_environment_skips(
    database, existing, guard
):
    guard("runsqlmigrations", "--baseline", "3")

    plan = guard("runsqlmigrations", "--plan", "--format", "json").json

    assert {migration["id"]: migration["state"] for migration in plan["migrations"]} == {
        "0001_people": "applied",
        "0002_sample": "skipped",
        "0003_pets": "applied",
        "0010_toys": "pending",
    }
    checksums = [
        migration["checksum"] for migration in plan["migrations"] if migration["state"] == "applied"
    ]
    assert all(len(checksum) == 64 for checksum in checksums)


def test_baseline_when_a_file_is_edited_afterwards_is_an_edit_like_any_other(
    database, existing, guard
):
    guard("runsqlmigrations", "--baseline", "3")
    (existing / "0003_pets.sql").write_text("CREATE TABLE pets (id bigint);")

    result = guard("runsqlmigrations", "--check")

    assert result.code == 1
    assert "error[edited] 0003_pets.sql" in result.err.replace(f"{existing}/", "")


def test_baseline_when_json_is_asked_lists_what_it_recorded_as_applied(database, existing, guard):
    result = guard("runsqlmigrations", "--baseline", "10", "--format", "json")

    assert json.loads(result.out)["applied"] == ["0001_people", "0003_pets", "0010_toys"]
    assert guard("runsqlmigrations", "--check").code == 0
    assert tables(database) == {"people", "pets"}


def test_fake_when_single_migrations_are_named_records_those_in_their_order(
    database, existing, guard
):
    result = guard("runsqlmigrations", "--fake", "0003_pets", "0001_people")

    assert result.code == 0, result.err
    assert result.out.index("0001_people @") < result.out.index("0003_pets @")
    assert history(database) == ["0001_people", "0003_pets"]
    assert audit(database) == [
        ("fake", "0001_people", "--fake"),
        ("fake", "0003_pets", "--fake"),
    ]
    assert guard("runsqlmigrations").code == 0
    assert tables(database) == {"people", "pets", "toys"}


def test_fake_when_a_lower_one_is_left_out_makes_it_out_of_order(database, existing, guard):
    guard("runsqlmigrations", "--fake", "0003_pets")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "out-of-order" in result.err
    assert history(database) == ["0003_pets"]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_fake_when_another_session_locks_the_history_is_refused_and_changes_nothing(
    database, migrations, existing, guard
):
    assert guard("runsqlmigrations", "--fake", "0001_people").code == 0
    migrations(FILES, LOCK_TIMEOUT="200ms")
    lock = {
        "postgresql": "LOCK TABLE applied_migrations IN EXCLUSIVE MODE",
        "mysql": "SELECT * FROM applied_migrations FOR UPDATE",
    }[database.vendor]
    other = database.connect().cursor()
    other.execute("BEGIN")
    other.execute(lock)

    result = guard("runsqlmigrations", "--fake", "0003_pets")

    assert result.code == 1
    assert "The database refused a step of the run" in result.err
    assert "Nothing was changed" in result.err
    assert history(database) == ["0001_people"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_fake_when_the_file_cannot_be_written_is_refused(database, existing, guard):
    assert guard("runsqlmigrations", "--fake", "0001_people").code == 0
    database.configure(NAME=f"file:{database.settings['NAME']}?mode=ro")

    result = guard("runsqlmigrations", "--fake", "0003_pets")

    assert result.code == 1
    assert "readonly" in result.err
    assert "Run against a database that accepts writes." in result.err
    assert history(database) == ["0001_people"]
