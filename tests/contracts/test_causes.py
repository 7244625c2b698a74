"""Which migration should have made it: told from the files and their states, in pure values."""

from datetime import UTC, datetime

import pytest

from migration_guard.contracts import Column, Contract, Migrations, Table, compare
from migration_guard.contracts.causes import Background, Causes
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.names import FileName
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.results import Verdict
from migration_guard.schema import objects
from migration_guard.schema.objects import Snapshot


def planned(id_, sql, state=State.APPLIED, tmp="/x"):
    number = int(id_.partition("_")[0])
    row = None
    if state in {State.APPLIED, State.EDITED, State.MISSING}:
        row = HistoryRow(id_, number, "", "", datetime(2026, 1, 1, tzinfo=UTC), 1, "run")
    file = MigrationFile(FileName(id_, number, None, f"{tmp}/{id_}.sql"), sql, "", Directives())
    return Planned(id_, number, state, None if state is State.MISSING else file, row)


CREATE = "CREATE TABLE users (id int, email text);"
CASES = {
    "pending": (
        [("0001_a", CREATE, State.PENDING)],
        ("users", "email"),
        "0001_a adds it and is pending (apply it: manage.py runsqlmigrations).",
    ),
    "failed": (
        [("0001_a", CREATE, State.FAILED)],
        ("users",),
        "0001_a adds it and failed (see manage.py runsqlmigrations --plan",
    ),
    "skipped": (
        [("0001_a", CREATE, State.SKIPPED)],
        ("users",),
        "0001_a adds it and is skipped (its environments exclude",
    ),
    "out of order": (
        [("0001_a", CREATE, State.OUT_OF_ORDER)],
        ("users",),
        "0001_a adds it and is out of order (apply it: manage.py runsqlmigrations --allow-out-of-order).",
    ),
    "applied, and dropped later": (
        [("0001_a", CREATE), ("0002_b", "ALTER TABLE users DROP COLUMN IF EXISTS email;")],
        ("users", "email"),
        "0001_a adds it and is applied; 0002_b drops it and is applied after it.",
    ),
    "applied, and renamed later": (
        [("0001_a", CREATE), ("0002_b", "ALTER TABLE users RENAME COLUMN email TO mail;")],
        ("users", "email"),
        "0001_a adds it and is applied; 0002_b renames it and is applied after it.",
    ),
    "applied, and the table dropped later": (
        [("0001_a", CREATE), ("0002_b", "DROP TABLE users;")],
        ("users",),
        "0001_a adds it and is applied; 0002_b drops it and is applied after it.",
    ),
    "applied, and gone": (
        [("0001_a", CREATE)],
        ("users", "email"),
        "0001_a adds it and is applied, yet it is not there: the history does not show what "
        "removed it. Put it back with manage.py runauditedsql FILE --reason TEXT",
    ),
    "a table that was there already": (
        [("0001_a", "CREATE TABLE IF NOT EXISTS users (id int, email text);")],
        ("users", "email"),
        "a CREATE TABLE IF NOT EXISTS does nothing where an older table",
    ),
    "edited after it was applied": (
        [("0001_a", CREATE, State.EDITED)],
        ("users", "email"),
        "0001_a adds it, and its file was edited after it was applied: this database ran another",
    ),
    "the pending one of two": (
        [("0001_a", CREATE), ("0002_b", "ALTER TABLE users ADD email text;", State.PENDING)],
        ("users", "email"),
        "0002_b adds it and is pending",
    ),
    "quoted, with its schema": (
        [("0001_a", 'CREATE TABLE "public"."users" ("email" text);', State.PENDING)],
        ("public.users", "email"),
        "0001_a adds it and is pending",
    ),
    "of a view, with its schema": (
        [("0001_a", "CREATE VIEW public.users AS SELECT 1 AS email;", State.PENDING)],
        ("users", "email"),
        "0001_a adds it and is pending",
    ),
    "in a DO block": (
        [("0001_a", "DO $$BEGIN ALTER TABLE users ADD email text; END$$;", State.PENDING)],
        ("users", "email"),
        "0001_a mentions it and is pending",
    ),
    "in a comment only": (
        [("0001_a", "CREATE TABLE users (id int); -- email comes later")],
        ("users", "email"),
        "No migration mentions users.email: write one with manage.py makesqlmigration NAME.",
    ),
    "nowhere": ([], ("users",), "No migration mentions users: write one"),
    "a file that is no SQL": ([("0001_a", "CREATE TABLE users ('")], ("users",), "No migration"),
    "a migration without file": (
        [("0001_a", CREATE, State.MISSING)],
        ("users",),
        "No migration mentions users",
    ),
}


@pytest.mark.parametrize(("migrations", "names", "expected"), CASES.values(), ids=CASES.keys())
def test_hint_when_a_migration_made_it_then_it_and_its_state_are_named(migrations, names, expected):
    plan = Plan(tuple(planned(*migration) for migration in migrations), ())

    assert expected in Causes(plan, "postgresql").hint(*names)


def test_hint_when_a_comment_of_mysql_is_run_then_it_counts_as_sql():
    sql = "CREATE TABLE users (id int /*!50503 , email text */);"
    plan = Plan((planned("0001_a", sql, State.PENDING),), ())

    assert "0001_a adds it and is pending" in Causes(plan, "mysql").hint("users", "email")


