"""Splitting and scanning against what the vendors' own code does with the same text.

libpg_query is PostgreSQL's parser; `sqlite3.complete_statement` is SQLite's own function.
"""

import re
import sqlite3

import postgast
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from migration_guard.sql.lexer import Kind, tokens
from migration_guard.sql.statements import SQLError, UnterminatedError, split

PG_STATEMENTS = [
    "SELECT 1",
    "SELECT 'a;''b', E'\\';', $$;$$, $a$ $b$;$$ $a$, \"c;\"\"d\" FROM x",
    "SELECT $1, a$b$ FROM t WHERE b ->> 'c' @> '{;}' /* /* ; */ */ -- ;\n",
    "SELECT U&'d\\0061t\\+000061', U&\"d;\", B'1', X'1F', N';', 1.5e-3, .5, 0x1F",
    "SELECT E'a' \n\n 'b\\';c'",
    "SELECT (a + -1), b/2, c*-1, d || e FROM (VALUES (1), (2)) AS v (x)",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN; RETURN 1; END; $f$",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t SELECT CASE WHEN a THEN 1 END; END",
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT x AS "end"; SELECT t.end FROM t; END',
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END AS end; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS begin; SELECT atomic FROM begin; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END",
    "CREATE FUNCTION f(begin int, atomic int) RETURNS int RETURN begin + atomic",
    "DO LANGUAGE plpgsql $$ BEGIN PERFORM 1; END $$",
    "BEGIN",
    "COMMIT",
    "END",
    "DATE'2020-01-01'",
]
PG_GAPS = ["", " ", "\n", "-- ;'\n", "/* ; /* ' */ $$ */", "\r\n\t", ";", " ; "]


def bare(statements):
    """The statements of the oracle, which keeps comments around them and drops no empty ones."""
    found = [[each.text for each in split(text, "postgresql")] for text in statements]
    assert all(len(each) <= 1 for each in found)
    return [text for each in found for text in each]


@given(
    st.lists(st.tuples(st.sampled_from(PG_GAPS), st.sampled_from(PG_STATEMENTS[:-1])), max_size=8)
)
def test_split_when_postgresql_can_parse_the_file_then_it_agrees(pieces):
    source = "".join(f"{gap}{statement};" for gap, statement in pieces)

    ours = [each.text for each in split(source, "postgresql")]

    assert ours == bare(postgast.split(source, method="parser"))


BARE_LEXEMES = r"""' '' 'a;' E' e'\' U&'x' U&"x" N'a' x'1' " "a;" $ $$ $a$ $1 a$b a1$ 1 1.5 1..2
    e E _ é 日本 x -- /* */ + - * / @ < > = ! | ? :: := => . , [ ] ( ) # % ~ ^ &"""
LEXEMES = [*BARE_LEXEMES.split(), "-- ;\n", "/* ; */", "\n'b'", " ", "\n", "\r\n", "\t", "\f"]


def scanned(source):
    """The oracle's tokens as text, without comments; None if it refuses or misreads the text.

    It is patched to return comments as tokens, and so, unlike the server, ends a string at a
    comment before the string's continuation; and it takes `$1e''`, which is junk to the server. A
    backslash belongs to psql.
    """
    if re.search(r"'\s*--|\$\d+[eE]'", source):
        return None
    try:
        found = postgast.scan(source).tokens
    except postgast.PgQueryError:
        return None
    data = source.encode()
    names = {postgast.pg_query_pb2.SQL_COMMENT, postgast.pg_query_pb2.C_COMMENT}
    texts = [data[each.start : each.end].decode() for each in found if each.token not in names]
    return None if any(text.startswith("\\") for text in texts) else texts


@example("1$$;$$")
@example("a1$$;$$")
@example("$$x$$E'\\';'")
@example("a*-1 <-2 @-3 =+-4")
@example("a+--;\nb/*;*/*/*;*/c")
@given(st.lists(st.sampled_from(LEXEMES), max_size=12).map("".join))
def test_tokens_when_postgresql_can_scan_the_text_then_they_are_the_same(source):
    expected = scanned(source)
    assume(expected is not None)

    ours = [each.text for each in tokens(source, "postgresql") if each.kind not in GAPS]

    assert ours == expected


GAPS = {Kind.SPACE, Kind.COMMENT}


@given(st.lists(st.sampled_from([*LEXEMES, ";", "; "]), max_size=14).map("".join))
def test_split_when_postgresql_can_scan_the_text_then_it_ends_at_the_same_terminators(source):
    """What is a terminator is told from the oracle's tokens: a `;` outside parentheses."""
    expected = scanned(source)
    assume(expected is not None)
    depth, statements = 0, [[]]
    for token in expected:
        depth = max(0, depth + (token == "(") - (token == ")"))
        if token == ";" and depth == 0:
            statements.append([])
        else:
            statements[-1].append(token)

    ours = [scanned(each.text) for each in split(source, "postgresql")]

    assert ours == [each for each in statements if each]


@given(st.lists(st.sampled_from([*LEXEMES, ";"]), max_size=12).map("".join))
def test_split_when_something_never_ends_then_postgresql_refuses_the_text_too(source):
    try:
        split(source, "postgresql")
    except UnterminatedError:
        assume("\\" not in source)
        assert scanned(source) is None


SQLITE_LEXEMES = "x 'a;' \"b;\" `c;` [d;] - / ; ; é END end.x"
SQLITE_WORDS = [
    "CREATE",
    "TEMP",
    "TEMPORARY",
    "TRIGGER",
    "BEGIN",
    "END",
    "EXPLAIN",
    "CASE",
    "SELECT",
]
SQLITE_PIECES = [
    *SQLITE_LEXEMES.split(),
    *(f"{word} " for word in SQLITE_WORDS),
    *["1 ", "-- ;\n", "/* ; */", " ", "\n", "CREATE TRIGGER t BEGIN SELECT 1; END", "; END;"],
]


@given(st.lists(st.sampled_from(SQLITE_PIECES), max_size=16).map("".join))
def test_split_when_sqlite_calls_a_prefix_complete_then_a_statement_ends_there(source):
    try:
        statements = split(source, "sqlite")
    except SQLError:
        assert not sqlite3.complete_statement(source)
        return

    for each in statements:
        assert sqlite3.complete_statement(each.text + ";")
        inner = [at for at, char in enumerate(each.text) if char == ";"]
        assert not any(sqlite3.complete_statement(each.text[: at + 1]) for at in inner)


@pytest.mark.parametrize(
    "trigger",
    [
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END",
        "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT x AS [end] FROM t; SELECT 1; END",
    ],
)
def test_split_when_sqlite_has_triggers_then_the_database_runs_the_statements(trigger):
    database = sqlite3.connect(":memory:")

    for statement in split(f"CREATE TABLE t (x); {trigger}; INSERT INTO t VALUES (1);", "sqlite"):
        database.execute(statement.text)

    assert database.execute("SELECT x FROM t").fetchall() == [(1,)]
    database.close()
