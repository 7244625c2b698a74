"""A check runs no statement, waits for nobody, and takes nothing else for a broken statement."""

import threading
import time

import pytest
from django.db import connection

from migration_guard.usage.statement import Parameter, Statement, dump

TABLE = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40), score integer)"


@pytest.fixture
def file(tmp_path):
    """Give `file(vendor, *texts)`: a usage file of statements without parameters."""

    def write(vendor, *texts):
        path = tmp_path / "usage.jsonl"
        statements = [
            Statement(f"{place}", vendor, sql, (f"shop/{place}.py:ask",))
            for place, sql in enumerate(texts)
        ]
        path.write_text(dump(statements))
        return path

    return write


def check(guard, path, *options):
    return guard("checkschema", "--no-models", "--usage", path, *options)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DELETE FROM topics",
        "SELECT 1; COMMIT; DELETE FROM topics; BEGIN",
        "SELECT 1; ROLLBACK; DELETE FROM topics",
    ],
)
def test_check_when_a_text_has_two_statements_runs_none(database, file, guard, sql):
    database.execute(TABLE)
    database.execute("INSERT INTO topics (id) VALUES (1)")

    run = check(guard, file(database.vendor, sql, "SELECT id FROM topics"))

    assert database.execute("SELECT count(*) FROM topics") == [(1,)]
    assert (run.code, run.out.count("[usage-broken]")) == (1, 1)
    assert "1 kept, 1 violated" in run.out


def test_check_when_functions_are_volatile_runs_none(postgres, usage, guard):
    # A file that the server writes is beyond any transaction.
    path = postgres.execute("SHOW data_directory")[0][0] + f"/{postgres.settings['NAME']}"
    postgres.execute(
        "CREATE FUNCTION leave() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN EXECUTE "
        f"$x$COPY (SELECT clock_timestamp()) TO '{path}'$x$; RETURN 1; END $$"
    )
    postgres.execute(f"{TABLE}; ALTER TABLE topics ADD mark integer DEFAULT leave()")
    postgres.execute("CREATE VIEW marked AS SELECT id, leave() AS mark FROM topics")
    calls = [
        "SELECT leave()",
        "SELECT id FROM topics WHERE score = leave() LIMIT leave()",
        "INSERT INTO topics (id) VALUES (1)",
        "INSERT INTO topics (id, score) SELECT leave() + 5, leave() ON CONFLICT DO NOTHING",
        "SELECT mark FROM marked",
        "UPDATE topics SET score = leave() WHERE id = leave()",
        "WITH a AS MATERIALIZED (SELECT leave() AS x) SELECT x FROM a",
    ]
    recorded = usage(*((call, None) for call in calls))
    written = postgres.execute(f"SELECT pg_read_file('{path}')")

    run = check(guard, recorded)

    assert run.code == 0, run.out + run.err
    assert f"{len(calls)} kept" in run.out
    assert postgres.execute(f"SELECT pg_read_file('{path}')") == written


LOCKED = [f"SELECT title FROM topics WHERE id = {number}" for number in range(6)]


@pytest.mark.usefixtures("impatient")
def test_check_when_a_table_is_locked_waits_once_and_cannot_tell(postgres, file, guard):
    postgres.execute(f"{TABLE}; CREATE TABLE free (id integer)")
    path = file("postgresql", *LOCKED, "SELECT id FROM free")
    other = postgres.connect()
    other.execute("BEGIN; LOCK TABLE topics IN ACCESS EXCLUSIVE MODE")

    started = time.monotonic()
    run = check(guard, path)
    seconds = time.monotonic() - started

    other.execute("ROLLBACK")
    assert run.code == 2
    assert "1 kept, 6 unknown" in run.out
    assert "another session holds a lock on topics" in run.out
    assert seconds < 2 * len(LOCKED)
    assert check(guard, path).code == 0


def test_check_when_mariadb_alters_a_table_waits_and_cannot_tell(mariadb, file, guard):
    mariadb.execute(TABLE)
    mariadb.execute("CREATE TABLE free (id integer)")
    path = file("mysql", *LOCKED[:2], "SELECT id FROM free")
    reader, owner = mariadb.connect(), mariadb.connect()
    reader.cursor().execute("BEGIN")
    reader.cursor().execute("SELECT count(*) FROM topics")
    alter = threading.Thread(
        target=owner.cursor().execute, args=("ALTER TABLE topics ADD pages integer",)
    )
    alter.start()
    waiting = "SELECT id FROM information_schema.processlist WHERE state LIKE '%metadata lock%'"
    while not mariadb.execute(waiting):
        time.sleep(0.01)

    run = check(guard, path)

    reader.cursor().execute("ROLLBACK")
    alter.join()
    assert run.code == 2
    assert "1 kept, 2 unknown" in run.out
    assert check(guard, path).code == 0


