"""``checkschema --drift``: what was changed beside the files is named, and nothing else is."""

import signal

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard.fresh.drift import drift
from migration_guard.schema.diff.database import read_database
from tests.running.support import wait_until
from tests.servers import Database

FILES = {
    "0001_users.sql": """\
CREATE TABLE users (
    id integer PRIMARY KEY,
    email varchar(40) NOT NULL,
    kind varchar(9) DEFAULT 'guest',
    born date,
    CONSTRAINT users_email UNIQUE (email)
);

CREATE INDEX users_born ON users (born);
""",
    "0002_orders.sql": """\
CREATE TABLE orders (
    id integer PRIMARY KEY,
    user_id integer NOT NULL,
    total integer,
    CONSTRAINT orders_total CHECK (total > 0),
    CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id)
);
""",
}
_COMMON = [
    "CREATE INDEX by_hand ON orders (total)",
    "ALTER TABLE users ADD COLUMN nickname varchar(20)",
    "CREATE TABLE notes (id integer)",
]
BY_HAND = {
    "postgresql": [
        *_COMMON,
        "ALTER TABLE orders DROP CONSTRAINT orders_total",
        "ALTER TABLE users ALTER kind SET DEFAULT 'member'",
        "ALTER TABLE users ALTER email DROP NOT NULL",
    ],
    "mysql": [
        *_COMMON,
        "ALTER TABLE orders DROP CONSTRAINT orders_total",
        "ALTER TABLE users ALTER kind SET DEFAULT 'member'",
        "ALTER TABLE users MODIFY email varchar(40)",
    ],
    "sqlite": [
        *_COMMON,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'CONSTRAINT orders_total CHECK (total > 0),',"
        " '') WHERE name = 'orders'",
        "UPDATE sqlite_master SET sql = replace(replace(sql, 'email varchar(40) NOT NULL',"
        " 'email varchar(40)'), 'guest', 'member') WHERE name = 'users'",
        "PRAGMA writable_schema = RESET",
    ],
}


@pytest.fixture
def production(database, migrations, guard):
    """Give a database with the tables of Django's apps and those of the files, and nothing more."""
    migrations(FILES)
    build(guard)
    return database


@pytest.fixture
def production_on_sqlite(sqlite, migrations, guard):
    migrations(FILES)
    build(guard)
    return sqlite


@pytest.fixture
def production_on_postgres(postgres, migrations, guard):
    migrations(FILES)
    build(guard)
    return postgres


def build(guard, *options):
    call_command("migrate", verbosity=0)
    result = guard("runsqlmigrations", *options)
    assert result.code == 0, result.err


def drifted(guard, *options):
    """Run it; return the exit code, the violations and what is unknown."""
    result = guard("checkschema", "--drift", "--format", "json", *options)
    assert result.code in {0, 1, 2}, result.err
    return result.code, result.json["violations"], result.json["unknown"]


def named(violations):
    return [(one["rule"], one["table"], one["object"]) for one in violations]


def run(database: Database, *statements: str) -> None:
    for statement in statements:
        database.execute(statement)


# Changed by hand


def test_drift_when_six_things_were_changed_by_hand_then_these_six_are_named(production, guard):
    run(production, *BY_HAND[production.vendor])

    code, violations, unknown = drifted(guard)

    found = {
        (one["table"], one["object"]): (
            one["rule"],
            one["expected"],
            one["actual"],
            one["source"].rpartition("/")[2],
        )
        for one in violations
    }
    guest, member, null = "DEFAULT 'guest'", "DEFAULT 'member'", ("NOT NULL", "NULL")
    is_postgres = production.vendor == "postgresql"
    cast = "::character varying" if is_postgres else ""
    varchar = "character varying(20)" if is_postgres else "varchar(20)"
    total = "`total` > 0" if production.vendor == "mysql" else "total > 0"
    assert found == {
        ("orders", "index by_hand"): ("drift-extra", "nothing", "index (total)", ""),
        ("users", "column nickname"): ("drift-extra", "nothing", f"column {varchar} NULL", ""),
        ("notes", ""): ("drift-extra", "nothing", told_table(production), ""),
        ("orders", "check orders_total"): (
            "drift-missing",
            f"CHECK ({total})",
            "missing",
            "0002_orders.sql:1",
        ),
        ("users", "column kind"): (
            "drift-differs",
            guest + cast,
            member + cast,
            "0001_users.sql:1",
        ),
        ("users", "column email"): ("drift-differs", *null, "0001_users.sql:1"),
    }
    assert len(violations) == 6
    assert unknown == []
    assert code == 1


