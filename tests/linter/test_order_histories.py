"""Whole histories, one for each kind of statement: what PostgreSQL takes has no problem.

The oracle test runs each on PostgreSQL, so that none of them proves something about SQL that the
server would refuse.
"""

import psycopg
import pytest

from tests.linter.cases import found

T = "CREATE TABLE t (id bigint PRIMARY KEY, a bigint)"
APP = "CREATE SCHEMA app"
MOOD = "CREATE TYPE mood AS ENUM ('a')"
PARENT = "CREATE TABLE p (id bigint, k int) PARTITION BY LIST (k)"

# Each text is a migration of its own.
TAKEN = {
    "query of a union into a table": [T, "SELECT id AS x INTO u FROM t UNION SELECT a FROM t", "SELECT x FROM u"],
    "query of two values": ["CREATE VIEW v AS VALUES (1, 2)", "SELECT column1, column2 FROM v"],
    "names of a query's columns": ["CREATE VIEW v AS SELECT max(1), 'x'::text, CASE WHEN true THEN 1 END, 1 + 1 AS n", "SELECT max, text, n FROM v"],
    "search path by function": [f"{APP};\nCREATE TABLE app.t (id int)", "SELECT set_config('search_path', 'app, public', true);\nALTER TABLE t ADD b int", "UPDATE app.t SET b = 1 WHERE b = 2"],
    "search path by a value that is not known": [f"{APP};\nCREATE TABLE app.t (id int)", "SELECT set_config('search_path', 'ap' || 'p', true);\nALTER TABLE t ADD b int", "SELECT b FROM app.t"],
    "search path of a role": [T, "ALTER ROLE CURRENT_USER SET search_path = public", "SELECT a FROM t"],
    "search path as it was": [T, "SET LOCAL search_path = public;\nSET LOCAL search_path TO DEFAULT;\nSELECT a FROM t"],
    "foreign table": ["CREATE FOREIGN DATA WRAPPER w;\nCREATE SERVER s FOREIGN DATA WRAPPER w", "CREATE FOREIGN TABLE f (id int) SERVER s", "ALTER FOREIGN TABLE f ADD COLUMN n int", "COMMENT ON COLUMN f.n IS 'x'", "DROP FOREIGN TABLE f", "CREATE TABLE f (id int)"],
    "sequence of a column": [T, "CREATE SEQUENCE s OWNED BY t.a", "ALTER SEQUENCE s OWNED BY NONE;\nALTER SEQUENCE s OWNED BY t.id", "DROP TABLE t", "CREATE SEQUENCE s"],
    "domain over a type": [MOOD, "CREATE DOMAIN good AS mood CHECK (VALUE = 'a')", "DROP TYPE mood CASCADE", f"{MOOD};\nCREATE DOMAIN good AS mood"],
    "shell type": ["CREATE TYPE shell", "CREATE FUNCTION shell_in(cstring) RETURNS shell LANGUAGE internal IMMUTABLE STRICT AS 'textin'"],
    "aggregate": ["CREATE AGGREGATE total (bigint) (SFUNC = int8pl, STYPE = bigint)", "SELECT total(x) FROM (VALUES (1::bigint)) AS v (x)"],
    "range": ["CREATE TYPE span AS RANGE (SUBTYPE = float8)", "CREATE TABLE u (s span)"],
    "composite type": ["CREATE TYPE pair AS (x int, y int)", "ALTER TYPE pair ADD ATTRIBUTE z int", "ALTER TYPE pair RENAME ATTRIBUTE z TO w", "ALTER TYPE pair RENAME TO twin", "CREATE TABLE u (b twin)", "COMMENT ON TYPE twin IS 'x'", "DROP TABLE u;\nDROP TYPE twin", "CREATE TYPE twin AS ENUM ('a')"],
    "type in a schema": [f"{APP};\n{MOOD}", "ALTER TYPE mood SET SCHEMA app", MOOD, "CREATE TABLE u (a mood, b app.mood)"],
    "type in the schema that it is in": [MOOD, "ALTER TYPE mood SET SCHEMA public"],
    "rule": [T, "CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "ALTER RULE r ON t RENAME TO s", "COMMENT ON RULE s ON t IS 'x'", "DROP RULE s ON t"],
    "policy": [T, "CREATE POLICY p ON t USING (a > 0)", "ALTER POLICY p ON t RENAME TO q", "ALTER POLICY q ON t USING (t.id > 0) WITH CHECK (a = 1)", "DROP POLICY q ON t"],
    "constraint": [T, "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "ALTER TABLE t RENAME CONSTRAINT c TO d", "ALTER INDEX d RENAME TO e", "COMMENT ON CONSTRAINT e ON t IS 'x'", "ALTER TABLE t DROP CONSTRAINT e"],
    "schema by another name": [f"{APP};\nCREATE TABLE app.t (id int);\nCREATE TYPE app.mood AS ENUM ('a')", "ALTER SCHEMA app RENAME TO store", "ALTER TABLE store.t ADD m store.mood", APP, "COMMENT ON SCHEMA store IS 'x';\nGRANT USAGE ON SCHEMA store TO PUBLIC"],
    "schema that goes": [f"{APP};\nCREATE TABLE app.t (id int);\nCREATE TYPE app.mood AS ENUM ('a')", "DROP SCHEMA app CASCADE", f"{APP};\nCREATE TABLE app.t (id int);\nCREATE TYPE app.mood AS ENUM ('a')"],
    "schema that may be missing": ["DROP SCHEMA IF EXISTS app", APP],
    "table to the schema that it is in": [T, "ALTER TABLE t SET SCHEMA public"],
    "table to another schema": [f"{APP};\n{T};\nCREATE INDEX i ON t (a)", "ALTER TABLE t SET SCHEMA app", "DROP INDEX app.i;\nALTER TABLE app.t ADD b int", T],
    "procedure": [T, "CREATE PROCEDURE fill() LANGUAGE sql AS 'INSERT INTO t (id) VALUES (1)'", "CALL fill()", "SELECT id FROM t"],
    "prepared statement": [f"{T};\nPREPARE s AS SELECT 1;\nEXECUTE s;\nSELECT a FROM t"],
    "owned by a role": [T, "CREATE ROLE orderly", "DROP OWNED BY orderly", "DROP ROLE orderly", "SELECT a FROM t"],
    "typed table": ["CREATE TYPE pair AS (x int, y int)", "CREATE TABLE u OF pair", "SELECT x FROM u"],
    "partition by an expression": ["CREATE TABLE p (id bigint, d text) PARTITION BY RANGE (lower(d))", "CREATE TABLE q PARTITION OF p DEFAULT", "SELECT d FROM q"],
    "partition attached and detached": [f"{PARENT};\nCREATE TABLE q (id bigint, k int)", "ALTER TABLE p ATTACH PARTITION q DEFAULT", "ALTER TABLE p ADD COLUMN n int", "UPDATE q SET n = 1 WHERE n = 2", "ALTER TABLE p DETACH PARTITION q", "DROP TABLE p", "SELECT n FROM q"],
    "index of a partition attached": [f"{PARENT};\nCREATE TABLE q PARTITION OF p DEFAULT", "CREATE INDEX i ON ONLY p (k);\nCREATE INDEX j ON q (k)", "ALTER INDEX i ATTACH PARTITION j"],
    "inheritance that begins and ends": [f"{T};\nCREATE TABLE u (id bigint NOT NULL, a bigint)", "ALTER TABLE u INHERIT t", "ALTER TABLE t ADD COLUMN n int", "SELECT n FROM u", "ALTER TABLE u NO INHERIT t", "DROP TABLE t", "SELECT n, a FROM u"],
    "column that goes from children too": [f"{T};\nCREATE TABLE u () INHERITS (t)", "ALTER TABLE t DROP COLUMN a", "ALTER TABLE u ADD COLUMN a text"],
    "cluster": [f"{T};\nCREATE INDEX i ON t (a)", "ALTER TABLE t CLUSTER ON i"],
    "default and identity": [T, "ALTER TABLE t ALTER a SET DEFAULT 1, ALTER a SET STATISTICS 10, ALTER a SET STORAGE PLAIN, ALTER id ADD GENERATED ALWAYS AS IDENTITY", "ALTER TABLE t ALTER a TYPE text USING a::text, ALTER a DROP DEFAULT"],
    "sequence of an identity": ["CREATE TABLE t (id int NOT NULL, n int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.counter START 5))", "ALTER TABLE t ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME ids)", "ALTER TABLE t ADD m int NOT NULL", "ALTER TABLE t ALTER m ADD GENERATED ALWAYS AS IDENTITY", "SELECT setval('counter', 7), setval('public.ids', 7, false);\nALTER SEQUENCE ids CYCLE;\nALTER SEQUENCE t_m_seq CYCLE;\nALTER SEQUENCE counter CYCLE"],
    "column twice if it is not there": [T, "ALTER TABLE t ADD COLUMN IF NOT EXISTS b int", "ALTER TABLE t ADD COLUMN IF NOT EXISTS b int"],
    "type of a column that depends goes": [MOOD, "CREATE TABLE u (m mood)", "DROP TYPE mood CASCADE", MOOD, "ALTER TABLE u ADD m mood"],
    "index without a name": [T, "CREATE INDEX ON t (a);\nCREATE INDEX ON t (lower(a::text))"],
    "view over a view": [T, "CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW w AS SELECT a FROM v", "DROP TABLE t CASCADE", f"{T};\nCREATE VIEW w AS SELECT 1"],
    "materialized view": [T, "CREATE MATERIALIZED VIEW m AS SELECT a FROM t", "REFRESH MATERIALIZED VIEW m", "ALTER MATERIALIZED VIEW m RENAME COLUMN a TO b", "CREATE INDEX ON m (b)", "DROP MATERIALIZED VIEW m", "CREATE TABLE m ()"],
    "privileges": [T, "GRANT SELECT (a) ON t TO PUBLIC;\nREVOKE ALL ON t FROM PUBLIC;\nGRANT CREATE ON SCHEMA public TO PUBLIC"],
    "explained": [T, "EXPLAIN SELECT a FROM t;\nCREATE STATISTICS st ON id, a FROM t;\nTRUNCATE t"],
    "copied": [T, "COPY (SELECT a FROM t) TO '/dev/null'"],
    "trigger": [T, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f()", "ALTER TRIGGER g ON t RENAME TO h", "COMMENT ON TRIGGER h ON t IS 'x'", "DROP TRIGGER h ON t"],
}  # fmt: skip

# A migration, and a later one that makes what it needs.
MISSING = [
    ("ALTER SCHEMA app RENAME TO store", APP),
    ("COMMENT ON SCHEMA app IS 'x'", APP),
    ("GRANT USAGE ON SCHEMA app TO PUBLIC", APP),
    ("ALTER TABLE t SET SCHEMA app", APP),
    ("DROP SCHEMA app", APP),
    ("COMMENT ON TYPE mood IS 'x'", MOOD),
    ("ALTER TYPE mood RENAME TO feeling", MOOD),
    ("DROP TYPE mood", MOOD),
    ("ALTER TYPE mood SET SCHEMA public", MOOD),
    ("CREATE DOMAIN good AS mood", MOOD),
    ("ALTER TYPE pair ADD ATTRIBUTE z int", "CREATE TYPE pair AS (x int)"),
    ("CREATE RULE r AS ON INSERT TO u DO INSTEAD NOTHING", "CREATE TABLE u ()"),
    ("ALTER RULE r ON u RENAME TO s", "CREATE TABLE u ()"),
    ("ALTER TABLE u RENAME CONSTRAINT c TO d", "CREATE TABLE u ()"),
    ("COMMENT ON TRIGGER g ON u IS 'x'", "CREATE TABLE u ()"),
    ("ALTER TABLE t ATTACH PARTITION u DEFAULT", "CREATE TABLE u (id bigint, a bigint)"),
    ("ALTER TABLE t DETACH PARTITION u", "CREATE TABLE u (id bigint, a bigint)"),
    ("ALTER TABLE t INHERIT u", "CREATE TABLE u (id bigint)"),
    ("ALTER TABLE t NO INHERIT u", "CREATE TABLE u (id bigint)"),
    ("ALTER TABLE t CLUSTER ON i", "CREATE INDEX i ON t (a)"),
    ("CREATE SEQUENCE s OWNED BY t.b", "ALTER TABLE t ADD b int"),
    ("CREATE SEQUENCE s OWNED BY u.b", "CREATE TABLE u (b int)"),
    ("ALTER SEQUENCE s RESTART", "CREATE SEQUENCE s"),
    ("ALTER TABLE t ALTER b SET DEFAULT 1", "ALTER TABLE t ADD b int"),
    ("ALTER TABLE t ALTER a TYPE mood USING NULL", MOOD),
    ("CREATE TABLE p (id bigint) PARTITION BY LIST (b)", "ALTER TABLE p ADD b int"),
    ("COPY (SELECT b FROM t) TO '/dev/null'", "ALTER TABLE t ADD b int"),
    ("COPY t (b) FROM STDIN;\n\\.\n", "ALTER TABLE t ADD b int"),
    ("EXPLAIN SELECT b FROM t", "ALTER TABLE t ADD b int"),
    ("CREATE STATISTICS st ON id, a FROM u", "CREATE TABLE u ()"),
    ("SELECT 1 UNION SELECT b FROM t", "ALTER TABLE t ADD b int"),
    # Nothing would happen, and be called applied.
    ("ALTER SEQUENCE IF EXISTS s RESTART", "CREATE SEQUENCE s"),
    ("ALTER TABLE IF EXISTS u RENAME CONSTRAINT c TO d", "CREATE TABLE u ()"),
    ("ALTER TABLE IF EXISTS u SET SCHEMA public", "CREATE TABLE u ()"),
]

CLASHES = [
    [T, "CREATE TABLE u ()", "ALTER TABLE u RENAME TO t"],
    [f"{APP};\nCREATE TABLE app.t ()", T, "ALTER TABLE t SET SCHEMA app"],
    [MOOD, "CREATE TYPE feeling AS ENUM ('a')", "ALTER TYPE feeling RENAME TO mood"],
    ["CREATE TYPE pair AS (x int)", "CREATE TABLE u ()", "ALTER TYPE pair RENAME TO u"],
    ["CREATE SEQUENCE s", "CREATE SEQUENCE s"],
    [T, "CREATE FOREIGN TABLE t (id int) SERVER s"],
]


def numbered(texts):
    rules = ("blanket-delete", "partition-scan", "table-rewrite")
    allow = "".join(f"-- guard: allow = {rule}, test\n" for rule in rules)
    return {f"{number:04}_m.sql": f"{allow}{text};" for number, text in enumerate(texts, 1)}


def test_history_when_listed_here_is_taken_by_postgresql(postgres):
    refused = {}

    for what, texts in TAKEN.items():
        connection = postgres.connect()
        connection.execute("BEGIN")
        try:
            for text in texts:
                connection.execute(text)
                connection.execute("SET search_path = public")  # each file has a session of its own
        except psycopg.Error as error:
            refused[what] = str(error)
        connection.close()

    assert refused == {}


@pytest.mark.parametrize("what", TAKEN)
def test_history_when_postgresql_takes_it_has_no_problem(tmp_path, what):
    problems = found(tmp_path / "m", numbered(TAKEN[what]))

    assert [(p.rule, p.message) for p in problems if p.rule != "not-simulated"] == []


@pytest.mark.parametrize(("needs", "makes"), MISSING)
def test_statement_when_a_later_file_makes_what_it_needs_is_stopped(tmp_path, needs, makes):
    problems = found(tmp_path / "m", numbered([T, needs, makes]))

    early = {(p.rule, p.path.name) for p in problems if p.rule != "already-exists"}
    assert early == {("alter-before-create", "0002_m.sql")}


@pytest.mark.parametrize("texts", CLASHES)
def test_statement_when_its_new_name_is_taken_is_stopped(tmp_path, texts):
    problems = found(tmp_path / "m", numbered(texts))

    assert [(p.rule, p.path.name) for p in problems] == [
        ("already-exists", f"{len(texts):04}_m.sql")
    ]


@pytest.mark.parametrize(
    "unknown",
    [
        "CALL make()",
        "EXECUTE make",
        "IMPORT FOREIGN SCHEMA far FROM SERVER s INTO public",
        "CREATE EXTENSION postgis",
    ],
)
def test_table_when_a_statement_may_have_made_it_is_believed_and_that_is_said(tmp_path, unknown):
    problems = found(tmp_path / "m", numbered([unknown, "ALTER TABLE t ADD COLUMN b int"]))

    assert [(p.rule, p.path.name) for p in problems] == [("not-simulated", "0001_m.sql")]


def test_table_when_a_statement_may_have_removed_it_may_be_made_again(tmp_path):
    assert found(tmp_path / "m", numbered([T, "DROP OWNED BY CURRENT_USER", T])) == []
