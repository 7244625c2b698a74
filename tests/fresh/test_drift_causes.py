"""A cause is named where the history shows it, and each command that is named works."""

import re

import pytest
from django.core.management import call_command

from tests.fresh.test_drift import build, drifted, run

USERS = (
    "CREATE TABLE users (id integer PRIMARY KEY, kind varchar(9) DEFAULT 'guest', born integer);\n"
)
BORN = "CREATE INDEX users_born ON users (born);\n"


def hints(violations):
    return {(one["table"], one["object"]): one["hint"] for one in violations}


def only_hint(guard, *options):
    """Return the hint of the only violation."""
    code, violations, unknown = drifted(guard, *options)
    assert (code, len(violations), unknown) == (1, 1, []), violations
    return violations[0]["hint"]


def is_gone(guard, *options):
    code, violations, unknown = drifted(guard, *options)
    return (code, violations, unknown) == (0, [], [])


def write(folder, name, sql):
    (folder / name).write_text(sql)


def apply_by_script(guard, tmp_path, sql):
    """Run SQL as the hint says that a database gets what it lacks."""
    path = tmp_path / "back.sql"
    path.write_text(sql)
    result = guard("runauditedsql", str(path), "--reason", "put back", "--expect-rows", "0")
    assert result.code == 0, result.err


# Out of order


DISORDER = {
    "0001_users.sql": USERS + BORN,
    "0002_gone.sql": "DROP INDEX {} users_born{};\n",
    "0004_back.sql": "CREATE INDEX {} users_born ON users (born);\n",
}
_DISORDER = {
    "postgresql": ("IF EXISTS", ""),
    "sqlite": ("IF EXISTS", ""),
    "mysql": ("IF EXISTS", " ON users"),
}


def test_drift_when_two_ran_out_of_order_then_both_are_named_with_who_and_why(
    database, migrations, guard
):
    condition, on = _DISORDER[database.vendor]
    gone = DISORDER["0002_gone.sql"].format(condition, on)
    back = DISORDER["0004_back.sql"].format("IF NOT EXISTS")
    files = {**DISORDER, "0002_gone.sql": gone, "0004_back.sql": back}
    migrations({name: files[name] for name in ("0001_users.sql", "0004_back.sql")})
    build(guard)
    folder = migrations(files)
    build(guard, "--allow-out-of-order")

    hint = only_hint(guard)
    write(folder, "0005_right.sql", "CREATE INDEX IF NOT EXISTS users_born ON users (born);")
    build(guard)

    who = database.execute("SELECT who FROM migration_guard_audit WHERE action = 'out-of-order'")
    assert re.match(
        rf"0002_gone drops it, and ran after 0004_back, which adds it \(out of order, by "
        rf"{re.escape(who[0][0])} on \d{{4}}-\d\d-\d\d: --allow-out-of-order\)\. A fresh database "
        r"runs them in the order of their numbers: write what is right into a new migration "
        r"\(manage.py makesqlmigration NAME\)\.",
        hint,
    ), hint
    assert is_gone(guard)


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_drift_when_two_changed_a_default_out_of_order_then_both_are_named(
    database, migrations, guard
):
    change = "ALTER TABLE users ALTER kind SET DEFAULT '{}';"
    files = {"0001_users.sql": USERS, "0004_late.sql": change.format("late")}
    migrations(files)
    build(guard)
    folder = migrations({**files, "0002_early.sql": change.format("early")})
    build(guard, "--allow-out-of-order")

    hint = only_hint(guard)
    write(folder, "0005_right.sql", change.format("right"))
    build(guard)

    assert hint.startswith("0002_early changes it, and ran after 0004_late, which changes it (out ")
    assert is_gone(guard)


# Edited, recorded without a run, a file that is missing, an audited script


def test_drift_when_another_statement_was_edited_then_the_edit_is_no_cause(
    database, migrations, guard
):
    migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    migrations({"0001_users.sql": USERS.replace("(9)", "(8)") + BORN})
    on = " ON users" if database.vendor == "mysql" else ""
    run(database, f"DROP INDEX users_born{on}")

    _, violations, _ = drifted(guard)

    told = hints(violations)
    assert "its file was edited after" in told["users", "column kind"]
    assert told["users", "index users_born"].startswith(
        "0001_users adds it and is applied, yet it is not there: the history does not show what "
        "removed it. Put it back "
    )


