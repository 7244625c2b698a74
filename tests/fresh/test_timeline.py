"""``--timeline``: what each migration did to the schema, and which did nothing though it should."""

import pytest

from migration_guard.fresh.timeline import Timeline
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.sql.statements import split
from tests.conftest import ROOT

STORY = {
    "0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY, email varchar(40));",
    "0002_index.sql": "CREATE INDEX users_email ON users (email);\n"
    "ALTER TABLE users ADD COLUMN born date;\n"
    "CREATE VIEW adults AS SELECT id FROM users WHERE born IS NOT NULL;",
    "0003_rows.sql": "INSERT INTO users (id) VALUES (1);",
    "0004_drop.sql": "DROP INDEX users_email{};\nDROP VIEW adults;",
}


@pytest.fixture
def timeline():
    """Give `timeline()`, a watcher of the test's database; it is closed afterwards."""
    opened = []

    def watch():
        opened.append(Timeline("default"))
        return opened[-1]

    yield watch
    for one in opened:
        one.close()


def file(text, id_="0002_b"):
    return MigrationFile(FileName(id_, int(id_[:4]), None, f"{id_}.sql"), text, "", Directives())


def watched(database, timeline, before, text):
    """Apply both, the second under watch; return its chapter and its problems."""
    _run(database, before)
    watch = timeline()
    _run(database, text)
    watch.after("0002_b", file(text))
    return watch.chapters[0], watch.problems


def _run(database, text):
    for statement in split(text, database.vendor):
        database.execute(statement.text)


# Through the command


def test_timeline_when_it_is_asked_for_then_each_migration_says_what_it_did(
    database, migrations, guard
):
    of_table = " ON users" if database.vendor == "mysql" else ""
    migrations({name: text.replace("{}", of_table) for name, text in STORY.items()})

    result = guard("checkschema", "--fresh", "--timeline", "--no-models", "--format", "json")

    assert result.code == 0, result.err
    chapters = result.json["fresh"]["timeline"]
    assert [
        (one["migration"], sorted(one["made"]), one["changed"], sorted(one["removed"]))
        for one in chapters[-4:]
    ] == [
        ("0001_users", ["table users"], [], []),
        (
            "0002_index",
            ["column born of users", "index users_email of users", "view adults"],
            [],
            [],
        ),
        ("0003_rows", [], [], []),
        ("0004_drop", [], [], ["index users_email of users", "view adults"]),
    ]
    assert result.json["fresh"]["problems"] == []
    django = {one["migration"]: one for one in chapters[:-4]}
    assert "table django_content_type" in django["contenttypes.0001_initial"]["made"]
    assert django["contenttypes.0002_remove_content_type_name"]["removed"] == [
        "column name of django_content_type"
    ]


def test_timeline_when_an_alter_finds_no_table_then_it_warns_with_the_statement_and_its_line(
    postgres, migrations, guard
):
    """The founding bug: the table is made by a later number, and IF EXISTS hides it."""
    migrations(
        {
            "0001_users.sql": STORY["0001_users.sql"],
            "0002_memory.sql": "CREATE TABLE memory (id integer PRIMARY KEY);\n\n"
            "ALTER TABLE IF EXISTS user_profiles\n    ADD COLUMN trust_level smallint;\n",
            "0003_profiles.sql": "CREATE TABLE user_profiles (id integer PRIMARY KEY);",
        }
    )

    result = guard("checkschema", "--fresh", "--timeline", "--no-models")
    as_json = guard("checkschema", "--fresh", "--timeline", "--no-models", "--format", "json")

    assert result.code == 0  # a warning: the contract says whether it matters
    assert (
        "0002_memory.sql:3: 0002_memory contains DDL that changed nothing on a fresh database\n"
    ) in result.out
    assert "IF EXISTS hides that it is not." in result.out
    assert "    ALTER TABLE IF EXISTS user_profiles\n" in result.out
    (problem,) = as_json.json["fresh"]["problems"]
    assert (problem["rule"], problem["severity"], problem["line"]) == (
        "changed-nothing",
        "warning",
        3,
    )
    assert problem["path"].endswith("0002_memory.sql")
    assert problem["detail"].startswith("ALTER TABLE IF EXISTS user_profiles")


