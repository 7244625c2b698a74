"""runauditedsql: a script that is no migration, with its audit entry, or neither."""

import getpass
import hashlib
import io
import json

import pytest

from migration_guard.history import MAX_STORED_BYTES
from tests.commands.refusals import untouched

SCHEMA = """
CREATE TABLE users (id integer PRIMARY KEY, name varchar(50), n integer);
CREATE TABLE orders (
    id integer PRIMARY KEY, user_id integer NOT NULL,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO users VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0), (4, 'd', 0), (5, 'e', 0);
INSERT INTO orders VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, 5);
"""
CLEAN_UP = """-- Ticket 42: names in lower case only.
UPDATE users SET n = 1 WHERE id < 4;
SELECT name FROM users;

DELETE FROM orders WHERE user_id = 5;
"""
ON_POSTGRES = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ON_MARIADB = pytest.mark.parametrize("database", ["mariadb"], indirect=True)
ON_SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


@pytest.fixture
def shop(database, migrations, guard):
    """Give a production database with five users and five orders."""
    migrations({"1_shop.sql": SCHEMA})
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    return database


@pytest.fixture
def script(tmp_path):
    """Give `script(text)`: write it to a file of its own and return the path."""

    def write(text):
        path = tmp_path / "clean_up.sql"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def run(guard, script):
    """Give `run(text, *args)`: the command on a script, with a reason."""
    return lambda text, *args: guard("runauditedsql", script(text), "--reason", "ticket 42", *args)


def users(database):
    return database.execute("SELECT id, name, n FROM users ORDER BY id")


def orders(database):
    return [row[0] for row in database.execute("SELECT id FROM orders ORDER BY id")]


def audit(database):
    """Return (who, action, migration, reason, details) of each act."""
    rows = database.execute(
        "SELECT who, action, migration_id, reason, details FROM migration_guard_audit ORDER BY id"
    )
    return [(*row[:4], json.loads(row[4])) for row in rows]


def unchanged(database):
    names = [(1, "a", 0), (2, "b", 0), (3, "c", 0), (4, "d", 0), (5, "e", 0)]
    return users(database) == names and orders(database) == [1, 2, 3, 4, 5] and not audit(database)


# -- committed


def test_script_when_its_number_is_the_expected_one_is_committed_and_told(shop, run):
    result = run(CLEAN_UP, "--expect-rows", "4")

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[1:4] == [
        "  1. line 2       3 rows  UPDATE users SET n = 1 WHERE id < 4",
        "  2. line 3  5 rows read  SELECT name FROM users",
        "  3. line 5        1 row  DELETE FROM orders WHERE user_id = 5",
    ]
    assert "Written by the statements themselves: 4 rows." in result.out
    assert "Committed: 4 rows of " in result.out
    assert [n for _id, _name, n in users(shop)] == [1, 1, 1, 0, 0]
    assert orders(shop) == [1, 2, 3, 4]


def test_script_when_committed_is_in_the_audit_with_text_numbers_user_and_reason(shop, run):
    run(CLEAN_UP, "--expect-rows", "4")

    ((who, action, migration, reason, details),) = audit(shop)
    assert who.startswith(f"{getpass.getuser()}@")
    assert (action, migration, reason) == ("audited-sql", "", "ticket 42")
    assert details["file"].endswith("clean_up.sql")
    assert details["sql"] == CLEAN_UP
    assert details["checksum"] == hashlib.sha256(CLEAN_UP.encode()).hexdigest()
    assert (details["rows"], details["expected"]) == (4, 4)
    assert (details["environment"], details["stamp"]) == ("production", "production")
    assert [
        (statement["line"], statement["rows"], statement["answered"])
        for statement in details["statements"]
    ] == [
        (2, 3, 3),
        (3, 0, 5),
        (5, 1, 1),
    ]


def test_json_when_committed_is_alone_on_standard_output(shop, run):
    result = run(CLEAN_UP, "--expect-rows", "4", "--format", "json")

    report = result.json
    assert (result.code, result.err) == (0, "")
    assert (report["committed"], report["rows"], report["problems"]) == (True, 4, [])
    assert report["vendor"] == shop.vendor
    assert [statement["rows"] for statement in report["statements"]] == [3, 0, 1]


def test_verbosity_when_zero_is_silent(shop, run):
    result = run(CLEAN_UP, "--expect-rows", "4", "--verbosity", "0")

    assert (result.code, result.out, result.err) == (0, "", "")


