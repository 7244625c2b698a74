"""The quick ways through a text give what the slow ones give, and nothing is read twice."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sql
from migration_guard.sql.dialects import dialect
from migration_guard.sql.lexer import fingerprint_tokens
from migration_guard.sql.scanner import Kind, normal_texts, scan, significant
from migration_guard.sql.statements import SQLError, split

VENDORS = ["postgresql", "sqlite", "mysql"]
MARKS = r"""' " ` [ ] ; ; ( ) - / * # -- /* */ /*! $ $$ $a$ \ = ->> 1 1.5e3 .5 é A select E' e'\''
    'x' "Q" `b` U&'x' x'1f' N'a'"""
NOISE = st.lists(st.sampled_from([*MARKS.split(), " ", "\n", "-- c\n", "/* c */"]), max_size=25)


@pytest.mark.parametrize("vendor", VENDORS)
@given(source=NOISE.map("".join))
def test_significant_tokens_when_read_with_their_gaps_then_they_are_those_of_the_scan(
    vendor, source
):
    lexis = dialect(vendor)

    every = scan(source, lexis)

    expected = [each for each in every if each.kind not in (Kind.SPACE, Kind.COMMENT)]
    assert list(significant(source, lexis)) == expected


@pytest.mark.parametrize("vendor", VENDORS)
@given(source=NOISE.map("".join))
def test_normal_texts_when_found_all_at_once_then_they_are_those_of_the_tokens(vendor, source):
    lexis = dialect(vendor)

    ours = normal_texts(source, lexis, 0, len(source))

    assert ours == [
        each.text.lower() if each.kind is Kind.WORD else each.text
        for each in significant(source, lexis)
    ]


BODIES = {
    "postgresql": ("CREATE FUNCTION f(a int) RETURNS int\nBEGIN ATOMIC ", "", "/* /* */ */"),
    "sqlite": ("CREATE TEMP TRIGGER t AFTER INSERT ON u BEGIN ", "", ""),
    "mysql": ("CREATE PROCEDURE p(a int) BEGIN ", "", "BEGIN SELECT 1; END;"),
}
INNER = [
    "SELECT 1",
    "UPDATE t SET a = CASE WHEN b THEN ';' ELSE (1) END",
    "SELECT x AS ended -- END;\n",
    "SELECT (((((1)))))",
    "INSERT INTO t VALUES ('END;', 1) /* ; END; */",
]


@pytest.mark.parametrize("vendor", VENDORS)
@given(inner=st.lists(st.sampled_from(INNER), min_size=1, max_size=5), slow=st.integers(0, 5))
def test_split_when_a_body_takes_one_match_or_steps_then_it_ends_at_the_same_place(
    vendor, inner, slow
):
    """What the pattern of a whole body cannot go through makes it take steps."""
    head, end, obstacle = BODIES[vendor]
    statements = [f"{each};" for each in inner]
    statements.insert(min(slow, len(inner)), obstacle)
    body = head + "\n".join(statements) + f" END{end}"

    found = [each.text for each in split(f"SELECT 0; {body}; SELECT 2; SELECT 3", vendor)]

    assert found == ["SELECT 0", body, "SELECT 2", "SELECT 3"]


def test_split_when_a_word_only_ends_like_create_then_no_body_is_opened():
    source = "endCREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2"

    assert [each.text for each in split(source, "postgresql")] == source.split("; ")


def test_split_when_begin_atomic_stands_in_a_comment_then_no_body_is_opened():
    source = "CREATE FUNCTION f() -- BEGIN ATOMIC SELECT 0\nRETURNS int RETURN 1; SELECT 2"

    assert [each.text for each in split(source, "postgresql")] == source.split("; ")


TEXTS = {
    "inserts": (sql.inserts, "postgresql"),
    "functions": (sql.atomic_functions, "postgresql"),
    "quoted functions": (sql.dollar_functions, "postgresql"),
    "triggers": (sql.triggers, "sqlite"),
    "open parentheses": (lambda _number: "SELECT ((((((1", "postgresql"),
    "spaces": (lambda _number: " \n", "mysql"),
    "half comments": (lambda _number: "/ * - a", "sqlite"),
    "procedures": (lambda number: f"CREATE PROCEDURE p{number}() BEGIN ;", "mysql"),
    "bodies": (lambda _number: "CREATE FUNCTION f() BEGIN ATOMIC ; SELECT $$;$$;", "postgresql"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "read", [split, lambda text, vendor: list(fingerprint_tokens(text, vendor))]
)
def test_reading_when_the_text_is_eight_times_as_long_then_it_takes_eight_times_the_calls(
    name, read
):
    """Calls, of C too, are counted and not timed: nothing starts over, nothing looks back."""
    one, vendor = TEXTS[name]

    def calls(size):
        text, count = "".join(sql.fill(one, size)), 0

        def note(_frame, event, _argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            read(text, vendor)
        except SQLError:
            pass
        finally:
            sys.setprofile(None)
        return count

    calls(1000)  # compiles the patterns
    assert calls(40_000) <= 9 * calls(5000) + 100