def test_timeline_when_the_demo_is_built_then_no_migration_is_warned_of(postgres, settings, guard):
    settings.MIGRATION_GUARD = {
        "DIRS": {"default": [ROOT / "sql_migrations"]},
        "ENVIRONMENT": "dev",
    }

    result = guard("checkschema", "--fresh", "--timeline", "--no-models", "--format", "json")

    assert result.code == 0, result.err
    assert result.json["fresh"]["problems"] == []
    chapters = {one["migration"]: one for one in result.json["fresh"]["timeline"]}
    idle = {
        name
        for name, one in chapters.items()
        if not (one["made"] or one["changed"] or one["removed"])
    }
    # Rows only; 0034 clears markers, and finds none on a fresh database.
    assert {name for name in idle if "." not in name} == {
        "0004_backfill_conversation_owners",
        "0013_backfill_message_search",
        "0020_backfill_conversation_activity",
        "0033_remove_orphaned_identities",
        "0034_reapply_preferences_in_order",
    }
    assert chapters["0003_require_owner_of_new_conversations"]["changed"] == [
        "foreign key conversations_user_id_fkey of conversations: NOT VALID → VALID"
    ]


# What changed nothing

USERS = "CREATE TABLE users (id integer, email varchar(40));CREATE INDEX users_id ON users (id);"
EVERYWHERE = {
    "CREATE TABLE IF NOT EXISTS users (id integer)": [1],
    "INSERT INTO users (id) VALUES (1);\nCREATE TABLE IF NOT EXISTS users (id integer)": [2],
    "DROP TABLE IF EXISTS gone": [1],
    "DROP VIEW IF EXISTS gone;\nCREATE TABLE made (id integer)": [1],
    "CREATE INDEX IF NOT EXISTS users_id ON users (id)": [1],
    "CREATE INDEX IF NOT EXISTS users_id ON users (id);\n"
    "CREATE INDEX IF NOT EXISTS users_email ON users (email)": [1],
    "CREATE TABLE IF NOT EXISTS users (id integer);\n\n\nCREATE TABLE IF NOT EXISTS pets (id integer)": [
        1
    ],
}
IDLE = {
    "postgresql": {
        **EVERYWHERE,
        "ALTER TABLE IF EXISTS profiles ADD COLUMN trust integer": [1],
        "ALTER TABLE IF EXISTS profiles ADD COLUMN email text;\n"
        "ALTER TABLE users ADD COLUMN born date": [1],
        # The table that is altered is mentioned elsewhere, but not made.
        "ALTER TABLE IF EXISTS profiles ADD COLUMN born date;\n"
        "ALTER TABLE users ADD COLUMN born date": [1],
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text;\n"
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS born date": [1],
        "ALTER TABLE users DROP COLUMN IF EXISTS gone": [1],
        "DROP INDEX IF EXISTS gone;\nDROP FUNCTION IF EXISTS gone();\nDROP TYPE IF EXISTS gone": [
            1,
            2,
            3,
        ],
        "CREATE EXTENSION IF NOT EXISTS plpgsql": [1],
        "CREATE UNLOGGED TABLE IF NOT EXISTS users (id integer)": [1],
    },
    "mysql": {
        **EVERYWHERE,
        "ALTER TABLE IF EXISTS profiles ADD COLUMN trust integer": [1],
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text;\n"
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS born date": [1],
        "CREATE TABLE IF NOT EXISTS users (id integer AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB": [
            1
        ],
        "DROP PROCEDURE IF EXISTS gone": [1],
    },
    "sqlite": {
        **EVERYWHERE,
        "CREATE VIRTUAL TABLE IF NOT EXISTS users USING fts5(a)": [1],
        "DROP TRIGGER IF EXISTS gone": [1],
    },
}


