"""The rules of danger: what they find in a set of files, and what they leave alone.

The first file of most sets makes a table, so that the second finds it there: without git each file
is released by itself.
"""

import psycopg
import pytest

from migration_guard.linter.danger.conditions import restricts
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import significant
from tests.linter.cases import found

T = "CREATE TABLE t (id bigint, a text)"
DANGERS = {"blanket-delete", "checks-off", "enum-value-used", "partition-scan", "row-security-off", "table-rewrite"}  # fmt: skip
DO = "DO $$ BEGIN {} END $$"
COPY = "CREATE TABLE n (id bigint, a text);\nINSERT INTO n (id, a) SELECT id, a FROM t"
FUNCTION = "CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$"
OFF = "-- guard: transaction = off\n"
PARENT = "CREATE TABLE p (k int) PARTITION BY RANGE (k)"
BOUND = "CHECK (k IS NOT NULL AND k >= 1 AND k < 10)"
ATTACH = "ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM (1) TO (10)"
MOOD = "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE people (id int, m mood, note text)"
ADD = "ALTER TYPE mood ADD VALUE 'calm'"


def dangers(folder, texts, vendor="postgresql"):
    files = {f"{number:04}_m.sql": f"{text};" for number, text in enumerate(texts, 1)}
    problems = found(folder / "m", files, vendor)
    return [(p.rule, int(p.path.name[:4])) for p in problems if p.rule in DANGERS]


LOSSES = [
    "DELETE FROM t",
    "DELETE FROM t WHERE true",
    "UPDATE t SET a = 'x' WHERE 1 = 1",
    "WITH gone AS (DELETE FROM t WHERE (true) RETURNING *) SELECT 1 FROM gone",
    "TRUNCATE TABLE ONLY t RESTART IDENTITY",
    "DROP TABLE t",
    "DROP TABLE IF EXISTS t CASCADE",
    "DROP SCHEMA public CASCADE",
    "DROP OWNED BY someone",
    "MERGE INTO t USING (VALUES (1)) v (i) ON t.id = v.i WHEN MATCHED THEN DELETE",
    "MERGE INTO t USING (VALUES (1)) v (i) ON t.id = v.i WHEN NOT MATCHED BY SOURCE THEN DELETE",
    "MERGE INTO t USING (VALUES (1)) v (i) ON true WHEN MATCHED THEN UPDATE SET a = 'x'",
    DO.format("DELETE FROM t;"),
    DO.format("IF EXISTS (SELECT 1) THEN UPDATE t SET a = CASE WHEN id > 3 THEN 'x' END; END IF;"),
    DO.format("FOR i IN 1..3 LOOP TRUNCATE t; END LOOP;"),
    DO.format("EXECUTE 'DELETE FROM ' || quote_ident('t');"),
    DO.format("EXECUTE format('DROP TABLE %I', 't');"),
    "DO LANGUAGE plpgsql 'BEGIN DELETE FROM t; END'",
    f"{FUNCTION};\nSELECT wipe()",
    "ALTER TABLE t DROP COLUMN a",
    "ALTER TABLE t ADD COLUMN b int, DROP a",
    "ALTER TABLE t ALTER COLUMN a TYPE int USING 0",
    "ALTER TABLE t ALTER a SET DATA TYPE jsonb USING NULL::jsonb",
    "CREATE SCHEMA archive;\nCREATE TABLE archive.t (id int);\nDROP TABLE t",
    f"{COPY} WHERE id > 3;\nDROP TABLE t;\nALTER TABLE n RENAME TO t",
    f"{COPY};\nDROP TABLE t",
    "ALTER TABLE t ADD COLUMN b text;\nUPDATE t SET b = 'x', a = 'y'",
]


@pytest.mark.parametrize("text", LOSSES)
def test_blanket_delete_when_rows_of_others_are_lost_is_found(tmp_path, text):
    assert dangers(tmp_path, [T, text]) == [("blanket-delete", 2)]


