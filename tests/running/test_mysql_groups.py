"""MariaDB: what a BEGIN … COMMIT group may hold, and programs without DELIMITER."""

from tests.running.support import applied

GROUP = """
CREATE TABLE a (id int PRIMARY KEY, n int);
BEGIN;
CREATE TEMPORARY TABLE more (id int);
INSERT INTO more VALUES (1), (2);
SAVEPOINT s;
INSERT INTO a SELECT id, 0 FROM more;
SHOW WARNINGS;
ROLLBACK TO SAVEPOINT s;
SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'told';
DO IF(1, 2, 3);
EXPLAIN SELECT * FROM a;
USE {database};
INSERT INTO a SELECT id, 1 FROM more;
RELEASE SAVEPOINT s;
DROP TEMPORARY TABLE more;
COMMIT;
"""


def test_group_when_nothing_in_it_commits_is_one_transaction(mariadb, migrations, guard):
    migrations({"1_a.sql": GROUP.format(database=mariadb.settings["NAME"])})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert mariadb.execute("SELECT * FROM a") == [(1, 1), (2, 1)]


def test_group_when_a_statement_in_it_fails_leaves_nothing_of_it(mariadb, migrations, guard):
    folder = migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY);\nBEGIN;\nSAVEPOINT s;\n"
            "INSERT INTO a VALUES (1);\nSIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no';\nCOMMIT;"
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, mariadb.execute("SELECT * FROM a")) == (1, [])
    assert "1 of 6 statements of 1_a are done" in result.err
    text = (folder / "1_a.sql").read_text().replace("45000", "01000")
    (folder / "1_a.sql").write_text(text)
    assert guard("runsqlmigrations").code == 0
    assert mariadb.execute("SELECT * FROM a") == [(1,)]


def test_group_when_it_is_tried_again_makes_its_temporary_table_anew(
    mariadb, migrations, guard_process
):
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY)")
    mariadb.execute("INSERT INTO a VALUES (1)")
    migrations(
        {
            "1_a.sql": "BEGIN;\nCREATE TEMPORARY TABLE IF NOT EXISTS more SELECT 2 AS id;\n"
            "UPDATE a SET id = id + 10;\nINSERT INTO a SELECT id FROM more;\nCOMMIT;"
        },
        LOCK_TIMEOUT="1s",
    )
    cursor = mariadb.connect().cursor()
    for sql in ("BEGIN", "SELECT * FROM a FOR UPDATE"):
        cursor.execute(sql)
    runner = guard_process.start("runsqlmigrations")
    line = runner.stderr.readline()
    cursor.execute("ROLLBACK")

    _out, err = runner.communicate(timeout=60)

    assert "ERROR 1205" in line
    assert runner.returncode == 0, err
    assert mariadb.execute("SELECT id FROM a ORDER BY id") == [(2,), (11,)]


def test_program_when_it_has_no_delimiter_lines_is_one_statement(mariadb, migrations, guard):
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int);\nCREATE TRIGGER g BEFORE INSERT ON a FOR EACH ROW\n"
            "IF NEW.id < 0 THEN\n  SET NEW.id = 0;\n  SET @a = 1;\nEND IF;\n"
            "INSERT INTO a VALUES (-5);"
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert mariadb.execute("SELECT id FROM a") == [(0,)]


def test_program_when_its_end_is_not_found_is_refused_before_anything_runs(
    mariadb, migrations, guard
):
    package = "CREATE PACKAGE p AS\n  PROCEDURE q();\nEND;"
    migrations({"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": package})

    result = guard("runsqlmigrations")

    assert (result.code, applied(mariadb)) == (1, [])
    assert "2_b.sql:1" in result.err
    assert "DELIMITER" in result.err
