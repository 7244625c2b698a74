"""What is said of statements that a schema breaks: the rule, the caller, the migration at fault."""

import json

import pytest
from django.db import connection

TOPICS = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40) NOT NULL, score integer);"


def test_usage_when_a_migration_drops_a_column_names_caller_and_migration(
    database, usage, migrations, guard
):
    migrations({"0001_topics.sql": TOPICS})
    assert guard("runsqlmigrations").code == 0
    path = usage(
        ("SELECT t.title FROM topics t WHERE t.score > %s", [3]), ("SELECT id FROM topics", None)
    )
    migrations(
        {"0001_topics.sql": TOPICS, "0002_less.sql": "ALTER TABLE topics DROP COLUMN score;"}
    )
    assert guard("runsqlmigrations").code == 0

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 1
    assert "[usage-broken]" in run.out
    assert "shop/view_0.py:ask" in run.out
    assert "view_0.py:2" in run.out
    assert "shop/view_1.py" not in run.out
    assert "0002_less" in run.out


def test_usage_when_nothing_changed_is_kept(database, usage, migrations, guard):
    migrations({"0001_topics.sql": TOPICS})
    assert guard("runsqlmigrations").code == 0
    path = usage(("INSERT INTO topics (id, title) VALUES (%s, %s)", [1, "100% sure?"]))

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 0, run.err
    assert "1 kept" in run.out
    assert database.execute("SELECT count(*) FROM topics") == [(1,)]


def test_usage_when_fresh_checks_a_database_from_nothing(database, usage, migrations, guard):
    migrations({"0001_topics.sql": TOPICS})
    assert guard("runsqlmigrations").code == 0
    path = usage(("SELECT score FROM topics", None))
    migrations(
        {"0001_topics.sql": TOPICS, "0002_less.sql": "ALTER TABLE topics DROP COLUMN score;"}
    )

    assert guard("checkschema", "--no-models", "--usage", path).code == 0
    run = guard("checkschema", "--no-models", "--fresh", "--usage", path)

    assert run.code == 1
    assert "[usage-broken]" in run.out


@pytest.mark.parametrize(
    ("before", "change", "sql", "values", "rule", "text"),
    [
        pytest.param(
            "CREATE TABLE t (a integer)",
            "ALTER TABLE t ADD b integer NOT NULL",
            "INSERT INTO t (a) VALUES (%s)",
            [1],
            "usage-misses-required",
            "t.b",
            id="required column",
        ),
        pytest.param(
            "CREATE TABLE t (a text)",
            "ALTER TABLE t ALTER a TYPE integer USING 1",
            "UPDATE t SET a = %s",
            ["x"],
            "usage-parameter",
            "parameter 1 to be text",
            id="parameter",
        ),
        pytest.param(
            "CREATE TABLE t (a text, b text)",
            "ALTER TABLE t RENAME b TO c",
            "SELECT * FROM t",
            None,
            "usage-result",
            "column 2 of the result to be b",
            id="renamed result",
        ),
        pytest.param(
            "CREATE TABLE t (a integer)",
            "ALTER TABLE t ALTER a TYPE text",
            "SELECT a FROM t",
            None,
            "usage-result",
            "the result a as integer",
            id="type of a result",
        ),
        pytest.param(
            "CREATE TABLE t (a integer UNIQUE)",
            "ALTER TABLE t DROP CONSTRAINT t_a_key",
            "INSERT INTO t (a) VALUES (%s) ON CONFLICT (a) DO NOTHING",
            [1],
            "usage-broken",
            "42P10",
            id="key of ON CONFLICT",
        ),
        pytest.param(
            "CREATE TABLE t (a integer)",
            "ALTER TABLE t ALTER a TYPE date USING NULL",
            "SELECT 1 FROM t WHERE a = %s",
            [1],
            "usage-broken",
            "42883",
            id="operator",
        ),
    ],
)
def test_usage_on_postgresql_when_schema_changes_names_the_rule(
    postgres, usage, guard, before, change, sql, values, rule, text
):
    postgres.execute(before)
    path = usage((sql, values))
    postgres.execute("TRUNCATE t")
    postgres.execute(change)

    run = guard("checkschema", "--no-models", "--usage", path)

    assert f"[{rule}]" in run.out
    assert text in run.out
    assert run.code == (0 if rule in {"usage-parameter", "usage-result"} else 1)


