"""Single statements: what each is, in tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.sql.classify import (
    ConcurrentIndex,
    Control,
    concurrent_index,
    control,
    has_secret,
    is_session,
    makes_temporary,
    mask_secrets,
    mentions,
    words,
)
from migration_guard.sql.implicit_commits import implicit_commit
from tests.sql.test_statements import NOISE, VENDORS

ALL = ",".join(VENDORS)
PG, SQLITE, MYSQL = "postgresql", "sqlite", "mysql"


def cases(*rows):
    """One case per vendor of each row; a row names several with commas."""
    return [(vendor, *rest) for vendors, *rest in rows for vendor in vendors.split(",")]


@pytest.mark.parametrize(
    ("vendor", "source", "limit", "expected"),
    cases(
        (ALL, "select /* x */ a -- y\n from t", 3, ("SELECT", "A", "FROM")),
        (ALL, "SELECT a.b", 5, ("SELECT", "A")),
        (ALL, "SELECT a b c", 2, ("SELECT", "A")),
        (ALL, "(SELECT 1)", 2, ()),
        (ALL, "", 2, ()),
        (PG, 'DROP TABLE "t" CASCADE', 5, ("DROP", "TABLE")),
        (MYSQL, "/*!40101 SET NAMES utf8 */", 5, ("SET", "NAMES", "UTF8")),
    ),
)
def test_words_when_read_then_they_end_before_another_kind_of_token(
    vendor, source, limit, expected
):
    assert words(source, vendor, limit) == expected


@pytest.mark.parametrize(
    ("vendor", "source", "expected"),
    cases(
        (ALL, "begin", Control.BEGIN),
        (ALL, "/* x */ BEGIN", Control.BEGIN),
        (f"{PG},{MYSQL}", "BEGIN WORK", Control.BEGIN),
        (f"{PG},{MYSQL}", "START TRANSACTION READ ONLY", Control.BEGIN),
        (PG, "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE", Control.BEGIN),
        (SQLITE, "BEGIN IMMEDIATE TRANSACTION", Control.BEGIN),
        (MYSQL, "START SLAVE", None),
        (MYSQL, "BEGIN NOT ATOMIC SELECT 1; END", None),
        (ALL, "COMMIT", Control.COMMIT),
        (ALL, "COMMIT AND CHAIN", Control.COMMIT),
        (f"{PG},{SQLITE}", "END TRANSACTION", Control.COMMIT),
        (ALL, "ROLLBACK", Control.ROLLBACK),
        (ALL, "ROLLBACK TO a", Control.SAVEPOINT),
        (ALL, "ROLLBACK WORK TO SAVEPOINT a", Control.SAVEPOINT),
        (ALL, "ROLLBACK TRANSACTION TO a", Control.SAVEPOINT),
        (PG, "ABORT", Control.ROLLBACK),
        (ALL, "SAVEPOINT a", Control.SAVEPOINT),
        (ALL, "RELEASE SAVEPOINT a", Control.SAVEPOINT),
        (PG, "PREPARE TRANSACTION 'a'", Control.PREPARE),
        (PG, "PREPARE a AS SELECT 1", None),
        (PG, "PREPARE transaction AS SELECT 1", None),
        (PG, "PREPARE transaction (int) AS SELECT 1", None),
        (PG, "COMMIT PREPARED 'a'", Control.PREPARE),
        (PG, "ROLLBACK PREPARED 'a'", Control.PREPARE),
        (MYSQL, "XA START 'a'", Control.PREPARE),
        (MYSQL, "XA RECOVER", None),
        (MYSQL, "PREPARE a FROM 'COMMIT'", None),
        (MYSQL, "SET autocommit=0", Control.AUTOCOMMIT),
        (MYSQL, "SET a = 1, SESSION autocommit := 1", Control.AUTOCOMMIT),
        (MYSQL, "SET @@session.`autocommit` = 1", Control.AUTOCOMMIT),
        (MYSQL, "SET @@autocommit = 1", Control.AUTOCOMMIT),
        (MYSQL, "/*!40101 SET autocommit = 1 */", Control.AUTOCOMMIT),
        (MYSQL, "SET @autocommit = 1", None),
        (MYSQL, "SET GLOBAL autocommit = 1", None),
        (MYSQL, "LOCK TABLES t WRITE", None),
        (PG, "SET TRANSACTION READ ONLY", None),
        (PG, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", None),
        (ALL, "SELECT 'COMMIT'", None),
        (ALL, "", None),
    ),
)
def test_control_when_asked_then_it_tells_what_the_vendor_does(vendor, source, expected):
    assert control(source, vendor) is expected


@pytest.mark.parametrize(
    ("vendor", "source", "expected"),
    cases(
        (PG, "SET search_path = a", True),
        (PG, "SET SESSION statement_timeout TO 0", True),
        (PG, "SET ROLE x", True),
        (PG, "SET SESSION AUTHORIZATION x", True),
        (PG, "SET TIME ZONE 'UTC'", True),
        (PG, "RESET ALL", True),
        (PG, "SET LOCAL lock_timeout = 1", False),
        (PG, "SET CONSTRAINTS ALL DEFERRED", False),
        (PG, "SET TRANSACTION READ ONLY", False),
        (PG, "SELECT set_config('a.b', 'x', false)", True),
        (PG, "SELECT pg_catalog.set_config('a', f(1, 2), x)", True),
        (PG, "SELECT set_config('a', (SELECT 1, 2), TRUE)", False),
        (PG, "SELECT set_config('a', 'b', 'true')", False),
        (PG, "SELECT set_config('a', 'b', true), set_config('c', 'd', false)", True),
        (PG, "SELECT 'set_config(1, 2, false)'", False),
        (PG, "SELECT 1", False),
        (MYSQL, "USE a", True),
        (MYSQL, "SET NAMES utf8mb4", True),
        (MYSQL, "SET @x = 1", True),
        (MYSQL, "SET LOCAL sql_mode = ''", True),
        (MYSQL, "/*!40014 SET FOREIGN_KEY_CHECKS=0 */", True),
        (MYSQL, "SET GLOBAL x = 1", False),
        (MYSQL, "SET @@GLOBAL.x = 1", False),
        (MYSQL, "SET PASSWORD = 'x'", False),
        (MYSQL, "SELECT set_config(1, 2, false)", False),
        (SQLITE, "PRAGMA foreign_keys = ON", True),
        (SQLITE, "ATTACH 'a' AS b", True),
        (SQLITE, "DETACH b", True),
        (ALL, "INSERT INTO t VALUES (1)", False),
    ),
)
def test_is_session_when_asked_then_it_tells_what_a_new_session_lacks(vendor, source, expected):
    assert is_session(source, vendor) is expected


@pytest.mark.parametrize(
    ("vendor", "source", "expected"),
    cases(
        (ALL, "CREATE TEMPORARY TABLE t (a int)", True),
        (f"{PG},{SQLITE}", "create temp view t as select 1", True),
        (PG, "CREATE LOCAL TEMP TABLE t ()", True),
        (PG, "CREATE OR REPLACE TEMP VIEW t AS SELECT 1", True),
        (PG, "CREATE TABLE pg_temp.t ()", True),
        (SQLITE, "CREATE TABLE IF NOT EXISTS temp.t (a)", True),
        (PG, "SELECT 1 INTO TEMP t FROM x", True),
        (PG, "WITH a AS (SELECT 1) SELECT * INTO LOCAL TEMPORARY TABLE t FROM a", True),
        (PG, "SELECT 1 INTO temp FROM x", False),
        (PG, "SELECT 1 INTO temp", False),
        (PG, "SELECT 1 INTO t", False),
        (PG, "WITH a AS (SELECT 1) INSERT INTO temp SELECT 1", False),
        (ALL, "CREATE TABLE temporary_t (temp int)", False),
        (ALL, "SELECT 'INTO TEMP t'", False),
    ),
)
def test_makes_temporary_when_asked_then_it_tells(vendor, source, expected):
    assert makes_temporary(source, vendor) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", ("create", "i", "t", None, False)),
        ("create unique index concurrently on T (a)", ("create", None, "t", None, False)),
        (
            'CREATE INDEX CONCURRENTLY IF NOT EXISTS "My ""i" ON ONLY S."T" USING gin (a)',
            ("create", 'My "i', "T", "s", True),
        ),
        ("CREATE INDEX /* x */ CONCURRENTLY i ON db.s.t (a)", ("create", "i", "t", "s", False)),
        (
            'CREATE INDEX CONCURRENTLY U&"d\\0061t\\+000061" ON T',
            ("create", "data", "t", None, False),
        ),
        ("CREATE INDEX CONCURRENTLY " + "x" * 70 + " ON t", ("create", "x" * 63, "t", None, False)),
        ("CREATE INDEX CONCURRENTLY ÄÀx ON t (a)", ("create", "ÄÀx", "t", None, False)),
        ("DROP INDEX CONCURRENTLY i", ("drop", "i", None, None, False)),
        ("DROP INDEX CONCURRENTLY IF EXISTS s.I RESTRICT", ("drop", "i", None, "s", True)),
        ("REINDEX INDEX CONCURRENTLY s.i", ("reindex", "i", None, "s", False)),
        (
            r'REINDEX INDEX CONCURRENTLY U&"a\\0062\0063"',
            ("reindex", r"a\0062c", None, None, False),
        ),
        ("REINDEX TABLE CONCURRENTLY t", ("reindex", None, "t", None, False)),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE s.t", ("reindex", None, "t", "s", False)),
        ("REINDEX (CONCURRENTLY true) INDEX i", ("reindex", "i", None, None, False)),
        ("REINDEX SCHEMA CONCURRENTLY s", ("reindex", None, None, "s", False)),
        ("REINDEX DATABASE CONCURRENTLY d", ("reindex", None, None, None, False)),
        ("REINDEX (CONCURRENTLY off) INDEX i", None),
        ("REINDEX TABLE t", None),
        ("CREATE INDEX i ON t (a)", None),
        ("CREATE INDEX concurrently_i ON t (a)", None),
        ("DROP INDEX i", None),
        ("DROP TABLE concurrently", None),
        ("REINDEX", None),
        ("SELECT 'CREATE INDEX CONCURRENTLY i ON t'", None),
    ],
)
def test_concurrent_index_when_read_then_names_are_as_the_catalogue_has_them(source, expected):
    assert concurrent_index(source) == (expected and ConcurrentIndex(*expected))


@pytest.mark.parametrize(
    ("vendor", "source", "expected"),
    cases(
        (ALL, "DELETE FROM Applied_Migrations", True),
        (ALL, "DELETE FROM a.applied_migrations;", True),
        (ALL, 'DELETE FROM "applied_migrations"', True),
        (ALL, "SELECT 'DELETE FROM applied_migrations'", True),
        (ALL, "SELECT 'x ''applied_migrations'''", True),
        (f"{PG},{MYSQL}", "SELECT E'DELETE FROM\\napplied_migrations'", True),
        (MYSQL, "/*! DELETE FROM applied_migrations */", True),
        (MYSQL, "DELETE FROM `applied_migrations`", True),
        (SQLITE, "DELETE FROM [applied_migrations]", True),
        (PG, "DO $$ BEGIN DELETE FROM applied_migrations; END $$", True),
        (ALL, "SELECT 1 /* applied_migrations */ -- applied_migrations", False),
        (ALL, "DELETE FROM applied_migrations_old", False),
        (ALL, "DELETE FROM old_applied_migrations", False),
        (ALL, "DELETE FROM éapplied_migrations", False),
        (PG, "DELETE FROM applied_migrations$1", False),
        (ALL, "SELECT 1", False),
    ),
)
def test_mentions_when_a_name_stands_outside_comments_then_it_is_found(vendor, source, expected):
    assert mentions(source, "applied_migrations", vendor) is expected


@pytest.mark.parametrize(
    ("vendor", "source"),
    cases(
        (PG, "CREATE ROLE a PASSWORD 'SECRET'"),
        (PG, "CREATE USER a ENCRYPTED PASSWORD 'SECRET' VALID UNTIL '2030-01-01'"),
        (PG, "ALTER ROLE a WITH PASSWORD E'SECRET\\'SECRET'"),
        (PG, "ALTER ROLE a /* 'x' */ PASSWORD -- y\n $$SECRET$$"),
        (PG, "ALTER ROLE a PASSWORD U&'SECRET'"),
        (PG, "ALTER ROLE a PASSWORD 'SECRET'\n'SECRET'"),
        (PG, "ALTER ROLE a PASSWORD 'SECRET"),
        (MYSQL, "CREATE USER 'a'@'b' IDENTIFIED BY 'SECRET', c IDENTIFIED BY \"SECRET\""),
        (MYSQL, "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD 'SECRET' REQUIRE ISSUER 'x'"),
        (MYSQL, "ALTER USER a IDENTIFIED WITH plugin BY 'SECRET' REPLACE 'SECRET'"),
        (MYSQL, "CREATE USER a IDENTIFIED WITH plugin AS 'SECRET'"),
        (MYSQL, "CREATE USER a IDENTIFIED VIA x USING 'SECRET' OR y USING PASSWORD('SECRET')"),
        (MYSQL, "SET PASSWORD = 'SECRET'"),
        (MYSQL, "SET PASSWORD FOR 'a'@'b' = 'SECRET'"),
        (MYSQL, "SET PASSWORD FOR a = PASSWORD('SECRET')"),
        (MYSQL, "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='SECRET'"),
        (MYSQL, "SET @s = \"CREATE USER a IDENTIFIED BY 'SECRET'\""),
        (PG, "SELECT dblink_connect('host=h password=SECRET user=u')"),
        (PG, "SELECT dblink_connect('password=SECRET')"),
        (
            PG,
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password = ''SECRET SECRET''' PUBLICATION p",
        ),
        (PG, "CREATE SUBSCRIPTION s CONNECTION 'password=''SE''''SECRET''' PUBLICATION p"),
        (PG, "CREATE SUBSCRIPTION s CONNECTION $$host=h password=SECRET$$ PUBLICATION p"),
        (PG, "SELECT dblink('postgresql://u:SECRET@h/d')"),
        (PG, "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'x', password 'SECRET')"),
        (PG, "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET \"password\" 'SECRET')"),
        (PG, "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''SECRET'''; END $$"),
        (PG, "DO $$ BEGIN ALTER ROLE a PASSWORD 'SECRET'; END $$"),
        (PG, "DO $a$ BEGIN EXECUTE $b$ALTER ROLE a PASSWORD $c$SECRET$c$ $b$; END $a$"),
        (PG, "\\connect postgresql://u:SECRET@h/d"),
        (PG, "SELECT 1 -- ALTER ROLE a PASSWORD 'SECRET'"),
        (PG, "INSERT INTO u (name, password) VALUES ('SECRET', 'SECRET'), ('a', 'SECRET')"),
        (PG, "INSERT INTO u (name, \"apiKey\") SELECT 'a', 'SECRET'"),
        (PG, "INSERT INTO u (name, token) VALUES ('a', $$SECRET$$)"),
        (PG, "INSERT INTO u (pwd) VALUES ('SECRET') ON CONFLICT (a) DO UPDATE SET pwd = 'SECRET'"),
        (PG, "DO $$ BEGIN INSERT INTO u (secret) VALUES ('SECRET'); END $$"),
        (PG, "COPY u (name, password) FROM stdin;\na\tSECRET\n\\.\nSELECT 'a';"),
        (PG, 'SELECT \'{"password": "SECRET"}\'::jsonb'),
        (PG, 'SELECT \'{"a": {"secret":"SECRET", "tokens": ["SECRET", "SECRET"]}}\''),
        (PG, 'SELECT $${"password": "SECRET"}$$'),
        (PG, "SELECT jsonb_build_object('a', 'b', 'api_key', 'SECRET'::text)"),
        (PG, "UPDATE t SET d = jsonb_set(d, '{a,password}', '\"SECRET\"')"),
        (PG, "SELECT 1 FROM t WHERE d->>'token' = 'SECRET'"),
        (PG, "UPDATE u SET x = crypt('SECRET', gen_salt('bf'))"),
        (PG, "SELECT 1 FROM u WHERE token IN ('SECRET', 'SECRET')"),
        (PG, "SELECT 1 FROM u WHERE token IS NOT DISTINCT FROM 'SECRET'"),
        (PG, "SET my.secret TO 'SECRET'"),
        (PG, "SELECT f(client_secret => 'SECRET')"),
        (PG, "SELECT 'postgresql://u:SE@SECRET/SECRET@h/d'"),
        (MYSQL, 'INSERT INTO u (name, `password`) VALUE ("a", "SECRET")'),
        (MYSQL, "INSERT INTO u SET name = 'a', password = 'SECRET'"),
        (MYSQL, 'SELECT JSON_OBJECT("password", "SECRET")'),
        (MYSQL, "REPLACE INTO u (token) VALUES ('SECRET')"),
        (SQLITE, "INSERT OR REPLACE INTO u ([password]) VALUES ('SECRET')"),
    ),
)
def test_mask_secrets_when_there_is_a_password_then_it_is_hidden(vendor, source):
    masked = mask_secrets(source, vendor)

    assert "SECRET" not in masked
    assert "***" in masked
    assert has_secret(source, vendor)
    assert not has_secret(masked, vendor)


@pytest.mark.parametrize(
    "source",
    [
        "CREATE TABLE u (password text DEFAULT '', email text DEFAULT 'x')",
        "INSERT INTO u (password) VALUES ('')",
        "INSERT INTO u (a, password_changed_at, token_count) VALUES ('x', '2020-01-01', '1')",
        "CREATE TABLE t (token_count int, x text DEFAULT 'y'); SELECT 'z'",
        "INSERT INTO t (key, value) VALUES ('a', 'b')",
        'SELECT \'{"max_tokens": "4", "tokenizer": "x"}\'',
        "SELECT 'https://example.com/a:b@c'",
        "COMMENT ON COLUMN u.password IS 'hashed'",
        "ALTER ROLE a PASSWORD NULL",
        "SELECT 'a' AS password, 'b'",
        "DO $$ BEGIN IF password = x THEN NULL; END IF; END $$",
    ],
)
def test_mask_secrets_when_there_is_no_password_then_nothing_changes(source):
    assert mask_secrets(source, "postgresql") == source
    assert not has_secret(source, "postgresql")


@pytest.mark.parametrize("vendor", VENDORS)
@given(
    source=st.one_of(
        NOISE,
        st.tuples(
            st.sampled_from(
                ["SET ", "SELECT set_config(", "REINDEX (", "PASSWORD ", "CREATE ", "ROLLBACK "]
            ),
            NOISE,
        ).map("".join),
    )
)
def test_classification_when_given_any_text_then_nothing_is_raised(vendor, source):
    words(source, vendor, 3)
    control(source, vendor)
    is_session(source, vendor)
    makes_temporary(source, vendor)
    concurrent_index(source)
    mentions(source, "a", vendor)
    mask_secrets(source, vendor)
    implicit_commit(source)