def test_script_when_it_comes_from_standard_input_is_run(shop, guard, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CLEAN_UP.encode())))

    result = guard("runauditedsql", "-", "--reason", "x", "--expect-rows=4")

    assert result.code == 0, result.err
    assert "standard input on the " in result.out
    assert audit(shop)[0][4]["file"] == "standard input"


def test_rows_when_counted_are_those_that_the_driver_counts(shop, run):
    statements = [
        "UPDATE users SET n = n + 1",
        "UPDATE users SET n = 7 WHERE id > 90",
        "DELETE FROM orders WHERE user_id IN (1, 2)",
        "INSERT INTO orders SELECT id + 100, id FROM users",
        "INSERT INTO users VALUES (6, 'f', 0), (7, '100% ;', 1)",
        "DELETE FROM orders",
    ]
    cursor = shop.connect().cursor()
    cursor.execute("BEGIN")
    counts = [(cursor.execute(sql), cursor.rowcount)[1] for sql in statements]
    cursor.execute("ROLLBACK")

    result = run(";\n".join(statements), "--expect-rows", str(sum(counts)), "--format", "json")

    assert result.code == 0, result.out
    assert [statement["rows"] for statement in result.json["statements"]] == counts


def test_with_when_it_leads_to_a_delete_counts_like_one(shop, run):
    if shop.vendor == "mysql":
        text = "DELETE FROM orders WHERE id IN (SELECT id FROM (SELECT 1 AS id) AS x)"
    else:
        text = "WITH x AS (SELECT 1 AS id) DELETE FROM orders WHERE id IN (SELECT id FROM x)"

    assert run(text, "--expect-rows", "1").code == 0
    assert orders(shop) == [2, 3, 4, 5]


# -- rolled back


@pytest.mark.parametrize("number", ["0", "3", "5", "9999999999999999999999"])
def test_script_when_another_number_was_expected_is_rolled_back(shop, run, number):
    result = run(CLEAN_UP, "--expect-rows", number)

    assert result.code == 1
    assert f"--expect-rows {number}, and the statements wrote 4." in result.err
    assert "line 5" in result.err
    assert "It was rolled back: nothing was changed" in result.err
    assert unchanged(shop)


def test_json_when_rolled_back_says_so_with_the_numbers(shop, run):
    result = run(CLEAN_UP, "--expect-rows", "3", "--format", "json")

    report = result.json
    assert (result.code, report["committed"], report["rows"]) == (1, False, 4)
    assert "It was rolled back" in report["problems"][0]["message"]


def test_statement_when_it_fails_is_named_and_all_is_rolled_back(shop, run):
    result = run("UPDATE users SET n = 1;\n\nDELETE FROM nowhere;", "--expect-rows", "5")

    assert result.code == 1
    assert "clean_up.sql:3, statement 2 of 2:" in result.err
    assert "nowhere" in result.err
    assert "It was rolled back: nothing was changed" in result.err
    assert unchanged(shop)


def test_script_when_nobody_can_confirm_is_not_run(shop, run):
    for args in ((), ("--no-input",)):
        result = run(CLEAN_UP, *args)

        assert result.code == 2
        assert "--expect-rows N" in result.err
    assert unchanged(shop)


# -- refused before the database is touched


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the script has no statement"),
        ("-- nothing\n", "the script has no statement"),
        (b"SELECT '\xff'", "is not UTF-8: byte 0xff at offset 8"),
        ("SELECT '\0'", "NUL byte"),
        ("SELECT 1;\nSELECT 'a", ":2: line 2: the string that begins here never ends"),
        ("BEGIN; DELETE FROM users; COMMIT", "transaction control: BEGIN"),
        ("DELETE FROM users;\nROLLBACK", ":2: transaction control: ROLLBACK"),
        ("SAVEPOINT a", "transaction control: SAVEPOINT a"),
        ("ROLLBACK TO SAVEPOINT a", "transaction control: ROLLBACK TO"),
        ("delete from APPLIED_migrations", "the script names applied_migrations"),
        ("DELETE FROM migration_guard_audit", "the script names migration_guard_audit"),
        ("DELETE FROM migration_guard_journal", "the script names migration_guard_journal"),
        ("DELETE FROM migration_guard_environment", "names migration_guard_environment"),
        ("-- guard: transaction = off\nSELECT 1", 'directive "transaction = off" has no effect'),
        ("-- guard: rerun = safe\nSELECT 1", 'directive "rerun" has no effect'),
        ("-- guard: requires = a.b\nSELECT 1", 'directive "requires" has no effect'),
        ("-- guard: allow = empty\n", 'directive "allow = empty" has no effect'),
        ("-- guard: lock_timeot = 1s\nSELECT 1", 'did you mean "lock_timeout"?'),
        ("-- DEV/TEST ONLY\nDELETE FROM users", "is for dev, test only, and this is production"),
        ("-- DEV ONLY\nDELETE FROM users", "Write -- guard: environments = dev"),
        ("SELECT 1;\n-- DEV/TEST ONLY\nDELETE FROM users", "below the leading comment block"),
    ],
)
def test_script_when_it_must_not_run_is_refused(shop, run, text, said):
    result = run(text, "--expect-rows", "0")

    assert result.code == 1
    assert said in result.err, result.err
    assert "nothing was run" in result.err
    assert unchanged(shop)