@pytest.mark.parametrize(
    "texts",
    [
        [f"{T};\nDELETE FROM t"],
        ["CREATE SCHEMA s;\nCREATE TABLE s.t (a int);\nDROP TABLE s.t"],
        ["SET search_path = s;\nCREATE TABLE u (a int);\nDROP TABLE s.u"],
        [T, "SELECT * INTO u FROM t;\nDROP TABLE u"],
        [T, "CREATE TABLE u AS SELECT * FROM t;\nTRUNCATE u"],
        [f"DROP TABLE IF EXISTS t;\n{T}"],
        [T, "-- guard: allow = blanket-delete, moved\nDROP TABLE t", f"DROP TABLE IF EXISTS t;\n{T}"],
        ["DROP SCHEMA IF EXISTS s CASCADE;\nCREATE SCHEMA s"],
        ["CREATE SCHEMA s;\nCREATE TABLE s.t (a int);\nDROP SCHEMA s CASCADE"],
        [T, f"{COPY};\nDROP TABLE t;\nALTER TABLE n RENAME TO t"],
        [T, f"ALTER TABLE t RENAME TO old;\n{T};\nINSERT INTO t SELECT * FROM old;\nDROP TABLE old"],
        [T, f"CREATE TEMP TABLE n AS SELECT * FROM t;\nDROP TABLE t;\n{T};\nINSERT INTO t SELECT * FROM n;\nDROP TABLE n"],
        ["CREATE TEMP TABLE u (a int);\nDELETE FROM u;\nUPDATE u SET a = 1;\nDROP TABLE u"],
        ["CREATE TEMP TABLE u (a int);\nDROP TABLE pg_temp.u"],
        [T, "ALTER TABLE t ADD COLUMN b int;\nUPDATE t SET b = 1"],
        [T, "ALTER TABLE t ADD COLUMN IF NOT EXISTS b int", "UPDATE t SET b = 1"],
        [T, "ALTER TABLE t ADD b int;\nUPDATE t SET b = a::int;\nALTER TABLE t DROP a;\nALTER TABLE t RENAME b TO a"],
        ["CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)", "ALTER TABLE t DROP COLUMN b"],
        [T, "ALTER TABLE t DROP COLUMN IF EXISTS zzz"],
        [T, "ALTER TABLE t ALTER COLUMN a TYPE int USING a::int"],
        [T, "DELETE FROM t WHERE id IN (SELECT id FROM t OFFSET 3)"],
        [T, "MERGE INTO t USING (VALUES (1)) v (i) ON t.id = v.i WHEN MATCHED AND t.a = 'x' THEN DELETE"],
        [T, "MERGE INTO t USING (VALUES (1)) v (i) ON t.id = v.i WHEN MATCHED THEN UPDATE SET a = 'x'"],
        [T, DO.format("UPDATE t SET a = CASE WHEN id > 3 THEN 'x' ELSE 'y' END WHERE id = 4;")],
        [T, DO.format("EXECUTE 'DELETE FROM t WHERE id = $1' USING 3;")],
        [T, DO.format("CREATE TEMP TABLE u (a int); DELETE FROM u;")],
        [T, FUNCTION],
        [T, "COMMENT ON TABLE t IS 'DELETE FROM t'"],
        ["CREATE FOREIGN TABLE f (a int) SERVER s", "DROP FOREIGN TABLE f"],
    ],
)  # fmt: skip
def test_blanket_delete_when_nobody_loses_rows_is_silent(tmp_path, texts):
    assert dangers(tmp_path, texts) == []


def test_fill_when_it_is_the_second_of_a_column_is_found(tmp_path):
    texts = [T, "ALTER TABLE t ADD COLUMN b int", "UPDATE t SET b = 1", "UPDATE t SET b = NULL"]

    assert dangers(tmp_path, texts) == [("blanket-delete", 4)]


