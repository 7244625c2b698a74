"""``checkschema``: what it reports, how it ends, and that it only looks."""

import json
import re

import pytest

from tests.projects import Project

CONTRACT = """\
[tables.users]
primary_key = ["id"]
unique = [["email"]]
[tables.users.columns]
id = "integer"
email = { type = "varchar(40)", null = false }
"""
USERS = {
    "0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY, "
    "email varchar(40) NOT NULL UNIQUE, note text);"
}
PROMISED = CONTRACT + 'relationship_type = { type = "varchar(40)", owner = "the export" }\n'
MORE = {"0002_relationship.sql": "ALTER TABLE users ADD COLUMN relationship_type varchar(40);"}


@pytest.fixture
def contract(tmp_path, settings, migrations):
    """Give `contract(text)`, which makes it the contract of the setting; returns its path."""

    def write(text, name="schema_contract.toml"):
        path = tmp_path / name
        path.write_text(text)
        settings.MIGRATION_GUARD = {
            **settings.MIGRATION_GUARD,
            "CONTRACTS": {"default": [path]},
        }
        return path

    return write


@pytest.fixture
def users(database, migrations, guard, contract):
    """Give a database with the table of the contract."""
    migrations(USERS)
    assert guard("runsqlmigrations").code == 0
    contract(CONTRACT)
    return database


def check(guard, *args):
    return guard("checkschema", "--no-models", *args)


# The three outcomes


def test_checkschema_when_the_contract_is_kept_exits_0_and_counts(users, guard):
    result = check(guard)

    assert result.code == 0, result.err
    assert result.err == ""
    assert "assertions about default" in result.out
    assert "kept" in result.out


def test_checkschema_when_a_column_is_missing_exits_1_and_names_all_there_is_to_know(
    users, guard, migrations, contract
):
    migrations({**USERS, **MORE})
    contract(PROMISED)

    result = check(guard)

    assert result.code == 1
    assert "users\n  [missing-column] relationship_type: " in result.out
    assert "schema_contract.toml:7" in result.out
    assert "the export relies on it" in result.out
    assert "0002_relationship" in result.out
    assert "pending" in result.out
    assert "does not keep its contract: 1 violation" in result.err
    assert "runsqlmigrations" in result.err


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_checkschema_when_a_table_is_locked_is_unknown_and_never_green(users, guard, contract):
    contract(CONTRACT.replace("email = {", "email = { default = \"'x'\","))
    users.execute("ALTER TABLE users ALTER email SET DEFAULT 'x'")
    blocker = users.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")

    refused = check(guard)
    allowed = check(guard, "--allow-unknown")
    as_json = check(guard, "--format", "json").json

    assert refused.code == 2, refused.out
    assert "[unknown]" in refused.out
    assert "--allow-unknown" in refused.err
    assert allowed.code == 0, allowed.err
    assert "[unknown]" in allowed.out
    assert as_json["ok"] is False
    assert as_json["unknown"]


# It could not find out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--contract", "nowhere.toml"], "nowhere.toml"),
        (["usres"], 'Did you mean "users"?'),
        (["--database", "elsewhere"], 'no database "elsewhere"'),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_it_cannot_find_out_exits_2_with_the_remedy(users, guard, args, said):
    result = check(guard, *args)

    assert result.code == 2
    assert said in result.err
    assert result.out == ""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tables.users\n", "schema_contract.toml:1"),
        ("[tabels.users]\n", "tables"),
        ("", "The contract is empty"),
    ],
)
def test_checkschema_when_the_contract_is_invalid_or_empty_exits_2(
    users, guard, contract, text, said
):
    contract(text)

    result = check(guard)

    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("format_", ["text", "json", "junit", "github", "sarif"])
def test_checkschema_when_there_is_no_connection_says_so_in_every_format(users, guard, format_):
    users.configure(PASSWORD="a wrong secret")

    result = check(guard, "--format", format_)

    assert result.code == 2
    assert "No connection" in result.err
    assert format_ == "text" or "No connection" in result.out
    assert "a wrong secret" not in result.out + result.err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("option", ["--output", "--write"])
def test_checkschema_when_a_file_cannot_be_written_exits_2(users, guard, tmp_path, option):
    result = check(guard, option, str(tmp_path / "missing" / "report"))

    assert result.code == 2
    assert "cannot be written" in result.err


# What is checked