@pytest.mark.parametrize(
    ("before", "change", "sql", "values"),
    [
        ("a integer", "ALTER TABLE t ALTER a TYPE bigint", "SELECT a FROM t WHERE a = %s", [1]),
        ("a varchar(9)", "ALTER TABLE t ALTER a TYPE text", "SELECT a FROM t WHERE a = %s", ["x"]),
        ("a integer", "ALTER TABLE t ADD b integer", "SELECT * FROM t", None),
        (
            "a integer, b integer",
            "ALTER TABLE t DROP b; ALTER TABLE t ADD c integer NOT NULL DEFAULT 1",
            "INSERT INTO t (a) VALUES (%s)",
            [1],
        ),
        (
            "a integer",
            "ALTER TABLE t ADD b integer NOT NULL GENERATED ALWAYS AS (a + 1) STORED",
            "INSERT INTO t (a) VALUES (%s)",
            [1],
        ),
        (
            "a integer",
            "ALTER TABLE t ADD b integer NOT NULL GENERATED ALWAYS AS IDENTITY",
            "INSERT INTO t (a) VALUES (%s)",
            [1],
        ),
        (
            "a integer",
            "ALTER TABLE t ADD b integer NOT NULL; CREATE FUNCTION f() RETURNS trigger LANGUAGE "
            "plpgsql AS 'BEGIN NEW.b = 1; RETURN NEW; END'; CREATE TRIGGER g BEFORE INSERT ON t "
            "FOR EACH ROW EXECUTE FUNCTION f()",
            "INSERT INTO t (a) VALUES (%s)",
            [1],
        ),
    ],
)
def test_usage_on_postgresql_when_change_is_harmless_is_kept(
    postgres, usage, guard, before, change, sql, values
):
    postgres.execute(f"CREATE TABLE t ({before})")
    path = usage((sql, values))
    postgres.execute("TRUNCATE t")
    postgres.execute(change)

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 0, run.out + run.err
    assert "warning" not in run.out


def test_usage_when_as_role_lacks_rights_is_denied(postgres, usage, guard):
    postgres.execute("CREATE TABLE t (id serial, a integer); CREATE TABLE u (a integer)")
    postgres.execute("DROP ROLE IF EXISTS usage_reader; CREATE ROLE usage_reader")
    postgres.execute("GRANT SELECT, INSERT ON t TO usage_reader")
    try:
        path = usage(
            ("SELECT a FROM t", None),
            ("INSERT INTO t (a) VALUES (%s)", [1]),
            ("SELECT a FROM u", None),
        )
        run = guard("checkschema", "--no-models", "--usage", path, "--as", "usage_reader")
    finally:
        postgres.execute("DROP OWNED BY usage_reader; DROP ROLE usage_reader")

    assert run.code == 1
    assert run.out.count("[usage-denied]") == 2
    assert "permission denied for sequence" in run.out
    assert run.out.count("Let a migration give the role that right: GRANT … TO.") == 2
    assert "Keep what it uses" not in run.out
    assert "1 kept" in run.out


HEAD = '{"migration_guard_usage": 1, "statements": 1}\n'