@pytest.mark.parametrize(
    ("database", "statement"),
    [
        ("postgresql", "VACUUM"),
        ("postgresql", "CREATE INDEX CONCURRENTLY x ON users (n)"),
        ("postgresql", "REINDEX (VERBOSE) TABLE CONCURRENTLY users"),
        ("postgresql", "CREATE DATABASE x"),
        ("postgresql", "ALTER SYSTEM SET work_mem = '1MB'"),
        ("postgresql", "PREPARE TRANSACTION 'x'"),
        ("postgresql", "COPY users TO '/tmp/x'"),
        ("postgresql", "COPY (SELECT 1) TO $$/tmp/x$$ WITH (FORMAT csv)"),
        ("postgresql", "COPY users (id) TO PROGRAM 'true'"),
        ("postgresql", "COPY users FROM PROGRAM 'true'"),
        ("postgresql", "END"),
        ("postgresql", "\\echo x"),
        ("sqlite", "PRAGMA foreign_keys = OFF"),
        ("sqlite", "VACUUM"),
        ("sqlite", "ATTACH 'x' AS x"),
        ("mariadb", "CREATE TABLE x (id int)"),
        ("mariadb", "TRUNCATE orders"),
        ("mariadb", "CALL x()"),
        ("mariadb", "EXECUTE IMMEDIATE 'DELETE FROM users'"),
        ("mariadb", "(SELECT * FROM users INTO OUTFILE '/tmp/x')"),
        ("mariadb", "SELECT 1 INTO DUMPFILE '/tmp/x'"),
        ("mariadb", "SET autocommit = 1"),
        ("mariadb", "SET GLOBAL max_connections = 10"),
        ("mariadb", "SET @@global.max_connections = 10"),
        ("mariadb", "LOCK TABLES users WRITE"),
        ("mariadb", "XA START 'x'"),
    ],
    indirect=["database"],
)
def test_statement_when_no_rollback_could_undo_it_is_refused(shop, run, statement):
    result = run(f"DELETE FROM orders;\n{statement};", "--expect-rows", "5")

    assert result.code == 1
    assert "clean_up.sql:2: " in result.err
    assert unchanged(shop)


@ON_POSTGRES
def test_statement_when_only_the_server_knows_that_it_runs_alone_is_rolled_back(shop, run):
    shop.execute("CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")

    result = run("DELETE FROM orders; CALL p();", "--expect-rows", "5")

    assert result.code == 1
    assert "-- guard: transaction = off" in result.err
    assert unchanged(shop)


def test_file_when_it_cannot_be_opened_ends_with_exit_2(shop, guard, tmp_path):
    for file in (tmp_path, tmp_path / "absent.sql"):
        result = guard("runauditedsql", str(file), "--reason", "x", "--expect-rows", "0")

        assert result.code == 2
        assert "cannot be opened" in result.err


def test_file_when_it_is_a_migration_is_refused(shop, guard, sql_dir, tmp_path):
    link = tmp_path / "link.sql"
    link.symlink_to(sql_dir / "1_shop.sql")

    for file in (sql_dir / "1_shop.sql", link):
        result = guard("runauditedsql", str(file), "--reason", "x", "--expect-rows", "10")

        assert result.code == 1
        assert "is in a folder of migrations" in result.err
        assert "manage.py runsqlmigrations applies it" in result.err


