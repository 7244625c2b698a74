"""Which statements leave a column without a value that it came to require: what running shows."""

import pytest
from django.db import transaction

from tests.usage.test_oracle import answers, failures, recorded_by, run

TABLE = "CREATE TABLE t (a int, b int)"
SOURCE = "CREATE TABLE s (a int)", "INSERT INTO s VALUES (9)"
FILL = (
    "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.b := 1; RETURN NEW; END'"
)
VIEW = "CREATE VIEW v AS SELECT a, b FROM t"
REQUIRE = "ALTER TABLE t ALTER b SET NOT NULL"
INSERT = "INSERT INTO t (a) VALUES (1)"
INSERT_VIEW = "INSERT INTO v (a) VALUES (1)"


def trigger(moment, table="t"):
    return f"CREATE TRIGGER fills {moment} ON {table} FOR EACH ROW EXECUTE FUNCTION fill()"


CASES = {
    "view": ([TABLE, VIEW], [INSERT_VIEW, "UPDATE v SET a = 1"]),
    "view with a default": ([TABLE, VIEW, "ALTER VIEW v ALTER b SET DEFAULT 3"], [INSERT_VIEW]),
    "view with a trigger": (
        [
            TABLE,
            VIEW,
            "CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN INSERT INTO t VALUES (NEW.a, 1); RETURN NEW; END'",
            "CREATE TRIGGER puts INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION put()",
        ],
        [INSERT_VIEW],
    ),
    "rule instead": (
        [TABLE, "CREATE RULE r AS ON INSERT TO t DO INSTEAD INSERT INTO s VALUES (NEW.a)"],
        [INSERT],
    ),
    "rule for nothing": ([TABLE, "CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING"], [INSERT]),
    "rule beside": (
        [TABLE, "CREATE RULE r AS ON INSERT TO s DO ALSO INSERT INTO t (a) VALUES (NEW.a)"],
        ["INSERT INTO s (a) VALUES (1)"],
    ),
    "rule that notifies": (
        [TABLE, "CREATE RULE r AS ON UPDATE TO s DO ALSO NOTIFY x"],
        ["UPDATE s SET a = 1"],
    ),
    "inheritance": (
        [TABLE, "CREATE TABLE c () INHERITS (t)"],
        [INSERT, "INSERT INTO c (a) VALUES (1)", "UPDATE c SET a = 1"],
    ),
    "partitions": (
        [
            f"{TABLE} PARTITION BY LIST (a)",
            "CREATE TABLE p PARTITION OF t FOR VALUES IN (1)",
            "INSERT INTO t VALUES (1, 1)",
        ],
        [INSERT, "INSERT INTO p (a) VALUES (1)", "UPDATE t SET b = NULL", "UPDATE t SET a = 1"],
    ),
    "trigger before insert": ([TABLE, FILL, trigger("BEFORE INSERT")], [INSERT]),
    "trigger before update": (
        [TABLE, "INSERT INTO t VALUES (1, 1)", FILL, trigger("BEFORE UPDATE")],
        [INSERT, "UPDATE t SET b = NULL"],
    ),
    "trigger after": ([TABLE, FILL, trigger("AFTER INSERT")], [INSERT]),
    "trigger switched off": (
        [TABLE, FILL, trigger("BEFORE INSERT"), "ALTER TABLE t DISABLE TRIGGER fills"],
        [INSERT],
    ),
    "trigger of a replica": (
        [TABLE, FILL, trigger("BEFORE INSERT"), "ALTER TABLE t ENABLE REPLICA TRIGGER fills"],
        [INSERT],
    ),
    "merge": (
        [TABLE],
        [
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND t.b > 1 THEN DELETE "
            "WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)",
            "WITH q AS (SELECT 1 AS x) MERGE INTO t AS z USING q ON z.a = q.x "
            "WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
            "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a, b) "
            "VALUES (s.a, 5) WHEN MATCHED THEN UPDATE SET a = 3",
            "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (1, NULL)",
        ],
    ),
    "insert from a query": (
        [TABLE],
        [
            "INSERT INTO t (a) SELECT 1 UNION ALL SELECT a FROM s",
            "INSERT INTO t (a) SELECT a FROM s ORDER BY a LIMIT 1",
            "INSERT INTO t (a, b) SELECT a, NULL FROM s",
            "INSERT INTO t (a, b) SELECT a, a FROM s",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) "
            "INSERT INTO t (a) SELECT n FROM r",
            "INSERT INTO t DEFAULT VALUES",
        ],
    ),
    "insert of rows": (
        [TABLE],
        [
            "INSERT INTO t AS x (a, b) VALUES (1, NULL) ON CONFLICT DO NOTHING",
            "INSERT INTO t (a, b) VALUES (1, DEFAULT), (2, 4)",
            "INSERT INTO t VALUES (1, 3), (2, 4)",
        ],
    ),
    "update": (
        [TABLE, "INSERT INTO t VALUES (1, 1)"],
        [
            'UPDATE "t" AS x SET "b" = NULL, a = (SELECT 1 WHERE true) WHERE x.a = 1',
            "UPDATE ONLY public.t SET a = 1, b = NULL::int FROM (SELECT 1) q RETURNING t.a",
            "UPDATE t SET (a, b) = ROW (1, NULL)",
            "UPDATE t SET (b, a) = (2, NULL)",
            "UPDATE t SET b = CASE WHEN a > 0 THEN 1 ELSE NULL END",
            "UPDATE t SET a = CASE WHEN a > 0 THEN 1 END, b = NULL",
            "UPDATE t SET a = CASE WHEN a IS DISTINCT FROM 2 THEN 1 END, b = NULL",
            "UPDATE t SET a = 1 WHERE b IS NULL",
            "WITH t AS (UPDATE s SET a = NULL RETURNING a) SELECT a FROM t",
        ],
    ),
    "domain": (
        ["CREATE DOMAIN d AS int DEFAULT 5", "CREATE TABLE t (a int, b d)"],
        [INSERT, "INSERT INTO t (a, b) VALUES (1, NULL), (2, 2)"],
    ),
}