def test_drift_when_an_edit_was_accepted_then_who_and_why_is_said(database, migrations, guard):
    migrations({"0001_users.sql": USERS})
    build(guard)
    migrations({"0001_users.sql": USERS + BORN})
    guard("repairsqlmigrations", "0001_users", "--accept-edit", "--reason", "ticket 812")

    hint = only_hint(guard)

    assert hint.startswith(
        "0001_users adds it. Its file was edited after it was applied, and the edit was accepted "
        "(by "
    )
    assert ": ticket 812): this database ran another text. Put it back " in hint


def test_drift_when_another_statement_was_edited_and_accepted_then_it_is_no_cause(
    sqlite, migrations, guard
):
    migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    migrations({"0001_users.sql": USERS + "-- for the birthday mails\n" + BORN})
    guard("repairsqlmigrations", "0001_users", "--accept-edit", "--reason", "a comment")
    run(sqlite, "DROP INDEX users_born")

    assert only_hint(guard).startswith(
        "0001_users adds it and is applied, yet it is not there: the history does not show what "
    )


def test_drift_when_an_accepted_edit_cut_a_statement_then_it_is_the_cause(
    sqlite, migrations, guard
):
    migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    migrations({"0001_users.sql": USERS})
    guard("repairsqlmigrations", "0001_users", "--accept-edit", "--reason", "not needed")

    assert only_hint(guard).startswith(
        "0001_users adds it by the SQL that was applied, and its file was edited since: "
    )


@pytest.mark.parametrize("option", ["--fake", "--baseline", "--mark-applied"])
def test_drift_when_a_migration_was_recorded_and_not_run_then_that_is_said(
    sqlite, migrations, guard, option, tmp_path
):
    migrations({"0001_users.sql": USERS + BORN})
    run(sqlite, USERS)
    call_command("migrate", verbosity=0)
    record = {
        "--fake": ("runsqlmigrations", "--fake", "0001_users"),
        "--baseline": ("runsqlmigrations", "--baseline", "1"),
        "--mark-applied": (
            *("repairsqlmigrations", "0001_users", "--mark-applied"),
            *("--reason", "restored from the old server"),
        ),
    }
    assert guard(*record[option]).code == 0

    hint = only_hint(guard)
    apply_by_script(guard, tmp_path, BORN)

    assert hint.startswith(
        "0001_users adds it, and was recorded as applied without being run here (by "
    )
    assert "restored from the old server" in hint or option != "--mark-applied"
    assert is_gone(guard)


def test_drift_when_the_file_that_made_it_is_missing_then_it_is_named(database, migrations, guard):
    migrations({"0001_users.sql": USERS, "0002_notes.sql": "CREATE TABLE notes (id integer);"})
    build(guard)
    folder = migrations({"0001_users.sql": USERS})

    hint = only_hint(guard)
    write(folder, "0002_notes.sql", "CREATE TABLE notes (id integer);")

    assert hint == (
        "0002_notes adds it by the SQL that was applied, and its file is missing: restore the file "
        "from version control, and put a change into a new migration."
    )
    assert is_gone(guard)


def test_drift_when_a_statement_was_cut_from_an_applied_file_then_the_edit_is_the_cause(
    database, migrations, guard
):
    migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    migrations({"0001_users.sql": USERS})

    hint = only_hint(guard)

    assert hint.startswith(
        "0001_users adds it by the SQL that was applied, and its file was edited since: restore "
    )


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_drift_when_an_audited_script_made_it_then_the_script_is_named(
    database, migrations, guard, tmp_path
):
    folder = migrations({"0001_users.sql": USERS})
    build(guard)
    apply_by_script(guard, tmp_path, "CREATE INDEX hurry ON users (born);")

    hint = only_hint(guard)
    write(folder, "0002_hurry.sql", "CREATE INDEX IF NOT EXISTS hurry ON users (born);")
    build(guard)

    assert re.match(r"The audited script \S*back.sql \(by \S+ on [\d-]+: put back\) names it", hint)
    assert is_gone(guard)


# Nothing shows a cause