@pytest.mark.parametrize(
    "args",
    [
        ("--reason", " \t", "--expect-rows", "4"),
        ("--expect-rows", "4"),
        ("--reason", "\udcff", "--expect-rows", "4"),
        ("--reason", "x", "--expect-rows", "-1"),
        ("--reason", "x", "--expect-rows", "four"),
        ("--reason", "x", "--expect-rows", "4", "--database", "nope"),
    ],
)
def test_usage_when_wrong_ends_with_exit_2(shop, guard, script, args):
    result = guard("runauditedsql", script(CLEAN_UP), *args)

    assert result.code == 2
    assert "Traceback" not in result.err
    assert unchanged(shop)


def test_standard_input_when_no_number_is_expected_is_refused_without_reading_it(guard):
    result = guard("runauditedsql", "-", "--reason", "x")

    assert result.code == 2
    assert "standard input holds the script" in result.err


def test_database_when_it_has_no_history_is_not_touched(database, migrations, run):
    migrations({"1_a.sql": "SELECT 1"})

    result = run(
        "CREATE TABLE x (id int)" if database.vendor != "mysql" else "SELECT 1",
        "--expect-rows",
        "0",
    )

    assert result.code == 2
    assert "manage.py runsqlmigrations creates it" in result.err
    assert untouched(database)


def test_audit_when_it_cannot_be_written_keeps_the_script_from_being_done(shop, run):
    shop.execute("ALTER TABLE migration_guard_audit RENAME COLUMN reason TO why")

    result = run(CLEAN_UP, "--expect-rows", "4")

    assert result.code == 1
    assert "reason" in result.err
    assert "It was rolled back: nothing was changed" in result.err
    assert "Next: remove the cause" in result.err
    assert [n for _id, _name, n in users(shop)] == [0, 0, 0, 0, 0]
    assert orders(shop) == [1, 2, 3, 4, 5]


@ON_POSTGRES
def test_database_when_it_is_read_only_is_refused(shop, run):
    shop.configure(OPTIONS={"options": "-c default_transaction_read_only=on"})

    result = run(CLEAN_UP, "--expect-rows", "4")

    assert result.code == 1
    assert "is read-only" in result.err


@pytest.mark.parametrize("stamp", ["staging", "dev"])
def test_environments_when_the_stamp_excludes_them_refuse(shop, migrations, run, stamp):
    shop.execute(f"UPDATE migration_guard_environment SET environment = '{stamp}'")
    migrations({"1_shop.sql": SCHEMA}, ENVIRONMENT="dev")

    result = run("-- guard: environments = dev\nDELETE FROM orders", "--expect-rows", "5")

    assert result.code == (1 if stamp == "staging" else 0)
    assert ("this is staging (the database's own stamp)" in result.err) is (stamp == "staging")


# -- the history


HISTORY = "Only manage.py repairsqlmigrations does that"


def test_trigger_when_it_changes_the_history_is_rolled_back(shop, run):
    clear = "DELETE FROM applied_migrations"
    if shop.vendor == "postgresql":
        shop.execute(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
            f"'BEGIN {clear}; RETURN NULL; END'"
        )
        body = "EXECUTE FUNCTION f()"
    else:
        body = f"BEGIN {clear}; END"
    shop.execute(f"CREATE TRIGGER t AFTER UPDATE ON users FOR EACH ROW {body}")

    result = run("UPDATE users SET n = 1", "--expect-rows", "5")

    assert result.code == 1
    assert HISTORY in result.err
    assert unchanged(shop)
    assert shop.execute("SELECT id FROM applied_migrations") == [("1_shop",)]


@ON_POSTGRES
@pytest.mark.parametrize(
    ("verb", "table"),
    [
        ("TRUNCATE", "applied_migrations"),
        ("DELETE FROM", "applied_migrations"),
        ("TRUNCATE", "migration_guard_environment"),
        ("DELETE FROM", "migration_guard_environment"),
    ],
)
def test_code_when_it_makes_up_the_name_of_an_own_table_is_rolled_back(shop, run, verb, table):
    text = f"DO $$BEGIN EXECUTE '{verb} {table[:5]}' || '{table[5:]}'; END$$"

    result = run(text, "--expect-rows", "1" if verb == "DELETE FROM" else "0")

    assert result.code == 1
    assert HISTORY in result.err
    assert len(shop.execute(f"SELECT * FROM {table}")) == 1


