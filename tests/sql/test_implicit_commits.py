"""What commits by itself, against the real MariaDB: each statement runs in a transaction."""

import contextlib

import pytest

from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import split

SET_UP = """
CREATE TABLE probe (x int);
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE TABLE u (a int);
CREATE TABLE m (id int PRIMARY KEY) ENGINE = MyISAM;
CREATE VIEW v AS SELECT 1 AS a;
CREATE PROCEDURE p() SELECT 1;
CREATE PROCEDURE commits() BEGIN SELECT 1; COMMIT; END;
CREATE FUNCTION f() RETURNS int RETURN 1;
CREATE SEQUENCE s;
CREATE TRIGGER g BEFORE INSERT ON u FOR EACH ROW SET @x = 1;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE TEMPORARY TABLE tt (a int);
PREPARE st FROM 'SELECT 1';
PREPARE ddl FROM 'CREATE TABLE IF NOT EXISTS z (a int)'
"""
HOLD = """
SAVEPOINT a
CREATE TEMPORARY TABLE t2 (a int)
CREATE TEMPORARY TABLE t3 SELECT * FROM t
create /* a */ temporary table if not exists t4 like t
CREATE OR REPLACE TEMPORARY TABLE t5 (a int)
DROP TEMPORARY TABLE tt
DROP TEMPORARY TABLE IF EXISTS nowhere
SHOW TABLES
SHOW CREATE TABLE t
SHOW WARNINGS
DESCRIBE t
EXPLAIN DELETE FROM t
ANALYZE SELECT 1
ANALYZE FORMAT=JSON DELETE FROM t
HELP 'select'
SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'x'
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'x'
GET DIAGNOSTICS @n = NUMBER
SET @a = 1
SET SESSION sql_mode = ''
SET NAMES utf8mb4
SET ROLE NONE
SET STATEMENT max_statement_time = 10 FOR SELECT 1
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
/*!40101 SET NAMES utf8 */
DO SLEEP(0)
DO IF(1, 2, 3)
HANDLER t OPEN
PREPARE x FROM 'SELECT 1'
DEALLOCATE PREPARE st
DROP PREPARE st
CHECKSUM TABLE t
UNLOCK TABLES
SELECT * FROM t FOR UPDATE
SELECT NEXT VALUE FOR s
INSERT INTO t VALUES (6, 6) RETURNING id
INSERT INTO m VALUES (1)
REPLACE INTO t VALUES (1, 2)
UPDATE t SET a = 2
DELETE t FROM t JOIN u
WITH c AS (SELECT 1) SELECT * FROM c
VALUES (1)
(SELECT 1)
KILL 99999999
XA RECOVER
"""
COMMIT = """
DROP TABLE tt
ALTER TABLE tt ADD COLUMN b int
CREATE INDEX i ON tt (a)
TRUNCATE tt
SET DEFAULT ROLE NONE
SET STATEMENT max_statement_time = 10 FOR CREATE TABLE w (a int)
SET PASSWORD FOR nobody@nowhere = PASSWORD('x')
FLUSH TABLES
FLUSH LOCAL TABLES
FLUSH STATUS
RESET QUERY CACHE
CHECK TABLE t
REPAIR TABLE m
OPTIMIZE TABLE t
ANALYZE TABLE t
ANALYZE NO_WRITE_TO_BINLOG TABLE t
ANALYZE LOCAL TABLES t
LOCK TABLES t WRITE
LOCK TABLE t READ
CREATE TABLE n (a int)
CREATE TABLE IF NOT EXISTS t (a int)
CREATE OR REPLACE TABLE u (a int)
CREATE TABLE n LIKE nowhere
DROP TABLE IF EXISTS nowhere
ALTER TABLE nowhere ADD COLUMN b int
/*!40000 ALTER TABLE t DISABLE KEYS */
DROP INDEX i ON t
RENAME TABLE t TO t9
CREATE VIEW v2 AS SELECT 1
DROP VIEW v
ALTER PROCEDURE p COMMENT 'x'
DROP FUNCTION f
DROP TRIGGER g
ALTER EVENT e DISABLE
DROP EVENT e
CREATE TEMPORARY SEQUENCE s3
ALTER SEQUENCE s RESTART 1
GRANT SELECT ON t TO nobody@nowhere
REVOKE SELECT ON t FROM nobody@nowhere
DROP USER IF EXISTS nobody@nowhere
INSTALL SONAME 'nowhere'
UNINSTALL PLUGIN nowhere
BACKUP STAGE START
BACKUP UNLOCK
"""
CODE = """
CALL p()
CALL commits()
EXECUTE st
EXECUTE ddl
EXECUTE IMMEDIATE 'SELECT 1'
BEGIN NOT ATOMIC SELECT 1; END
IF 1 THEN CREATE TABLE IF NOT EXISTS z (a int); END IF
"""
# What only MySQL's list has; MariaDB holds its transaction there.
OF_MYSQL = ["CACHE INDEX m IN default", "LOAD INDEX INTO CACHE m"]


def lines(text):
    return text.strip().splitlines()


@pytest.fixture
def prepared(mariadb):
    """Give a session with all that the statements name."""
    connection = mariadb.connect()
    with contextlib.closing(connection.cursor()) as cursor:
        for statement in split(SET_UP, "mysql"):
            cursor.execute(statement.text)
    return connection


def commits(mariadb, connection, statement):
    """Return whether a row that was inserted before ``statement`` outlives a rollback."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("INSERT INTO probe VALUES (1)")
        # One that fails may have committed before.
        with contextlib.suppress(connection.Error):
            cursor.execute(statement)
            while cursor.nextset():
                pass
    # Another session sees what is committed, and only that.
    return mariadb.execute("SELECT count(*) FROM probe") == [(1,)]


@pytest.mark.parametrize("statement", [*lines(HOLD), *lines(COMMIT)])
def test_commit_when_a_statement_stands_in_a_transaction_is_what_mariadb_does(
    mariadb, prepared, statement
):
    expected = implicit_commit(statement)

    assert (expected is Commit.YES) == commits(mariadb, prepared, statement)
    assert expected is (Commit.YES if statement in lines(COMMIT) else Commit.NO)


@pytest.mark.parametrize("statement", lines(CODE))
def test_commit_when_a_statement_runs_code_is_not_known(statement):
    assert implicit_commit(statement) is Commit.MAY


@pytest.mark.parametrize("statement", OF_MYSQL)
def test_commit_when_only_mysql_commits_counts_for_both(statement):
    assert implicit_commit(statement) is Commit.YES