def test_hint_when_a_django_app_makes_it_then_migrate_is_what_to_type():
    plan = Plan((planned("0001_a", CREATE),), ())

    background = Background(django=lambda _change, app, _subject: f"manage.py migrate {app}.")
    causes = Causes(plan, "postgresql", background)

    assert causes.hint("auth_user", app="auth") == "manage.py migrate auth."
    assert "0001_a" in causes.hint("users", app="auth")


@pytest.mark.parametrize("vendor", ["postgresql", "sqlite", "mysql"])
@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (CREATE, "SELECT 1;", "no statement in the files shows what removed it."),
        (
            "CREATE TABLE IF NOT EXISTS users (id int, email text);",
            "SELECT 1;",
            "no statement in the files shows what removed it.",
        ),
        (
            "CREATE TABLE users (id int);",
            "CREATE TABLE IF NOT EXISTS users (id int, email text);",
            "a CREATE TABLE IF NOT EXISTS does nothing where an older table of that name is (in "
            "0001_a).",
        ),
    ],
)
def test_hint_when_the_database_is_built_from_the_files_then_a_migration_is_the_way(
    vendor, first, last, why
):
    plan = Plan((planned("0001_a", first), planned("0002_b", last)), ())
    causes = Causes(plan, vendor, Background(is_from_files=True))

    hint = causes.hint("users", "email")

    assert hint.endswith(
        f"yet it is not there: {why} Put it back in a new migration, with IF NOT EXISTS: "
        "manage.py makesqlmigration NAME."
    )


def test_hint_when_there_is_no_plan_then_it_is_silent():
    assert Causes(None, "sqlite").hint("users") == ""


@pytest.mark.parametrize(
    ("sql", "state", "hint"),
    [
        (
            "ALTER TABLE users ADD CONSTRAINT k UNIQUE (a, b);",
            State.PENDING,
            "0002_b adds it and is pending (apply it: manage.py runsqlmigrations).",
        ),
        ("CREATE UNIQUE INDEX ON users (a, b);", State.PENDING, "0002_b adds it and is pending"),
        ("CREATE INDEX ON users (a, b);", State.PENDING, "Add it in a migration"),
        ("CREATE UNIQUE INDEX ON users (a, b);", State.APPLIED, "Add it in a migration"),
    ],
)
def test_hint_when_a_key_is_missing_then_only_a_migration_that_would_make_it_is_named(
    sql, state, hint
):
    plan = Plan(
        (planned("0001_a", "CREATE TABLE users (a int, b int);"), planned("0002_b", sql, state)),
        (),
    )
    columns = tuple(objects.Column(one, "integer") for one in "ab")
    users = objects.Table(
        "public", "users", "users", "table", columns, None, uniques=(), indexes=()
    )

    assertions = compare(
        Contract([Table("users", unique=[["a", "b"]])]), Snapshot("postgresql", (users,)), plan
    )

    assert assertions[-1].violation.hint.startswith(hint)


APPLIED = [
    ("0001_a", {"0001_a": Verdict.KEPT}),
    ("0001_b", {"0001_b": Verdict.VIOLATED}),
    ("0003_c", {"0003_c": Verdict.VIOLATED}),
    ("1", {"0001_a": Verdict.KEPT}),
    ("0004", {"0004_d": Verdict.KEPT}),
    ("5", {"5": Verdict.VIOLATED}),
    ("0001-0002", {"0001_a": Verdict.KEPT, "0002_b": Verdict.KEPT}),
    ("2 - 4", {"0002_b": Verdict.KEPT, "0003_c": Verdict.VIOLATED, "0004_d": Verdict.KEPT}),
    ("4-9", {"0004_d": Verdict.KEPT, "9": Verdict.VIOLATED}),
]


@pytest.mark.parametrize(("stated", "verdicts"), APPLIED)
def test_migrations_when_stated_then_each_of_the_range_must_be_applied(stated, verdicts):
    states = {
        "0001_a": State.APPLIED,
        "0002_b": State.EDITED,
        "0003_c": State.PENDING,
        "0004_d": State.MISSING,
    }
    plan = Plan(tuple(planned(id_, "SELECT 1", state) for id_, state in states.items()), ())
    contract = Contract(migrations=[Migrations(stated)])

    assertions = compare(contract, Snapshot("sqlite", ()), plan)

    assert {assertion.object: assertion.verdict for assertion in assertions} == verdicts
    assert [assertion.id for assertion in assertions] == [
        f"migrations::{id_}::applied" for id_ in verdicts
    ]


def test_migrations_when_there_is_no_plan_then_they_are_unknown_for_that_reason():
    contract = Contract(migrations=["0001-0003"])

    (assertion,) = compare(contract, Snapshot("sqlite", ()), no_plan="no folder is set")

    assert (assertion.verdict, assertion.unknown) == (Verdict.UNKNOWN, "no folder is set")


def test_hint_when_a_column_differs_and_a_migration_would_change_it_then_it_is_named():
    change = planned("0002_b", "ALTER TABLE users ALTER a TYPE bigint;", State.PENDING)
    plan = Plan((planned("0001_a", "CREATE TABLE users (a int);"), change), ())
    columns = (objects.Column("a", "integer"),)
    users = objects.Table("public", "users", "users", "table", columns)

    assertions = compare(
        Contract([Table("users", [Column("a", "bigint")])]), Snapshot("postgresql", (users,)), plan
    )

    assert assertions[-1].violation.hint == (
        "0002_b changes it and is pending (apply it: manage.py runsqlmigrations)."
    )