def _line(**changes):
    statement = {"digest": "a", "vendor": "sqlite", "sql": "SELECT 1", **changes}
    return f"{HEAD}{json.dumps(statement)}\n"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (None, "cannot be read"),
        ("", "usage.jsonl is empty"),
        ("\n\n", "usage.jsonl is empty"),
        ('{"migration_guard_usage": 2}\n{}', "has the format 2 of usage files, and this release"),
        (HEAD.replace('s": 1', 's": 0'), "has no statement that SQLite"),
        (HEAD + "[" * 100_000, "usage.jsonl:2 is no line"),
        (HEAD + '{"digest": "a", "vendor": "postgresql"}', "recorded on PostgreSQL (1)"),
        (HEAD, "usage.jsonl has 0 of 1 statements: the file is damaged"),
        (_line() + json.dumps({"digest": "b", "vendor": "sqlite"}), "has 2 of 1 statements"),
        ('{"migration_guard_usage": 1}\n', "usage.jsonl:1 is no line of a usage file"),
        ('{"statements": 1}\n', "usage.jsonl:1 is no line of a usage file"),
        (_line(vendor="db2"), "usage.jsonl:2 is no line of a usage file: the file is damaged"),
        (_line(sql="SELECT '\ud800'"), "usage.jsonl:2 is no line"),
        (_line(sql="SELECT \0 1"), "usage.jsonl:2 is no line"),
        (_line(parameters=5), "usage.jsonl:2 is no line"),
        (_line(parameters=[[1, 2, 3]]), "usage.jsonl:2 is no line"),
        (b"\x93", "is not UTF-8"),
        (HEAD + '{"digest": 1', "usage.jsonl:2 is no line"),
        ("[]\n", "usage.jsonl:1 is no line"),
    ],
)
def test_usage_when_file_is_none_says_so(sqlite, tmp_path, guard, text, fact):
    path = tmp_path / "usage.jsonl"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 2
    assert fact in run.err
    assert "--record-usage" in run.err


def test_usage_when_role_does_not_exist_cannot_tell(postgres, usage, guard):
    postgres.execute("CREATE TABLE t (a integer)")
    path = usage(("SELECT a FROM t", None))

    run = guard("checkschema", "--no-models", "--usage", path, "--as", "nobody_there")

    assert run.code == 2
    assert "nobody_there" in run.err
    assert "Name a role of this server: --as ROLE." in run.err


def test_usage_when_the_user_is_no_member_of_the_role_says_how(postgres, usage, guard):
    postgres.execute("CREATE TABLE t (a integer)")
    path = usage(("SELECT a FROM t", None))
    postgres.execute("DROP ROLE IF EXISTS usage_weak")
    postgres.execute("DROP ROLE IF EXISTS usage_other")
    postgres.execute("CREATE ROLE usage_weak LOGIN PASSWORD 'weak'")
    postgres.execute("CREATE ROLE usage_other")
    try:
        postgres.configure(USER="usage_weak", PASSWORD="weak")
        arguments = ("checkschema", "--no-models", "--usage", path, "--as", "usage_other")
        run = guard(*arguments)
        postgres.execute("GRANT usage_other TO usage_weak")
        next_run = guard(*arguments)
    finally:
        connection.close()
        postgres.execute("DROP ROLE usage_weak")
        postgres.execute("DROP ROLE usage_other")

    assert run.code == 2
    assert 'GRANT "usage_other" TO the user.' in run.err
    assert "cannot act" not in next_run.err


@pytest.mark.parametrize(
    ("change", "code_"),
    [("score SET NOT NULL", 1), ("title SET NOT NULL", 0)],
    ids=["column left out", "column given"],
)
def test_usage_when_insert_reads_a_with_query_judges_its_rows(
    postgres, usage, guard, change, code_
):
    postgres.execute("CREATE TABLE topics (id integer, title text, score integer)")
    path = usage(
        (
            "WITH given AS MATERIALIZED (SELECT %s::integer AS id, NULL::text AS a, 1 AS b) "
            "INSERT INTO topics (id, title) SELECT id, b::text FROM given",
            [1],
        )
    )
    postgres.execute("DELETE FROM topics")
    postgres.execute(f"ALTER TABLE topics ALTER {change}")

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == code_, run.out + run.err
    assert ("[usage-misses-required]" in run.out) == bool(code_)


_FILLED = """
CREATE TABLE parted (id integer, part integer, filled integer) PARTITION BY LIST (part);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN NEW.filled := 1; RETURN NEW; END';
"""
_TRIGGER = "CREATE TRIGGER fills BEFORE INSERT ON parted_1 FOR EACH ROW EXECUTE FUNCTION fill();"
_DOMAINS = "CREATE DOMAIN inner_d AS integer; CREATE DOMAIN outer_d AS inner_d;"