def told_table(database):
    if database.vendor == "mysql":
        return "table ENGINE InnoDB COLLATE utf8mb4_general_ci"
    return "table"


def test_drift_when_it_is_told_as_text_then_each_has_its_place_and_what_to_do(
    production_on_postgres, guard, sql_dir
):
    run(production_on_postgres, *BY_HAND["postgresql"])

    result = guard("checkschema", "--drift")

    assert result.code == 1
    assert (
        "  [drift-missing] check orders_total: expected CHECK (total > 0), found missing\n"
        f"    stated by {sql_dir / '0002_orders.sql'}:1\n"
        "    0002_orders adds it and is applied, yet it is not there: the history does not show what "
        "removed it. Put it back with manage.py runauditedsql FILE --reason TEXT, or write a "
        "migration that drops it (IF EXISTS).\n"
    ) in result.out
    assert (
        "  [drift-extra] index by_hand: expected nothing, found index (total)\n"
        "    No migration mentions it by this name; the history does not show what made it. Drop it "
        "in a new migration (IF EXISTS), write a migration that makes it "
    ) in result.out
    assert "differ: 6 violations." in result.err
    assert "Traceback" not in result.err


def test_drift_when_a_table_of_django_was_changed_by_hand_then_its_app_is_named(
    site_apps, production_on_postgres, guard
):
    run(
        production_on_postgres,
        "ALTER TABLE auth_user ALTER email DROP NOT NULL",
        "CREATE INDEX by_hand ON auth_user (email)",
        "DROP INDEX django_session_expire_date_a5c62663",
    )

    code, violations, _ = drifted(guard)

    assert code == 1
    hints = {one["object"]: one["hint"] for one in violations}
    assert set(hints) == {
        "column email",
        "index by_hand",
        "index django_session_expire_date_a5c62663",
    }
    assert hints["column email"].startswith(
        "Django's own migrations of auth make it; the history does not show what made the "
    )
    assert hints["index by_hand"].startswith("No migration mentions it by this name; ")
    assert hints["index django_session_expire_date_a5c62663"].startswith(
        "Django's migration sessions.0001_initial makes it and is recorded as applied, yet it is "
        "not there; nothing shows what removed it. manage.py sqlmigrate sessions 0001_initial "
        "shows its SQL. "
    )