@pytest.mark.parametrize(
    ("body", "more", "reason"),
    [
        ("BEGIN RAISE EXCEPTION 'no tenant'; END", "SELECT 1", "no tenant"),
        ("BEGIN RETURN current_setting('app.tenant'); END", "SELECT 1", "app.tenant"),
        ("BEGIN PERFORM nextval('numbers'); RETURN 1; END", "SELECT 1", "read-only"),
        (
            "BEGIN PERFORM pg_sleep(60); RETURN 1; END",
            "ALTER ROLE CURRENT_USER IN DATABASE {} SET statement_timeout = '1s'",
            "statement timeout",
        ),
    ],
    ids=["raises", "setting", "writes", "slow"],
)
def test_check_when_planning_runs_a_function_that_fails_cannot_tell(
    postgres, usage, guard, body, more, reason
):
    postgres.execute(f"{TABLE}; CREATE SEQUENCE numbers")
    function = "CREATE OR REPLACE FUNCTION tenant() RETURNS integer STABLE LANGUAGE plpgsql AS "
    postgres.execute(f"{function} 'BEGIN RETURN 1; END'")
    path = usage(("SELECT title FROM topics WHERE score = tenant()", None))
    postgres.execute(f"{function} $${body}$$")
    postgres.execute(more.format(postgres.settings["NAME"]))

    run = check(guard, path)

    assert run.code == 2, run.out
    assert "[unknown]" in run.out
    assert reason in run.out


def test_check_when_a_policy_reads_a_setting_of_the_session_cannot_tell(postgres, usage, guard):
    postgres.execute(f"{TABLE}; CREATE POLICY p ON topics USING (title = current_setting('app.x'))")
    postgres.execute("DROP ROLE IF EXISTS usage_tenant; CREATE ROLE usage_tenant")
    postgres.execute("GRANT SELECT ON topics TO usage_tenant")
    path = usage(("SELECT id FROM topics", None))
    postgres.execute("ALTER TABLE topics ENABLE ROW LEVEL SECURITY")
    try:
        without = check(guard, path, "--as", "usage_tenant")
        name = postgres.settings["NAME"]
        postgres.execute(f"ALTER DATABASE {name} SET app.x = 'a'")
        run = check(guard, path, "--as", "usage_tenant")
    finally:
        postgres.execute("DROP OWNED BY usage_tenant; DROP ROLE usage_tenant")

    assert (without.code, "[unknown]" in without.out) == (2, True), without.out
    assert 'unrecognized configuration parameter "app.x"' in without.out
    assert run.code == 0, run.out + run.err


def test_check_when_a_parameter_is_of_a_domain_without_null_is_kept(postgres, usage, guard):
    postgres.execute("CREATE DOMAIN inner_d AS text; CREATE DOMAIN outer_d AS inner_d")
    postgres.execute("CREATE TABLE topics (id integer, title outer_d)")
    path = usage(("INSERT INTO topics (id, title) VALUES (%s, %s)", [1, "x"]))
    postgres.execute("ALTER DOMAIN inner_d SET NOT NULL")
    postgres.execute("ALTER DOMAIN outer_d ADD CHECK (VALUE IS NOT NULL)")

    run = check(guard, path)

    assert run.code == 0, run.out + run.err
    assert "warning" not in run.out


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("default_transaction_read_only", "on"),
        ("plan_cache_mode", "force_custom_plan"),
        ("jit_above_cost", "0"),
        ("default_transaction_isolation", "serializable"),
        ("search_path", "elsewhere, public"),
        ("standard_conforming_strings", "on"),
        ("enable_seqscan", "off"),
        ("statement_timeout", "60000"),
        ("bytea_output", "escape"),
        ("quote_all_identifiers", "on"),
    ],
)
def test_check_when_server_settings_are_foreign_tells_the_same(
    postgres, usage, guard, setting, value
):
    postgres.execute(f"{TABLE}; CREATE TABLE needs (id integer, kind integer NOT NULL)")
    path = usage(
        ("SELECT id FROM topics WHERE score = %s FOR UPDATE", [1]),
        ("INSERT INTO needs (id, kind) VALUES (%s, %s)", [1, 2]),
        ("INSERT INTO topics (id, title) VALUES (%s, %s)", [1, "x"]),
    )
    postgres.execute("ALTER TABLE topics ADD kind integer NOT NULL DEFAULT 1")
    postgres.execute("ALTER TABLE topics ALTER kind DROP DEFAULT")
    name = postgres.settings["NAME"]
    postgres.execute(f"ALTER DATABASE {name} SET {setting} = {value}")

    run = check(guard, path)

    assert run.code == 1
    assert "2 kept, 1 violated" in run.out
    assert "expected a row without topics.kind" in run.out


