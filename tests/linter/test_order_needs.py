"""What a statement needs besides tables and columns, each against PostgreSQL.

A case has a history, a statement that makes something, and one that needs it. The server takes them
in this order and refuses the other; so do the rules.
"""

from __future__ import annotations

import random

import psycopg
import pytest

from migration_guard.linter.rules import (
    already_exists,
    alter_before_create,
    enum_value_used,
    still_used,
    unknown_relation,
)
from migration_guard.linter.source import Context, read
from migration_guard.problems import Severity
from tests.linter.cases import ENVIRONMENTS

T = "CREATE TABLE t (id bigint PRIMARY KEY, a bigint, n text)"
U = "CREATE TABLE u (id bigint PRIMARY KEY, t_id bigint)"
MOOD = "CREATE TYPE mood AS ENUM ('a')"
F = "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'"
TRIGGER = "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
M = f"{MOOD};\nCREATE TABLE m (id bigint, k mood)"
B = "ALTER TYPE mood ADD VALUE 'b'"

# The history, what makes, what needs.
NEEDS = [
    # functions
    ("", MOOD, "CREATE FUNCTION h(x mood) RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("", MOOD, "CREATE FUNCTION h() RETURNS SETOF mood LANGUAGE plpgsql AS 'BEGIN END'"),
    ("", T, "CREATE FUNCTION h() RETURNS SETOF t LANGUAGE plpgsql AS 'BEGIN END'"),
    ("", T, "CREATE FUNCTION h(x t.a%TYPE) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'"),
    ("", MOOD, "CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql AS 'DECLARE x mood; BEGIN END'"),
    ("", T, "CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql AS 'DECLARE x t%ROWTYPE; BEGIN END'"),
    ("", T, "CREATE FUNCTION h() RETURNS bigint LANGUAGE sql AS 'SELECT a FROM t'"),
    (T, "ALTER TABLE t ADD b bigint", "CREATE FUNCTION h() RETURNS bigint LANGUAGE sql AS 'SELECT b FROM t'"),
    (T, "ALTER TABLE t ADD b bigint", "CREATE FUNCTION h() RETURNS bigint BEGIN ATOMIC SELECT b FROM t; END"),
    (T, TRIGGER, "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()"),
    (T, F, "ALTER TABLE t ALTER a SET DEFAULT f()"),
    (T, F, "ALTER TABLE t ADD CHECK (a > f())"),
    (T, F, "CREATE INDEX i ON t ((a + f()))"),
    (T, F, "CREATE VIEW v AS SELECT f() AS x FROM t"),
    ("", F, "SELECT f()"),
    ("", F, "DROP FUNCTION f()"),
    ("", F, "COMMENT ON FUNCTION f() IS 'x'"),
    ("", F, "ALTER FUNCTION f() STABLE"),
    ("", F, "ALTER FUNCTION f() RENAME TO h"),
    ("", F, "GRANT EXECUTE ON FUNCTION f() TO PUBLIC"),
    (F, "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION f(int)"),
    # enum values
    (M, B, "ALTER TABLE m ALTER k SET DEFAULT 'b'"),
    (M, B, "INSERT INTO m (id, k) VALUES (1, 'b')"),
    (M, B, "UPDATE m SET k = 'b' WHERE id = 1"),
    (M, B, "SELECT id FROM m WHERE k IN ('a', 'b')"),
    (M, B, "SELECT id FROM m WHERE k <> 'b'"),
    (M, B, "SELECT 'b'::mood"),
    (M, B, "ALTER TABLE m ADD j mood DEFAULT 'b'"),
    (M, B, "ALTER TYPE mood RENAME VALUE 'b' TO 'c'"),
    (M, "ALTER TYPE mood RENAME VALUE 'a' TO 'b'", "SELECT 'b'::mood"),
    # parts of tables
    (f"{T};\n{TRIGGER}", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", "DROP TRIGGER x ON t"),
    (f"{T};\n{TRIGGER}", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", "ALTER TABLE t DISABLE TRIGGER x"),
    (T, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT c"),
    (T, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "ALTER TABLE t VALIDATE CONSTRAINT c"),
    (T, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t RENAME CONSTRAINT c TO d"),
    (T, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "COMMENT ON CONSTRAINT c ON t IS 'x'"),
    (T, "ALTER TABLE t ADD CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT t_a_check"),
    (T, "ALTER TABLE t ADD UNIQUE (a)", "ALTER TABLE t DROP CONSTRAINT t_a_key"),
    (T, "CREATE POLICY p ON t USING (true)", "ALTER POLICY p ON t USING (false)"),
    (T, "CREATE POLICY p ON t USING (true)", "DROP POLICY p ON t"),
    (T, "CREATE RULE r AS ON INSERT TO t DO ALSO NOTHING", "DROP RULE r ON t"),
    # unique keys
    (T, "ALTER TABLE t ADD UNIQUE (a)", "CREATE TABLE w (a bigint REFERENCES t (a))"),
    (T, "CREATE UNIQUE INDEX i ON t (a)", "CREATE TABLE w (a bigint REFERENCES t (a))"),
    ("CREATE TABLE k (a int)", "ALTER TABLE k ADD PRIMARY KEY (a)", "CREATE TABLE w (a int REFERENCES k)"),
    (T, "CREATE UNIQUE INDEX i ON t (n, a)", "INSERT INTO t (id) VALUES (1) ON CONFLICT (a, n) DO NOTHING"),
    (T, "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "INSERT INTO t (id) VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING"),
    # roles
    (T, "CREATE ROLE order_reader", "GRANT SELECT ON t TO order_reader"),
    (T, "CREATE ROLE order_reader", "ALTER TABLE t OWNER TO order_reader"),
    (T, "CREATE ROLE order_reader", "CREATE POLICY p ON t TO order_reader USING (true)"),
    # bodies that run
    ("", T, "DO $$ BEGIN UPDATE t SET a = 1 WHERE id = 2; END $$"),
    ("", T, "DO $$ DECLARE n int := 1; BEGIN LOOP n := n + (SELECT count(*) FROM t); EXIT WHEN n > 0; END LOOP; END $$"),
    ("", T, "DO $$ BEGIN IF (SELECT count(*) FROM t) > 1 THEN RAISE 'x'; END IF; END $$"),
    ("", T, "DO $$ BEGIN EXECUTE 'ALTER TABLE t ADD b int'; END $$"),
    (U, T, "DO $$ BEGIN ALTER TABLE u ADD FOREIGN KEY (t_id) REFERENCES t; EXCEPTION WHEN duplicate_object THEN NULL; END $$"),
    (U, T, "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'c') THEN ALTER TABLE u ADD CONSTRAINT c FOREIGN KEY (t_id) REFERENCES t; END IF; END $$"),
    ("CREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS 'BEGIN ALTER TABLE t ADD b int; END'", T, "SELECT h()"),
    (f"{T};\nCREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS 'BEGIN UPDATE t SET b = 1; END'", "ALTER TABLE t ADD b int", "SELECT h()"),
    ("CREATE PROCEDURE h() LANGUAGE plpgsql AS 'BEGIN ALTER TABLE t ADD b int; END'", T, "CALL h()"),
    # MERGE
    (f"{T};\n{U}", "ALTER TABLE t ADD b int", "MERGE INTO t USING u ON t.id = u.t_id WHEN MATCHED THEN UPDATE SET b = 1"),
    (f"{T};\n{U}", "ALTER TABLE u ADD b int", "MERGE INTO t USING u ON t.id = u.b WHEN MATCHED THEN DO NOTHING"),
    # the server drops nothing that is used
    (f"{T};\nCREATE VIEW v AS SELECT a FROM t", "DROP VIEW v", "DROP TABLE t"),
    (f"{T};\nCREATE VIEW v AS SELECT a FROM t", "DROP VIEW v", "ALTER TABLE t DROP COLUMN a"),
    (f"{T};\nCREATE VIEW v AS SELECT x.a FROM t AS x", "DROP VIEW v", "ALTER TABLE t ALTER a TYPE text"),
    (f"{T};\nCREATE MATERIALIZED VIEW v AS SELECT x.a FROM t AS x", "DROP MATERIALIZED VIEW v", "ALTER TABLE t DROP COLUMN a"),
    (f"{T};\nCREATE TABLE w (a bigint REFERENCES t)", "DROP TABLE w", "DROP TABLE t"),
    (f"{T};\n{F};\nALTER TABLE t ADD CONSTRAINT c CHECK (a > f())", "ALTER TABLE t DROP CONSTRAINT c", "DROP FUNCTION f()"),
    (f"{T};\n{TRIGGER};\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", "DROP TRIGGER x ON t", "DROP FUNCTION g()"),
    (M, "ALTER TABLE m DROP COLUMN k", "DROP TYPE mood"),
]  # fmt: skip

# Histories that the server takes, each of which looks like one of the faults above.
TAKEN = [
    [T, "ALTER TABLE t ADD COLUMN a int, DROP COLUMN a;\nSELECT a FROM t"],
    [T, "ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0), ADD COLUMN b int"],
    [T, "ALTER TABLE t ALTER b SET NOT NULL, ADD CONSTRAINT c UNIQUE (b), ADD COLUMN b int"],
    [T, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 1), DROP CONSTRAINT c"],
    [T, "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES t (b), ADD COLUMN b bigint UNIQUE"],
    [T, "ALTER TABLE t DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (a > 0)"],
    ["CREATE TABLE w (a int CHECK (a > 0) CHECK (a < 9))", "ALTER TABLE w DROP CONSTRAINT w_a_check1", "ALTER TABLE w ADD CONSTRAINT w_a_check1 CHECK (a < 8)"],
    ["CREATE FUNCTION max(x text, y text) RETURNS text LANGUAGE sql AS 'SELECT x'", "SELECT max(1)"],
    ["SELECT now()", "CREATE FUNCTION now(x int) RETURNS int LANGUAGE sql AS 'SELECT x'"],
    [F, "DROP FUNCTION f()", F, "CREATE OR REPLACE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint'"],
    [F, "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x'", "DROP FUNCTION f()", "SELECT f(1)", F],
    ["SET check_function_bodies = off;\nCREATE FUNCTION h() RETURNS bigint LANGUAGE sql AS 'SELECT a FROM t'", T],
    ["CREATE FUNCTION h() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT a FROM t); END'", T],
    [T, "CREATE FUNCTION h(b bigint) RETURNS bigint LANGUAGE sql AS 'SELECT b FROM t'", "ALTER TABLE t ADD b bigint"],
    [M, "DO $$ DECLARE b bigint; BEGIN UPDATE m SET id = b WHERE id = 0; END $$", "ALTER TABLE m ADD b bigint"],
    ["DO $$ BEGIN IF to_regclass('t') IS NOT NULL THEN ALTER TABLE t ADD b int; END IF; END $$", T],
    ["DO $$ BEGIN ALTER TABLE t ADD b int; EXCEPTION WHEN undefined_table THEN NULL; END $$", T],
    ["DO $$ BEGIN IF true THEN RETURN; END IF; ALTER TABLE t ADD b int; END $$", T],
    ["DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['a', 'b'] LOOP EXECUTE format('CREATE TABLE %I (id int)', r || '_audit'); END LOOP; END $$", "ALTER TABLE a_audit ADD x int", "CREATE TABLE IF NOT EXISTS a_audit (id int)"],
    [T, "DO $$ DECLARE r text; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relname = 't' LOOP EXECUTE format('ALTER TABLE %I ADD tenant int', r); END LOOP; END $$", "SELECT tenant FROM t", "ALTER TABLE t ADD COLUMN IF NOT EXISTS tenant int"],
    [T, f"{TRIGGER};\nDO $$ DECLARE r text; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relname = 't' LOOP EXECUTE format('CREATE TRIGGER touch_row BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION g()', r); END LOOP; END $$", "DROP TRIGGER touch_row ON t;\nCREATE TRIGGER touch_row BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()"],
    [T, "CREATE FUNCTION h(x int) RETURNS int STRICT LANGUAGE plpgsql AS 'BEGIN UPDATE t SET b = 1; RETURN 1; END'", "SELECT h(NULL)", "ALTER TABLE t ADD b int"],
    [M, B, "SELECT 'b'::mood"],
    [M, "SELECT id FROM m WHERE k::text = 'b'", B],
    [M, "ALTER TYPE mood RENAME VALUE 'a' TO 'b'", "ALTER TYPE mood ADD VALUE 'a'"],
    [T, "CREATE UNIQUE INDEX i ON t (a)", "DROP INDEX i", "ALTER TABLE t ADD UNIQUE (a)", "CREATE TABLE w (a bigint REFERENCES t (a))"],
    [T, "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a", "CREATE UNIQUE INDEX i ON t (id)"],
    [f"{T};\nCREATE VIEW v AS SELECT a FROM t", "CREATE OR REPLACE VIEW v AS SELECT id AS a FROM t", "ALTER TABLE t DROP COLUMN a", "DROP VIEW v"],
    [f"{T};\nCREATE VIEW v AS SELECT a FROM t", "DROP TABLE t CASCADE", T, "CREATE VIEW v AS SELECT a FROM t"],
    [f"{T};\nCREATE TABLE w (a bigint REFERENCES t)", "DROP TABLE t, w", T, "CREATE TABLE w (a bigint REFERENCES t)"],
    [f"{T};\nCREATE TABLE w (a bigint REFERENCES t)", "ALTER TABLE w DROP CONSTRAINT w_a_fkey", "DROP TABLE t", "DROP TABLE w"],
    [f"{T};\nCREATE TABLE old (a bigint)", "CREATE VIEW v AS SELECT a FROM t", "ALTER TABLE t RENAME TO x;\nALTER TABLE old RENAME TO t", "DROP TABLE t", "DROP VIEW v"],
    [f"{T};\nCREATE VIEW v AS SELECT a FROM t", "DO $$ DECLARE r text; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relname = 'v' LOOP EXECUTE 'DROP VIEW ' || r; END LOOP; END $$", "ALTER TABLE t DROP COLUMN a", "CREATE VIEW v AS SELECT id FROM t", "DROP VIEW v"],
    [T, "DO $$ DECLARE r text; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relname = 't' LOOP EXECUTE 'DROP TABLE ' || r; END LOOP; END $$", T],
    [T, "CREATE TABLE w (a bigint CONSTRAINT c REFERENCES t)", "DROP TABLE t CASCADE", T, "ALTER TABLE w ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES t"],
    [f"{T};\n{TRIGGER};\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", "DROP FUNCTION g() CASCADE", TRIGGER, "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()"],
    [F, "DROP FUNCTION IF EXISTS f(text)", "SELECT f()"],
    ["CREATE FUNCTION h(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION h(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION h(int)", "CREATE FUNCTION h(x int) RETURNS int LANGUAGE sql AS 'SELECT 2'"],
    [T, "CREATE UNIQUE INDEX i ON t (a) WHERE n = 'x'", "INSERT INTO t (id) VALUES (1) ON CONFLICT (a) WHERE n = 'x' DO NOTHING", "CREATE UNIQUE INDEX j ON t (a)"],
    ["CREATE SCHEMA app;\nCREATE TABLE app.w (a int)", "CREATE FUNCTION h() RETURNS int LANGUAGE sql SET search_path = app AS 'SELECT a FROM w'", "SELECT h()", "DROP FUNCTION h();\nDROP SCHEMA app CASCADE"],
    [M, "ALTER TABLE m ALTER k TYPE text", "DROP TYPE mood", "ALTER TABLE m DROP COLUMN k"],
    [f"{T};\n{TRIGGER}", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", "ALTER TABLE t RENAME TO w", "DROP TRIGGER x ON w", "DROP FUNCTION g()"],
    [T, "ALTER INDEX t_pkey RENAME TO p", "ALTER TABLE t DROP CONSTRAINT p", "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY (a)"],
    [f"{T};\n{U}", "MERGE INTO t AS x USING (SELECT id AS z FROM u) AS y ON x.id = y.z WHEN NOT MATCHED THEN INSERT (id) VALUES (y.z) WHEN MATCHED AND x.a > 0 THEN DELETE"],
]  # fmt: skip

NEW_VALUE = [M, f"{B};\nINSERT INTO m (k) VALUES ('b')"]
RULES = (already_exists, alter_before_create, enum_value_used, still_used, unknown_relation)


def write(texts):
    return {f"{number:04}_m.sql": f"{text};\n" for number, text in enumerate(texts, 1) if text}


def problems_of(tmp_path, files):
    """Return the problems that the order rules alone find."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    source = read([tmp_path], Context("postgresql", ENVIRONMENTS))
    return [problem for rule in RULES for problem in rule.check(source)]


def places(tmp_path, texts):
    """Return the files with an error or warning of the order rules."""
    return {problem.path.name: problem.rule for problem in problems_of(tmp_path, write(texts))}


def refused(server, texts):
    """Run a history, one transaction a file; return the file that the server refuses, and why."""
    for name, text in write(texts).items():
        try:
            server.execute(f"BEGIN;\n{text}\nCOMMIT;\nRESET ALL")
        except psycopg.Error as error:
            server.execute("ROLLBACK")
            return name, str(error)
    return None, ""


def run_all(postgres, histories):
    """Return the file that the server refuses, and why, of each history, run on its own."""
    connection, results = postgres.connect(), []
    for texts in histories:
        results.append(refused(connection, texts))
        connection.execute(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP ROLE IF EXISTS order_reader"
        )
    return results


def test_case_when_the_server_runs_it_is_as_listed(postgres):
    taken = [[history, makes, needs] for history, makes, needs in NEEDS] + TAKEN
    wrong = [[history, needs, makes] for history, makes, needs in NEEDS] + [NEW_VALUE]

    results = run_all(postgres, [*taken, *wrong])

    expected = [None] * len(taken) + ["0002_m.sql"] * len(wrong)
    cases = zip([*taken, *wrong], expected, results, strict=True)
    assert [case for case in cases if case[1] != case[2][0]] == []


@pytest.mark.parametrize(("history", "makes", "needs"), NEEDS)
def test_statement_when_what_it_needs_is_made_later_is_stopped(tmp_path, history, makes, needs):
    assert "0002_m.sql" in places(tmp_path, [history, needs, makes])


@pytest.mark.parametrize(("history", "makes", "needs"), NEEDS)
def test_statement_when_what_it_needs_is_made_before_is_no_problem(tmp_path, history, makes, needs):
    assert places(tmp_path, [history, makes, needs]) == {}


@pytest.mark.parametrize("texts", TAKEN)
def test_history_when_the_server_takes_it_has_no_problem(tmp_path, texts):
    assert places(tmp_path, texts) == {}


def test_user_when_its_name_has_the_word_relation_keeps_its_name(tmp_path):
    problems = problems_of(
        tmp_path,
        write(
            [
                "CREATE TABLE a (id integer PRIMARY KEY)",
                "CREATE TABLE b (a integer CONSTRAINT b_relation_fk REFERENCES a)",
                "DROP TABLE a;\nDROP TABLE b",
            ]
        ),
    )

    (problem,) = [problem for problem in problems if problem.rule == "still-used"]
    assert "used here by the constraint b_relation_fk, which" in problem.message


def test_enum_value_when_it_is_used_where_it_is_added_is_an_error(tmp_path):
    problems = problems_of(tmp_path, write(NEW_VALUE))

    places = [(problem.rule, problem.path.name, problem.line) for problem in problems]
    assert places == [("enum-value-used", "0002_m.sql", 2)]


def test_enum_value_when_its_type_is_as_new_may_be_used(tmp_path):
    assert places(tmp_path, [f"{MOOD};\n{B};\nSELECT 'b'::mood"]) == {}  # by PostgreSQL 17


def test_enum_value_when_each_statement_commits_by_itself_may_be_used(tmp_path):
    alone = "-- guard: transaction = off\n"

    assert places(tmp_path, [M, f"{alone}{B};\nINSERT INTO m (k) VALUES ('b')"]) == {}


@pytest.mark.parametrize(
    ("makes", "severity"),
    [
        ("CREATE TABLE w (x int)", Severity.ERROR),
        ("CREATE TABLE IF NOT EXISTS w (x int)", Severity.WARNING),
        ("CREATE TABLE IF NOT EXISTS made_here (x int)", None),
    ],
)
def test_dynamic_sql_when_it_does_not_name_a_table_forgives_nothing(tmp_path, makes, severity):
    name = makes.split()[-3]
    loop = "FOR r IN SELECT 1 LOOP EXECUTE 'CREATE TABLE ' || 'made_' || 'here (x int)'; END LOOP"
    block = f"DO $$ DECLARE r record; BEGIN {loop}; END $$"

    problems = problems_of(tmp_path, write([block, f"ALTER TABLE {name} ADD y int", makes]))

    assert [problem.severity for problem in problems] == ([severity] if severity else [])


# Not every server has these extensions.
@pytest.mark.parametrize(
    ("extension", "needs"),
    [
        ("citext", "CREATE TABLE e (v citext)"),
        ('"uuid-ossp"', "CREATE TABLE e (v uuid DEFAULT uuid_generate_v4())"),
        ("pg_trgm", "CREATE TABLE e (v text);\nCREATE INDEX i ON e USING gin (v gin_trgm_ops)"),
        ("pgcrypto", "SELECT digest('x', 'sha1')"),
    ],
)
def test_extension_when_it_is_made_later_is_missed(tmp_path, extension, needs):
    for number, (makes, severity) in enumerate(
        [
            (f"CREATE EXTENSION {extension}", Severity.ERROR),
            (f"CREATE EXTENSION IF NOT EXISTS {extension}", Severity.WARNING),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (right := folder / "right").mkdir()

        problems = problems_of(folder, write([needs, makes]))

        assert [problem.severity for problem in problems] == [severity]
        assert problems_of(right, write([makes, needs])) == []


# A small project. Each file needs some of those before it.
CORPUS = [
    "CREATE TYPE state AS ENUM ('new', 'paid')",
    "CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL)",
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint REFERENCES customers, state state NOT NULL DEFAULT 'new')",
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$",
    "ALTER TABLE orders ADD COLUMN updated_at timestamptz",
    "CREATE TRIGGER touch_order BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()",
    "ALTER TABLE customers ADD CONSTRAINT customers_email_key UNIQUE (email)",
    "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (email) DO NOTHING",
    "CREATE VIEW open_orders AS SELECT o.id, c.email FROM orders AS o JOIN customers AS c ON c.id = o.customer_id",
    "ALTER TYPE state ADD VALUE 'sent'",
    "UPDATE orders SET state = 'sent' WHERE id = 0",
    "CREATE TABLE notes (order_id bigint REFERENCES orders (id), body text)",
    "DO $$ BEGIN ALTER TABLE notes ADD CONSTRAINT body_check CHECK (body <> '') NOT VALID; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    "ALTER TABLE notes VALIDATE CONSTRAINT body_check",
    "CREATE FUNCTION total(c bigint) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders WHERE customer_id = c'",
    "SELECT total(1)",
    "DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY['customers', 'orders'] LOOP EXECUTE format('COMMENT ON TABLE %I IS %L', t, 'x'); END LOOP; END $$",
    "DROP VIEW open_orders",
    "ALTER TABLE customers RENAME COLUMN email TO address",
    "CREATE VIEW open_orders AS SELECT o.id, c.address FROM orders AS o JOIN customers AS c ON c.id = o.customer_id",
    "ALTER TABLE notes DROP CONSTRAINT body_check",
    "DROP TRIGGER touch_order ON orders",
    "DROP FUNCTION touch()",
    "DROP TABLE notes",
]  # fmt: skip


def test_corpus_when_files_are_swapped_is_judged_as_the_server_judges(postgres, tmp_path):
    chance = random.Random(7)
    orders = [list(range(len(CORPUS)))]
    for _ in range(40):
        source = chance.randrange(1, len(CORPUS))
        order = [number for number in orders[0] if number != source]
        order.insert(chance.randrange(source), source)
        orders.append(order)
    histories = [[CORPUS[number] for number in order] for order in orders]

    verdicts = [verdict for verdict, _ in run_all(postgres, histories)]

    differences = {}
    for number, (texts, verdict) in enumerate(zip(histories, verdicts, strict=True)):
        (tmp_path / str(number)).mkdir()
        named = places(tmp_path / str(number), texts)
        if (verdict is None and named) or (verdict is not None and verdict not in named):
            differences[str(orders[number])] = (verdict, named)
    assert differences == {}
    assert len({verdict for verdict in verdicts if verdict}) > 8
