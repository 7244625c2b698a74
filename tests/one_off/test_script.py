"""What a one-off script's statements are, told from their text."""

from pathlib import Path

import pytest
from django.apps import apps

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.one_off.script import answers_for_itself, parse_script, verb
from migration_guard.planning.history_rows import OWN_TABLES


def test_own_tables_when_compared_with_the_models_are_all_of_them():
    models = apps.get_app_config("migration_guard").get_models()

    assert sorted(OWN_TABLES) == sorted(model._meta.db_table for model in models)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("delete from a", "DELETE"),
        ("/* why */ Update a set b = 1", "UPDATE"),
        ("WITH x AS (DELETE FROM a RETURNING id) SELECT * FROM x", "SELECT"),
        ("WITH x AS (SELECT 1) DELETE FROM a USING x", "DELETE"),
        ("WITH RECURSIVE x (n) AS (VALUES (1)) INSERT INTO a SELECT n FROM x", "INSERT"),
        ("(SELECT 1)", ""),
        ("EXPLAIN ANALYZE DELETE FROM a", "EXPLAIN"),
        ("WITH", "WITH"),
    ],
)
def test_verb_when_a_statement_begins_with_it_or_with_a_with_is_found(sql, found):
    assert verb(sql, "postgresql") == found


@pytest.mark.parametrize(
    ("sql", "answers"),
    [
        ("DELETE FROM a", True),
        ("INSERT INTO a SELECT 'UPDATE'", True),
        ("WITH x AS (SELECT 1) DELETE FROM a USING x", True),
        ("WITH x AS (DELETE FROM a RETURNING 1) INSERT INTO b SELECT * FROM x", False),
        ("WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x", False),
        ("SELECT f()", False),
        ("DO $$BEGIN DELETE FROM a; END$$", False),
    ],
)
def test_answers_for_itself_when_another_write_may_hide_says_no(sql, answers):
    assert answers_for_itself(sql, "postgresql") is answers


def test_script_when_another_tool_would_divide_it_is_a_problem():
    raw = b"-- migrate:up\nDELETE FROM a;\n-- migrate:down\nDELETE FROM b;\n"

    _, problems = parse_script(Path("fix.sql"), raw, "postgresql", BUILT_IN_ENVIRONMENTS)

    assert [(problem.rule, problem.line) for problem in problems] == [("foreign-format", 1)]