def test_check_when_names_are_odd_finds_the_required_column(postgres, usage, guard):
    postgres.execute('CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."c.d" (id integer, "E f" integer)')
    path = usage(('INSERT INTO "a.b"."c.d" (id) VALUES (%s)', [1]))
    postgres.execute('TRUNCATE "a.b"."c.d"; ALTER TABLE "a.b"."c.d" ALTER "E f" SET NOT NULL')

    run = check(guard, path)

    assert "expected a row without c.d.E f" in run.out


def test_check_when_the_role_has_a_search_path_asks_there(postgres, usage, guard):
    postgres.execute("CREATE SCHEMA usage_shop; CREATE TABLE usage_shop.topics (id integer)")
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = usage_shop")
    path = usage(("SELECT id FROM topics", None))
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")
    postgres.execute("DROP ROLE IF EXISTS usage_path; CREATE ROLE usage_path")
    try:
        postgres.execute("GRANT USAGE ON SCHEMA usage_shop TO usage_path")
        postgres.execute("GRANT SELECT ON usage_shop.topics TO usage_path")
        without = check(guard, path, "--as", "usage_path")
        postgres.execute("ALTER ROLE usage_path SET search_path = nowhere")
        name = postgres.settings["NAME"]
        postgres.execute(f"ALTER ROLE usage_path IN DATABASE {name} SET search_path = usage_shop")
        run = check(guard, path, "--as", "usage_path")
    finally:
        postgres.execute("DROP OWNED BY usage_path; DROP ROLE usage_path")

    assert without.code == 1
    assert run.code == 0, run.out + run.err


def test_check_when_the_user_may_do_little_tells_what_was_planned(postgres, file, guard):
    postgres.execute("CREATE SCHEMA hidden; CREATE TABLE hidden.topics (id integer)")
    postgres.execute(f"{TABLE}; DROP ROLE IF EXISTS usage_poor; CREATE ROLE usage_poor LOGIN")
    postgres.execute("ALTER ROLE usage_poor PASSWORD 'x'")
    user = {key: postgres.settings[key] for key in ("USER", "PASSWORD")}
    path = file("postgresql", "SELECT id FROM topics", "SELECT id FROM hidden.topics")
    try:
        postgres.configure(USER="usage_poor", PASSWORD="x")
        run = check(guard, path)
        as_itself = check(guard, path, "--as", "usage_poor")
    finally:
        postgres.configure(**user)
        postgres.execute("DROP OWNED BY usage_poor; DROP ROLE usage_poor")

    assert run.code == 2
    assert "1 kept, 1 unknown" in run.out
    assert "the user of the check may not look at it" in run.out
    assert as_itself.out.count("[usage-denied]") == 2


def test_check_when_a_table_is_temporary_leaves_it_out(postgres, usage, guard):
    postgres.execute(TABLE)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept_here (id integer)")
    path = usage(("SELECT id FROM kept_here", None), ("SELECT id FROM topics", None))
    assert check(guard, path).code == 1  # it was there when it was recorded
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE gone (id integer) ON COMMIT DROP")
    path = usage(("SELECT id FROM topics", None))
    assert check(guard, path).code == 0


def test_check_when_the_server_is_lost_says_so(postgres, file, guard):
    postgres.execute(TABLE)
    postgres.execute(
        "CREATE FUNCTION die() RETURNS integer STABLE LANGUAGE sql AS "
        "'SELECT pg_terminate_backend(pg_backend_pid())::int'"
    )
    path = file("postgresql", "SELECT id FROM topics WHERE id = die()", "SELECT id FROM topics")

    run = check(guard, path)

    assert run.code == 2
    assert "The server was lost" in run.err
    assert "Traceback" not in run.err


def test_check_when_a_file_has_too_few_parameters_asks_with_all(postgres, tmp_path, guard):
    postgres.execute(TABLE)
    path = tmp_path / "usage.jsonl"
    sql = "SELECT id FROM topics WHERE id = $1 AND title = $2"
    path.write_text(dump([Statement("a", "postgresql", sql, (), (Parameter("integer"),))]))

    assert check(guard, path).code == 0


@pytest.mark.usefixtures("unclosed_by_django")
@pytest.mark.usefixtures("impatient")
def test_check_when_sqlite_is_locked_cannot_tell(sqlite, file, guard):
    sqlite.execute(TABLE)
    other = sqlite.connect()
    other.execute("BEGIN EXCLUSIVE")
    sqlite.configure(OPTIONS={"timeout": 0.1})

    run = check(guard, file("sqlite", "SELECT id FROM topics"))

    other.rollback()
    assert run.code == 2
    assert "locked" in run.err