def test_drift_when_nothing_shows_a_cause_then_none_is_stated(
    database, migrations, guard, tmp_path
):
    migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    on = " ON users" if database.vendor == "mysql" else ""
    run(database, f"DROP INDEX users_born{on}", "CREATE TABLE notes (id integer)")

    _, violations, _ = drifted(guard)

    told = hints(violations)
    assert told.keys() == {("users", "index users_born"), ("notes", "")}
    assert told["users", "index users_born"].startswith(
        "0001_users adds it and is applied, yet it is not there: the history does not show what "
    )
    assert told["notes", ""].startswith(
        "No migration mentions it by this name; the history does not show what made it. Drop it "
    )
    assert not any("by hand" in hint for hint in told.values())


def test_drift_when_the_remedy_is_followed_then_there_is_none(
    database, migrations, guard, tmp_path
):
    folder = migrations({"0001_users.sql": USERS + BORN})
    build(guard)
    on = " ON users" if database.vendor == "mysql" else ""
    run(database, f"DROP INDEX users_born{on}", "CREATE TABLE notes (id integer)")
    _, violations, _ = drifted(guard)
    assert len(violations) == 2

    told = hints(violations)
    if database.vendor == "mysql":
        assert (
            "Put it back in a new migration (IF EXISTS, IF NOT "
            in told["users", "index users_born"]
        )
        write(folder, "0002_back.sql", BORN.replace("INDEX", "INDEX IF NOT EXISTS"))
    else:
        assert (
            "with manage.py runauditedsql FILE --reason TEXT" in told["users", "index users_born"]
        )
        apply_by_script(guard, tmp_path, BORN)
    assert "Drop it in a new migration (IF EXISTS)" in told["notes", ""]
    write(folder, "0003_notes.sql", "DROP TABLE IF EXISTS notes;")
    build(guard)

    assert is_gone(guard)


def test_drift_when_a_rename_is_pending_then_it_is_named_for_both_names(
    database, migrations, guard
):
    migrations({"0001_users.sql": USERS})
    build(guard)
    migrations({"0001_users.sql": USERS, "0002_people.sql": "ALTER TABLE users RENAME TO people;"})

    _, violations, _ = drifted(guard)
    build(guard)

    command = "(apply it: manage.py runsqlmigrations)."
    assert hints(violations) == {
        ("users", ""): f"0002_people renames it and is pending {command}",
        ("people", ""): f"0002_people renames it and is pending {command}",
    }
    assert is_gone(guard)


def test_drift_when_a_table_was_renamed_then_its_index_is_found_by_the_old_name(
    database, migrations, guard
):
    migrations(
        {
            "0001_users.sql": USERS + BORN,
            "0002_people.sql": "ALTER TABLE users RENAME TO people;",
        }
    )
    build(guard)
    on = " ON people" if database.vendor == "mysql" else ""
    run(database, f"DROP INDEX users_born{on}")

    _, violations, _ = drifted(guard)

    assert violations[0]["source"].endswith("0001_users.sql:2")
    assert violations[0]["hint"].startswith("0001_users adds it and is applied, yet it is not")


# Other tools


TABLES = {
    "Flyway": "CREATE TABLE flyway_schema_history (installed_rank integer, script varchar(9))",
    "golang-migrate": "CREATE TABLE schema_migrations (version bigint, dirty boolean)",
    "dbmate": "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)",
    "Liquibase": "CREATE TABLE databasechangelog (id varchar(9), author varchar(9), md5sum text)",
    "goose": "CREATE TABLE goose_db_version (id integer, version_id bigint, is_applied boolean)",
    "Alembic": "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)",
    "Prisma": "CREATE TABLE _prisma_migrations (checksum text, migration_name text)",
}


@pytest.mark.parametrize("tool", TABLES)
def test_drift_when_another_tool_left_its_history_then_it_is_called_that(
    sqlite, migrations, guard, tool
):
    folder = migrations({"0001_users.sql": USERS})
    build(guard)
    run(sqlite, TABLES[tool])
    table = TABLES[tool].split()[2]

    hint = only_hint(guard)
    ignored = is_gone(guard, *re.search(r"--ignore \w+", hint)[0].split())
    write(folder, "0002_done.sql", f"DROP TABLE IF EXISTS {table};")
    build(guard)

    assert hint.startswith(tool)
    assert "keeps its history in it. If nothing runs" in hint
    assert ignored
    assert is_gone(guard)


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_drift_when_another_tool_left_its_history_on_a_server_then_it_is_called_that(
    database, migrations, guard
):
    migrations({"0001_users.sql": USERS})
    build(guard)
    upper = "DATABASECHANGELOG" if database.vendor == "mysql" else "databasechangelog"
    run(database, TABLES["Liquibase"].replace("databasechangelog", upper))

    hint = only_hint(guard)

    assert hint.startswith("Liquibase keeps its history in it.")
    assert is_gone(guard, "--ignore", upper)


