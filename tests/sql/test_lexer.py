"""Token streams: nothing is lost, and a fingerprint sees what changes a statement's meaning."""

import pytest
from hypothesis import given

from migration_guard.sql.lexer import Kind, fingerprint_tokens, tokens
from migration_guard.sql.statements import SQLError
from tests.sql.test_statements import NOISE, VENDORS


@pytest.mark.parametrize("vendor", VENDORS)
@given(source=NOISE)
def test_tokens_when_joined_then_they_are_the_text(vendor, source):
    try:
        found = list(tokens(source, vendor))
    except SQLError:
        return

    assert "".join(token.text for token in found) == source
    assert all(source.startswith(token.text, token.start) and token.text for token in found)


MINUS_ONE = [(Kind.OPERATOR, "="), (Kind.OPERATOR, "-"), (Kind.NUMBER, "1")]


@pytest.mark.parametrize(
    ("vendor", "source", "expected"),
    [
        ("postgresql", "a$b", [(Kind.WORD, "a$b")]),
        ("postgresql", 'U&"a""b"', [(Kind.QUOTED, 'U&"a""b"')]),
        ("postgresql", "$x$;$x$", [(Kind.DOLLAR, "$x$;$x$")]),
        ("postgresql", "$1", [(Kind.NUMBER, "$1")]),
        ("postgresql", "a=-1", [(Kind.WORD, "a"), *MINUS_ONE]),
        ("postgresql", "@-1", [(Kind.OPERATOR, "@-"), (Kind.NUMBER, "1")]),
        ("postgresql", "\\q", [(Kind.META, "\\q")]),
        ("postgresql", "/*/**/*/", [(Kind.COMMENT, "/*/**/*/")]),
        ("sqlite", "[a b]", [(Kind.QUOTED, "[a b]")]),
        ("sqlite", "x'00'", [(Kind.STRING, "x'00'")]),
        ("mysql", '"a\\""', [(Kind.STRING, '"a\\""')]),
        ("mysql", "`a`", [(Kind.QUOTED, "`a`")]),
        ("mysql", "/*+ x */", [(Kind.KEPT_COMMENT, "/*+ x */")]),
        ("mysql", "#a", [(Kind.COMMENT, "#a")]),
        ("mysql", "delimiter //", [(Kind.META, "delimiter //")]),
    ],
)  # fmt: skip
def test_tokens_when_vendors_differ_then_each_has_its_kinds(vendor, source, expected):
    assert [(token.kind, token.text) for token in tokens(source, vendor)] == expected


def test_tokens_when_copy_data_follow_then_they_are_one_token():
    source = "COPY t FROM STDIN; -- x\n1\tit's\n\\.\nSELECT 1"

    found = [(token.kind, token.text) for token in tokens(source, "postgresql")]

    assert (Kind.DATA, "1\tit's\n") in found
    assert (Kind.META, "\\.") in found


def test_tokens_when_copy_has_no_data_then_there_is_no_token_of_them():
    source = "COPY t FROM STDIN;\n\\.\nSELECT 1"

    found = list(tokens(source, "postgresql"))

    assert "".join(token.text for token in found) == source
    assert Kind.DATA not in {token.kind for token in found}


SAME = [
    ("postgresql", "SELECT a", "select  /* x */ A -- y\n;"),
    ("postgresql", "SELECT a; SELECT b", "\\restrict x\nselect a;;\nselect b;"),
    ("postgresql", "SELECT a=-1", "SELECT a = - 1"),
    ("mysql", "SELECT 1; SELECT 2", "DELIMITER //\nSELECT 1 // SELECT 2 //"),
]
DIFFERENT = [
    ("postgresql", "SELECT 'a'", "SELECT 'A'"),
    ("postgresql", "SELECT 'a  b'", "SELECT 'a b'"),
    ("postgresql", 'SELECT "a"', 'SELECT "A"'),
    ("postgresql", "SELECT $$ a $$", "SELECT $$ A $$"),
    ("postgresql", "SELECT a; b", "SELECT a b"),
    ("postgresql", "SELECT ab", "SELECT a b"),
    ("postgresql", "SELECT a <- b", "SELECT a >- b"),
    ("postgresql", "COPY t FROM STDIN;\na\n\\.\n", "COPY t FROM STDIN;\nA\n\\.\n"),
    (
        "postgresql",
        "SET standard_conforming_strings = off; SELECT '\\'A'",
        "SET standard_conforming_strings = off; SELECT '\\'a'",
    ),
    ("mysql", "/*!50000 SELECT 1 */", "/*!50001 SELECT 1 */"),
    ("mysql", "SELECT /*+ BKA(a) */ 1", "SELECT 1"),
    ("mysql", 'SELECT "a"', 'SELECT "A"'),
]


@pytest.mark.parametrize(("vendor", "one", "other"), SAME)
def test_normalized_when_only_the_form_differs_then_it_is_the_same(vendor, one, other):
    assert list(fingerprint_tokens(one, vendor)) == list(fingerprint_tokens(other, vendor))


@pytest.mark.parametrize(("vendor", "one", "other"), DIFFERENT)
def test_normalized_when_the_meaning_may_differ_then_so_does_it(vendor, one, other):
    assert list(fingerprint_tokens(one, vendor)) != list(fingerprint_tokens(other, vendor))
