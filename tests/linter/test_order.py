"""The order: what a later file creates, what nothing creates, what is there already."""

import pytest

from tests.linter.cases import found

NEEDS_T = [
    "ALTER TABLE t ADD COLUMN b text",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
    "ALTER TABLE IF EXISTS t ADD COLUMN b text",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "ALTER TABLE t SET SCHEMA public",
    "ALTER TABLE t OWNER TO CURRENT_USER",
    "CREATE TABLE u (t_id bigint REFERENCES t (id))",
    "CREATE TABLE u (t_id bigint, FOREIGN KEY (t_id) REFERENCES t)",
    "CREATE TABLE u (LIKE t INCLUDING ALL)",
    "CREATE TABLE u () INHERITS (t)",
    "CREATE TABLE u PARTITION OF t DEFAULT",
    "CREATE TABLE u AS SELECT * FROM t",
    "SELECT * INTO u FROM t",
    "CREATE INDEX i ON t (a)",
    "CREATE VIEW v AS SELECT x.a FROM t AS x",
    "CREATE MATERIALIZED VIEW v AS WITH c AS (SELECT * FROM t) SELECT * FROM c",
    "CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE POLICY p ON t USING (a > 0)",
    "INSERT INTO t (a) VALUES (1)",
    "INSERT INTO pg_temp.x SELECT a FROM t",
    "UPDATE t SET a = 1 WHERE a = 2",
    "DELETE FROM t WHERE a = 2",
    "MERGE INTO t USING pg_class ON true WHEN MATCHED THEN DO NOTHING",
    "SELECT (SELECT max(a) FROM t)",
    "SELECT 1 WHERE EXISTS (SELECT FROM pg_class JOIN t ON t.a = 1)",
    "COPY t (a) FROM STDIN;\n1\n\\.\n",
    "COMMENT ON TABLE t IS 'x'",
    "COMMENT ON COLUMN t.a IS 'x'",
    "GRANT SELECT ON t TO PUBLIC",
    "DROP TABLE t -- meant",
    "DROP TRIGGER g ON t",
    "LOCK TABLE t",
    "SELECT 't'::regclass",
    "CREATE TABLE u (a t)",
]


@pytest.mark.parametrize("statement", NEEDS_T)
def test_statement_when_a_later_file_creates_the_table_is_stopped(tmp_path, statement):
    first = f"-- guard: allow = blanket-delete, test\nSELECT 1;\n{statement};"
    files = {"0001_a.sql": first, "0002_b.sql": "CREATE TABLE t (id bigint PRIMARY KEY, a bigint);"}

    problems = [p for p in found(tmp_path / "m", files) if p.rule == "alter-before-create"]

    assert [(p.path.name, p.line) for p in problems] == [("0001_a.sql", 3)]
    assert "0002_b" in problems[0].message
    assert "0001_a" in problems[0].hint
    assert "0002_b" in problems[0].hint


T = "CREATE TABLE t (id bigint PRIMARY KEY, a bigint);\n"