@ON_POSTGRES
@pytest.mark.parametrize(
    "text",
    [
        "SET track_counts = off; DO $$BEGIN EXECUTE 'DELETE FROM applied' || '_migrations'; END$$",
        "SET track_counts = off; DO $$BEGIN EXECUTE 'UPDATE migration_guard' || "
        "'_environment SET environment = ' || quote_literal('dev'); END$$; SET track_counts = on",
        "DO $$BEGIN EXECUTE 'ALTER TABLE applied' || '_migrations ADD x int'; END$$",
        "DO $$BEGIN EXECUTE 'ALTER TABLE applied' || '_migrations RENAME TO x'; END$$",
        "DO $$BEGIN EXECUTE 'DROP TABLE migration_guard' || '_journal'; END$$",
    ],
)
def test_code_when_the_server_counts_nothing_that_it_does_to_the_history_is_rolled_back(
    shop, run, text
):
    before = shop.execute("SELECT * FROM applied_migrations")

    result = run(text, "--expect-rows", "0")

    assert result.code == 1
    assert HISTORY in result.err
    assert shop.execute("SELECT * FROM applied_migrations") == before
    assert shop.execute("SELECT environment FROM migration_guard_environment") == [("production",)]
    assert unchanged(shop)


def test_history_when_it_is_only_read_may_be_named_with_a_reason(shop, run):
    allowed = "-- guard: allow = touches-history, reads it\n"

    reads = run(f"{allowed}SELECT id FROM applied_migrations", "--expect-rows", "0")
    writes = run(f"{allowed}DELETE FROM applied_migrations", "--expect-rows", "1")

    assert reads.code == 0, reads.err
    assert writes.code == 1
    assert HISTORY in writes.err
    assert len(audit(shop)) == 1


# -- rows that no answer tells


ARCHIVE = "WITH gone AS (DELETE FROM orders WHERE id < 4 RETURNING id) "


@ON_POSTGRES
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (f"{ARCHIVE} INSERT INTO users SELECT id + 10, '', 0 FROM gone", 6),
        (f"{ARCHIVE} SELECT count(*) FROM gone", 3),
        ("DO $$BEGIN DELETE FROM orders; END$$", 5),
        ("EXPLAIN ANALYZE DELETE FROM orders", 5),
        ("PREPARE p AS DELETE FROM orders WHERE id < $1; EXECUTE p (3)", 2),
        ("COPY orders FROM STDIN;\n7\t1\n8\t1\n\\.\n", 2),
        ("CREATE TEMP TABLE doomed AS SELECT id FROM orders", 0),
        ("SELECT * FROM users FOR UPDATE", 0),
    ],
)
def test_statement_when_its_answer_does_not_tell_is_counted_by_the_server(shop, run, text, rows):
    result = run(text, "--expect-rows", str(rows), "--format", "json")

    assert result.code == 0, result.out
    assert result.json["rows"] == rows


@ON_MARIADB
def test_function_when_it_writes_is_counted_by_mariadb(shop, run):
    shop.execute(
        "CREATE FUNCTION clean() RETURNS int BEGIN "
        "DELETE FROM orders WHERE id < 3; UPDATE users SET n = 7 WHERE id = 1; RETURN 1; END"
    )
    text = "SELECT count(*) FROM users GROUP BY n ORDER BY 1; SELECT clean(); DO 1"

    unexpected = run(text, "--expect-rows", "0")

    assert unexpected.code == 1
    assert "the statements wrote 3" in unexpected.err
    assert unchanged(shop)

    result = run(text, "--expect-rows", "3", "--format", "json")

    assert result.code == 0, result.out
    assert [statement["rows"] for statement in result.json["statements"]] == [0, 3, 0]
    assert orders(shop) == [3, 4, 5]


@ON_POSTGRES
def test_sequence_when_it_is_set_is_noted_for_no_rollback_undoes_it(shop, run):
    shop.execute("CREATE SEQUENCE s")

    result = run("SELECT setval('s', 100)", "--expect-rows", "0")

    assert "line 1 names setval(), which no rollback undoes." in result.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_cascade_when_it_deletes_more_is_told_apart(shop, run):
    result = run("DELETE FROM users WHERE id = 1", "--expect-rows", "1")

    assert result.code == 0, result.err
    assert "Written by the statements themselves: 1 row." in result.out
    assert "With what triggers, cascades and code wrote: 3." in result.out
    assert ("public.orders: 2 deleted" in result.out) is (shop.vendor == "postgresql")
    assert orders(shop) == [3, 4, 5]


