"""Renamed and squashed files on real databases: nothing runs twice, nothing is left out."""

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.state import ProjectState

from migration_guard import health
from migration_guard.operations import RequiresSQL

A = "CREATE TABLE a (id integer PRIMARY KEY);"
B = "CREATE TABLE b (id integer PRIMARY KEY);"
FIRST = {"0001_a.sql": A, "0002_b.sql": B}
RENAMED = {"0001_a.sql": A, "0003_better.sql": f"-- guard: formerly = 0002_b\n{B}"}
SQUASHED = {
    "0002_squash.sql": f"-- guard: replaces = 0001_a\n-- guard: replaces = 0002_b\n{A}\n{B}",
}
CONTRACT = '[migrations]\napplied = ["{}", "1-2"]\n'


@pytest.fixture(autouse=True)
def _fresh_process():
    health.forget()
    yield
    health.forget()


def ids(database) -> list[str]:
    return [row[0] for row in database.execute("SELECT id FROM applied_migrations ORDER BY id")]


def is_met(name: str) -> bool:
    """Return whether a Django migration that requires this SQL migration may run."""
    state = ProjectState()
    try:
        with connection.schema_editor() as editor:
            RequiresSQL(name).database_forwards("shop", editor, state, state)
    except CommandError:
        return False
    return True


@pytest.mark.parametrize("files", [RENAMED, SQUASHED])
def test_change_of_shape_when_the_old_files_are_applied_is_followed_by_all(
    database, migrations, guard, tmp_path, files
):
    migrations(FIRST)
    assert guard("runsqlmigrations").code == 0
    contract = tmp_path / "contract.toml"
    contract.write_text(CONTRACT.format("0002_b"))

    migrations(files)
    plan = guard("runsqlmigrations", "--plan")
    answers = [
        guard("runsqlmigrations").code,
        guard("runsqlmigrations", "--check").code,
        guard("runsqlmigrations", "--with-django").code,
        guard("checkschema", "--no-models", "--contract", contract).code,
    ]

    assert answers == [0, 0, 0, 0], plan.out + plan.err
    assert "(as " in plan.out
    assert health.ready().is_ready
    assert [is_met(name) for name in ("0001", "0002", "0002_b", "0009")] == [True] * 3 + [False]
    assert ids(database) == ["0001_a", "0002_b"]
    migrations(FIRST)  # an older image
    assert guard("runsqlmigrations").code == 0


@pytest.mark.parametrize("files", [RENAMED, SQUASHED])
def test_change_of_shape_when_the_database_is_new_runs_once(
    database, migrations, guard, tmp_path, files
):
    migrations(files)
    assert guard("runsqlmigrations").code == 0
    contract = tmp_path / "contract.toml"
    contract.write_text(CONTRACT.format("0002_b"))

    assert guard("runsqlmigrations").code == 0
    assert ids(database) == [name.removesuffix(".sql") for name in files]
    assert [is_met(name) for name in ("0001", "0002", "0002_b", "0009")] == [True] * 3 + [False]
    assert guard("checkschema", "--no-models", "--contract", contract).code == 0
    migrations(FIRST)  # an older image finds what it does not know, and runs nothing
    older = guard("runsqlmigrations")
    assert older.code == 1, older.out
    assert ids(database) == [name.removesuffix(".sql") for name in files]


def test_rename_when_the_file_was_edited_in_one_step_stops_with_the_difference(
    database, migrations, guard
):
    migrations(FIRST)
    assert guard("runsqlmigrations").code == 0
    migrations(
        {**RENAMED, "0003_better.sql": "-- guard: formerly = 0002_b\nCREATE TABLE c (x int);"}
    )

    result = guard("runsqlmigrations")

    said = result.out + result.err
    assert result.code == 1
    assert "renamed and edited in one step" in " ".join(said.split())
    assert "CREATE TABLE c" in said
    assert not health.ready().is_ready
    assert not is_met("0003_better")
    assert is_met("0002_b")


def test_squash_when_some_files_are_applied_is_not_ready_until_it_is_recorded(
    database, migrations, guard
):
    migrations(FIRST)
    assert guard("runsqlmigrations", "--target", "1").code == 0
    migrations(SQUASHED)

    stopped = guard("runsqlmigrations")
    ready = health.ready()
    database.execute(B)
    repaired = guard("repairsqlmigrations", "0002_squash", "--mark-applied", "--reason", "by hand")

    assert stopped.code == 1
    assert "Deploy the release before the squash first" in stopped.out + stopped.err
    assert ready.missing == ("0002_squash",)
    assert repaired.code == 0, repaired.err
    assert guard("runsqlmigrations").code == 0
    assert health.ready().is_ready


@pytest.mark.parametrize("action", ["--forget", "--accept-edit"])
@pytest.mark.parametrize("name", ["0002_squash", "0001_a"])
def test_repair_when_a_row_counts_for_another_file_names_both(
    sqlite, migrations, guard, action, name
):
    migrations(FIRST, ENVIRONMENT="dev")
    assert guard("runsqlmigrations").code == 0
    migrations(SQUASHED, ENVIRONMENT="dev")

    result = guard("repairsqlmigrations", name, action, "--reason", "why")

    assert result.code == 1
    assert "0001_a" in result.err
    assert "0002_squash" in result.err
    assert ids(sqlite) == ["0001_a", "0002_b"]


def test_former_id_when_it_is_half_done_stops_before_anything_runs(mariadb, migrations, guard):
    migrations({"0001_a.sql": f"{A}\nCREATE TABLE a (id integer);"})
    assert guard("runsqlmigrations").code == 1
    migrations({"0001_x.sql": f"-- guard: formerly = 0001_a\n{A}"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "0001_a failed (1 of 2 statements are done)" in result.out + result.err
    assert ids(mariadb) == []


@pytest.mark.parametrize("files", [RENAMED, SQUASHED])
def test_other_history_when_a_file_changed_shape_still_stops_a_second_run(
    sqlite, migrations, guard, tmp_path, files
):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name, text in FIRST.items():
        (theirs / name).write_text(text)
    folder = migrations({})
    take = ("--from", "table", theirs, "--table", "ran", "--columns", "name")
    assert guard("makesqlmigration", *take).code == 0
    adopted = (folder / "_adopted.json").read_text()
    migrations({**files, "_adopted.json": adopted})
    sqlite.execute("CREATE TABLE ran (name text PRIMARY KEY)")
    sqlite.execute("INSERT INTO ran VALUES ('0001_a'), ('0002_b')")

    result = guard("runsqlmigrations")

    assert (result.code, "--adopt" in result.err) == (2, True), result.err