def test_drift_when_a_table_only_has_such_a_name_then_it_is_a_table(sqlite, migrations, guard):
    migrations({"0001_users.sql": USERS})
    build(guard)
    run(sqlite, "CREATE TABLE migrations (bird varchar(9), distance integer)")

    assert only_hint(guard).startswith("No migration mentions it by this name;")


# Old forms


def test_drift_when_an_old_django_made_a_serial_then_it_is_called_that(
    site_apps, postgres, migrations, guard, tmp_path
):
    migrations({"0001_users.sql": USERS})
    build(guard)
    run(
        postgres,
        "INSERT INTO auth_group (name) VALUES ('a'), ('b')",
        "ALTER TABLE auth_group ALTER id DROP IDENTITY",
        "CREATE SEQUENCE auth_group_id_seq AS integer OWNED BY auth_group.id",
        "SELECT setval('auth_group_id_seq', 7)",
        "ALTER TABLE auth_group ALTER id SET DEFAULT nextval('auth_group_id_seq')",
        "ALTER TABLE django_migrations ALTER id DROP IDENTITY",
        "CREATE SEQUENCE django_migrations_id_seq AS bigint OWNED BY django_migrations.id",
        "SELECT setval('django_migrations_id_seq', 900)",
        "ALTER TABLE django_migrations ALTER id SET DEFAULT nextval('django_migrations_id_seq')",
    )

    code, violations, unknown = drifted(guard)
    told = hints(violations)
    ignored = [word for hint in told.values() for word in _ignore(hint)]
    assert is_gone(guard, *ignored), ignored
    way = "with manage.py runauditedsql FILE --reason TEXT: "
    apply_by_script(guard, tmp_path, "\n".join(h.partition(way)[2] for h in told.values()))

    assert (code, unknown) == (1, [])
    assert told.keys() == {("auth_group", "column id"), ("django_migrations", "column id")}
    for hint in told.values():
        assert hint.startswith("Django before 4.1 made this key as a serial, which newer ones do")
    assert drifted(guard) == (0, [], [])
    assert guard("checkschema").code == 0
    run(postgres, "INSERT INTO auth_group (name) VALUES ('c')")
    assert postgres.execute("SELECT max(id) FROM auth_group") == [(9,)]


def _ignore(hint):
    return re.search(r"--ignore \S+?(?=,)", hint)[0].split()


def test_drift_when_a_table_of_sql_has_a_serial_then_it_is_not_taken_for_djangos(
    postgres, migrations, guard
):
    migrations({"0001_t.sql": "CREATE TABLE t (id integer GENERATED BY DEFAULT AS IDENTITY);"})
    build(guard)
    run(postgres, "DROP TABLE t", "CREATE TABLE t (id serial)")

    assert "Django before" not in only_hint(guard)


def test_drift_when_sqlite_has_a_column_too_many_then_a_script_drops_it(
    sqlite, migrations, guard, tmp_path
):
    migrations({"0001_users.sql": USERS})
    build(guard)
    run(sqlite, "ALTER TABLE users ADD COLUMN nickname text")

    hint = only_hint(guard)
    apply_by_script(guard, tmp_path, "ALTER TABLE users DROP COLUMN nickname;")

    assert "Drop it with manage.py runauditedsql FILE --reason TEXT, write " in hint
    assert is_gone(guard)


def test_drift_when_a_column_is_kept_then_a_recorded_migration_makes_it(
    database, migrations, guard
):
    folder = migrations({"0001_users.sql": USERS})
    build(guard)
    run(database, "ALTER TABLE users ADD COLUMN nickname varchar(9)")

    hint = only_hint(guard)
    write(folder, "0002_nick.sql", "ALTER TABLE users ADD COLUMN nickname varchar(9);")
    command = re.search(r"manage.py (repairsqlmigrations ID --mark-applied --reason) TEXT", hint)
    recorded = guard(*command[1].replace("ID", "0002_nick").split(), "it is there")

    assert recorded.code == 0, recorded.err
    assert is_gone(guard)