@pytest.mark.parametrize(
    ("needs", "makes"),
    [
        ("ALTER TABLE t ALTER COLUMN b SET NOT NULL", "ALTER TABLE t ADD COLUMN b text"),
        ("ALTER TABLE t DROP COLUMN b", "ALTER TABLE t ADD COLUMN IF NOT EXISTS b text"),
        ("ALTER TABLE t RENAME COLUMN b TO c", "ALTER TABLE t RENAME COLUMN a TO b"),
        ("ALTER TABLE t ADD UNIQUE (b)", "ALTER TABLE t ADD COLUMN b text"),
        ("ALTER TABLE t ADD CHECK (b > 0)", "ALTER TABLE t ADD COLUMN b bigint"),
        ("CREATE TABLE u (i bigint REFERENCES t (b))", "ALTER TABLE t ADD COLUMN b bigint UNIQUE"),
        ("CREATE INDEX i ON t (b)", "ALTER TABLE t ADD COLUMN b text"),
        ("CREATE INDEX i ON t (lower(b))", "ALTER TABLE t ADD COLUMN b text"),
        ("CREATE INDEX i ON t (a) WHERE b IS NULL", "ALTER TABLE t ADD COLUMN b text"),
        ("INSERT INTO t (b) VALUES (1)", "ALTER TABLE t ADD COLUMN b text"),
        ("UPDATE t SET b = 1 WHERE a = 1", "ALTER TABLE t ADD COLUMN b text"),
        ("UPDATE t SET a = 1 WHERE b = 1", "ALTER TABLE t ADD COLUMN b text"),
        ("SELECT b FROM t", "ALTER TABLE t ADD COLUMN b text"),
        ("SELECT x.b FROM pg_class, t AS x", "ALTER TABLE t ADD COLUMN b text"),
        ("CREATE VIEW v AS SELECT (SELECT t.b) FROM t", "ALTER TABLE t ADD COLUMN b text"),
        ("ALTER TABLE t ADD COLUMN c mood", "CREATE TYPE mood AS ENUM ('a')"),
        ("CREATE TABLE u (c mood[])", "CREATE DOMAIN mood AS text"),
        ("SELECT 'x'::mood", "CREATE TYPE mood AS (x text)"),
        ("ALTER TYPE mood ADD VALUE 'b'", "CREATE TYPE mood AS ENUM ('a')"),
        ("CREATE TABLE app.x (id bigint)", "CREATE SCHEMA app"),
        ("ALTER INDEX i RENAME TO j", "CREATE INDEX i ON t (a)"),
        ("SELECT nextval('s')", "CREATE SEQUENCE s"),
        ("CREATE TABLE u (i bigint DEFAULT nextval('s'::regclass))", "CREATE SEQUENCE s"),
        ("ALTER TABLE u ADD COLUMN i bigint", "ALTER TABLE t RENAME TO u"),
        ("ALTER TABLE u ADD COLUMN b bigint", "CREATE TABLE u (id bigint);\nSELECT u.b FROM u"),
        ("SELECT * FROM v", "CREATE VIEW v AS SELECT 1 AS x"),
        ("ALTER TABLE t ADD CONSTRAINT p UNIQUE USING INDEX i", "CREATE UNIQUE INDEX i ON t (a)"),
        ("SET LOCAL search_path = app;\nSELECT * FROM x", "CREATE SCHEMA app;\nCREATE TABLE app.x (id int)"),
    ],
)  # fmt: skip
def test_statement_when_a_later_file_makes_what_it_needs_is_stopped(tmp_path, needs, makes):
    files = {"0001_t.sql": T, "0002_a.sql": f"{needs};", "0003_b.sql": f"{makes};"}

    problems = found(tmp_path / "m", files)

    assert {(p.rule, p.path.name) for p in problems} == {("alter-before-create", "0002_a.sql")}


