"""On a fresh database the migration is found by trying, where no text of it shows the difference."""

import pytest

TOPICS = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40), score integer);"
VIEW = "CREATE VIEW titles AS SELECT id, title FROM topics;"
BOTH_FUNCTIONS = (
    "CREATE FUNCTION weight(n {}) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';"
)
FILES = {"0001_topics.sql": TOPICS, "0002_view.sql": VIEW}
LATER = {"0004_later.sql": "CREATE TABLE later (title varchar(40), score integer);"}


@pytest.fixture
def problems(usage, migrations, guard):
    """Give `problems(before, after, *calls)`: what a fresh database has against a recording."""

    def ask(before, after, *calls):
        migrations(before)
        assert guard("runsqlmigrations").code == 0
        path = usage(*calls)
        migrations(after)
        run = guard("checkschema", "--no-models", "--fresh", "--usage", path, "--format", "json")
        assert run.code in (0, 1), run.err
        warnings = [warning["message"] for warning in run.json["warnings"]]
        return [*(violation["hint"] for violation in run.json["violations"]), *warnings]

    return ask


@pytest.mark.parametrize(
    ("first", "sql", "call"),
    [
        (
            "",
            "CREATE SCHEMA other; DROP VIEW titles; ALTER TABLE topics SET SCHEMA other;",
            ("SELECT t.id FROM topics t", None),
        ),
        (
            "",
            "ALTER TABLE topics ALTER score TYPE boolean USING score > 0;",
            ("INSERT INTO topics (id, score) VALUES (%s, 5)", [1]),
        ),
        (
            BOTH_FUNCTIONS.format("integer"),
            "DO $$ BEGIN EXECUTE 'DROP FUNCTION weight(integer)'; END $$;",
            ("SELECT weight(score) FROM topics", None),
        ),
        (
            "",
            "DROP VIEW titles; ALTER TABLE topics ALTER title TYPE integer USING 0;",
            ("SELECT id FROM topics WHERE title = %s", ["a title"]),
        ),
    ],
    ids=["schema", "type", "function", "parameter"],
)
def test_breaker_when_no_text_shows_it_is_found_by_trying(postgres, problems, first, sql, call):
    before = {**FILES, "0001_topics.sql": TOPICS + first}

    (text,) = problems(before, {**before, "0003_change.sql": sql, **LATER}, call)

    assert "0003_change" in text


def test_breaker_when_a_view_is_made_without_a_column_is_its_migration(database, problems):
    change = "DROP VIEW titles; CREATE VIEW titles AS SELECT id FROM topics;"

    (hint,) = problems(
        FILES, {**FILES, "0003_change.sql": change, **LATER}, ("SELECT v.title FROM titles v", None)
    )

    assert "0003_change" in hint


def test_breaker_when_no_migration_ever_kept_a_statement_is_none(database, problems):
    by_hand = {**FILES, "0003_more.sql": "CREATE TABLE more (id integer, extra integer);"}
    files = {**FILES, "0003_more.sql": "CREATE TABLE more (id integer);", **LATER}

    (hint,) = problems(by_hand, files, ("SELECT m.extra FROM more m", None))

    assert "0003_more" not in hint.replace("manage.py", "")
    assert "makes the difference" not in hint