@pytest.mark.parametrize(
    ("vendor", "text"),
    [
        ("mysql", "DELETE FROM t WHERE 1"),
        ("mysql", "DELETE a FROM t a LEFT JOIN u ON a.id = u.id"),
        ("mysql", "ALTER TABLE t DROP PARTITION p0"),
        ("mysql", "ALTER TABLE t TRUNCATE PARTITION p0"),
        ("mysql", "CREATE OR REPLACE TABLE t (id int)"),
        ("mysql", "DROP DATABASE shop"),
        ("mysql", "DELIMITER //\nBEGIN NOT ATOMIC DELETE FROM t; END//\nDELIMITER "),
        ("mysql", "PREPARE s FROM 'TRUNCATE t'"),
        ("sqlite", "UPDATE OR IGNORE t SET a = 'x'"),
        ("sqlite", "DELETE FROM T WHERE 1 = 1"),
        ("sqlite", "ALTER TABLE t DROP COLUMN a"),
    ],
)
def test_blanket_delete_when_the_vendor_is_another_knows_its_ways(tmp_path, vendor, text):
    assert dangers(tmp_path, [T, text], vendor) == [("blanket-delete", 2)]


@pytest.mark.parametrize(
    ("vendor", "text"),
    [
        ("mysql", "DROP TEMPORARY TABLE t"),
        ("mysql", "UPDATE t JOIN u ON t.id = u.id SET t.a = 'x'"),
        ("mysql", "CREATE TABLE n LIKE t;\nINSERT INTO n SELECT * FROM t;\nRENAME TABLE t TO o, n TO t;\nDROP TABLE o"),
        ("sqlite", f"{OFF}PRAGMA foreign_keys = OFF;\n{COPY};\nDROP TABLE t;\nALTER TABLE n RENAME TO t"),
        ("sqlite", "CREATE TABLE N (a);\nDROP TABLE n"),
        ("sqlite", "CREATE TEMP TABLE u (a);\nDELETE FROM temp.u"),
    ],
)  # fmt: skip
def test_blanket_delete_when_the_vendor_is_another_leaves_its_ways_alone(tmp_path, vendor, text):
    assert dangers(tmp_path, [T, text], vendor) == []


@pytest.mark.parametrize("condition", [
    "true", "(TRUE)", "'t'", "'true'::bool", "NOT false", "1 = 1", "id = id", "a = 'x' OR true", "2 > 1",
    "CAST('t' AS boolean)", "EXISTS (SELECT 1)", "id IS NOT DISTINCT FROM id", "TRUE IS TRUE",
    "NOT (1 = 0)", "coalesce(true, false)", "1 <> 2 AND 'a' = 'a'", "'a' LIKE 'a'", "true IS NOT NULL",
])  # fmt: skip
def test_condition_when_it_is_true_for_every_row_restricts_nothing(postgres, condition):
    tokens = list(significant(condition, dialect("postgresql")))

    assert not restricts(tokens)
    rows = postgres.execute(
        f"SELECT count(*) FROM (VALUES (1, 'x'), (2, 'y')) v (id, a) WHERE {condition}"
    )
    assert rows == [(2,)]  # the server agrees


@pytest.mark.parametrize("condition", [
    "false", "id > 1", "a = 'x'", "id IN (1, 7)", "id BETWEEN 2 AND 3", "true AND id = 2", "NOT id = 1",
    "a IS NULL", "1 = 2", "NOT (a = 'x' OR false)", "EXISTS (SELECT 1 WHERE id = 1)", "id::text = '1'",
])  # fmt: skip
def test_condition_when_it_leaves_a_row_out_restricts(postgres, condition):
    tokens = list(significant(condition, dialect("postgresql")))

    assert restricts(tokens)
    rows = postgres.execute(
        f"SELECT count(*) FROM (VALUES (1, 'x'), (2, 'y')) v (id, a) WHERE {condition}"
    )
    assert rows[0][0] < 2  # the server agrees


