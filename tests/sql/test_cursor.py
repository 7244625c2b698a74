"""The cursor over the tokens of one statement: brackets, commas, keywords and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.sql.cursor import (
    Cursor,
    Name,
    closing_bracket,
    depths,
    keyword,
    outside_brackets,
    read_tokens,
    source_of,
    split_at_commas,
)
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import significant

VENDORS = ("postgresql", "sqlite", "mysql")
NOISE = st.text(alphabet="(),.'\"`[]$;-/*!# aAÉU&\\0\n", max_size=40)


def tokens(text, vendor="postgresql"):
    return list(significant(text, dialect(vendor)))


def texts(parts):
    return [token.text for token in parts]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a, b", ["a", "b"]),
        ("f(a, b), (c, (d, e))", ["f(a, b)", "(c, (d, e))"]),
        ("',', \"b,\"", ["','", '"b,"']),
        ("a,, b,", ["a", "", "b", ""]),
        ("a /* , */ b, -- c,\n d", ["a /* , */ b", "d"]),
        ("(a, b", ["(a, b"]),
    ],
)
def test_split_at_commas_when_brackets_hold_commas_then_they_stay_together(text, parts):
    assert [source_of(text, part) for part in split_at_commas(tokens(text))] == parts


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("a (b (c) d) e", ["a", ")", "e"]),
        ("(a)", [")"]),
        ("a) b", ["a"]),
        ("a (b", ["a"]),
        ("'(' a", ["'('", "a"]),
    ],
)
def test_outside_brackets_when_groups_nest_then_only_their_ends_are_seen(text, outside):
    assert texts(outside_brackets(tokens(text))) == outside


@pytest.mark.parametrize(
    ("text", "position"), [("()", 1), ("(a (b) c) d", 6), ("(a", 2), ("(')'", 2)]
)
def test_closing_when_a_bracket_opens_then_its_end_is_found(text, position):
    assert closing_bracket(tokens(text), 0) == position


@pytest.mark.parametrize(
    ("vendor", "text", "name"),
    [
        ("postgresql", "Shop.Items x", Name("items", "shop")),
        ("postgresql", '"Shop"."It""ems"', Name('It"ems', "Shop")),
        ("postgresql", "db.s.t", Name("t", "s")),
        ("postgresql", 'U&"d\\0061t\\+000061"', Name("data")),
        ("postgresql", "é" * 40, Name("é" * 31)),
        ("mysql", "Shop . `It``ems`", Name("It`ems", "Shop")),
        ("mysql", "x" * 70, Name("x" * 70)),
        ("sqlite", "[a b].'c'", Name("c", "a b")),
        ("sqlite", "`a``b`", Name("a`b")),
        ("sqlite", "(a)", None),
        ("sqlite", "", None),
        ("sqlite", "a.", Name("a")),
    ],
)
def test_take_name_when_quoted_or_not_then_it_is_as_the_catalogue_keeps_it(vendor, text, name):
    assert read_tokens(text, dialect(vendor)).take_name() == name


def test_cursor_when_words_are_taken_then_it_stands_after_them():
    cursor = read_tokens('create "x" /* y */ Table if (a, (b)) t', dialect("postgresql"))

    assert cursor.peek() == "CREATE"
    assert not cursor.accept("CREATE", "TABLE")
    assert cursor.accept("CREATE", '"x"')
    assert cursor.accept_any({"INDEX", "TABLE"}) == "TABLE"
    assert cursor.accept_any({"INDEX", "TABLE"}) == ""
    assert cursor.take_group() == []
    assert cursor.take() == "IF"
    assert texts(cursor.take_group()) == ["a", ",", "(", "b", ")"]
    assert texts(cursor.rest) == ["t"]
    assert cursor.take_name() == Name("t")
    assert cursor.is_at_end
    assert (cursor.peek(), cursor.take(), cursor.rest) == ("", "", [])


def test_cursor_when_a_comment_is_executed_then_what_it_holds_counts():
    cursor = read_tokens("CREATE /*!50001 VIEW */ v", dialect("mysql"))

    assert cursor.accept("CREATE", "VIEW")


@pytest.mark.parametrize("vendor", VENDORS)
@given(text=NOISE)
def test_cursor_when_given_any_text_then_nothing_is_raised_or_lost(vendor, text):
    cursor = Cursor(tokens(text, vendor), dialect(vendor))
    while not cursor.is_at_end:
        before = cursor.position
        assert min([0, *depths(texts(cursor.take_group()))]) == 0
        cursor.take_name()
        if cursor.position == before:
            assert cursor.take() == keyword(cursor.tokens[before])


@given(text=NOISE)
def test_split_at_commas_when_given_any_text_then_no_token_is_lost(text):
    parts = split_at_commas(tokens(text))

    assert sum(map(len, parts)) + len(parts) - 1 == len(tokens(text))
    assert all(depth == 0 for part in parts[:-1] for depth in [*depths(texts(part))][-1:])