GOOD = [
    [T, "ALTER TABLE t ADD COLUMN b text;\nCREATE INDEX ON t (b);\nUPDATE t SET b = 'x' WHERE b IS NULL"],
    [T, "ALTER TABLE t RENAME TO u;\nALTER TABLE u RENAME COLUMN a TO b;\nSELECT b FROM u", T],
    ["DROP TABLE IF EXISTS t", T],
    ["DROP INDEX IF EXISTS i", T + "CREATE INDEX i ON t (a)"],
    ["DO $$ BEGIN CREATE TABLE t (id int); END $$", "ALTER TABLE t ADD COLUMN b int", "CREATE TABLE IF NOT EXISTS t (id int)"],
    ["DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'x (id int)'; END $$", "ALTER TABLE x ADD COLUMN b int"],
    ["CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE t (id int); END $$", "SELECT f()", "SELECT id FROM t", "CREATE TABLE IF NOT EXISTS t (id int)"],
    ["CREATE EXTENSION postgis", "SELECT * FROM spatial_ref_sys", "CREATE TABLE p (g geometry(point))"],
    ["CREATE EXTENSION IF NOT EXISTS citext", "CREATE TABLE p (g citext)"],
    ["CREATE SCHEMA app", "CREATE TABLE app.t (id int)", "SET LOCAL search_path = app, public;\nALTER TABLE t ADD b int;\nCREATE TABLE u ()", "ALTER TABLE app.t ADD c int;\nALTER TABLE app.u ADD c int"],
    ["SET LOCAL search_path = elsewhere, public;\nCREATE TABLE t (id int)", "ALTER TABLE t ADD b int;\nALTER TABLE elsewhere.t ADD c int"],
    ["CREATE SCHEMA app CREATE TABLE t (id int) CREATE VIEW v AS SELECT id FROM t", "SELECT id FROM app.v"],
    ["CREATE TEMP TABLE x AS SELECT 1 AS a;\nINSERT INTO x (a) VALUES (2);\nSELECT a FROM x"],
    ["CREATE TABLE p (id int, k int) PARTITION BY LIST (k)", "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)", "ALTER TABLE p ADD COLUMN c int", "CREATE INDEX ON p1 (c, k)"],
    ["CREATE TABLE s (id serial, n int)", "ALTER SEQUENCE s_id_seq RESTART;\nSELECT nextval('s_id_seq')", "ALTER INDEX IF EXISTS s_pkey RENAME TO k"],
    [T, "WITH RECURSIVE x AS (SELECT id FROM t UNION SELECT x.id FROM x JOIN t ON t.id = x.id) SELECT id FROM x"],
    [T, "SELECT s.n FROM (SELECT a AS n FROM t) s JOIN LATERAL (SELECT s.n + 1 AS m) l ON l.m > s.n ORDER BY n"],
    [T, "SELECT count(t), a AS z FROM t GROUP BY a, z ORDER BY z, ctid"],
    [T, "INSERT INTO t (id, a) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET a = excluded.a WHERE t.a IS NULL RETURNING id"],
    [T, "UPDATE t SET a = x.v FROM (VALUES (1, 2)) AS x (k, v) WHERE t.id = x.k AND k > 0"],
    [T, "CREATE VIEW v AS SELECT * FROM t", "SELECT a FROM v", "CREATE OR REPLACE VIEW v AS SELECT id, a, 1 AS c FROM t", "SELECT c FROM v"],
    [T, "SELECT key, value FROM t, jsonb_each('{}')"],
    [T, "CREATE FUNCTION full_name(t) RETURNS text LANGUAGE sql AS 'SELECT 1'", "SELECT t.full_name FROM t"],
    ["SELECT * FROM pg_class, information_schema.tables, pg_catalog.pg_type"],
    ["SELECT * FROM django_migrations", "ALTER TABLE django_content_type ADD COLUMN x int"],
    [T, "DROP TABLE t -- guard", T],
    [T, "CREATE TABLE IF NOT EXISTS t (id bigint);\nCREATE INDEX IF NOT EXISTS i ON t (a);\nCREATE INDEX IF NOT EXISTS i ON t (a)"],
    ["CREATE TYPE mood AS ENUM ('a')", "ALTER TYPE mood RENAME TO feeling", "CREATE TABLE x (m feeling)", "CREATE TYPE mood AS ENUM ('b')"],
    [T, "ALTER TABLE t DROP COLUMN IF EXISTS nothing, ADD COLUMN IF NOT EXISTS a bigint"],
    [T, "MERGE INTO t USING (SELECT 1 AS k) s ON t.id = s.k WHEN MATCHED THEN UPDATE SET a = k"],
    [T, "SELECT public.t.a FROM public.t;\nSELECT '16384'::regclass"],
    [T, "CREATE TABLE IF NOT EXISTS t (id bigint REFERENCES gone (id))"],
    ["DO $$ BEGIN CREATE TABLE t (id int); END $$", "CREATE TABLE IF NOT EXISTS t (id bigint REFERENCES gone (id))"],
    [T, "DROP TABLE t -- guard", "ALTER TABLE IF EXISTS t ADD b int"],
    [T, "CREATE VIEW v AS SELECT * FROM t, pg_class", "SELECT relname FROM v"],
    [T, "CREATE VIEW v AS SELECT a FROM t", "ALTER TABLE t DROP COLUMN a CASCADE", "CREATE VIEW v AS SELECT id FROM t"],
    ["CREATE TABLE p (id int)", "CREATE TABLE c (n int) INHERITS (p)", "ALTER TABLE p ADD COLUMN n int", "ALTER TABLE p DROP COLUMN n", "SELECT n FROM c"],
    ["CREATE TYPE pair AS (a int, b int)", "ALTER TYPE pair DROP ATTRIBUTE b, ADD ATTRIBUTE c int"],
    ["DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 't (b int)'; END $$", "CREATE TABLE IF NOT EXISTS t (b int, CHECK (b > 0))", "UPDATE t SET b = 1 WHERE b = 2"],
    ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "COMMENT ON FUNCTION f() IS 'x'", "GRANT EXECUTE ON FUNCTION f() TO PUBLIC", "ALTER FUNCTION f() RENAME TO g", "CREATE SCHEMA app", "ALTER FUNCTION g() SET SCHEMA app", "DROP FUNCTION app.g()"],
    ["CREATE COLLATION german (provider = icu, locale = 'de')", T, "ALTER TABLE t ADD b text COLLATE german"],
]  # fmt: skip