def test_drift_when_a_unique_constraint_is_dropped_then_that_is_one(production, guard):
    drop = {
        "postgresql": ["ALTER TABLE users DROP CONSTRAINT users_email"],
        "mysql": ["ALTER TABLE users DROP INDEX users_email"],
        "sqlite": [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET sql = replace(sql,"
            " ',\n    CONSTRAINT users_email UNIQUE (email)', '') WHERE name = 'users'",
            "DELETE FROM sqlite_master WHERE name = 'sqlite_autoindex_users_1'",
            "PRAGMA writable_schema = RESET",
        ],
    }
    run(production, *drop[production.vendor])

    _, violations, _ = drifted(guard)

    assert named(violations) == [("drift-missing", "users", "unique users_email")]
    assert violations[0]["source"].endswith("0001_users.sql:1")


def test_drift_when_an_index_is_renamed_then_that_is_one(production, guard):
    rename = {
        "postgresql": ["ALTER INDEX users_born RENAME TO renamed"],
        "mysql": ["ALTER TABLE users RENAME INDEX users_born TO renamed"],
        "sqlite": ["DROP INDEX users_born", "CREATE INDEX renamed ON users (born)"],
    }
    run(production, *rename[production.vendor])

    _, violations, _ = drifted(guard)

    assert named(violations) == [("drift-differs", "users", "index users_born")]
    assert (violations[0]["expected"], violations[0]["actual"]) == (
        "index users_born",
        "index renamed",
    )
    assert violations[0]["source"].endswith("0001_users.sql:9")


IGNORED = {
    "notes": 5,
    "users": 3,
    "users.*": 3,
    "users.nickname": 5,
    "*.by_hand": 5,
    "orders.orders_?otal": 5,
    "USERS": 6,
    "user": 6,
    "*": 0,
}


def test_drift_when_a_pattern_is_ignored_then_the_rest_is_left(production):
    before = read_database(connection)
    connection.close()
    run(production, *BY_HAND[production.vendor])
    after = read_database(connection)

    left = {
        pattern: sum(
            one.violation is not None for one in drift(before, after, None, ignore=[pattern])
        )
        for pattern in IGNORED
    }

    assert left == IGNORED


def test_drift_when_patterns_are_given_then_what_fits_any_of_them_may_differ(
    production_on_sqlite, guard
):
    run(production_on_sqlite, *BY_HAND["sqlite"])

    code, violations, _ = drifted(guard, "--ignore", "notes", "users.*", "--ignore", "*.by_hand")

    assert code == 1
    assert named(violations) == [("drift-missing", "orders", "check orders_total")]


def test_drift_when_another_table_of_a_file_has_such_a_column_then_the_file_is_not_named(
    production_on_sqlite, guard
):
    # The statement that makes orders speaks of users, too, and of a total.
    run(production_on_sqlite, "ALTER TABLE users ADD COLUMN total integer")

    _, violations, _ = drifted(guard)

    assert named(violations) == [("drift-extra", "users", "column total")]
    assert violations[0]["source"] == ""


# Undisturbed


def test_drift_when_nothing_was_changed_then_there_is_none(production, guard):
    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


# The same tables, whole or column by column.
ALTERED = """\
CREATE TABLE orders (user_id integer NOT NULL);
ALTER TABLE orders ADD COLUMN total integer;
ALTER TABLE orders ADD COLUMN id integer NOT NULL;
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total > 0);
"""


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_drift_when_columns_and_constraints_came_in_another_order_then_there_is_none(
    database, migrations, guard
):
    migrations({**FILES, "0002_orders.sql": ALTERED})
    build(guard)
    migrations(FILES)
    accepted = guard("repairsqlmigrations", "0002_orders", "--accept-edit", "--reason", "same")
    assert accepted.code == 0, accepted.err

    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


def test_drift_when_migrations_were_applied_out_of_order_then_there_is_none(
    database, migrations, guard
):
    between = {
        "0003_first.sql": "CREATE INDEX first ON orders (total);"
        "ALTER TABLE users ADD COLUMN a integer CHECK (a > 0);",
    }
    late = {"0004_second.sql": "ALTER TABLE users ADD COLUMN b integer CHECK (b > 0);"}
    migrations({**FILES, **late})
    build(guard)
    migrations({**FILES, **between, **late})
    build(guard, "--allow-out-of-order")

    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


# Names without a number, and with one: which constraint gets which depends on who came first.
_UNNAMED = {
    "0003_a.sql": "CREATE TABLE t (a integer, b integer, UNIQUE (a), CHECK (a < b));",
    "0004_b.sql": "CREATE INDEX ON t (lower(a::text));",
    "0005_c.sql": "CREATE INDEX ON t (lower(b::text)); ALTER TABLE t ADD CHECK (b < 9 + a);",
}
_UNNAMED_ON_MARIADB = {
    "0003_a.sql": "CREATE TABLE t (a integer, b integer, UNIQUE (b), CHECK (a < b));",
    "0004_b.sql": "ALTER TABLE t ADD KEY (a), ADD CHECK (a < 7);",
    "0005_c.sql": "ALTER TABLE t ADD KEY (a, b), ADD CHECK (b < 9 + a);",
}


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_drift_when_the_server_counted_names_in_another_order_then_there_is_none(
    database, migrations, guard
):
    unnamed = _UNNAMED if database.vendor == "postgresql" else _UNNAMED_ON_MARIADB
    migrations({**FILES, **{name: unnamed[name] for name in ("0003_a.sql", "0005_c.sql")}})
    build(guard)
    migrations({**FILES, **unnamed})
    build(guard, "--allow-out-of-order")

    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


def test_drift_when_the_history_was_adopted_then_there_is_none(
    site_apps, database, migrations, guard
):
    migrations(FILES)
    run(
        database,
        *(one for text in FILES.values() for one in text.strip().split(";") if one.strip()),
        "CREATE TABLE applied_migrations (id varchar(200) PRIMARY KEY, applied_at timestamp)",
        "INSERT INTO applied_migrations VALUES ('0001_users', '2026-01-01 00:00:00'),"
        " ('0002_orders', '2026-01-02 00:00:00')",
    )
    call_command("migrate", "auth", verbosity=0)
    assert guard("runsqlmigrations", "--adopt").code == 0
    call_command("migrate", verbosity=0)

    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


# A dump says what these functions say, and PostgreSQL spells what it reads there otherwise.
RESTORED = {
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_kind_check'": (
        "ALTER TABLE t DROP CONSTRAINT t_kind_check, ADD CONSTRAINT t_kind_check {}"
    ),
    "SELECT pg_get_indexdef('kinds'::regclass)": "DROP INDEX kinds; {}",
    "SELECT pg_get_viewdef('v'::regclass)": "CREATE OR REPLACE VIEW v AS {}",
}


