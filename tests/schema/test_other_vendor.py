"""A vendor that the app does not support: ``checkschema`` asks Django's introspection.

``tests.otherdb`` is SQLite under another vendor's name, so that nothing may know its rules.
"""

import json
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard import schema_check
from migration_guard.results import Verdict
from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.conftest import ROOT
from tests.projects import Project

SCHEMA = [
    # In quotes, as Django writes names: its reading of SQLite's SQL is not that of the test.
    'CREATE TABLE "users" ("id" integer NOT NULL PRIMARY KEY, "email" varchar(40) NOT NULL UNIQUE, '
    '"visits" integer DEFAULT 5, "note" text COLLATE NOCASE, '
    'CONSTRAINT "positive" CHECK ("visits" > 0))',
    'CREATE TABLE "notes" ("a" integer NOT NULL, "b" integer NOT NULL, '
    '"user_id" integer REFERENCES "users" ("id"), PRIMARY KEY ("b", "a"))',
    'CREATE TABLE "pairs" ("id" integer PRIMARY KEY, "a" integer, "b" integer, '
    'FOREIGN KEY ("b", "a") REFERENCES "notes" ("b", "a"))',
    "CREATE INDEX users_visits ON users (visits)",
    "CREATE VIEW emails AS SELECT email FROM users",
]
KEPT = """\
[tables.users]
primary_key = ["id"]
[tables.users.columns]
id = { type = "INTEGER", null = false }
email = { type = "varchar (40)", null = false }
visits = { type = "integer", null = true, default = "(5)" }
[tables.notes.columns]
a = { null = false }
[views.emails.columns]
email = "varchar(40)"
[absent]
tables = ["gone"]
columns = ["users.gone"]
"""
UNKNOWNS = {
    "[tables.users.columns]\nvisits = { default = '6' }": "users::visits::default",
    "[tables.users.columns]\nid = { default = false }": "users::id::default",
    "[tables.users.columns]\nid = 'int'": "users::id::type",
    "[tables.users.columns]\nid = { generated = true }": "users::id::generated",
    "[tables.users.columns]\nemail = { collation = 'nocase' }": "users::email::collation",
    "[tables.users]\nunique = [['email']]": "users::unique(email)",
    "[tables.users]\nindexes = [['visits']]": "users::index(visits)",
    "[tables.users]\nchecks = ['positive']": "users::check(positive)",
    "[tables.notes]\nprimary_key = ['a', 'b']": "notes::primary_key(a, b)",
    "[tables.notes]\nprimary_key = ['b', 'a']": "notes::primary_key(b, a)",
    "[tables.notes]\nforeign_keys = [{ columns = ['user_id'], references = 'users(id)' }]": (
        "notes::foreign_key(user_id)"
    ),
    "[tables.pairs]\nforeign_keys = [{ columns = ['a'], references = 'notes(a)' }]": (
        "pairs::foreign_key(a)"
    ),
    "[tables.users]\nexclusions = ['alone']": "users::exclusion(alone)",
    "[views.emails]\nmaterialized = false": "emails::exists",
    "[absent]\ntables = ['billing.invoices']": "billing.invoices::absent",
    "[tables.'billing.invoices'.columns]\nid = 'int'": "billing.invoices::exists",
    "[enums]\nmood = ['sad']": "enums::mood::exists",
    "[extensions]\nhstore = true": "extensions::hstore::exists",
    "[migrations]\napplied = ['0001_users']": "migrations::0001_users::applied",
}


@pytest.fixture
def other(sqlite):
    """Give a database of the vendor ``otherdb`` with the tables of the test."""
    sqlite.configure(ENGINE="tests.otherdb")
    for statement in SCHEMA:
        sqlite.execute(statement)
    return sqlite


@pytest.fixture
def check(other, guard, tmp_path):
    """Give ``check(toml, *args)``, which holds the database against a contract."""

    def run(toml, *args):
        path = tmp_path / "contract.toml"
        path.write_text(toml)
        return guard("checkschema", "--no-models", "--contract", str(path), *args)

    return run


def test_other_vendor_when_django_tells_a_fact_then_it_is_kept(check):
    result = check(KEPT)

    assert (result.code, result.err) == (0, "")
    assert "about default (otherdb)" in result.out


@pytest.mark.parametrize(("toml", "id_"), UNKNOWNS.items(), ids=UNKNOWNS.values())
def test_other_vendor_when_django_cannot_tell_then_it_is_unknown(check, toml, id_):
    result = check(toml, "--format", "json")

    report = json.loads(result.out)
    assert id_ in [assertion["id"] for assertion in report["unknown"]]
    assert (result.code, report["vendor"], report["violations"]) == (2, "otherdb", [])
    assert check(toml, "--allow-unknown").code == 0


