"""Where an unqualified name leads, and what makes that unknown: then a name stands for every schema."""

import pytest

from migration_guard.linter.order.search_path import path_of_options
from tests.linter.cases import found

LATER = "CREATE SCHEMA app;\nCREATE TABLE app.t (id bigint PRIMARY KEY);"
# What a file says first, and whether the guard then still knows that t is public.t.
KNOWN = {
    "nothing": ("SELECT 1", True),
    "the schema that is there": ("SET LOCAL search_path = public", True),
    "the user's own and then public": ("""SET LOCAL search_path = "$user", public""", True),
    "back to what it was": ("SET LOCAL search_path TO DEFAULT", True),
    "a function, spelt out": ("SELECT set_config('search_path', 'public', true)", True),
    "a schema that nobody creates": ("SET LOCAL search_path = elsewhere", False),
    "a number": ("SET LOCAL search_path = 1", False),
    "a value that is not text": ("SELECT set_config('search_path', current_user, true)", False),
    "a name that only looks like one": ("SELECT 1 AS search_path", False),
    "that of a role": ("ALTER ROLE CURRENT_USER SET search_path = app", False),
    "that of a database": ("ALTER DATABASE shop SET search_path = app", False),
    "another setting of a role": ("ALTER ROLE CURRENT_USER SET work_mem = '8MB'", True),
}


@pytest.mark.parametrize("said", KNOWN)
def test_name_when_the_search_path_is_unknown_stands_for_every_schema(tmp_path, said):
    first, known = KNOWN[said]
    files = {"0001_a.sql": f"{first};\nUPDATE t SET id = 1 WHERE id = 2;", "0002_b.sql": LATER}

    rules = {problem.rule for problem in found(tmp_path / "m", files)}

    assert rules & {"alter-before-create", "unknown-relation"} == {
        "unknown-relation" if known else "alter-before-create"
    }


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ("", ("public",)),
        ("-c statement_timeout=5s", ("public",)),
        ("-c search_path=app,public", ("app", "public")),
        ("-c search_path=app -c work_mem=8MB", ("app",)),
        ('-csearch_path="app"', ("app",)),
        ("-c search_path=$user", None),
        ("-c search_path=", None),
    ],
)
def test_options_when_they_set_a_search_path_are_read_as_libpq_does(options, path):
    assert path_of_options(options) == path


def test_name_when_the_connection_s_search_path_is_unknown_stands_for_every_schema(tmp_path):
    files = {"0001_a.sql": "UPDATE t SET id = 1 WHERE id = 2;", "0002_b.sql": LATER}

    problems = found(tmp_path / "m", files, search_path=None)

    assert [problem.rule for problem in problems] == ["alter-before-create"]
