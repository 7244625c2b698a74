"""The hint of a contract's violation is followed on a real server, and the next check is green."""

import pytest

from tests.fresh.test_drift_causes import apply_by_script, write

FILES = {
    "0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY, born integer);\n"
    "CREATE INDEX users_born ON users (born);\n",
    "0002_people.sql": "ALTER TABLE users RENAME TO people;\n",
    "0003_notes.sql": "CREATE TABLE notes (id integer);\n",
}
CONTRACT = """\
[tables.people]
indexes = [["born"]]

[tables.people.columns]
born = {}

[tables.notes.columns]
id = {}
"""
INDEX = "CREATE INDEX IF NOT EXISTS users_born ON people (born);\n"
NOTES = "CREATE TABLE IF NOT EXISTS notes (id integer);\n"


@pytest.fixture
def contract(database, migrations, guard, tmp_path):
    """Give the options of a check, and the folder of the migrations, none of which is applied."""
    folder = migrations(FILES)
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT)
    return ("--contract", str(path), "--no-models"), folder


def read_hints(guard, options):
    result = guard("checkschema", "--format", "json", *options)
    assert result.json["violations"], result.out + result.err
    return {(v["table"], v["object"]): v["hint"] for v in result.json["violations"]}


def test_hint_when_migrations_are_pending_then_a_run_makes_what_is_missing(contract, guard):
    options, _ = contract

    hints = read_hints(guard, options)
    guard("runsqlmigrations")

    command = "and is pending (apply it: manage.py runsqlmigrations)."
    assert hints == {
        ("people", ""): f"0001_users adds it {command}",
        ("notes", ""): f"0003_notes adds it {command}",
    }
    assert guard("checkschema", *options).code == 0


def test_hint_when_something_vanished_then_what_is_named_puts_it_back(
    database, contract, guard, tmp_path
):
    options, folder = contract
    guard("runsqlmigrations")
    on = " ON people" if database.vendor == "mysql" else ""
    database.execute(f"DROP INDEX users_born{on}")
    database.execute("DROP TABLE notes")

    hints = read_hints(guard, options)
    write(folder, "0004_index.sql", INDEX)
    if database.vendor == "mysql":
        write(folder, "0005_notes.sql", NOTES)
    else:
        apply_by_script(guard, tmp_path, NOTES)
    assert guard("runsqlmigrations").code == 0

    way = "in a new migration" if database.vendor == "mysql" else "with manage.py runauditedsql"
    assert hints.keys() == {("people", "index(born)"), ("notes", "")}
    assert (
        hints["people", "index(born)"] == "Add it in a migration: manage.py makesqlmigration NAME."
    )
    assert hints["notes", ""].startswith(
        "0003_notes adds it and is applied, yet it is not there: the history does not show what "
        f"removed it. Put it back {way}"
    )
    assert guard("checkschema", *options).code == 0