def test_checkschema_when_models_are_on_checks_them_too(database, guard, migrations):
    migrations(USERS)
    assert guard("migrate", "--verbosity", "0").code == 0
    assert guard("runsqlmigrations").code == 0

    on = guard("checkschema", "--format", "json")
    off = guard("checkschema", "--format", "json", "--no-models")

    assert on.code == 0, on.out
    assert on.json["checked"] > 50
    assert off.code == 2
    assert "The contract is empty" in off.json["error"]["message"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_tables_are_named_checks_these_alone(users, guard, contract, tmp_path):
    further = tmp_path / "further.toml"
    further.write_text('[tables.orders.columns]\nid = "integer"\n')

    both = check(guard, "--contract", str(tmp_path / "schema_contract.toml"), str(further))
    one = check(guard, "users", "--contract", str(tmp_path / "schema_contract.toml"), str(further))

    assert both.code == 1
    assert "orders" in both.out
    assert one.code == 0, one.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_migrations_are_stated_looks_at_the_history(
    users, guard, migrations, contract
):
    contract('[migrations]\napplied = ["0001_users", "0002_relationship"]\n')
    migrations({**USERS, **MORE})

    before = check(guard)
    guard("runsqlmigrations")
    after = check(guard)

    assert before.code == 1
    assert "[not-applied]" in before.out
    assert "0002_relationship" in before.out
    assert after.code == 0, after.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_there_are_no_folders_leaves_migrations_unknown(
    users, guard, settings, contract
):
    path = contract('[migrations]\napplied = ["0001_users"]\n')
    settings.MIGRATION_GUARD = {"CONTRACTS": {"default": [path]}}

    result = check(guard)

    assert result.code == 2
    assert "[unknown]" in result.out
    assert "names no folder" in result.out


# It only looks


def test_checkschema_when_it_checks_writes_nothing(database, guard, contract, migrations):
    migrations(USERS)
    contract(CONTRACT)
    before = tables(database)

    result = check(guard)

    assert result.code == 1, result.err
    assert tables(database) == before


def tables(database):
    names = {
        "sqlite": "SELECT name FROM sqlite_master",
        "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        "postgresql": "SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384",
    }
    return database.execute(names[database.vendor])


def test_checkschema_when_sqlite_has_no_file_yet_makes_none(
    sqlite, guard, contract, migrations, tmp_path
):
    migrations(USERS)
    contract(CONTRACT)

    result = check(guard)

    assert result.code == 1
    assert not (tmp_path / "db.sqlite3").exists()


# Reports


@pytest.mark.parametrize("format_", ["text", "json", "junit", "github", "sarif"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_output_is_a_file_writes_the_report_there(
    users, guard, contract, tmp_path, format_
):
    contract(PROMISED)
    report = tmp_path / "report"

    shown = check(guard, "--format", format_)
    saved = check(guard, "--format", format_, "--output", str(report))

    assert shown.code == saved.code == 1
    assert saved.out == ""
    assert without_seconds(report.read_text()) == without_seconds(shown.out)
    assert "relationship_type" in shown.out


def without_seconds(report):
    return re.sub(r"[0-9]\.[0-9]+", "?", report)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_told_to_be_quiet_prints_nothing(users, guard):
    assert check(guard, "--verbosity", "0").out == ""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_told_to_be_verbose_lists_kept_tables(users, guard):
    assert "users\n  " in check(guard, "--verbosity", "2").out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("text", [CONTRACT, PROMISED], ids=["kept", "violated"])
def test_checkschema_when_kept_ones_are_counted_then_as_many_as_are_listed(
    users, guard, contract, text
):
    contract(text)

    listed = check(guard, "--format", "junit").out.count("<testcase ")

    assert json.loads(check(guard, "--format", "json").out)["checked"] == listed
    for verbosity in ("1", "2"):
        assert f"{listed} assertions about" in check(guard, "--verbosity", verbosity).out


# A contract of the database as it is


def test_checkschema_when_it_writes_a_contract_the_database_keeps_it(users, guard, tmp_path):
    path = tmp_path / "written.toml"

    written = check(guard, "users", "--write", str(path))
    first = path.read_text()
    kept = check(guard, "--contract", str(path))
    check(guard, "users", "--write", str(path))

    assert written.code == 0, written.err
    assert kept.code == 0, kept.out
    assert path.read_text() == first
    assert "[tables.users" in first
    assert "applied_migrations" not in first


@pytest.mark.parametrize(
    ("mode", "options", "remedy"),
    [
        (
            "--write=x.toml",
            "--contract y.toml --output z.txt",
            "Leave --contract and --output out.",
        ),
        ("--write-sizes=x.json", "users --contract y.toml", "Leave TABLE and --contract out."),
        ("--clear-templates", "--output x.txt", "Leave --output out."),
        ("--clear-templates", "--no-models users", "Leave TABLE and --no-models out."),
        ("--clear-templates", "--format=json", "Leave --format out."),
        ("--upgrade-from=v1", "--usage x.jsonl --fresh", "Leave --usage and --fresh out."),
    ],
)
def test_checkschema_when_an_option_has_no_effect_beside_another_is_refused(
    mode, options, remedy, sqlite, guard
):
    result = guard("checkschema", mode, *options.split())

    assert result.code == 2
    assert f"\n{remedy}\n" in result.err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_a_table_to_write_is_not_there_exits_2(users, guard, tmp_path):
    result = check(guard, "usres", "--write", str(tmp_path / "written.toml"))

    assert result.code == 2
    assert "usres" in result.err
    assert not (tmp_path / "written.toml").exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checkschema_when_it_is_in_memory_works_on_the_connection_as_it_is(
    database, guard, migrations, contract
):
    database.configure(NAME=":memory:")
    migrations(USERS)
    contract(CONTRACT)

    result = check(guard)

    assert result.code == 1
    assert "[missing-table]" in result.out


# The bug that founded the project


def test_checkschema_when_code_expects_a_column_that_never_existed_names_it(postgres, tmp_path):
    project = Project(tmp_path / "site", postgres)
    project.write(
        {
            "shop/models.py": """\
                from django.db import models

                class UserProfile(models.Model):
                    relationship_type = models.CharField(max_length=40, null=True)

                    class Meta:
                        managed = False
                        db_table = "user_profiles"
            """
        }
    )
    project.migrations(
        {
            "0001_relationship.sql": "ALTER TABLE IF EXISTS user_profiles "
            "ADD COLUMN relationship_type varchar(40);",
            "0002_profiles.sql": "CREATE TABLE IF NOT EXISTS user_profiles "
            "(id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);",
        }
    )
    for command in ("migrate", "runsqlmigrations"):
        assert project.manage(command).code == 0

    blind = [
        project.manage("makemigrations", "--check"),
        project.manage("migrate", "--check"),
        project.manage("check", "--deploy", "--database", "default"),
    ]
    seen = project.manage("checkschema")

    assert [done.code for done in blind] == [0, 0, 0]
    assert seen.code == 1, seen.out
    assert "[missing-column] relationship_type" in seen.out
    assert "shop.UserProfile.relationship_type" in seen.out
    assert "0001_relationship" in seen.out


def test_write_when_no_table_is_named_leaves_out_what_models_state_already(
    site_apps, database, migrations, guard, tmp_path
):
    migrations({"0001_books.sql": "CREATE TABLE books (id integer PRIMARY KEY);"})
    assert guard("migrate").code == 0
    assert guard("runsqlmigrations").code == 0
    path = tmp_path / "contract.toml"

    everything = guard("checkschema", "--write", str(path))
    written = path.read_text()
    named = guard("checkschema", "--write", str(path), "auth_group")

    assert [everything.code, named.code] == [0, 0]
    assert [line for line in written.splitlines() if line.endswith("]") and "." in line] == [
        "[tables.books]",
        "[tables.books.columns]",
    ]
    assert "tables that Django's own migrations make" in everything.err
    assert "[tables.auth_group]" in path.read_text()
    assert "Left out" not in named.err


def test_write_when_no_setting_names_the_file_says_that_nothing_reads_it(
    sqlite, migrations, guard, tmp_path
):
    migrations({"1_a.sql": "CREATE TABLE a (id int)"}, CONTRACTS={})
    guard("runsqlmigrations")
    path = tmp_path / "contract.toml"

    unread = guard("checkschema", "--write", path)
    migrations({"1_a.sql": "CREATE TABLE a (id int)"}, CONTRACTS={"default": [path]})
    read = guard("checkschema", "--write", path)

    assert (
        f'add it to MIGRATION_GUARD["CONTRACTS"]["default"], or give --contract {path}.'
        in unread.err
    )
    assert "does not read it" not in read.err