def test_idle_when_a_statement_changed_nothing_then_its_line_is_told(database, timeline):
    _run(database, USERS)
    wrong = {}

    for text, lines in IDLE[database.vendor].items():
        watch = timeline()
        _run(database, text)
        watch.after("0002_b", file(text))
        found = [one.line for one in watch.problems]
        if found != lines:
            wrong[text] = found
        for name in ("made", "pets"):
            database.execute(f"DROP TABLE IF EXISTS {name}")
        database.execute("DROP INDEX IF EXISTS users_email" + _on_users(database))
        if database.vendor != "sqlite":
            database.execute("ALTER TABLE users DROP COLUMN IF EXISTS born")

    assert wrong == {}


def _on_users(database):
    return " ON users" if database.vendor == "mysql" else ""


WORKING = {
    "postgresql": [
        "INSERT INTO users (id) VALUES (1)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP TRIGGER IF EXISTS t ON users;"
        "CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f()",
        # Once more: what is dropped is what is made again.
        "DROP TRIGGER IF EXISTS t ON users;"
        "CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f(); CREATE TABLE x ()",
        "ALTER TABLE users DISABLE TRIGGER t",
        "CREATE TABLE log (at date) PARTITION BY RANGE (at); CREATE TABLE log_1 (at date)",
        "ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "ALTER TABLE log DETACH PARTITION log_1",
        "ALTER TABLE users ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
        "ALTER TABLE users VALIDATE CONSTRAINT positive",
        "ALTER TABLE IF EXISTS users ADD CHECK (id < 100), ADD UNIQUE (email)",
        "CREATE TEMP TABLE IF NOT EXISTS scratch (id int); CREATE INDEX ON scratch (id)",
        "DO $$ BEGIN CREATE TABLE IF NOT EXISTS users (id int); END $$",
        "ALTER TABLE IF EXISTS users RENAME COLUMN email TO mail",
        "ALTER TABLE IF EXISTS users RENAME CONSTRAINT positive TO above_zero",
        "ALTER TABLE users RENAME TO people",
        "ALTER TABLE IF EXISTS people RENAME TO users",
        "COMMENT ON TABLE users IS 'people'",
        "COMMENT ON TABLE users IS 'people'",
        "GRANT SELECT ON users TO PUBLIC",
        "ALTER TABLE users OWNER TO CURRENT_USER",
        "ALTER TABLE users SET (fillfactor = 70)",
        "ALTER TABLE users ALTER id SET STATISTICS 200",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON users USING (true)",
        "CREATE TYPE mood AS ENUM ('sad')",
        "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'happy'",
        "CREATE SEQUENCE IF NOT EXISTS numbers",
        "CREATE DOMAIN cents AS int",
        "ALTER SEQUENCE numbers RESTART",
        "CREATE STATISTICS both_of ON id, mail FROM users",
        'CREATE TABLE IF NOT EXISTS "Odd Name" (id int)',
        "CREATE SCHEMA IF NOT EXISTS other; CREATE TABLE IF NOT EXISTS other.things (id int)",
        "DROP TABLE IF EXISTS other.things",
        "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS a",
        "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS a; CREATE TABLE y ()",
        "SELECT 1; SET search_path = public; ANALYZE users",
    ],
    "mysql": [
        "INSERT INTO users (id) VALUES (1)",
        "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.id = 1",
        "DROP PROCEDURE IF EXISTS p; CREATE PROCEDURE p() SELECT 1",
        "DROP PROCEDURE IF EXISTS p; CREATE PROCEDURE p() SELECT 1; CREATE TABLE x (a int)",
        "CREATE TEMPORARY TABLE IF NOT EXISTS scratch (id int)",
        "ALTER TABLE users RENAME COLUMN email TO mail",
        "RENAME TABLE users TO people",
        "ALTER TABLE IF EXISTS people RENAME TO users",
        "ALTER TABLE users COMMENT = 'people'",
        "ALTER TABLE users ENGINE = InnoDB",
        "ALTER TABLE IF EXISTS users ADD UNIQUE (mail), ADD CHECK (id > 0)",
        "CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO DELETE FROM users",
        "CREATE OR REPLACE VIEW v AS SELECT 1 AS a",
        "SET @a = 1; SELECT 1",
    ],
    "sqlite": [
        "INSERT INTO users (id) VALUES (1)",
        "CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON users BEGIN SELECT 1; END",
        "DROP TRIGGER IF EXISTS t; CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END;"
        " CREATE TABLE x (a)",
        "CREATE TEMP TABLE IF NOT EXISTS scratch (id)",
        "ALTER TABLE users RENAME COLUMN email TO mail",
        "ALTER TABLE users RENAME TO people",
        "CREATE TABLE new_people (id); INSERT INTO new_people SELECT id FROM people;"
        " DROP TABLE people; ALTER TABLE new_people RENAME TO people",
        "CREATE TABLE IF NOT EXISTS [odd name] (id)",
        "PRAGMA foreign_keys = on",
    ],
}


