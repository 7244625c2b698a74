"""`--impact` of both commands: what is told first, what is traced, how it is reported."""

import re

import pytest

from tests.impact.support import commit_on_branch

TABLES = (
    "CREATE TABLE users (id integer PRIMARY KEY);\n"
    "CREATE TABLE messages (id integer PRIMARY KEY, body text);\n"
    "INSERT INTO messages SELECT g, 'x' FROM generate_series(1, 2000) g;\n"
)
INDEX = "\nCREATE INDEX messages_body ON messages (body);\n"
HARMLESS = "ALTER TABLE users ADD COLUMN name text;\n"


@pytest.fixture
def table(postgres, migrations, guard):
    migrations({"0001_tables.sql": TABLES})
    assert guard("runsqlmigrations").code == 0


def test_run_when_traced_says_first_that_it_applies_and_names_who_waits(table, migrations, guard):
    migrations({"0001_tables.sql": TABLES, "0002_index.sql": INDEX, "0003_name.sql": HARMLESS})

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 0, result.err
    told = result.err.splitlines()
    assert told[0] == (
        '--impact traces an ordinary run: what is pending is applied to the database "default" now.'
    )
    assert "Applied 0002_index" in result.err
    assert "  0002_index: messages: writers wait for all of statement 1 (CREATE INDEX reads" in (
        re.sub(r" \((2 k rows, \d+ kB|size unknown)\)", "", result.out)
    )
    assert "s as measured; readers do not. [warning: shuts-out-writers]" in result.out
    assert "  0003_name: nobody waits while a table is read or rewritten." in result.out
    assert "all who come later queue behind it, at most 5 s (lock_timeout) a try." in result.out
    assert guard("runsqlmigrations", "--check").code == 0


def test_run_when_above_the_limits_exits_1_and_says_that_it_is_applied(table, migrations, guard):
    files = {"0001_tables.sql": TABLES, "0002_index.sql": INDEX}
    migrations(files, IMPACT={"write": "0.001ms"})

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 1
    assert "[error: shuts-out-writers]" in result.out
    assert "1 problem of impact" in result.err
    assert "What ran is applied all the same" in result.err
    assert guard("runsqlmigrations", "--check").code == 0


def test_run_when_reported_as_json_has_each_statement_with_its_tables(table, migrations, guard):
    migrations({"0001_tables.sql": TABLES, "0002_index.sql": INDEX})

    report = guard("runsqlmigrations", "--impact", "--format", "json").json

    (statement,) = report["impact"]["statements"]
    (effect,) = statement.pop("tables")
    assert effect.pop("held_ms") >= statement.pop("own_ms") > 0
    assert effect == {
        "table": "messages",
        "lock": "SHARE",
        "shuts_out_readers": False,
        "shuts_out_writers": True,
        "reads": True,
        "rewrites": False,
    }
    assert statement == {
        "migration": "0002_index",
        "number": 1,
        "line": 2,
        "sql": "CREATE INDEX messages_body ON messages (body)",
        "commits": True,
        "sampled": False,
        "unknown": None,
    }
    assert [problem["rule"] for problem in report["problems"]] == ["shuts-out-writers"]


def test_run_when_a_lock_is_held_for_long_while_no_table_is_read_exits_1(table, migrations, guard):
    sql = f"{HARMLESS}SELECT pg_sleep(0.3);\n"
    migrations({"0001_tables.sql": TABLES, "0002_wait.sql": sql}, IMPACT={"read": "250ms"})

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 1
    assert "readers and writers wait from statement 1 (ALTER TABLE) to the commit, 3" in result.out
    assert "nobody waits" not in result.out


@pytest.mark.parametrize("option", ["--plan", "--check", "--adopt"])
def test_run_when_nothing_would_run_refuses_to_trace(postgres, migrations, guard, option):
    migrations({"0001_tables.sql": TABLES})

    result = guard("runsqlmigrations", "--impact", option)

    assert (result.code, result.out) == (2, "")
    assert f"--impact traces what runs, and {option} runs no migration." in result.err


@pytest.fixture
def branch(sql_dir, migrations, tmp_path):
    """Give a branch that adds two files to a merged one."""
    migrations({"0001_tables.sql": TABLES})
    files = {
        "0002_new.sql": "CREATE TABLE likes (id integer);\nCREATE INDEX ON likes (id);\n",
        "0003_index.sql": INDEX,
    }
    commit_on_branch(tmp_path, sql_dir, files)


