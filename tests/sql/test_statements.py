"""Splitting: tables of cases per vendor, and the properties that hold for every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.sql import statements
from migration_guard.sql.dialects import dialect
from migration_guard.sql.lexer import fingerprint_tokens
from migration_guard.sql.statements import SQLError, Statement, UnterminatedError, split
from tests.sql.mysql_programs import ORACLE_PROGRAMS, PROGRAMS

VENDORS = ["postgresql", "sqlite", "mysql"]


def texts(source, vendor):
    return [statement.text for statement in split(source, vendor)]


def assert_one(source, vendor):
    """The source is one statement, also with something after it."""
    assert texts(source, vendor) == [source]
    assert texts(f"{source}; SELECT 2", vendor) == [source, "SELECT 2"]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", []),
        (" \n\t", []),
        (";;", []),
        ("-- only a comment", []),
        ("/* only */ ; -- comments\n;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1;SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("-- a;\nSELECT 1 -- b;\n; -- c\n", ["SELECT 1"]),
        ("/* a; */ SELECT /* b; */ 1 /* c; */ ;", ["SELECT /* b; */ 1"]),
        ("SELECT 'a;''b;'; SELECT ''", ["SELECT 'a;''b;'", "SELECT ''"]),
        ('SELECT "a;""b;"; SELECT 2', ['SELECT "a;""b;"', "SELECT 2"]),
        ("SELECT 1\r\n;\r\nSELECT 2\r\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 - -1; SELECT 4/2", ["SELECT 1 - -1", "SELECT 4/2"]),
        ("SELECT café; SELECT 日本", ["SELECT café", "SELECT 日本"]),
        ("BEGIN; SELECT 1; END;", ["BEGIN", "SELECT 1", "END"]),
        ("SELECT ')'; SELECT )", ["SELECT ')'", "SELECT )"]),
    ],
)
def test_split_when_the_vendors_agree_then_statements_come_bare(source, expected, vendor):
    assert texts(source, vendor) == expected


@pytest.mark.parametrize(
    "source",
    [
        "SELECT /* a /* ; */ ; */ 1",
        "SELECT 1 /*/**/*/+ 2",
        "SELECT $$;$$",
        "SELECT $a$ $b$ ; $$ ; $a $a$",
        "SELECT $é$;$é$",
        "SELECT a$b$, c$$, a1$x",
        "SELECT $1, $2$$;$$",
        "SELECT 1$$;$$",
        "SELECT f($1, $$;$$)",
        r"SELECT E'a\';b'",
        r"SELECT e'\\', ';'",
        "SELECT E'a' -- c;\n  'b\\';c'",
        r"SELECT (E'\';')",
        r"SELECT '\', ';'",
        r"SELECT DATE'2020-01-01\', ';'",
        r"SELECT U&'d\0061t\+000061;', U&" + '"a;"',
        "SELECT B'1', X'1F', N';'",
        "SELECT $$x$$E'\\';'",
        "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)",
        "SELECT ((((((1; 2))))))",
        "SELECT (1 -- )\n; /* ) */ ')' $$)$$ )",
        "SELECT a @> b, c->>'d', e #> f, g /h*/* ; */i",
        "SELECT 1 +-- ; \n 2",
        "SELECT :x, a::text, b[1:2]",
    ],
)
def test_split_when_postgresql_hides_a_terminator_then_the_statement_stays_whole(source):
    assert_one(source, "postgresql")


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN ATOMIC SELECT 1; END",
        "begin /* x */ atomic select 1; select 2; end",
        "BEGIN ATOMIC END",
        "BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END",
        'BEGIN ATOMIC SELECT x AS "end"; SELECT t.end; SELECT 1 AS end; END',
        "BEGIN ATOMIC SELECT 1 AS begin; SELECT atomic FROM t; END",
        "BEGIN ATOMIC SELECT 1; /* /* END */ */ -- END\n END",
        "BEGIN ATOMIC SELECT 'END; END'; SELECT $$; END$$; END",
        "SET x TO begin BEGIN ATOMIC SELECT 1; END",
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        "CREATE FUNCTION f(begin int) RETURNS int LANGUAGE sql",
        "CREATE OR REPLACE PROCEDURE atomic()",
        "create /* /* a */ */ or replace -- b\n function s.begin()",
    ],
)
def test_split_when_a_routine_has_a_standard_body_then_it_is_one_statement(head, body):
    assert_one(f"{head} {body}", "postgresql")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("BEGIN; ATOMIC; END", ["BEGIN", "ATOMIC", "END"]),
        ("CREATE VIEW v AS SELECT begin atomic; SELECT 2", None),
        ("CREATE FUNCTION f() RETURN (SELECT begin atomic); SELECT 2", None),
        ("CREATE FUNCTION f() AS $$ BEGIN ATOMIC $$; SELECT 2", None),
        ("CREATE FUNCTION atomic() RETURNS int AS 'begin atomic'; SELECT 2", None),
    ],
)
def test_split_when_begin_atomic_opens_no_body_then_terminators_count(source, expected):
    assert texts(source, "postgresql") == (expected or source.split("; "))


@pytest.mark.parametrize(
    ("copy", "rest"),
    [
        ("COPY t FROM STDIN;\n", "a;'b\n$$\n"),
        ("copy s.t (a, b) from stdin with (format csv);\r\n", "1\r\n2\r\n"),
        ('COPY "from" (a) FROM stdin; -- the data:\n', "1\n"),
        ("COPY s.from FROM STDIN ;\n", "1\n"),
        ("COPY t FROM STDOUT;\n", "\\.x\n \\.\n"),
        ("COPY t FROM STDIN;\n", ""),
    ],
)
@pytest.mark.parametrize("end", ["\\.\n", "\\.\r\n", "\\."])
def test_split_when_copy_reads_stdin_then_the_data_are_its_own(copy, rest, end):
    source = f"SELECT 1;\n{copy}{rest}{end}"

    _, statement, *after = split(source + ("SELECT 2" if end.endswith("\n") else ""), "postgresql")

    assert source[slice(*statement.data)] == rest
    assert [(each.text, each.line) for each in after] == (
        [("SELECT 2", source.count("\n") + 1)] if end.endswith("\n") else []
    )


def test_split_when_the_file_ends_in_copy_data_then_they_are_taken_as_psql_does():
    source = "COPY t FROM STDIN;\n1\n2"

    (statement,) = split(source, "postgresql")

    assert source[slice(*statement.data)] == "1\n2"


def test_split_when_text_follows_copy_on_its_line_then_it_is_refused():
    with pytest.raises(SQLError, match="line 2: text after COPY"):
        split("SELECT 1;\nCOPY t FROM STDIN; SELECT 2;\n\\.\n", "postgresql")


@pytest.mark.parametrize(
    "copy",
    [
        "COPY (SELECT a FROM stdin) TO STDOUT",
        "COPY t TO STDIN",
        "COPY t FROM 'stdin'",
        "COPY t FROM PROGRAM 'cat stdin'",
        "COPY t FROM '/tmp/x' WITH (NULL 'FROM STDIN')",
        "COPY \"t FROM STDIN\" TO 'x'",
    ],
)
def test_split_when_copy_does_not_read_stdin_then_there_are_no_data(copy):
    statements = split(f"{copy};\nSELECT 2", "postgresql")

    assert [(each.text, each.data) for each in statements] == [(copy, None), ("SELECT 2", None)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\\connect foo\nSELECT 1;", [("\\connect foo", 1, True), ("SELECT 1", 2, False)]),
        ("SELECT 1;\r\n\\pset x\r\n", [("SELECT 1", 1, False), ("\\pset x", 2, True)]),
        ("SELECT 1 \\gexec\nSELECT 2", None),
        ("SELECT (\n\\i x\n1", [("SELECT (", 1, False), ("\\i x", 2, True), ("1", 3, False)]),
        ("\\restrict k3y\nSELECT 1;\n\\unrestrict k3y\n", [("SELECT 1", 2, False)]),
        ("SELECT '\n\\restrict'", [("SELECT '\n\\restrict'", 1, False)]),
        ("\\copy t from stdin\nit's\n\\.\nSELECT 2", None),
    ],
)
def test_split_when_a_line_is_for_psql_then_it_is_a_meta_command_and_keys_go(source, expected):
    found = [(each.text, each.line, each.meta) for each in split(source, "postgresql")]

    if expected is None:
        first, second = source.partition(" \\" if "gexec" in source else "\n")[0], "SELECT 2"
        assert (found[0][0], found[-1][0]) == (first, second)
        assert sum(meta for *_, meta in found) == 1
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ("SET standard_conforming_strings = off", "SET standard_conforming_strings TO 'on'"),
        ("set session Standard_Conforming_Strings to 'off'", "RESET standard_conforming_strings"),
        ("SET LOCAL standard_conforming_strings TO false", "RESET ALL"),
        (
            "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)",
            "SELECT set_config('standard_conforming_strings', 'on', false)",
        ),
        (
            "COPY (SELECT set_config('standard_conforming_strings', 'off', false)) TO '/dev/null'",
            "DISCARD ALL",
        ),
    ],
)
def test_split_when_strings_do_not_conform_then_a_backslash_escapes(off, on):
    assert texts(rf"{off}; SELECT '\';'; {on}; SELECT '\'; SELECT 3", "postgresql") == [
        off,
        r"SELECT '\';'",
        on,
        r"SELECT '\'",
        "SELECT 3",
    ]


@pytest.mark.parametrize(
    "other",
    [
        "SET",
        "SET LOCAL",
        "SET standard_conforming_strings",
        "SET search_path = standard_conforming_strings",
        "SELECT set_config('standard_conforming_strings')",
        "SELECT 'standard_conforming_strings', 'off'",
        "SELECT set_config('search_path', 'off', 'standard_conforming_strings' = '')",
        "SET x = 'standard_conforming_strings = off'",
        "RESET search_path",
        "-- SET standard_conforming_strings = off\nDISCARD PLANS",
        "CREATE VIEW v AS SELECT set_config('standard_conforming_strings', 'off', false)",
        "CREATE VIEW atomic AS SELECT set_config('standard_conforming_strings', 'off', false)",
    ],
)
def test_split_when_the_setting_is_only_mentioned_then_strings_conform_still(other):
    source = f"SHOW standard_conforming_strings; {other}; SELECT '\\'; SELECT 2"

    assert texts(source, "postgresql")[-2:] == ["SELECT '\\'", "SELECT 2"]


@pytest.mark.parametrize(
    "source",
    [
        'SELECT [a;b], `c;``d`, "e;"',
        "SELECT x'00', /* /* ; */ 1",
        "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; SELECT 2; END",
        "create temp trigger a after insert on b begin select case when 1 then 2 end; end",
        "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT end; SELECT 1 AS [END]; END",
        "CREATE TEMPORARY TRIGGER a AFTER INSERT ON b BEGIN SELECT ';END;'; END",
        "EXPLAIN QUERY PLAN CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END",
        "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END -- c\n",
    ],
)
def test_split_when_sqlite_hides_a_terminator_then_the_statement_stays_whole(source):
    source = source.removesuffix(" -- c\n")
    assert_one(source, "sqlite")


def test_split_when_a_comment_is_open_at_the_end_then_only_sqlite_accepts_it():
    assert texts("SELECT 1; /* open", "sqlite") == ["SELECT 1"]


@pytest.mark.parametrize(
    "source",
    [
        r"SELECT 'a\';b', " + r'"c\";d"',
        "SELECT `a;``b`",
        "SELECT 1 # ;\n + 2",
        "SELECT 1 -- ;\n + 2",
        "SELECT 1--1",
        "/*!40101 SET NAMES utf8 */",
        "/*M!100100 SELECT 1 */",
        "SELECT /*+ NO_INDEX(a;b) */ 1",
        "/*+ hint */ SELECT 1",
        "SELECT 1 /* /* ; */",
        "CREATE TABLE t (a int, -- key\n delimiter char(1))",
    ],
)
def test_split_when_mysql_hides_a_terminator_then_the_statement_stays_whole(source):
    if source.endswith("*/") and "/* /*" in source:
        source += " + 1"
    assert_one(source, "mysql")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("DELIMITER //\nSELECT 1; SELECT 2//\ndelimiter ;\nSELECT 3;", None),
        ("DELIMITER $$\nSELECT 1;$$ SELECT 4/2 $$", ["SELECT 1;", "SELECT 4/2"]),
        ("DELIMITER //\nSELECT 1 /* ' */ + 1 // SELECT 2", ["SELECT 1 /* ' */ + 1", "SELECT 2"]),
        ("DELIMITER ;;\nSELECT 1; ;; SELECT 2", ["SELECT 1;", "SELECT 2"]),
        ("DELIMITER go\nSELECT 1 go SELECT 'go'", ["SELECT 1", "SELECT 'go'"]),
        ("SELECT 1; DELIMITER |\r\nSELECT 2; |\r\n", ["SELECT 1", "SELECT 2;"]),
    ],
)
def test_split_when_mysql_changes_the_delimiter_then_only_that_ends_statements(source, expected):
    assert texts(source, "mysql") == (expected or ["SELECT 1; SELECT 2", "SELECT 3"])


@pytest.mark.parametrize(
    "source",
    [
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
        "CREATE OR REPLACE DEFINER=`a`@`b` PROCEDURE p() SQL SECURITY INVOKER BEGIN END",
        "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW FOLLOWS begin BEGIN SELECT 1; END",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; END",
        "CREATE FUNCTION f() RETURNS int x: BEGIN IF a THEN SELECT 1; END IF; RETURN 1; END x",
        "CREATE PROCEDURE p() BEGIN IF a THEN BEGIN SELECT 1; END; END IF; END",
        "CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SELECT 1; END CASE; END",
        "CREATE PROCEDURE p() BEGIN l: LOOP BEGIN SELECT 1; END; END LOOP l; END",
        "CREATE PROCEDURE p() BEGIN SELECT CASE a WHEN 1 THEN begin END; SELECT end; END",
        "CREATE PROCEDURE p() BEGIN SELECT begin, end FROM t; SELECT 'BEGIN'; END",
        "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR NOT FOUND BEGIN SELECT 1; END; END",
        "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR 1 BEGIN END; SELECT 1; END",
        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END",
        *PROGRAMS,
        *ORACLE_PROGRAMS,
    ],
)
def test_split_when_mysql_has_a_compound_body_then_it_is_one_statement(source):
    assert_one(source, "mysql")


UNCLOSED = [
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT /* END */ 2; SELECT 3",
    "CREATE PROCEDURE p() BEGIN SELECT 1;\nDELIMITER //\nSELECT 2; END//",
    "CREATE PROCEDURE p() IF 1 THEN SELECT 1; END; SELECT 2",
    "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END; SELECT 2",
    "CREATE OR REPLACE PACKAGE p AS PROCEDURE q(); END; SELECT 1",
]


@pytest.mark.parametrize("source", UNCLOSED)
def test_split_when_a_program_never_ends_then_it_is_refused_and_names_delimiter(source):
    with pytest.raises(SQLError, match=r"line 1: .* DELIMITER lines"):
        split(source, "mysql")


@pytest.mark.parametrize("source", UNCLOSED)
def test_fingerprint_when_a_program_never_ends_then_every_terminator_counts(source):
    tokens = list(fingerprint_tokens(source, "mysql"))

    assert tokens.count(";") > 1


@pytest.mark.parametrize(
    ("vendor", "source", "what", "offset"),
    [
        ("postgresql", "SELECT 1;\n 'a", "string", 11),
        ("postgresql", "E'a\\'", "string", 1),
        ("postgresql", 'SELECT ("a', "quoted identifier", 8),
        ("postgresql", "/* /* */", "comment", 0),
        ("postgresql", "SELECT $body$ $$", "dollar quote $body$", 7),
        ("postgresql", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;", "BEGIN ATOMIC body", 20),
        ("postgresql", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; /* a", "comment", 43),
        ("sqlite", "SELECT [a", "quoted identifier", 7),
        ("sqlite", "CREATE TRIGGER a BEGIN SELECT 1;", "trigger body", 0),
        ("mysql", 'SELECT "a\\"', "string", 7),
        ("mysql", "SELECT `a", "quoted identifier", 7),
        ("mysql", "SELECT 1 /* a", "comment", 9),
    ],
)
def test_split_when_something_never_ends_then_the_error_says_what_and_where(
    vendor, source, what, offset
):
    with pytest.raises(UnterminatedError) as caught:
        split(source, vendor)

    error = caught.value
    assert (error.what, error.offset, error.line) == (what, offset, 1 + source[:offset].count("\n"))
    assert str(error) == f"line {error.line}: the {what} that begins here never ends"


def test_split_when_called_then_places_are_exact():
    source = "-- head\n\nSELECT\n  1 ;\n\n/* x */ SELECT 2"

    assert split(source, "postgresql") == [
        Statement("SELECT\n  1", 9, 19, 3),
        Statement("SELECT 2", 31, 39, 6),
    ]


def test_dialect_when_the_vendor_is_unknown_then_the_error_names_the_known_ones():
    with pytest.raises(ValueError, match="'oracle'; known are mysql, postgresql, sqlite"):
        dialect("oracle")


# Pieces that are whole in every vendor's eyes, so that they can stand side by side.
PIECES = {
    "postgresql": ["$$;'$$", "$a$;$a$", "E'\\';'", "/* /* ; */ */", "(1;2)", "a$b$", "$1"],
    "sqlite": ["[;']", "`;`", "x'00'", "'\\'", "/* /* ; */"],
    "mysql": ["'\\';'", '"\\";"', "`;`", "# ;'\n", "/*! 1 */", "/*+ ; */", "1--1"],
}
SHARED = ["SELECT", "a", "1", "'a;''b'", '"c;"', "-- ;'\n", "/* ; */", "-", "/", "*", "=", "@", "é"]


def sources(vendor):
    """Lists of statements, each of whole pieces, beginning and ending in a word."""
    piece = st.sampled_from(SHARED + PIECES[vendor])
    return st.lists(st.lists(piece, max_size=6).map(lambda it: " ".join(["x", *it, "y"])))


MARKS = r"""' " ` [ ] $ $a$ $$ -- /* */ /*! ; ( ) \ # E e' U&' a 1 BEGIN ATOMIC END CASE CREATE é OR
    FUNCTION TRIGGER PROCEDURE REPLACE COPY FROM STDIN DELIMITER // - / \restrict \."""