def test_idle_when_a_statement_did_its_work_or_is_no_ddl_then_nothing_is_told(database, timeline):
    _run(database, USERS)
    wrong = {}

    for text in WORKING[database.vendor]:
        watch = timeline()
        _run(database, text)
        watch.after("0002_b", file(text))
        if watch.problems:
            wrong[text] = [one.detail for one in watch.problems]

    assert wrong == {}


def test_idle_when_a_sequence_of_a_column_changed_then_nothing_is_told(postgres, timeline):
    before = "CREATE TABLE users (id serial PRIMARY KEY);"

    chapter, problems = watched(
        postgres, timeline, before, "ALTER SEQUENCE IF EXISTS users_id_seq INCREMENT BY 5;"
    )

    assert chapter.changed
    assert problems == []


@pytest.mark.usefixtures("impatient")
def test_idle_when_a_table_cannot_be_read_then_nothing_is_told(postgres, timeline):
    _run(postgres, "CREATE TABLE users (id integer CHECK (id > 0));")
    watch = timeline()
    other = postgres.connect()
    other.execute("BEGIN")
    other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")

    watch.after("0002_b", file("ALTER TABLE IF EXISTS users ADD COLUMN IF NOT EXISTS id integer;"))

    assert watch.problems == []
    other.execute("ROLLBACK")


def test_idle_when_the_statement_holds_a_password_then_it_is_masked(mariadb, timeline):
    secret = (
        "CREATE TABLE IF NOT EXISTS users (id integer)"
        " COMMENT 'password=hunter2 mysql://me:hunter2@there'"
    )

    _, problems = watched(mariadb, timeline, USERS, secret)

    (problem,) = problems
    assert "hunter2" not in problem.detail
    assert "***" in problem.detail


def test_chapter_when_a_program_changes_then_only_its_line_is_told_and_no_password(
    postgres, timeline
):
    body = (
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n"
        "  PERFORM dblink('password={}');\nEND\n$$"
    )

    chapter, _ = watched(postgres, timeline, body.format("old"), body.format("hunter2"))

    (told,) = chapter.changed
    assert told.startswith("function f(): … PERFORM dblink(")
    assert "hunter2" not in told


def test_chapter_when_a_migration_is_one_of_djangos_then_it_is_told_and_never_idle(
    sqlite, timeline
):
    watch = timeline()

    watch.after("auth.0001_initial", None)

    assert [one.migration for one in watch.chapters] == ["auth.0001_initial"]
    assert watch.problems == []


def test_chapter_when_a_table_has_a_comment_about_views_then_it_is_a_table(postgres, timeline):
    chapter, _ = watched(
        postgres,
        timeline,
        "",
        "CREATE TABLE t (id int);COMMENT ON TABLE t IS 'a view of it';"
        "CREATE MATERIALIZED VIEW m AS SELECT 1;",
    )

    assert chapter.made == ("view m", "table t")
