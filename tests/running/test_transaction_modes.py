"""A file that says how its transaction is: it holds, and no statement of ours takes its snapshot.

PostgreSQL manual, "Transaction Isolation": a transaction in REPEATABLE READ sees what was committed
before its first statement that is not transaction control.
"""

import sqlite3

import pytest

from tests.faults.state import journal
from tests.running.support import applied, kill, sleeping, wait_until, waiting

OFF = "-- guard: transaction = off\n"
A = "CREATE TABLE a (id integer PRIMARY KEY);\nCREATE TABLE seen (level text);\n"
LEVEL = "INSERT INTO seen SELECT current_setting('transaction_isolation')"


def levels(database):
    return [row[0] for row in database.execute("SELECT level FROM seen")]


REPEATABLE = {
    "BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ;\n{};\nCOMMIT;",
    "START TRANSACTION": "start transaction isolation level repeatable read, read write; {}; end;",
    "a comment in between": "/* a */ BEGIN -- b\n WORK /* c */ ISOLATION LEVEL\nREPEATABLE READ; {}; COMMIT",
    "SET TRANSACTION": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {};",
    "behind BEGIN": "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {}; COMMIT;",
    "behind another SET": "SET lock_timeout = 900; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {};",
    "behind LOCK": "LOCK TABLE a; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {};",
    "SET LOCAL": "SET LOCAL transaction_isolation = 'repeatable read'; {};",
    "SET … TO": "SET transaction_isolation TO 'repeatable read'; {};",
    "quoted": "SET \"transaction_isolation\" TO 'repeatable read'; {};",
    "of the session": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n"
    "BEGIN; {}; COMMIT;",
    "by default": "SET default_transaction_isolation = 'repeatable read'; BEGIN; {}; COMMIT;",
    "of the session alone": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ; {};",
    "by default alone": "SET search_path = public; SET default_transaction_isolation TO 'repeatable read'; {};",
    "over the default": "SET default_transaction_isolation = 'serializable';\n"
    "BEGIN ISOLATION LEVEL REPEATABLE READ; {}; COMMIT;",
    "in a group": OFF + "SELECT 1; BEGIN ISOLATION LEVEL REPEATABLE READ; {}; COMMIT; SELECT 2;",
    "in a group by SET": OFF + "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {}; COMMIT;",
    "in a group by default": OFF
    + "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;\nBEGIN; {}; COMMIT;",
}  # fmt: skip


@pytest.mark.parametrize("case", REPEATABLE)
def test_file_when_it_sets_the_isolation_runs_at_it(case, postgres, migrations, guard):
    migrations({"1_a.sql": A, "2_b.sql": REPEATABLE[case].format(LEVEL), "3_c.sql": LEVEL})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert levels(postgres) == ["repeatable read", "read committed"]
    assert (applied(postgres), journal(postgres)) == (["1_a", "2_b", "3_c"], [])


OTHERS = {
    "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE DEFERRABLE": "serializable",
    "BEGIN NOT DEFERRABLE, ISOLATION LEVEL SERIALIZABLE": "serializable",
    "BEGIN ISOLATION LEVEL READ UNCOMMITTED": "read uncommitted",
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE": "read committed",
    "BEGIN READ WRITE": "read committed",
    "BEGIN": "read committed",
}


@pytest.mark.parametrize("begin", OTHERS)
def test_file_whatever_modes_it_begins_with_has_them(begin, postgres, migrations, guard):
    migrations({"1_a.sql": A, "2_b.sql": f"{begin}; {LEVEL}; COMMIT;"})

    assert guard("runsqlmigrations").code == 0
    assert levels(postgres) == [OTHERS[begin]]


def test_file_when_it_says_what_the_runner_does_anyway_runs(postgres, migrations, guard):
    text = f"SELECT 1; SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; {LEVEL};"
    migrations({"1_a.sql": A, "2_b.sql": text})

    assert guard("runsqlmigrations").code == 0
    assert levels(postgres) == ["read committed"]