@pytest.mark.parametrize("texts", GOOD)
def test_history_when_it_is_in_order_has_no_problem(tmp_path, texts):
    allow = "-- guard: allow = blanket-delete, test\n"
    files = {f"{number:04}_m.sql": f"{allow}{text};" for number, text in enumerate(texts, 1)}

    assert [p for p in found(tmp_path / "m", files) if p.rule != "not-simulated"] == []


# Where names stand for every schema, nothing that was there is surely gone, nor in the way.
ANYWHERE = [
    [T, "ALTER TABLE t RENAME COLUMN a TO b", "SELECT a, b FROM t"],
    [T, "ALTER TABLE t RENAME TO u", "SELECT a FROM t", "SELECT a FROM u", T],
    [T, "DROP TABLE t -- guard", "SELECT a FROM t", T],
    [T, "DROP TABLE t -- guard", "CREATE TABLE IF NOT EXISTS t (b int, CHECK (b > 0))", "SELECT a, b FROM t"],
    [T, "CREATE SCHEMA app", "ALTER TABLE t SET SCHEMA app", "SELECT a FROM t", T],
    ["CREATE SCHEMA app", "CREATE TABLE app.x (id int)", "ALTER SCHEMA app RENAME TO shop", "SELECT id FROM app.x", "SELECT id FROM shop.x"],
    ["CREATE SCHEMA app", "CREATE TABLE app.x (id int)", "DROP SCHEMA app CASCADE -- guard", "SELECT id FROM x"],
    ["CREATE TYPE mood AS ENUM ('a')", "DROP TYPE mood", "CREATE TABLE x (m mood)", "CREATE TYPE mood AS ENUM ('b')"],
]  # fmt: skip


@pytest.mark.parametrize("texts", ANYWHERE)
def test_history_when_the_search_path_is_unknown_takes_nothing_away(tmp_path, texts):
    allow = "-- guard: allow = blanket-delete, test\nSET LOCAL search_path = elsewhere;\n"
    files = {f"{number:04}_m.sql": f"{allow}{text};" for number, text in enumerate(texts, 1)}

    assert found(tmp_path / "m", files) == []


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["ALTER TABLE t ADD b int"], "t"),
        ([T, "ALTER TABLE t ALTER b SET NOT NULL"], "t.b"),
        (
            [
                T,
                "-- guard: allow = blanket-delete, test\nALTER TABLE t DROP COLUMN a",
                "UPDATE t SET a = 1 WHERE id = 1",
            ],
            "t.a",
        ),
        ([T, "ALTER TABLE t RENAME TO u", "SELECT * FROM t"], "t"),
        ([T, "CREATE TABLE IF NOT EXISTS t (b int)", "CREATE INDEX i ON t (b)"], "t.b"),
        ([T, "CREATE VIEW v AS SELECT id FROM t", "SELECT a FROM v"], "v.a"),
        (["-- DEV/TEST ONLY\n" + T, "ALTER TABLE t ADD b int"], "t"),
        (["CREATE SCHEMA app;\nCREATE TABLE app.t (id int)", "ALTER TABLE t ADD b int"], "t"),
    ],
)
def test_statement_when_nothing_creates_what_it_needs_is_warned_of(tmp_path, texts, name):
    files = {f"{number:04}_m.sql": f"{text};" for number, text in enumerate(texts, 1)}

    problems = found(tmp_path / "m", files)

    assert [p.rule for p in problems] == ["unknown-relation"]
    assert problems[0].path.name == f"{len(texts):04}_m.sql"
    assert f" {name} " in problems[0].message


