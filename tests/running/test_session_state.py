"""What only one session has, read from the statements alone: what is done, what is left."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migration_guard.running.mysql import session_state as mysql
from migration_guard.running.postgresql import session_state as postgresql
from migration_guard.running.sqlite import session_state as sqlite
from migration_guard.sql.statements import split

READS = "INSERT INTO p VALUES (@a)"
# What is done, what is left, and what of the session is lost to it ("": nothing).
POSTGRESQL = [
    ("CREATE TEMP TABLE t(i int)", "SELECT 1", "made a temporary table"),
    ("CREATE TEMP TABLE t(i int) ON COMMIT DROP", "SELECT 1", ""),
    ("CREATE TEMP TABLE t(i int); DROP TABLE t", "SELECT 1", ""),
    ('CREATE TEMP TABLE "T"(i int); DROP TABLE pg_temp."T"', "SELECT 1", ""),
    ("CREATE TEMP TABLE t(i int); DISCARD TEMP", "SELECT 1", ""),
    ("CREATE TEMP TABLE t(i int); DISCARD ALL", "SELECT 1", ""),
    ("SELECT 1 AS a INTO TEMP t", "SELECT 1", "made a temporary table"),
    ("SELECT 1 AS a INTO TEMP TABLE t; DROP TABLE t", "SELECT 1", ""),
    ("DO $$ BEGIN CREATE TEMP TABLE x(i int); END $$", "SELECT 1", "made a temporary table"),
    (
        "DO $x$ BEGIN EXECUTE 'CREATE TEMPORARY TABLE x(i int)'; END $x$",
        "SELECT 1",
        "made a temporary table",
    ),
    ("CREATE TEMP VIEW v AS SELECT 1", "SELECT 1", "made a temporary view"),
    (
        "CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "",
        "made a temporary function",
    ),
    ("DO $$ DECLARE temp int; BEGIN SELECT 1 INTO temp; END $$", "SELECT 1", ""),
    ("SELECT dblink_connect('c', 'x')", "SELECT 1", "opened a connection by dblink_connect()"),
    ("SELECT dblink_connect('c', 'x'); SELECT dblink_disconnect('c')", "SELECT 1", ""),
    ("PREPARE s AS SELECT 1", "EXECUTE s", "prepared a statement"),
    ("PREPARE s AS SELECT 1", "EXPLAIN EXECUTE S", "prepared a statement"),
    ("PREPARE s AS SELECT 1", "CREATE TABLE q AS EXECUTE s(1)", "prepared a statement"),
    ("PREPARE s AS SELECT 1", "SELECT s FROM s", ""),
    ("PREPARE s AS SELECT 1; DEALLOCATE s", "EXECUTE s", ""),
    ("PREPARE s AS SELECT 1", "DEALLOCATE PREPARE s", "prepared a statement"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "FETCH NEXT FROM c", "opened a cursor"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1; CLOSE c", "FETCH NEXT FROM c", ""),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT c", ""),
    ("SELECT pg_advisory_lock(1)", "SELECT 1", "took an advisory lock"),
    ("SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock(1)", "SELECT 1", ""),
    ("SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock_all()", "SELECT 1", ""),
    (
        "SELECT pg_try_advisory_lock_shared(1,2); SELECT pg_advisory_unlock_shared(1,2)",
        "SELECT 1",
        "",
    ),
    ("SELECT pg_advisory_xact_lock(1)", "SELECT 1", ""),
    ("DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$", "SELECT 1", "took an advisory lock"),
    (
        "SELECT nextval('s')",
        "SELECT currval('s')",
        "called nextval(), for whose value currval() in line 1 asks",
    ),
    (
        "INSERT INTO a DEFAULT VALUES",
        "INSERT INTO b VALUES (currval('s'))",
        "called nextval(), for whose value currval() in line 1 asks",
    ),
    (
        "INSERT INTO a DEFAULT VALUES",
        "INSERT INTO a DEFAULT VALUES; INSERT INTO b VALUES (lastval())",
        "",
    ),
    ("SELECT 1", "INSERT INTO b VALUES (lastval())", ""),
    (
        "DO $$ BEGIN PERFORM set_config('a.b','c',false); END $$",
        "SELECT 1",
        "made a setting within code",
    ),
]
MYSQL = [
    ("/*!40101 SET @a = NOW() */", READS, "gave the variable @a a value"),
    ("/*!40101 SET @a = @@sql_mode */", "/*!40101 SET sql_mode = @a */", ""),
    ("/*!50000 CREATE TEMPORARY TABLE t (id int) */", "SELECT 1", "made a temporary table"),
    ("SET @a = 5", READS, ""),
    ("SET @a := 'x', @b = @a", "INSERT INTO p VALUES (@b)", ""),
    ("SET @old = @@sql_mode", "SET sql_mode = @old", ""),
    ("SET @a = @@session.sql_mode", READS, ""),
    ("SET @a = @@global.max_connections", READS, "gave the variable @a a value"),
    ("SET @a = @@identity", READS, "gave the variable @a a value"),
    ("SET @a=@@session.last_insert_id", READS, "gave the variable @a a value"),
    ("SET @a = NOW()", READS, "gave the variable @a a value"),
    ("SET @a = CURRENT_TIMESTAMP", READS, "gave the variable @a a value"),
    ("SET @a = NEXT VALUE FOR s", READS, "gave the variable @a a value"),
    ("SET @a = (SELECT 1)", READS, "gave the variable @a a value"),
    ("SET @a = CONCAT('x', LOWER('Y'))", READS, ""),
    ("SET @a = RAND(1)", READS, "gave the variable @a a value"),
    ("SELECT 1 INTO @a", READS, "gave the variable @a a value"),
    ("SELECT 1, 2 INTO @b, @a", READS, "gave the variable @a a value"),
    ("SELECT @a := 1", READS, "gave the variable @a a value"),
    ("SELECT @b := 1", READS, ""),
    ("SELECT id FROM p WHERE id = @a", READS, ""),
    ("SELECT id FROM p WHERE id = @a INTO @b", READS, ""),
    ("CALL p(@a)", READS, "gave the variable @a a value"),
    ("CALL p()", READS, "gave the variable @a a value"),
    ("EXECUTE s USING @b", READS, "gave the variable @a a value"),
    ("EXECUTE IMMEDIATE 'SET @a = 1'", READS, "gave the variable @a a value"),
    ("GET DIAGNOSTICS @a = ROW_COUNT", READS, "gave the variable @a a value"),
    (
        "GET DIAGNOSTICS CONDITION 1 @b = MESSAGE_TEXT, @a = MYSQL_ERRNO",
        READS,
        "gave the variable @a a value",
    ),
    ("LOAD DATA INFILE 'x' INTO TABLE t (@a, b) SET c = @a", READS, "gave the variable @a a value"),
    ("INSERT INTO p VALUES (@a := 7)", READS, "gave the variable @a a value"),
    ("UPDATE p SET id = (@a := @a + 1)", READS, "gave the variable @a a value"),
    ("BEGIN NOT ATOMIC SET @a = 1; END", READS, "gave the variable @a a value"),
    ("DO @a := 2", READS, "gave the variable @a a value"),
    (
        "SET STATEMENT max_statement_time=1 FOR SELECT 1 INTO @a",
        READS,
        "gave the variable @a a value",
    ),
    ("CREATE PROCEDURE q() SET @a = 1", READS, ""),
    ("CREATE TABLE x AS SELECT @a := 1", READS, "gave the variable @a a value"),
    ("SELECT 1 INTO @a", "SELECT 2 INTO @a; INSERT INTO p VALUES (@a)", ""),
    ("SELECT 1 INTO @a", "SET @a = 3; INSERT INTO p VALUES (@a)", ""),
    (
        "SELECT 1 INTO @a",
        "SET @a = @a + 3; INSERT INTO p VALUES (@a)",
        "gave the variable @a a value",
    ),
    ("SELECT 1 INTO @a; SET @a = 4", READS, ""),
    ("SELECT 1 INTO @b; SET @a = @b", READS, "gave the variable @a a value"),
    (
        "SELECT 1 INTO @a",
        "PREPARE s FROM 'INSERT INTO p VALUES (@a)'",
        "gave the variable @a a value",
    ),
    ("SELECT 1 INTO @`a`", READS, "gave the variable @a a value"),
    ("SELECT 1 INTO @'A'", READS, "gave the variable @a a value"),
    ("PREPARE s FROM 'SELECT 1'", "EXECUTE s", "prepared a statement"),
    ("PREPARE s FROM 'SELECT 1'; DEALLOCATE PREPARE s", "EXECUTE s", ""),
    ("PREPARE s FROM 'SELECT 1'", "EXECUTE `S`", "prepared a statement"),
    ("PREPARE s FROM 'SELECT 1'", "SELECT 1", ""),
    ("CREATE TEMPORARY TABLE t (id int)", "SELECT 1", "made a temporary table"),
    ("CREATE TEMPORARY TABLE t (id int); DROP TEMPORARY TABLE t", "SELECT 1", ""),
    ("CREATE TEMPORARY TABLE t (id int); DROP TABLE IF EXISTS `T`", "SELECT 1", ""),
    ("EXECUTE IMMEDIATE 'CREATE TEMPORARY TABLE t (id int)'", "SELECT 1", "made a temporary table"),
    (
        "BEGIN NOT ATOMIC CREATE TEMPORARY TABLE t (id int); END",
        "SELECT 1",
        "made a temporary table",
    ),
    ("CREATE PROCEDURE x() CREATE TEMPORARY TABLE t (id int)", "SELECT 1", ""),
    ("SELECT GET_LOCK('x', 1)", "SELECT 1", "took a lock by GET_LOCK()"),
    ("SELECT GET_LOCK('x', 1); SELECT RELEASE_LOCK('X')", "SELECT 1", ""),
    ("DO GET_LOCK('x', 1); DO RELEASE_ALL_LOCKS()", "SELECT 1", ""),
    ("HANDLER t OPEN", "HANDLER t READ FIRST", "opened a handler"),
    ("HANDLER t OPEN; HANDLER t CLOSE", "HANDLER t READ FIRST", ""),
    ("HANDLER t OPEN AS h", "HANDLER h READ FIRST", "opened a handler"),
    (
        "INSERT INTO p VALUES (5)",
        "UPDATE q SET a=1; INSERT INTO c VALUES (LAST_INSERT_ID())",
        "left what last_insert_id() in line 1 asks for",
    ),
    (
        "INSERT INTO p VALUES (5)",
        "INSERT INTO p VALUES(6); INSERT INTO c VALUES (LAST_INSERT_ID())",
        "",
    ),
    ("CREATE TABLE q (a int)", "INSERT INTO c VALUES (LAST_INSERT_ID())", ""),
    (
        "INSERT INTO p VALUES (5)",
        "INSERT INTO c VALUES (@@last_insert_id)",
        "left what last_insert_id() in line 1 asks for",
    ),
    (
        "DELETE FROM p",
        "INSERT INTO c VALUES (ROW_COUNT())",
        "left what row_count() in line 1 asks for",
    ),
    ("DELETE FROM p; CREATE TABLE x (i int)", "INSERT INTO c VALUES (ROW_COUNT())", ""),
    (
        "SELECT NEXTVAL(s)",
        "INSERT INTO c VALUES (LASTVAL(s))",
        "took a value from a sequence, whose last one in line 1 asks for",
    ),
    (
        "INSERT INTO p VALUES (NEXT VALUE FOR s)",
        "INSERT INTO c VALUES (PREVIOUS VALUE FOR s)",
        "took a value from a sequence, whose last one in line 1 asks for",
    ),
]
SQLITE = [
    ("CREATE TEMP TABLE t(i)", "SELECT 1", "made a temporary table"),
    ("CREATE TABLE temp.t(i); DROP TABLE t", "SELECT 1", ""),
    (
        "CREATE TEMP TRIGGER g AFTER INSERT ON a BEGIN SELECT 1; END",
        "SELECT 1",
        "made a temporary trigger",
    ),
    ("ATTACH ':memory:' AS m", "SELECT 1", "attached a database in memory"),
    ("ATTACH DATABASE '' AS m; DETACH m", "SELECT 1", ""),
    ("ATTACH DATABASE '' AS \"m\"; DETACH DATABASE 'M'", "SELECT 1", ""),
    ("ATTACH 'x.db' AS m", "SELECT 1", ""),
    (
        "INSERT INTO a VALUES(1)",
        "INSERT INTO b VALUES(last_insert_rowid())",
        "left what last_insert_rowid() in line 1 asks for",
    ),
    (
        "INSERT INTO a VALUES(1)",
        "INSERT INTO a VALUES(2); INSERT INTO b VALUES(last_insert_rowid())",
        "",
    ),
    ("INSERT INTO a VALUES(1)", "SELECT 'changes'", ""),
]
MODULES = {"postgresql": postgresql, "mysql": mysql, "sqlite": sqlite}
TABLES = {"postgresql": POSTGRESQL, "mysql": MYSQL, "sqlite": SQLITE}


@pytest.mark.parametrize(
    ("vendor", "done", "rest", "lost"),
    [(vendor, *case) for vendor, table in TABLES.items() for case in table],
)
def test_session_when_it_is_lost_with_what_the_rest_needs_is_named(vendor, done, rest, lost):
    found = MODULES[vendor].unrepeatable(split(done, vendor), split(rest, vendor))

    assert (found[1] if found else "") == lost


WORDS = [
    "SELECT",
    "INSERT",
    "INTO",
    "UPDATE",
    "SET",
    "@a",
    "@@x",
    "=",
    ":=",
    ",",
    "(",
    ")",
    ";",
    "'a'",
    "'''",
    "`b`",
    "$$x$$",
    "$t$",
    "CREATE",
    "TEMP",
    "DO",
    "CALL",
    "PREPARE",
    "s",
    "FROM",
    "EXECUTE",
    "IMMEDIATE",
    "DEALLOCATE",
    "DISCARD",
    "ALL",
    "CLOSE",
    "DECLARE",
    "c",
    "CURSOR",
    "WITH",
    "HOLD",
    "FETCH",
    "ALTER",
    "TABLE",
    "TEMPORARY",
    "DROP",
    "pg_advisory_lock",
    "pg_advisory_unlock_all",
    "currval",
    "nextval",
    "HANDLER",
    "OPEN",
    "AS",
    "READ",
    "GET",
    "DIAGNOSTICS",
    "LOAD",
    "DATA",
    "STATEMENT",
    "FOR",
    "/*!40101",
    "*/",
    "E'",
    ".",
    "*",
    "ATTACH",
    "get_lock",
    "release_lock",
    "last_insert_id",
    "set_config",
    "dblink_connect",
    "DETACH",
    "$1",
    "1.5",
]


@given(
    st.lists(st.sampled_from(WORDS), max_size=14),
    st.integers(0, 3),
    st.sampled_from(list(MODULES)),
)
def test_session_when_a_statement_is_nonsense_is_read_without_an_error(words, number, vendor):
    try:
        statements = split(" ".join(words), vendor)
    except ValueError:
        assume(False)

    MODULES[vendor].unrepeatable(statements[:number], statements[number:])