def test_required_when_a_column_comes_to_require_a_value_is_what_running_shows(postgres, code):
    wrong = {}
    for name, (schema, texts) in CASES.items():
        with transaction.atomic():
            run([*SOURCE, *schema])
            statements = [(text, None) for text in texts]
            assert failures(statements) == {}, name
            recorded, callers = recorded_by(code, statements)
            run([REQUIRE])
            broken, _warned = answers(recorded, callers, code.root)
            failing = failures(statements)
            rules = {violation.rule for violation in broken.values()}
            if broken.keys() != failing.keys() or rules - {"usage-misses-required"}:
                wrong[name] = failing.keys() - broken.keys(), broken.keys() - failing.keys(), rules
            transaction.set_rollback(True)
    assert wrong == {}


@pytest.mark.parametrize(
    ("actual", "recorded", "is_warned"),
    [
        ("jsonb", "json", False),
        ("jsonb", "uuid", True),
        ("integer[]", "text[]", True),
        ("varchar(9)[]", "text[]", False),
        ("date", "timestamp", False),
        ("date", "text", True),
        ("int4range", "daterange", True),
        ("citext_like", "text", False),
    ],
)
def test_parameter_when_its_type_changes_warns_where_texts_differ(
    postgres, code, actual, recorded, is_warned
):
    run(["CREATE DOMAIN citext_like AS text", f"CREATE TABLE t (a {recorded})"])
    statements = [("UPDATE t SET a = %s", [None])]
    recorded_, callers = recorded_by(code, statements)
    run([f"ALTER TABLE t ALTER a TYPE {actual} USING NULL"])

    _broken, warned = answers(recorded_, callers, code.root)

    assert bool(warned) == is_warned