@pytest.mark.parametrize(
    ("toml", "rule"),
    [
        ("[tables.user.columns]\nid = 'integer'", "missing-table"),
        ("[tables.users.columns]\nmail = 'text'", "missing-column"),
        ("[tables.users.columns]\nvisits = { null = false }", "wrong-null"),
        ("[tables.users]\nprimary_key = ['email']", "wrong-primary-key"),
        ("[tables.users]\nunique = [['visits']]\n", "missing-unique"),
        ("[tables.users]\nexact = true\n[tables.users.columns]\nid = 'integer'", "extra-column"),
        ("[views.users]", "wrong-kind"),
        ("[absent]\ncolumns = ['users.note']", "present-column"),
    ],
)
def test_other_vendor_when_django_tells_otherwise_then_it_is_violated(check, toml, rule):
    result = check(toml)

    assert result.code == 1
    assert f"[{rule}]" in result.out


def test_other_vendor_when_migrations_are_asked_then_the_reason_names_the_vendor(check):
    result = check("[migrations]\napplied = ['0001_users']")

    assert "Other DB, which is not supported" in result.out


@pytest.mark.parametrize("report", ["junit", "github", "sarif"])
def test_other_vendor_when_a_report_is_for_a_machine_then_it_is_written(check, report):
    assert check(KEPT, "--format", report).code == 0


def test_other_vendor_when_a_contract_is_written_of_it_then_it_keeps_all_of_it(
    other, guard, tmp_path
):
    path = tmp_path / "written.toml"

    wrote = guard("checkschema", "--write", str(path))
    assert wrote.code == 0
    assert "of this database cannot be stated" in wrote.err

    args = ("checkschema", "--no-models", "--contract", str(path))
    assert guard(*args).code == 0
    assert "# not stated, since its check would fail" in path.read_text()


def test_other_vendor_when_django_migrated_it_then_the_models_are_not_violated(sqlite):
    sqlite.configure(ENGINE="tests.otherdb")
    call_command("migrate", "contenttypes", verbosity=0)

    contract = schema_check.complete_contract("default", tables=["django_content_type"])
    checked = schema_check.check(contract)

    verdicts = {assertion.id: assertion.verdict for assertion in checked.assertions}
    assert Verdict.VIOLATED not in verdicts.values()
    assert verdicts["django_content_type::model::type"] is Verdict.KEPT
    assert verdicts["django_content_type::app_label::null"] is Verdict.KEPT


@pytest.mark.parametrize("option", ["--fresh", "--drift"])
def test_other_vendor_when_a_database_would_be_built_then_it_is_refused(other, guard, option):
    result = guard("checkschema", option)

    assert result.code == 2
    assert "Other DB, which is not supported" in result.err


def test_other_vendor_when_introspection_fails_then_everything_of_the_table_is_unknown(
    other, check, monkeypatch
):
    def refuse(*_args):
        raise NotImplementedError("this backend has no get_relations")

    monkeypatch.setattr(connection.introspection, "get_relations", refuse)

    table = read_snapshot(connection, ["users"]).table("users")
    assert (table.columns, table.primary_key, table.foreign_keys) == (UNKNOWN,) * 3
    assert check(KEPT).code == 2


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        ("can_introspect_check_constraints", "checks"),
        ("can_introspect_foreign_keys", "foreign_keys"),
    ],
)
def test_other_vendor_when_the_backend_cannot_introspect_then_it_is_unknown(
    other, monkeypatch, flag, field
):
    monkeypatch.setattr(connection.features, flag, False)

    assert getattr(read_snapshot(connection, ["notes"]).table("notes"), field) is UNKNOWN


def test_other_vendor_when_the_driver_does_not_know_nulls_then_they_are_unknown(other, monkeypatch):
    describe = connection.introspection.get_table_description

    def without_nulls(cursor, name):
        return [
            SimpleNamespace(**{**column._asdict(), "null_ok": None})
            for column in describe(cursor, name)
        ]

    monkeypatch.setattr(connection.introspection, "get_table_description", without_nulls)

    table = read_snapshot(connection, ["users"]).table("users")
    assert {column.nullable for column in table.columns} == {UNKNOWN}


def test_other_vendor_when_the_contract_is_a_test_then_pytest_runs_it(sqlite, tmp_path):
    sqlite.configure(ENGINE="tests.otherdb")
    project = Project(tmp_path / "site", sqlite)
    project.configure(DIRS={})
    project.write(
        {
            "schema_contract.toml": "[tables.django_content_type]\nprimary_key = ['id']\n"
            "unique = [['app_label', 'model']]\n",
            "pytest.ini": "[pytest]\n",
        }
    )
    option = "--schema-contract=schema_contract.toml"

    run = project.pytest("-v", option, env={"PYTHONPATH": str(ROOT)})

    assert "2 passed, 1 failed" in run.out or "1 failed, 2 passed" in run.out, run.out
    assert "could not be checked: the reader for otherdb cannot tell this" in run.out


def test_other_vendor_when_it_cannot_be_reached_then_the_exit_code_is_2(sqlite, guard, tmp_path):
    sqlite.configure(ENGINE="tests.otherdb", NAME=str(tmp_path / "no folder" / "db"))

    for option in ("--format=text", f"--write={tmp_path / 'contract.toml'}"):
        result = guard("checkschema", option)

        assert result.code == 2
        assert 'The database "default" could not be read: unable to open database' in result.err