def test_drift_when_a_dump_was_restored_then_there_is_none(postgres, migrations, guard):
    migrations(
        {
            "0001_kinds.sql": "CREATE TABLE t (kind varchar(9) DEFAULT 'a'"
            " CHECK (kind IN ('a', 'it''s', 'b')));\n"
            "CREATE INDEX kinds ON t (kind) WHERE kind IN ('a', 'b');\n"
            "CREATE VIEW v AS SELECT kind FROM t WHERE kind NOT IN ('a', 'b');\n"
        }
    )
    build(guard)
    for said, restore in RESTORED.items():
        before = postgres.execute(said)
        postgres.execute(restore.format(before[0][0]))
        assert postgres.execute(said) != before

    code, violations, unknown = drifted(guard)

    assert (code, violations, unknown) == (0, [], [])


def test_drift_when_a_later_file_only_speaks_of_a_thing_then_the_one_that_makes_it_is_named(
    postgres, migrations, guard
):
    migrations(
        {
            **FILES,
            "0003_touch.sql": "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NEW; END'",
            "0004_speak.sql": "CREATE VIEW kinds AS SELECT users.kind FROM users;\n"
            "CREATE TRIGGER touched AFTER UPDATE OF kind ON users EXECUTE FUNCTION touch();\n"
            "CREATE FUNCTION kind_of() RETURNS text LANGUAGE sql AS 'SELECT kind FROM users';\n",
        }
    )
    build(guard)
    run(
        postgres,
        "ALTER TABLE users ALTER kind SET DEFAULT 'member'",
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN OLD; END'",
        "ALTER TABLE users DISABLE TRIGGER touched",
    )

    _, violations, _ = drifted(guard)

    assert {one["object"]: one["source"].rpartition("/")[2] for one in violations} == {
        "column kind": "0001_users.sql:1",
        "function touch()": "0003_touch.sql:1",
        "trigger touched": "0004_speak.sql:2",
    }


# Pending, skipped, stamped


def test_drift_when_a_migration_is_pending_then_what_it_makes_is_missing_and_it_is_named(
    production, migrations, guard
):
    later = "CREATE TABLE invoices (id integer);\nALTER TABLE users ADD COLUMN relation integer;"
    migrations({**FILES, "0003_invoices.sql": later})

    code, violations, _ = drifted(guard)

    assert code == 1
    assert sorted(named(violations)) == [
        ("drift-missing", "invoices", ""),
        ("drift-missing", "users", "column relation"),
    ]
    lines = {one["table"]: one["source"].rpartition(":")[2] for one in violations}
    assert lines == {"invoices": "1", "users": "2"}
    for one in violations:
        assert one["hint"] == (
            "0003_invoices adds it and is pending (apply it: manage.py runsqlmigrations)."
        )


def test_drift_when_a_file_was_edited_after_its_release_then_that_is_the_cause(
    production, migrations, guard
):
    migrations({**FILES, "0001_users.sql": FILES["0001_users.sql"].replace("(40)", "(60)")})

    code, violations, _ = drifted(guard)

    assert code == 1
    assert named(violations) == [("drift-differs", "users", "column email")]
    assert violations[0]["hint"].startswith(
        "0001_users adds it, and its file was edited after it was applied: this database ran "
        "another text."
    )


