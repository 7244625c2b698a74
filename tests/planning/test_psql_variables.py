"""psql's variables, found before anything runs; what PostgreSQL's own parser takes is none."""

import postgast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.planning.preflight import prepare
from migration_guard.planning.psql_variables import psql_variable_problems


def found(text, vendor="postgresql"):
    """Return line and message of what is found."""
    name = FileName("0001_a", 1, None, "0001_a.sql")
    file = MigrationFile(name, text, "", parse(text, BUILT_IN_ENVIRONMENTS)[0])
    return [(one.line, one.message) for one in psql_variable_problems(file, vendor)]


VARIABLES = [
    ("SELECT :v", 1, ":v"),
    ("SELECT 1;\nALTER ROLE a\n  PASSWORD :'pw';", 3, ":'pw'"),
    ('GRANT ALL ON a TO :"role"', 1, ':"role"'),
    ("INSERT INTO a VALUES (1, :v)", 1, ":v"),
    ("SELECT * FROM :schema.t", 1, ":schema"),
    ("SELECT a FROM t WHERE b=:v", 1, ":v"),
    ("SELECT ARRAY[:v, 2]", 1, ":v"),
    ("SELECT ARRAY[[1, 2], [:v, 3]]", 1, ":v"),
    ("SELECT a[f(:v):2]", 1, ":v"),
    ("SELECT JSON_OBJECT(:'k' : 1)", 1, ":'k'"),
    ("SELECT JSON_OBJECT('a' : 1 + :v)", 1, ":v"),
    ("SELECT :{?v}", 1, ":{?…}"),
    ("SELECT a:: :v", 1, ":v"),
    ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT :v; END", 1, ":v"),
    ("SET standard_conforming_strings = off;\nSELECT 'a\\' :no', :v", 2, ":v"),
    ("COPY a FROM STDIN;\n:x\n\\.\nSELECT :v;", 4, ":v"),
]


@pytest.mark.parametrize(("text", "line", "name"), VARIABLES)
def test_variables_when_psql_would_replace_them_are_found(text, line, name):
    assert found(text) == [(line, f"a variable of psql: {name}")]


NONE = [
    "SELECT a::text, '1'::int, a :: text, ARRAY[1]::int[]",
    "SELECT a[1:2], a[:n], a[n:], a[lo:hi], a[:], b[1:2][lo:hi], (a)[lo:f(x)]",
    "SELECT ':v', E':v', $$ :v $$, $a$ :'v' $a$, \":v\" -- :v\n /* :v */",
    "SELECT '{\"a\":\"b\"}'::jsonb, '{\"a\":b}'::json, '12:30'::time, time '12:30:01'",
    "SELECT JSON_OBJECT('a':1, 'b':c, 'd':'e', f:\"g\", (h):i), json_objectagg(k:v) FROM t",
    "DO $$ DECLARE x int := 1; BEGIN x:=y; END $$",
    "SELECT f(a := 1, b:=c)",
    "COPY a FROM STDIN;\n:v\t:'v'\n\\.\n",
    "-- :v\nSELECT 1",
    "\\set v 1\nSELECT 1",
    "SELECT a ->> ':v' FROM t WHERE b @@ 'a:*'",
    "SELECT x FROM t WHERE url = 'http://a:b@c'",
]


@pytest.mark.parametrize("text", NONE)
def test_colons_when_they_are_the_servers_own_are_no_variables(text):
    assert found(text) == []


@pytest.mark.parametrize("vendor", ["mysql", "sqlite"])
def test_colons_of_other_vendors_are_no_variables(vendor):
    assert found("lab:LOOP SELECT :v, @a:=b; END LOOP", vendor) == []


PIECES = [
    ":",
    ":",
    ":",
    "::",
    ":=",
    "[",
    "]",
    "(",
    ")",
    ",",
    ".",
    "'v'",
    '"v"',
    "v",
    "a",
    "1",
    "ARRAY",
    "JSON_OBJECT(",
    "JSON_OBJECTAGG(",
    "f(",
    "k:v",
    "'k':'v'",
    "[1:n]",
    "[lo:hi]",
    "ARRAY[",
    "a[",
    "+",
    "=",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "NULL",
    "AS",
    "$$:v$$",
    "E':v'",
    "::int",
    "ABSENT",
    "ON",
]


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", " "])), max_size=12))
def test_variables_when_postgresql_parses_the_statement_are_never_found(pieces):
    text = "SELECT " + "".join(piece + gap for piece, gap in pieces)
    try:
        postgast.parse(text)
    except postgast.PgQueryError:
        return

    assert found(text) == []


# Where an expression of this kind may stand, and the server accepts it.
PLACES = [
    "SELECT {}",
    "SELECT a[{}]",
    "SELECT a[1:2], {} FROM t",
    "SELECT ARRAY[1, {}]",
    "SELECT JSON_OBJECT('k' : {})",
    "INSERT INTO t VALUES ({})",
    "SELECT CASE WHEN {} THEN 1 END",
    "SELECT f(a := {})",
    "SELECT ({})::int",
]


@given(
    st.sampled_from(PLACES),
    st.from_regex(r":([a-z_]\w{0,5}|'\w{1,5}'|\"\w{1,5}\")", fullmatch=True),
)
def test_variables_when_they_stand_for_an_expression_are_found(place, variable):
    text = place.format(variable)
    postgast.parse(place.format("x"))

    # A slice may begin with its upper bound, which looks the same.
    assert bool(found(text)) is (place != "SELECT a[{}]")


def test_file_when_the_session_reads_backslashes_is_read_so_for_variables_too():
    """By the default rules this string would not end; by the session's it does."""
    name = FileName("0001_a", 1, None, "0001_a.sql")
    text = "SELECT 'it\\'s', 1::int;\nSELECT 'it\\'s', :v;"
    file = MigrationFile(name, text, "", parse(text, BUILT_IN_ENVIRONMENTS)[0])

    scripts, problems = prepare([file], "postgresql", string_setting="off")

    assert list(scripts) == ["0001_a"]
    assert [(problem.rule, problem.line) for problem in problems] == [("meta-command", 2)]