def test_drift_when_a_difference_is_changed_back_then_there_is_none(
    database, migrations, guard, tmp_path
):
    folder = migrations({"0001_users.sql": USERS})
    build(guard)
    change = "ALTER TABLE users ALTER kind SET DEFAULT '{}'"
    if database.vendor == "sqlite":
        run(database, *_rebuilt("member"))
        back = "; ".join(_rebuilt("guest"))
    else:
        run(database, change.format("member"))
        back = change.format("guest")

    hint = only_hint(guard)
    if "Change it back in a new migration" in hint:
        write(folder, "0002_back.sql", back)
        build(guard)
    else:
        apply_by_script(guard, tmp_path, back)

    assert hint.startswith(
        "0001_users adds it and is applied; the history does not show what made the difference."
    )
    assert is_gone(guard)


def _rebuilt(default):
    return [
        USERS.replace("TABLE users", "TABLE copy").replace("guest", default).strip().rstrip(";"),
        "INSERT INTO copy SELECT * FROM users",
        "DROP TABLE users",
        "ALTER TABLE copy RENAME TO users",
    ]


# What no reader sees


UNSEEN = {
    "postgresql": {
        "CREATE TABLE t (a text DEFAULT 'x y')": (
            "ALTER TABLE t ALTER a SET DEFAULT 'x\u00a0y'",
            (r"'x\x20y'", r"'x\xa0y'"),
        ),
        "CREATE TABLE t (a text); COMMENT ON COLUMN t.a IS 'caf\u00e9'": (
            "COMMENT ON COLUMN t.a IS 'cafe\u0301'",
            (r"caf\xe9", r"cafe\u0301"),
        ),
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN\n  RETURN 1;\nEND'": (
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS"
            " 'BEGIN\r\n  RETURN 1;\r\nEND'",
            (r"BEGIN\n\x20\x20RETURN 1;\nEND", r"BEGIN\r\n\x20\x20RETURN 1;\r\nEND"),
        ),
        "CREATE TYPE mood AS ENUM ('sad', 'so so')": (
            "ALTER TYPE mood RENAME VALUE 'so so' TO 'so  so'",
            (r"so\x20so", r"so\x20\x20so"),
        ),
        "CREATE VIEW v AS SELECT 'a'::text AS b": (
            "CREATE OR REPLACE VIEW v AS SELECT 'a '::text AS b",
            ("'a'", r"'a\x20'"),
        ),
    },
    "mysql": {
        "CREATE TABLE t (a varchar(9) DEFAULT 'x y')": (
            "ALTER TABLE t ALTER a SET DEFAULT 'x\u00a0y'",
            (r"'x\x20y'", r"'x\xa0y'"),
        ),
        "CREATE TABLE t (a varchar(9) COMMENT 'a')": (
            "ALTER TABLE t MODIFY a varchar(9) COMMENT 'a '",
            ("'a'", r"'a\x20'"),
        ),
    },
    "sqlite": {
        "CREATE TABLE t (a text DEFAULT 'x\ty')": (
            "DROP TABLE t; CREATE TABLE t (a text DEFAULT 'x y')",
            (r"'x\ty'", r"'x\x20y'"),
        ),
    },
}


@pytest.mark.parametrize(
    ("database", "sql"),
    [
        (fixture, sql)
        for fixture, vendor in {"postgresql": 0, "sqlite": 0, "mariadb": "mysql"}.items()
        for sql in UNSEEN[vendor or fixture]
    ],
    indirect=["database"],
)
def test_drift_when_texts_look_the_same_then_the_difference_is_escaped(
    database, migrations, guard, sql
):
    migrations({"0001_t.sql": sql})
    build(guard)
    change, shown = UNSEEN[database.vendor][sql]
    run(database, *change.split(";") if database.vendor == "sqlite" else [change])

    _, violations, _ = drifted(guard)

    (violation,) = violations
    assert shown[0] in violation["expected"]
    assert shown[1] in violation["actual"]
    assert violation["hint"].startswith("0001_t adds it and is applied; the history does not show")