DEV_ONLY = "-- guard: environments = dev\nCREATE TABLE seeds (id integer);"


def test_drift_when_a_migration_is_for_dev_then_the_stamp_decides_and_not_the_setting(
    production_on_postgres, migrations, guard
):
    migrations({**FILES, "0003_seeds.sql": DEV_ONLY}, ENVIRONMENT="dev")

    code, violations, _ = drifted(guard)

    assert (code, violations) == (0, [])


def test_drift_when_the_database_is_one_of_dev_then_what_is_for_dev_is_expected(
    postgres, migrations, guard
):
    migrations({**FILES, "0003_seeds.sql": DEV_ONLY}, ENVIRONMENT="dev")
    build(guard)
    migrations({**FILES, "0003_seeds.sql": DEV_ONLY}, ENVIRONMENT="production")

    code, violations, _ = drifted(guard)

    assert (code, violations) == (0, [])


def test_drift_when_the_files_do_not_build_names_the_environment_of_the_stamp(
    postgres, migrations, guard
):
    migrations(FILES, ENVIRONMENT="dev")
    build(guard)
    migrations({**FILES, "0003_bad.sql": "SELECT nothing;"}, ENVIRONMENT="production")

    done = guard("checkschema", "--drift", "--format", "json")

    assert done.code == 1
    assert done.json["fresh"]["environment"] == "dev"


def test_drift_when_production_has_what_is_for_dev_then_no_cause_is_stated(
    production_on_postgres, migrations, guard
):
    migrations({**FILES, "0003_seeds.sql": DEV_ONLY})
    run(production_on_postgres, "CREATE TABLE seeds (id integer)")

    _, violations, _ = drifted(guard)

    assert named(violations) == [("drift-extra", "seeds", "")]
    assert violations[0]["hint"].startswith(
        "0003_seeds adds it and is skipped (its environments exclude this database); the history "
        "does not show what made it. Drop it "
    )


# Unknown


@pytest.mark.usefixtures("impatient")
def test_drift_when_a_table_is_locked_then_what_cannot_be_read_is_unknown(
    production_on_postgres, guard
):
    locker = production_on_postgres.connect()
    locker.execute("BEGIN")
    locker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")

    code, violations, unknown = drifted(guard)
    allowed, *_ = drifted(guard, "--allow-unknown")

    assert code == 2
    assert violations == []
    assert [(one["table"], one["object"]) for one in unknown] == [("orders", "check orders_total")]
    assert unknown[0]["reason"] == "locked by another session"
    assert allowed == 0


def test_drift_when_it_is_interrupted_while_it_reads_the_history_then_it_says_so(
    production_on_postgres, guard_process
):
    locker = production_on_postgres.connect()
    locker.execute("BEGIN")
    locker.execute("LOCK TABLE applied_migrations IN ACCESS EXCLUSIVE MODE")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    run = guard_process.start("checkschema", "--drift")
    wait_until(lambda: production_on_postgres.execute(waiting), 60)

    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)

    assert (run.returncode, "Interrupted" in err) == (1, True), err


def test_drift_when_a_role_may_read_little_on_mariadb_then_the_rest_is_unknown(
    mariadb, migrations, guard
):
    migrations(FILES)
    build(guard)
    name = mariadb.settings["NAME"]
    run(
        mariadb,
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'reader'",
        f"GRANT SELECT ON `{name}`.users TO reader@'127.0.0.1'",
        f"GRANT SELECT ON `{name}`.applied_migrations TO reader@'127.0.0.1'",
        "GRANT CREATE, DROP, SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX, REFERENCES"
        " ON `migration_guard_fresh_%`.* TO reader@'127.0.0.1'",
    )
    mariadb.configure(USER="reader", PASSWORD="reader")

    try:
        code, violations, unknown = drifted(guard)
    finally:
        run(mariadb, "DROP USER reader@'127.0.0.1'")

    assert violations == []
    assert code == 2
    kinds = {one["object"] for one in unknown}
    assert {"tables", "triggers", "events", "routines"} <= kinds
    assert ("orders", "") in {(one["table"], one["object"]) for one in unknown}