@pytest.mark.parametrize(
    ("rule", "vendor", "texts"),
    [
        ("checks-off", "postgresql", [T, "ALTER TABLE t DISABLE TRIGGER ALL"]),
        ("checks-off", "postgresql", [T, "ALTER TABLE t DISABLE TRIGGER USER"]),
        ("checks-off", "postgresql", [T, "ALTER TABLE t ENABLE REPLICA TRIGGER x"]),
        ("checks-off", "postgresql", [T, DO.format("ALTER TABLE t DISABLE TRIGGER ALL;")]),
        ("checks-off", "postgresql", [T, "ALTER TABLE t DISABLE TRIGGER ALL;\nINSERT INTO t VALUES (1);\nALTER TABLE t ENABLE TRIGGER ALL"]),
        ("checks-off", "postgresql", [T, "SET session_replication_role = replica"]),
        ("checks-off", "postgresql", [T, "SET LOCAL session_replication_role TO 'replica';\nINSERT INTO t VALUES (1);\nSET LOCAL session_replication_role = origin"]),
        ("checks-off", "postgresql", [T, "SELECT set_config('session_replication_role', 'replica', true);\nDELETE FROM t WHERE id = 1"]),
        ("checks-off", "postgresql", [T, "ALTER ROLE app SET session_replication_role = replica"]),
        ("checks-off", "postgresql", [T, "ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT ENFORCED"]),
        ("checks-off", "mysql", [T, "SET foreign_key_checks = 0;\nDELETE FROM t WHERE id = 1;\nSET foreign_key_checks = 1"]),
        ("checks-off", "mysql", [T, "SET GLOBAL unique_checks = OFF"]),
        ("checks-off", "mysql", [T, "SET @@session.foreign_key_checks = 0;\nCALL fill()"]),
        ("checks-off", "sqlite", [T, "PRAGMA ignore_check_constraints = ON;\nUPDATE t SET a = 'x' WHERE id = 1"]),
        ("checks-off", "sqlite", [T, "PRAGMA foreign_keys(0);\nDELETE FROM t WHERE id = 1"]),
        ("checks-off", "sqlite", [T, "PRAGMA writable_schema = 1;\nUPDATE sqlite_master SET sql = 'x' WHERE name = 't'"]),
        ("row-security-off", "postgresql", [T, "ALTER TABLE t DISABLE ROW LEVEL SECURITY"]),
        ("row-security-off", "postgresql", [T, "ALTER TABLE IF EXISTS ONLY t NO FORCE ROW LEVEL SECURITY"]),
        ("row-security-off", "postgresql", [T, "ALTER ROLE app BYPASSRLS"]),
        ("table-rewrite", "postgresql", [T, "CLUSTER t USING i"]),
        ("table-rewrite", "postgresql", [T, f"{OFF}VACUUM (FULL, ANALYZE) t"]),
        ("table-rewrite", "postgresql", [T, f"{OFF}VACUUM FULL"]),
        ("table-rewrite", "postgresql", [T, "ALTER TABLE t SET UNLOGGED"]),
        ("table-rewrite", "postgresql", [T, "ALTER TABLE t SET LOGGED"]),
        ("table-rewrite", "postgresql", [T, "ALTER TABLE t SET TABLESPACE fast"]),
        ("table-rewrite", "postgresql", ["CREATE MATERIALIZED VIEW m AS SELECT 1", "REFRESH MATERIALIZED VIEW m"]),
        ("table-rewrite", "postgresql", [T, "ALTER TABLE t ADD COLUMN IF NOT EXISTS n bigserial"]),
        ("table-rewrite", "postgresql", [T, "ALTER TABLE t ADD n serial UNIQUE"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t MODIFY a varchar(3)"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0)"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD n int AUTO_INCREMENT UNIQUE"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD SYSTEM VERSIONING"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD PARTITION PARTITIONS 2"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t DROP PRIMARY KEY"]),
        ("table-rewrite", "mysql", [T, "CREATE FULLTEXT INDEX i ON t (a)"]),
        ("table-rewrite", "mysql", [T, "CREATE INDEX i ON t (a) ALGORITHM=COPY"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD COLUMN b int, ALGORITHM = COPY"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t ADD COLUMN b int, LOCK=EXCLUSIVE"]),
        ("table-rewrite", "mysql", [T, "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4"]),
        ("table-rewrite", "mysql", [T, "OPTIMIZE TABLE t"]),
        ("table-rewrite", "sqlite", [T, f"{OFF}VACUUM"]),
        ("partition-scan", "postgresql", [f"{PARENT};\nCREATE TABLE c (k int)", ATTACH]),
        ("partition-scan", "postgresql", [f"{PARENT};\nCREATE TABLE c (k int, {BOUND} NOT VALID)", ATTACH]),
        ("partition-scan", "postgresql", [f"{PARENT};\nCREATE TABLE c (k int, CHECK (k > 1 AND k < 9))", ATTACH]),
        ("partition-scan", "postgresql", [f"{PARENT};\nCREATE TABLE c (k int, {BOUND})", "ALTER TABLE p ATTACH PARTITION c DEFAULT"]),
        ("partition-scan", "mysql", [T, "ALTER TABLE p EXCHANGE PARTITION q WITH TABLE t"]),
        ("enum-value-used", "postgresql", [MOOD, f"{ADD};\nDO $$ BEGIN UPDATE people SET m = 'calm' WHERE id = 2; END $$"]),
    ],
)  # fmt: skip
def test_danger_when_it_hits_a_table_in_use_is_found(tmp_path, rule, vendor, texts):
    assert dangers(tmp_path, texts, vendor) == [(rule, 2)]