def test_fresh_when_traced_traces_what_the_branch_adds_and_gives_no_seconds(
    postgres, branch, guard
):
    result = guard(
        "checkschema", "--fresh", "--no-models", "--impact", "--base", "main", "--format", "json"
    )

    assert result.code == 0, result.err
    impact = result.json["impact"]
    assert impact["migrations"] == ["0002_new", "0003_index"]
    assert impact["untraced_django_migrations"] > 0
    seen = [(s["number"], s["own_ms"], s["tables"]) for s in impact["statements"]]
    assert [(number, own) for number, own, _tables in seen] == [(1, None), (2, None), (1, None)]
    assert [[(t["table"], t["lock"], t["held_ms"]) for t in tables] for *_rest, tables in seen] == [
        [],
        [],
        [("messages", "SHARE", None)],
    ]
    assert [p["rule"] for p in result.json["fresh"]["problems"]] == ["shuts-out-writers"]


def test_fresh_when_the_branch_adds_nothing_says_why_nothing_was_traced(
    database, sql_dir, migrations, tmp_path, guard
):
    migrations({"0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY);"})
    commit_on_branch(tmp_path, sql_dir, {"0002_name.sql": HARMLESS})

    result = guard("checkschema", "--fresh", "--no-models", "--impact", "--base", "topic")

    assert result.code == 0, result.err
    assert ("as this branch adds none (--base GITREF" in result.out) is (
        database.vendor != "sqlite"
    )


def test_run_when_nothing_is_pending_says_that_none_ran(database, migrations, guard):
    migrations({"0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY);"})
    assert guard("runsqlmigrations").code == 0

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 0, result.err
    assert ("Impact: no migration was traced, as none ran." in result.out) is (
        database.vendor != "sqlite"
    )


def test_fresh_when_a_table_is_large_by_the_sizes_file_is_an_error(
    postgres, branch, guard, tmp_path
):
    assert guard("runsqlmigrations").code == 0
    postgres.execute("ANALYZE")
    sizes = tmp_path / "sizes.json"
    assert guard("checkschema", "--write-sizes", str(sizes)).code == 0
    sizes.write_text(sizes.read_text().replace('"rows": 2000', '"rows": 412000000'))

    result = guard(
        "checkschema", "--fresh", "--no-models", "--impact", "--base", "main", "--sizes", str(sizes)
    )

    assert result.code == 0, result.err
    assert "0003_index: messages (412 M rows, " in result.out
    assert re.search(r"Not traced: \d+ migrations of Django's\.", result.out)


@pytest.mark.parametrize("is_error", [False, True])
@pytest.mark.parametrize("report", ["text", "json", "github", "junit", "sarif"])
def test_fresh_when_reported_has_the_problem_at_its_place_and_fails_for_an_error(
    postgres, branch, guard, settings, tmp_path, report, is_error
):
    sizes = tmp_path / "sizes.json"
    postgres.execute(f"{TABLES}; ANALYZE")
    assert guard("checkschema", "--write-sizes", str(sizes)).code == 0
    limit = "1kB" if is_error else "1TB"
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "IMPACT": {"large": limit}}
    options = ["--base", "main", "--sizes", str(sizes), "--format", report]

    result = guard("checkschema", "--fresh", "--no-models", "--impact", *options)

    assert result.code == int(is_error)
    assert "shuts-out-writers" in result.out
    assert "0003_index" in result.out
    assert ("1 problem of impact" in result.err) == is_error
    if report == "json":
        assert result.json["ok"] is not is_error
    if report == "junit":
        assert ('failures="1"' in result.out) == is_error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--impact"], "--impact does nothing without --fresh."),
        (["--fresh", "--base", "main"], "--base does nothing without --impact."),
        (["--fresh", "--sizes", "x"], "--sizes does nothing without --impact."),
        (["--fresh", "--impact", "--template"], "--template saves building it."),
    ],
)
def test_check_when_an_option_would_do_nothing_says_so(sqlite, guard, options, message):
    result = guard("checkschema", *options)

    assert result.code == 2
    assert message in result.err


def test_run_on_sqlite_says_that_it_has_one_writer(sqlite, migrations, guard):
    migrations({"0001_tables.sql": "CREATE TABLE users (id integer);\n"})

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 0
    assert "SQLite has one writer" in result.out
    assert "nobody waits" not in result.out