def test_groups_when_each_has_modes_of_its_own_keep_them_apart(postgres, migrations, guard):
    text = f"{OFF}BEGIN ISOLATION LEVEL SERIALIZABLE; {LEVEL}; COMMIT;\n{LEVEL};\n"
    text += f"BEGIN; {LEVEL}; COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; {LEVEL}; COMMIT;"
    migrations({"1_a.sql": A, "2_b.sql": text})

    assert guard("runsqlmigrations").code == 0
    expected = ["serializable", "read committed", "read committed", "repeatable read"]
    assert levels(postgres) == expected


# -- the row that must not be lost

MOVE = """BEGIN ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE old IN ACCESS EXCLUSIVE MODE;
CREATE TABLE new AS SELECT * FROM old;
DROP TABLE old;
COMMIT;
"""
MOVES = {
    "BEGIN": MOVE,
    "SET TRANSACTION": MOVE.replace("BEGIN", "SET TRANSACTION").replace("COMMIT;", ""),
    "with a session": f"SET client_min_messages = warning;\n{MOVE}",
    "in a group": f"{OFF}{MOVE}",
}


@pytest.mark.parametrize("case", MOVES)
def test_move_when_an_application_writes_meanwhile_loses_none_of_its_rows(
    case, postgres, migrations, guard, guard_process
):
    migrations({"1_a.sql": "CREATE TABLE old (id integer);", "2_b.sql": MOVES[case]})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    application = postgres.connect()
    application.execute("BEGIN")
    application.execute("INSERT INTO old VALUES (1)")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: waiting(postgres))

    application.execute("COMMIT")

    _out, err = runner.communicate(timeout=60)
    assert runner.returncode == 0, err
    assert postgres.execute("SELECT id FROM new") == [(1,)]
    assert (applied(postgres), journal(postgres)) == (["1_a", "2_b"], [])


COUNTS = "INSERT INTO a SELECT 1 + max(id) FROM a"


def test_file_when_the_server_finds_no_order_is_tried_again(
    postgres, migrations, guard, guard_process
):
    text = f"BEGIN ISOLATION LEVEL SERIALIZABLE; {COUNTS}; SELECT pg_sleep(3); COMMIT;"
    migrations({"1_a.sql": f"{A}INSERT INTO a VALUES (1), (10);", "2_b.sql": text})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    application = postgres.connect()
    application.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    application.execute("INSERT INTO a SELECT 10 + max(id) FROM a")
    application.execute("COMMIT")

    _out, err = runner.communicate(timeout=60)
    assert runner.returncode == 0, err
    assert "40001" in err
    assert postgres.execute("SELECT id FROM a ORDER BY id") == [(1,), (10,), (20,), (21,)]
    assert (applied(postgres), journal(postgres)) == (["1_a", "2_b"], [])


# -- failures

FAILING = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {LEVEL}; SELECT 1/0; COMMIT;"


def test_file_when_it_fails_says_that_nothing_is_done_and_begins_anew(postgres, migrations, guard):
    migrations({"1_a.sql": A, "2_b.sql": FAILING})

    first, second = guard("runsqlmigrations"), guard("runsqlmigrations")

    for result in (first, second):
        assert result.code == 1
        assert "2_b.sql:1, statement 3 of 4" in result.err
        assert "2_b was rolled back as a whole; nothing of it is in the database." in result.err
        assert "Next: correct 2_b.sql (not applied, so it may be edited)" in result.err
    assert (
        "no statement of it is done, so it starts again" in guard("runsqlmigrations", "--plan").err
    )
    assert journal(postgres) == [("2_b", "failed", 0, 4, 0)]
    assert (applied(postgres), levels(postgres)) == (["1_a"], [])


CORRECTED = {
    "at the same level": (FAILING.replace("1/0", "1"), "repeatable read"),
    "without the level": (f"{LEVEL};", "read committed"),
    "with other statements before": (f"SELECT 1; {LEVEL}; SELECT 2;", "read committed"),
}


@pytest.mark.parametrize("case", CORRECTED)
def test_next_run_when_a_file_with_modes_was_corrected_runs_all_of_it(
    case, postgres, migrations, guard
):
    text, level = CORRECTED[case]
    migrations({"1_a.sql": A, "2_b.sql": FAILING})
    assert guard("runsqlmigrations").code == 1

    migrations({"1_a.sql": A, "2_b.sql": text})
    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert levels(postgres) == [level]
    assert (applied(postgres), journal(postgres)) == (["1_a", "2_b"], [])