SPACES = [" ", " ", " ", "\n", "\r", "\n\\.\n", "SET standard_conforming_strings = off;"]
ALPHABET = st.sampled_from(MARKS.split() + SPACES)
NOISE = st.one_of(st.lists(ALPHABET, max_size=30).map("".join), st.text(max_size=40))


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
def test_split_when_statements_are_joined_then_they_come_back(vendor, data):
    statements = data.draw(sources(vendor))

    assert texts(";\n".join(statements), vendor) == statements


@pytest.mark.parametrize("vendor", VENDORS)
@given(source=NOISE)
def test_split_when_given_any_text_then_places_are_exact_or_it_is_refused(vendor, source):
    try:
        statements = split(source, vendor)
    except SQLError as caught:
        error = caught
        statements = []
    else:
        error = None

    if error:
        assert 0 <= error.offset <= len(source)
        assert error.line == 1 + source.count("\n", 0, error.offset)
    last = 0
    for each in statements:
        assert last <= each.start < each.end
        assert source[each.start : each.end] == each.text == each.text.strip(" \t\n\r\f")
        assert each.line == 1 + source.count("\n", 0, each.start)
        last = each.data[1] if each.data else each.end
    assert last <= len(source)


@pytest.mark.parametrize("before", range(12))
def test_split_when_the_word_that_changes_strings_lies_across_two_chunks_sees_it(
    monkeypatch, before
):
    monkeypatch.setattr(statements, "_CHUNK", 10)
    text = " " * before + "SET Standard_conforming_strings = off; SELECT 'a\\'; b'; SELECT 2;"

    assert [one.text for one in split(text, "postgresql")] == [
        "SET Standard_conforming_strings = off",
        "SELECT 'a\\'; b'",
        "SELECT 2",
    ]