def test_dev_only_creation_when_production_needs_it_too_is_stopped(tmp_path):
    files = {
        "0001_a.sql": f"-- DEV/TEST ONLY\n{T}",
        "0002_b.sql": "SELECT * FROM t;",
        "0003_c.sql": "CREATE TABLE IF NOT EXISTS t (id int);",
    }

    assert [p.rule for p in found(tmp_path / "m", files)] == ["alter-before-create"]


def test_later_creation_when_a_do_block_may_have_made_it_still_counts_if_it_is_plain(tmp_path):
    block = "DO $$ BEGIN IF 1 > 2 THEN PERFORM 1 FROM t; END IF; END $$;"
    files = {"0001_a.sql": block, "0002_b.sql": "ALTER TABLE t ADD b int;", "0003_c.sql": T}

    assert [p.rule for p in found(tmp_path / "m", files)] == [
        "not-simulated",
        "alter-before-create",
    ]


@pytest.mark.parametrize(
    ("texts", "freed"),
    [
        ([T, T], ""),
        ([T, "CREATE VIEW t AS SELECT 1"], ""),
        ([T, T, "ALTER TABLE t RENAME TO u"], "0003_m"),
        ([T, "ALTER TABLE t ADD COLUMN a int"], ""),
        ([T, "ALTER TABLE t RENAME COLUMN id TO a"], ""),
        ([T, "CREATE TYPE m AS ENUM ('a')", "CREATE TYPE m AS ENUM ('a')"], ""),
        ([T + "CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (id)"], ""),
        (["CREATE TABLE IF NOT EXISTS t ()", "CREATE TABLE t ()"], ""),
    ],
)
def test_statement_when_what_it_creates_is_there_is_stopped(tmp_path, texts, freed):
    files = {f"{number:04}_m.sql": f"{text};" for number, text in enumerate(texts, 1)}

    problems = found(tmp_path / "m", files)

    assert [p.rule for p in problems] == ["already-exists"]
    assert freed in problems[0].hint


def test_baseline_when_it_has_the_table_owns_it(tmp_path):
    dump = (
        "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.t (id int);"
    )

    problems = found(
        tmp_path / "m",
        {"_baseline.sql": dump, "0001_a.sql": "ALTER TABLE t ADD b int;\nCREATE INDEX ON t (c);"},
    )

    assert [(p.rule, p.line) for p in problems] == [("unknown-relation", 2)]


def test_baseline_when_it_needs_what_a_migration_makes_is_stopped(tmp_path):
    problems = found(tmp_path / "m", {"_baseline.sql": "ALTER TABLE t ADD b int;", "0001_a.sql": T})

    assert [(p.rule, p.hint) for p in problems] == [
        ("alter-before-create", "Put what creates it first.")
    ]


@pytest.mark.parametrize(
    "slug", ["alter-before-create", "already-exists", "unknown-relation", "not-simulated"]
)
def test_rule_when_allowed_with_a_reason_is_silent(tmp_path, slug):
    bad = f"-- guard: allow = {slug}, known\nALTER TABLE t ADD b int;\nCREATE TABLE x ();\nSELECT * FROM y;\nDO $$ $$;"

    problems = found(
        tmp_path / "m", {"0001_a.sql": "CREATE TABLE x ();", "0002_b.sql": bad, "0003_c.sql": T}
    )

    expected = ["alter-before-create", "already-exists", "unknown-relation", "not-simulated"]
    assert [p.rule for p in problems] == [each for each in expected if each != slug]