@pytest.mark.parametrize(
    ("schema", "table", "sql", "change", "code_"),
    [
        (
            _FILLED + _TRIGGER,
            "parted",
            "INSERT INTO parted (id, part) VALUES (%s, 1)",
            "ALTER TABLE parted ALTER filled SET NOT NULL",
            0,
        ),
        (
            _FILLED,
            "parted",
            "INSERT INTO parted (id, part) VALUES (%s, 1)",
            "ALTER TABLE parted ALTER filled SET NOT NULL",
            1,
        ),
        (
            _DOMAINS + "CREATE TABLE t (id integer, score outer_d)",
            "t",
            "INSERT INTO t (id) VALUES (%s)",
            "ALTER DOMAIN outer_d SET NOT NULL",
            1,
        ),
        (
            _DOMAINS + "CREATE TABLE t (id integer, score outer_d)",
            "t",
            "INSERT INTO t (score) VALUES (%s)",
            "ALTER DOMAIN inner_d SET NOT NULL",
            0,
        ),
    ],
    ids=["trigger of a partition", "partition", "domain", "domain given"],
)
def test_usage_when_a_value_becomes_required_finds_the_inserts_without(
    postgres, usage, guard, schema, table, sql, change, code_
):
    postgres.execute(schema)
    path = usage((sql, [1]))
    postgres.execute(f"TRUNCATE {table}; {change}")

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == code_, run.out + run.err
    assert ("[usage-misses-required]" in run.out) == bool(code_)


@pytest.mark.parametrize(
    ("vendor", "before", "call", "change", "fact"),
    [
        (
            "sqlite",
            "CREATE UNIQUE INDEX k ON topics (title)",
            (
                "INSERT INTO topics (id, title) VALUES (%s, %s) ON CONFLICT (title) DO NOTHING",
                [1, "x"],
            ),
            "DROP INDEX k",
            "ON CONFLICT clause does not match",
        ),
        (
            "sqlite",
            "CREATE TRIGGER g AFTER INSERT ON topics BEGIN DELETE FROM other; END",
            ("INSERT INTO topics (id, title) VALUES (%s, %s)", [1, "x"]),
            "DROP TABLE other",
            "no such table: main.other",
        ),
        (
            "sqlite",
            "SELECT 1",
            ('SELECT "topics"."score" FROM topics', None),
            "ALTER TABLE topics DROP COLUMN score",
            "no such column",
        ),
        (
            "mariadb",
            "CREATE FUNCTION twice(a integer) RETURNS integer DETERMINISTIC RETURN a * 2",
            ("SELECT twice(score) AS s FROM topics", None),
            "DROP FUNCTION twice",
            "twice does not exist",
        ),
        (
            "mariadb",
            "CREATE VIEW marks AS SELECT id, score FROM topics",
            ("SELECT id FROM marks", None),
            "ALTER TABLE topics DROP COLUMN score",
            "references invalid table",
        ),
        (
            "mariadb",
            "SELECT 1",
            (
                "INSERT INTO topics (id, title) VALUES (%s, 1) ON DUPLICATE KEY UPDATE score = 1",
                [1],
            ),
            "ALTER TABLE topics RENAME COLUMN score TO points",
            "Unknown column",
        ),
    ],
)
def test_usage_on_other_vendors_when_more_than_a_column_is_gone_finds_it(
    request, usage, guard, vendor, before, call, change, fact
):
    database = request.getfixturevalue(vendor)
    database.execute(TOPICS)
    database.execute("CREATE TABLE other (id integer)")
    database.execute(before)
    path = usage(call)
    assert guard("checkschema", "--no-models", "--usage", path).code == 0
    database.execute(change)

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 1
    assert "[usage-broken]" in run.out
    assert fact in run.out


def test_usage_when_several_functions_send_it_names_each_with_its_line(sqlite, usage, guard, code):
    sqlite.execute(TOPICS)
    path = usage(*[("SELECT score FROM topics", None)] * 2)
    sqlite.execute("ALTER TABLE topics DROP COLUMN score")
    moved = code.root / "shop/view_1.py"
    moved.write_text("# moved" + "\n" * 5 + moved.read_text())

    run = guard("checkschema", "--no-models", "--usage", path)

    assert "at shop/view_0.py:2" in run.out
    assert "Sent also by shop/view_1.py:ask (shop/view_1.py:7)." in run.out