@pytest.mark.parametrize(
    ("database", "text", "table"),
    [
        ("postgresql", "TRUNCATE users CASCADE", "public.orders (emptied or rewritten)"),
        ("postgresql", "DO $$BEGIN TRUNCATE orders; END$$", "public.orders (emptied"),
        ("postgresql", "DROP TABLE orders", "public.orders (dropped or renamed)"),
        (
            "postgresql",
            "SET track_counts = off; DO $$BEGIN DELETE FROM orders; END$$; SET track_counts = on",
            "any table (track_counts was off for a while)",
        ),
        ("sqlite", "DROP TABLE orders", "orders (dropped or renamed)"),
    ],
    indirect=["database"],
)
def test_table_when_it_loses_rows_uncounted_is_no_match_for_a_number(shop, run, text, table):
    result = run(text, "--expect-rows", "0")

    assert result.code == 1
    assert f"A number of rows cannot vouch for what happened to {table}" in result.err.replace(
        "public.orders (emptied or rewritten), public.users (emptied or rewritten)", table
    )
    assert unchanged(shop)


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_schema_when_a_script_changes_it_is_noted(shop, run):
    result = run("DELETE FROM orders;\nCREATE INDEX x ON users (n)", "--expect-rows", "5")

    assert result.code == 0, result.err
    assert "Note: line 2 changes the schema of this database alone" in result.out


# -- what a rollback leaves on MariaDB


@ON_MARIADB
@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
def test_table_when_it_knows_no_transactions_is_refused_by_name(shop, run, engine):
    shop.execute(f"CREATE TABLE plain (id int) ENGINE = {engine}")

    named = run("DELETE FROM orders;\nINSERT INTO plain VALUES (1)", "--expect-rows", "6")
    read = run("SELECT * FROM plain", "--expect-rows", "0")

    assert named.code == 1
    assert "clean_up.sql:2: the table plain is of a storage engine without" in named.err
    # MariaDB has no savepoints where Aria takes part, so it cannot be told that it only read.
    assert read.code == (1 if engine == "Aria" else 0)
    assert ("It was rolled back: nothing was changed" in read.err) is (engine == "Aria")
    assert shop.execute("SELECT * FROM plain") == []
    assert orders(shop) == [1, 2, 3, 4, 5]


@ON_MARIADB
@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
def test_trigger_when_it_writes_where_no_rollback_reaches_is_told(shop, run, engine):
    shop.execute(f"CREATE TABLE plain (id int) ENGINE = {engine}")
    shop.execute(
        "CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW INSERT INTO plain VALUES (1)"
    )

    for text in ("DELETE FROM orders WHERE id = 1", "DELETE FROM orders; DELETE FROM nowhere"):
        result = run(text, "--expect-rows", "1")

        assert result.code == 1
        assert "knows no transactions: that stays." in result.err
    assert unchanged(shop)


@ON_MARIADB
@pytest.mark.parametrize("statement", ["SET DEFAULT ROLE NONE", "CALL finish()"])
def test_script_when_a_statement_may_end_the_transaction_is_refused(shop, run, statement):
    result = run(f"UPDATE users SET n = 1; {statement}; DELETE FROM orders", "--expect-rows", "10")

    assert result.code == 1
    assert "error[no-rollback]" in result.err
    assert unchanged(shop)


# -- limits, locks, session


@ON_SERVERS
def test_lock_when_another_session_holds_it_is_waited_for_a_while_and_the_holder_named(
    shop, migrations, run
):
    migrations({"1_shop.sql": SCHEMA}, LOCK_TIMEOUT="200ms", LOCK_RETRIES=1)
    other = shop.connect()
    cursor = other.cursor()
    cursor.execute("BEGIN")
    cursor.execute("UPDATE users SET name = 'held' WHERE id = 1")

    result = run("DELETE FROM orders;\nUPDATE users SET n = 1", "--expect-rows", "10")
    cursor.execute("ROLLBACK")

    assert result.code == 1
    assert "rolled back, try 2 of 2" in result.err
    assert "clean_up.sql:2, statement 2 of 2" in result.err
    assert ("UPDATE users SET name" in result.err) is (shop.vendor == "postgresql")
    assert "end the blocking session" in result.err
    assert unchanged(shop)


