"""What a check of statements says in each format, and how far it went."""

import json
from xml.etree import ElementTree as ET

import pytest

from migration_guard.usage.statement import Statement, dump, parse
from migration_guard.vendors import VENDORS

UNTOLD = {
    "postgresql": "PostgreSQL does not tell what depends on values (CHECKs, foreign keys,",
    "sqlite": "SQLite does not tell more than names and keys of ON CONFLICT: no types,",
    "mysql": "MySQL or MariaDB does not tell more than names: no types, required columns,",
}


@pytest.fixture
def checked(database, usage, guard, tmp_path):
    """Give `checked(format)`: a check with a kept, a broken and three left out statements."""
    database.execute("CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40))")
    path = usage(("SELECT id FROM topics", None), ("SELECT title FROM topics", None))
    other = "sqlite" if database.vendor != "sqlite" else "postgresql"
    left_out = [
        Statement("a1", database.vendor, "", ("shop/a.py:f",), unchecked="values are formatted"),
        Statement("a2", database.vendor, "", ("shop/b.py:f",), unchecked="values are formatted"),
        Statement("b1", other, "SELECT 1", ("shop/a.py:f",)),
    ]
    path.write_text(dump([*parse(path.read_text()), *left_out]))
    database.execute("ALTER TABLE topics DROP COLUMN title")
    line = (
        f"Usage: 2 of 5 statements checked. Left out: values are formatted (2); recorded on "
        f"{VENDORS[other].title} (1). {UNTOLD[database.vendor]}"
    )

    def check(format_):
        return guard("checkschema", "--no-models", "--usage", path, "--format", format_), line

    return check


def test_report_when_text_ends_with_what_was_left_out(checked):
    run, line = checked("text")

    assert run.code == 1
    assert run.out.splitlines()[-1].startswith(line)
    assert "Statements that the code sends fail on default: 1 violation." in run.err


def test_report_when_json_has_the_violation_and_what_was_left_out(checked, database):
    run, _line = checked("json")

    (violation,) = run.json["violations"]
    assert violation["rule"] == "usage-broken"
    assert violation["source"].endswith("shop/view_1.py:2")
    assert "SELECT title FROM topics" in violation["expected"]
    usage = run.json["usage"]
    assert (usage["statements"], usage["asked"]) == (5, 2)
    assert usage["left_out"][0] == {"reason": "values are formatted", "statements": 2}
    assert usage["untold"].startswith(UNTOLD[database.vendor])


def test_report_when_junit_has_a_case_for_each_statement(checked):
    run, line = checked("junit")

    suites = {suite.get("name"): suite for suite in ET.fromstring(run.out)}  # noqa: S314 - ours
    assert suites["usage of default"].findtext("system-out").startswith(line)
    cases = suites["schema contract of default"].findall("testcase")
    assert [case.find("failure") is not None for case in cases].count(True) == 1
    assert {case.get("classname") for case in cases} == {"usage"}
    (failed,) = (case for case in cases if case.find("failure") is not None)
    assert (failed.get("file"), failed.get("line")) == ("shop/view_1.py", "2")


def test_report_when_sarif_points_at_the_function(checked):
    run, line = checked("sarif")

    (log,) = json.loads(run.out)["runs"]
    (result,) = log["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("shop/view_1.py")
    assert place["region"] == {"startLine": 2}
    (rule,) = log["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] == "A statement that code sends fails on this schema."
    assert log["properties"]["usage"].startswith(line)


def test_report_when_github_annotates_the_function(checked):
    run, line = checked("github")

    annotation, _tally, last = run.out.splitlines()
    assert annotation.startswith("::error file=shop/view_1.py,line=2,title=usage-broken::")
    assert last.startswith(line)


@pytest.mark.parametrize("format_", ["text", "json", "junit", "sarif", "github"])
def test_report_when_a_statement_is_warned_of_names_the_rule(postgres, usage, guard, format_):
    postgres.execute("CREATE TABLE topics (id integer, title text)")
    path = usage(("SELECT title FROM topics", None))
    postgres.execute("ALTER TABLE topics ALTER title TYPE integer USING 1")

    run = guard("checkschema", "--no-models", "--usage", path, "--format", format_)

    assert run.code == 0
    assert "the result title as text, found integer: SELECT title FROM topics" in run.out
    assert "usage-result" in run.out or format_ == "junit"
    assert "Keep what it uses until no running release sends it" in run.out
    if format_ == "text":
        assert "    Keep what it uses" in run.out


@pytest.mark.parametrize(
    ("statements", "fact"),
    [
        ([], "has no statement that PostgreSQL can check."),
        (
            [Statement("a", "sqlite", "SELECT 1", ())],
            "PostgreSQL can check: recorded on SQLite (1).",
        ),
        (
            [Statement("a", "postgresql", "", (), unchecked="values are formatted into the SQL")],
            "can check: values are formatted into the SQL (1).",
        ),
    ],
    ids=["none", "of another vendor", "without a text"],
)
def test_report_when_nothing_can_be_asked_cannot_tell(postgres, tmp_path, guard, statements, fact):
    path = tmp_path / "usage.jsonl"
    path.write_text(dump(statements))

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 2
    assert fact in run.err
    assert "Record it on PostgreSQL" in run.err


def test_report_when_a_name_stands_far_behind_quotes_what_is_around_it(postgres, usage, guard):
    postgres.execute("CREATE TABLE topics (id integer, title text, score integer)")
    condition = " AND ".join(f"id <> {number}" for number in range(20))
    path = usage((f"SELECT id, title FROM topics WHERE {condition} AND score > %s", [1]))
    postgres.execute("ALTER TABLE topics DROP score")

    run = guard("checkschema", "--no-models", "--usage", path)

    assert "SELECT … AND id <> 19 AND score > $1, found" in run.out


def test_report_when_a_key_is_gone_quotes_the_beginning(postgres, usage, guard):
    postgres.execute("CREATE TABLE topics (id integer UNIQUE, title text, score integer)")
    path = usage(
        (
            "INSERT INTO topics (id, title, score) VALUES (%s, 'a', 1) "
            "ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title RETURNING id",
            [1],
        )
    )
    postgres.execute("ALTER TABLE topics DROP CONSTRAINT topics_id_key")

    run = guard("checkschema", "--no-models", "--usage", path)

    assert "run: INSERT INTO topics (id, title, score)" in run.out


def test_file_when_texts_have_other_line_ends_is_read_as_written():
    statement = Statement("a", "sqlite", "SELECT '\u2028\x85\x0c\x1e\r\n'", ("shop/a.py:f",))

    assert parse(dump([statement])) == [statement]
    assert parse(dump([statement]).replace("}\n", "}\r\n")) == [statement]