@pytest.mark.parametrize(
    ("vendor", "texts"),
    [
        ("postgresql", [f"{T};\nALTER TABLE t DISABLE TRIGGER ALL"]),
        ("postgresql", [T, "ALTER TABLE t DISABLE TRIGGER USER;\nUPDATE t SET a = 'x' WHERE id = 1;\nALTER TABLE t ENABLE TRIGGER USER"]),
        ("postgresql", [T, "ALTER TABLE t DISABLE TRIGGER ALL;\nALTER TABLE t ENABLE TRIGGER ALL"]),
        ("postgresql", [T, "SET LOCAL session_replication_role = replica;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1)"]),
        ("postgresql", [T, "ALTER TABLE t DISABLE ROW LEVEL SECURITY;\nUPDATE t SET a = 'x' WHERE id = 1;\nALTER TABLE t ENABLE ROW LEVEL SECURITY"]),
        ("postgresql", [T, "ALTER TABLE t ENABLE ROW LEVEL SECURITY;\nALTER TABLE t FORCE ROW LEVEL SECURITY"]),
        ("postgresql", [T, "ALTER TABLE t CLUSTER ON i"]),
        ("postgresql", [T, f"{OFF}VACUUM (FULL false) t"]),
        ("postgresql", [f"{T};\nCLUSTER t USING i;\nALTER TABLE t SET LOGGED"]),
        ("postgresql", ["CREATE MATERIALIZED VIEW m AS SELECT 1;\nREFRESH MATERIALIZED VIEW m"]),
        ("postgresql", ["CREATE MATERIALIZED VIEW m AS SELECT 1", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"]),
        ("postgresql", [PARENT, f"CREATE TABLE c (k int);\n{ATTACH}"]),
        ("postgresql", [f"{PARENT};\nCREATE TABLE c (k int, {BOUND})", ATTACH]),
        ("postgresql", [f"{PARENT};\nCREATE TABLE c (k int);\nALTER TABLE c ADD CONSTRAINT b {BOUND} NOT VALID", "ALTER TABLE c VALIDATE CONSTRAINT b", ATTACH]),
        ("mysql", [T, "SET FOREIGN_KEY_CHECKS=0;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\nSET FOREIGN_KEY_CHECKS=1"]),
        ("mysql", [T, "ALTER TABLE t MODIFY a varchar(3), ALGORITHM=INPLACE, LOCK=NONE"]),
        ("mysql", [T, "ALTER TABLE t ADD COLUMN b int, RENAME COLUMN a TO c"]),
        ("mysql", [f"{T};\nALTER TABLE t ENGINE=InnoDB"]),
        ("mysql", [T, "ALTER TABLE t FORCE, ROW_FORMAT = DYNAMIC"]),
        ("mysql", [T, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)"]),
        ("mysql", [T, "CREATE INDEX i ON t (a)"]),
        ("postgresql", [T, "ALTER TABLE t ADD COLUMN serial integer"]),
        ("postgresql", [f"{T};\nALTER TABLE t ADD COLUMN n serial"]),
        ("sqlite", [T, "VACUUM INTO 'copy.db'"]),
        ("sqlite", [T, "PRAGMA foreign_keys = ON;\nDELETE FROM t WHERE id = 1"]),
    ],
)  # fmt: skip
def test_danger_when_it_hits_nobody_is_silent(tmp_path, vendor, texts):
    assert dangers(tmp_path, texts, vendor) == []


USES = {
    "UPDATE people SET m = 'calm' WHERE id = 1": True,
    "INSERT INTO people (id, m) VALUES (1, 'sad'), (2, 'calm')": True,
    "INSERT INTO people VALUES (1, 'calm')": True,
    "INSERT INTO people VALUES (1, 'sad', 'calm')": False,
    "UPDATE people SET note = 'calm' WHERE m = 'sad'": False,
    "SELECT 'calm'::mood": True,
    "SELECT CAST('calm' AS mood)": True,
    "SELECT mood 'calm'": True,
    "SELECT 'calm'::text": False,
    "SELECT * FROM people WHERE m IN ('sad', 'calm')": True,
    "SELECT * FROM people WHERE m::text = 'calm'": False,
    "ALTER TABLE people ALTER COLUMN m SET DEFAULT 'calm'": True,
    "CREATE INDEX i ON people (id) WHERE m = 'calm'": True,
    "CREATE TABLE u (m mood DEFAULT 'calm')": True,
    "COMMENT ON TYPE mood IS 'calm'": False,
    "ALTER TYPE mood ADD VALUE 'wild' AFTER 'calm'": False,
    "ALTER TABLE people ADD CONSTRAINT c CHECK (note <> 'calm')": False,
}


@pytest.mark.parametrize(("text", "is_use"), USES.items())
def test_enum_value_when_it_is_used_at_once_is_found_as_the_server_says(
    tmp_path, postgres, text, is_use
):
    expected = [("enum-value-used", 2)] if is_use else []
    assert dangers(tmp_path, [MOOD, f"{ADD};\n{text}"]) == expected

    with psycopg.connect(postgres.url) as connection:
        connection.execute(MOOD)
        connection.commit()
        connection.execute(ADD)
        refused = False
        try:
            connection.execute(text)
        except psycopg.errors.UnsafeNewEnumValueUsage:
            refused = True
        connection.rollback()
    assert refused == is_use


def test_enum_value_when_its_transaction_has_ended_may_be_used(tmp_path):
    assert dangers(tmp_path, [MOOD, f"{OFF}{ADD};\nSELECT 'calm'::mood"]) == []
    assert dangers(tmp_path, [MOOD, ADD, "SELECT 'calm'::mood"]) == []
    assert dangers(tmp_path, [f"{MOOD};\n{ADD};\nSELECT 'calm'::mood"]) == []
    block = f"{OFF}BEGIN;\n{ADD};\nSELECT 'calm'::mood;\nCOMMIT"
    assert dangers(tmp_path, [MOOD, block]) == [("enum-value-used", 2)]


def test_column_when_squawks_name_is_allowed_stays_silent(tmp_path):
    text = "-- guard: allow = ban-drop-column, release 41\nALTER TABLE t DROP COLUMN a"

    assert dangers(tmp_path, [T, text]) == []