def test_timeout_when_the_file_names_one_holds_for_its_statements(shop, run):
    slow = {
        "postgresql": "SELECT pg_sleep(30)",
        "mysql": "SELECT SLEEP(30)",
        "sqlite": "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT max(n) "
        "FROM x",
    }[shop.vendor]

    result = run(
        f"-- guard: statement_timeout = 300ms\nDELETE FROM orders; {slow}", "--expect-rows", "5"
    )

    assert result.code == 1
    assert "statement 2 of 2" in result.err
    assert unchanged(shop)


@ON_POSTGRES
def test_role_when_the_script_takes_one_does_not_reach_the_audit(shop, run):
    role = f"role_{shop.settings['NAME']}"
    shop.execute(f"CREATE ROLE {role}")
    shop.execute(f"GRANT UPDATE, SELECT ON users TO {role}")
    try:
        result = run(
            f"SET ROLE {role}; SET search_path = pg_catalog; UPDATE public.users SET n = 2",
            "--expect-rows",
            "5",
        )
    finally:
        shop.execute(f"DROP OWNED BY {role}")
        shop.execute(f"DROP ROLE {role}")

    assert result.code == 0, result.err
    assert len(audit(shop)) == 1


@ON_POSTGRES
def test_constraint_when_it_is_deferred_fails_before_the_numbers_are_confirmed(shop, run):
    shop.execute("ALTER TABLE orders ALTER CONSTRAINT orders_user_id_fkey DEFERRABLE")

    result = run(
        "SET CONSTRAINTS ALL DEFERRED; INSERT INTO orders VALUES (9, 99)", "--expect-rows", "0"
    )

    assert result.code == 1
    assert "orders_user_id_fkey" in result.err
    assert unchanged(shop)


@ON_SQLITE
def test_commit_when_the_database_refuses_it_is_told_and_rolled_back(shop, run):
    shop.execute(
        "CREATE TABLE later (id integer REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    result = run("INSERT INTO later VALUES (99)", "--expect-rows", "1")

    assert result.code == 1
    assert "FOREIGN KEY constraint failed" in result.err
    assert "It was rolled back: nothing was changed" in result.err
    assert shop.execute("SELECT * FROM later") == []
    assert unchanged(shop)


@ON_SQLITE
def test_foreign_key_when_broken_on_sqlite_is_refused_as_in_the_project(shop, run):
    result = run("INSERT INTO orders VALUES (9, 99)", "--expect-rows", "1")

    assert result.code == 1
    assert "FOREIGN KEY constraint failed" in result.err
    assert unchanged(shop)


# -- secrets and sizes


SECRETS = {
    "postgresql": "CREATE ROLE nobody_{0} PASSWORD 'hunter2'; DROP ROLE nobody_{0}",
    "sqlite": "UPDATE users SET name = 'x' WHERE name = 'password=hunter2'",
    "mysql": "UPDATE users SET name = 'x' WHERE name = 'password=hunter2'",
}


def test_password_when_the_script_holds_one_is_masked_everywhere(shop, run):
    text = SECRETS[shop.vendor].format(shop.settings["NAME"][-12:])

    good = run(text, "--expect-rows", "0")
    bad = run(text, "--expect-rows", "1", "--format", "json")
    failed = run(f"{text}; UPDATE nowhere SET password = 'hunter2'", "--expect-rows", "0")

    assert (good.code, bad.code, failed.code) == (0, 1, 1), good.err
    for result in (good, bad, failed):
        assert "hunter2" not in result.out + result.err
    ((*_rest, details),) = audit(shop)
    assert "hunter2" not in json.dumps(details)
    assert "***" in details["sql"]
    assert details["checksum"] == hashlib.sha256(text.encode()).hexdigest()


def test_script_when_it_is_large_is_recorded_by_its_checksum(shop, run):
    text = f"-- {'x' * MAX_STORED_BYTES}\nDELETE FROM orders"

    assert run(text, "--expect-rows", "5").code == 0
    ((*_rest, details),) = audit(shop)
    assert details["sql"] is None
    assert details["checksum"] == hashlib.sha256(text.encode()).hexdigest()


def test_script_when_it_has_many_statements_is_cut_in_the_list_alone(shop, run):
    text = "UPDATE users SET n = n + 1 WHERE id = 1;\n" * 1200

    result = run(text, "--expect-rows", "1200")

    assert result.code == 0, result.err
    assert "… 1100 earlier statements" in result.out
    ((*_rest, details),) = audit(shop)
    assert (details["rows"], details["statement_count"]) == (1200, 1200)
    assert len(details["statements"]) == 1000