def test_next_run_when_the_runner_was_killed_runs_all_of_it(
    postgres, migrations, guard, guard_process
):
    text = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {LEVEL}; SELECT pg_sleep(60); COMMIT;"
    migrations({"1_a.sql": A, "2_b.sql": text})
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))
    kill(postgres, runner)

    plan = guard("runsqlmigrations", "--plan")
    assert journal(postgres) == [("2_b", "running", 0, 4, 0)]
    assert "no statement of it is done, so it starts again" in plan.err
    migrations({"1_a.sql": A, "2_b.sql": text.replace("60", "0")})
    assert guard("runsqlmigrations").code == 0

    assert levels(postgres) == ["repeatable read"]
    assert (applied(postgres), journal(postgres)) == (["1_a", "2_b"], [])


def test_file_when_it_changes_the_history_is_rolled_back(postgres, migrations, guard):
    attack = "DO $$ BEGIN EXECUTE 'DELETE FROM applied_' || 'migrations'; END $$"
    text = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {attack}; COMMIT;"
    migrations({"1_a.sql": A, "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "deleted rows" in result.err
    assert applied(postgres) == ["1_a"]


def test_level_when_it_comes_too_late_names_the_place(postgres, migrations, guard):
    text = f"{LEVEL}; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
    migrations({"1_a.sql": A, "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "Next: move it above the first query of 2_b.sql" in result.err
    assert levels(postgres) == []


# -- refused before anything runs

REFUSED = {
    "BEGIN READ ONLY": "BEGIN READ ONLY; SELECT 1; COMMIT;",
    "with a level": "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE; SELECT 1; COMMIT;",
    "SET TRANSACTION": "SET TRANSACTION READ ONLY; SELECT 1;",
    "in the middle": "SELECT 1; SET TRANSACTION READ ONLY;",
    "a variable": "SET LOCAL transaction_read_only TO on;",
    "of the session": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; BEGIN; SELECT 1; COMMIT;",
    "by default": "SET default_transaction_read_only = on; BEGIN; SELECT 1; COMMIT;",
    "of a group by default": f"{OFF}SET default_transaction_read_only = 1; BEGIN; SELECT 1; COMMIT;",
    "in a group": f"{OFF}BEGIN READ ONLY; SELECT 1; COMMIT;",
    "a snapshot": "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '0-1'; COMMIT;",
    "outside a group": f"{OFF}SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1;",
}


@pytest.mark.parametrize("case", REFUSED)
def test_modes_when_no_migration_can_be_recorded_in_them_are_refused(
    case, postgres, migrations, guard
):
    migrations({"1_a.sql": A, "2_b.sql": REFUSED[case]})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "no migration was run" in result.err
    assert "transaction-control" in result.err or "no-effect" in result.err
    assert postgres.execute("SELECT to_regclass('a')") == [(None,)]


# -- MariaDB

M = "CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE seen (level varchar(40));\n"
# The server reads this table anew only where nobody has asked for a tenth of a second.
LEVEL_NOW = """CREATE FUNCTION level_now() RETURNS varchar(40) READS SQL DATA
BEGIN
    DECLARE level varchar(40);
    DECLARE attempts integer DEFAULT 100;
    WHILE level IS NULL AND attempts > 0 DO
        SET attempts = attempts - 1;
        DO SLEEP(0.2);
        SELECT trx_isolation_level INTO level FROM information_schema.innodb_trx
        WHERE trx_mysql_thread_id = CONNECTION_ID();
    END WHILE;
    RETURN level;
END"""
ISOLATION = "INSERT INTO seen SELECT level_now()"
WRITE = "INSERT INTO a VALUES (1)"
ON_MARIADB = {
    "above START TRANSACTION": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSTART TRANSACTION;\n{WRITE}; {ISOLATION}; COMMIT;",
    "behind another SET": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSET @x = 1;\nBEGIN;\n{WRITE}; {ISOLATION}; COMMIT;",
    "of the session": f"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE; BEGIN; {WRITE}; {ISOLATION}; COMMIT;",
    "a variable": f"SET tx_isolation = 'SERIALIZABLE'; BEGIN; {WRITE}; {ISOLATION}; COMMIT;",
}  # fmt: skip


@pytest.mark.parametrize("case", ON_MARIADB)
def test_file_on_mariadb_when_it_sets_the_isolation_runs_at_it(case, mariadb, migrations, guard):
    mariadb.execute(LEVEL_NOW)
    migrations({"1_a.sql": M, "2_b.sql": ON_MARIADB[case], "3_c.sql": "SELECT 1;"})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert levels(mariadb) == ["SERIALIZABLE"]
    assert (applied(mariadb), journal(mariadb)) == (["1_a", "2_b", "3_c"], [])


def test_snapshot_on_mariadb_when_it_is_consistent_hides_what_comes_later(
    mariadb, migrations, guard, guard_process
):
    text = (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n"
        "START TRANSACTION WITH CONSISTENT SNAPSHOT;\nDO SLEEP(3);\n"
        "SELECT count(*) INTO @n FROM a;\nINSERT INTO seen VALUES (@n);\nCOMMIT;"
    )
    migrations({"1_a.sql": M, "2_b.sql": text})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    runner = guard_process.start("runsqlmigrations")
    wait_until(
        lambda: mariadb.execute(
            "SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep'"
        )
    )

    mariadb.execute("INSERT INTO a VALUES (1)")

    _out, err = runner.communicate(timeout=60)
    assert runner.returncode == 0, err
    assert levels(mariadb) == ["0"]
    assert (applied(mariadb), journal(mariadb)) == (["1_a", "2_b"], [])


REFUSED_ON_MARIADB = {
    "READ ONLY": "START TRANSACTION READ ONLY; SELECT 1; COMMIT;",
    "SET TRANSACTION": "SET TRANSACTION READ ONLY; BEGIN; SELECT 1; COMMIT;",
    "of the session": "SET SESSION TRANSACTION READ ONLY; SELECT 1;",
    "a variable": "SET tx_read_only = 1; SELECT 1;",
    "before DDL": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; CREATE TABLE b (id int);",
    "at the end": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
}


@pytest.mark.parametrize("case", REFUSED_ON_MARIADB)
def test_modes_on_mariadb_when_they_cannot_hold_are_refused(case, mariadb, migrations, guard):
    migrations({"1_a.sql": M, "2_b.sql": REFUSED_ON_MARIADB[case]})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "transaction-control" in result.err
    assert "no migration was run" in result.err


# -- SQLite


@pytest.mark.parametrize("off", ["", OFF])
@pytest.mark.parametrize("word", ["", "DEFERRED", "IMMEDIATE"])
def test_file_on_sqlite_whatever_its_begin_says_runs(word, off, sqlite, migrations, guard):
    text = f"{off}BEGIN {word} TRANSACTION; INSERT INTO a VALUES (1); COMMIT;"
    migrations({"1_a.sql": "CREATE TABLE a (id integer);", "2_b.sql": text})

    assert guard("runsqlmigrations").code == 0
    assert applied(sqlite) == ["1_a", "2_b"]


@pytest.mark.parametrize("off", ["", OFF])
def test_file_on_sqlite_when_it_is_exclusive_shuts_out_readers(
    off, sqlite, migrations, guard_process, guard
):
    slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) "
    text = f"{off}BEGIN EXCLUSIVE; INSERT INTO a {slow} SELECT max(i) FROM n; COMMIT;"
    migrations({"1_a.sql": "CREATE TABLE a (id integer);", "2_b.sql": text})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    runner = guard_process.start("runsqlmigrations")
    reader = sqlite.connect()
    reader.execute("PRAGMA busy_timeout = 0")

    def is_shut_out():
        try:
            reader.execute("SELECT count(*) FROM a").fetchall()
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        return False

    wait_until(is_shut_out)

    _out, err = runner.communicate(timeout=120)
    assert runner.returncode == 0, err
    assert applied(sqlite) == ["1_a", "2_b"]
