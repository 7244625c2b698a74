"""A difference that no reader sees is written with escapes; every other text stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.contracts.outcomes import Requirement, Violated
from migration_guard.schema.unseen import escape_unseen

UNSEEN = {
    "line ends": ("BEGIN\r\n  x;\r\nEND", "BEGIN\n  x;\nEND", r"\r\n", r"\n"),
    "a tab": ("\tRETURN 1", "    RETURN 1", r"\t", r"\x20\x20\x20\x20"),
    "a trailing blank": ("DEFAULT 'a'", "DEFAULT 'a '", "DEFAULT 'a'", r"'a\x20'"),
    "a no-break space": ("a b", "a\u00a0b", r"a\x20b", r"a\xa0b"),
    "a zero-width space": ("ab", "a\u200bb", "ab", r"a\u200bb"),
    "normal forms": ("caf\u00e9", "cafe\u0301", r"caf\xe9", r"cafe\u0301"),
    "several marks": ("\u1ec7x", "e\u0323\u0302x", r"\u1ec7x", r"e\u0323\u0302x"),
    "another script": ("p\u0430y", "pay", r"p\u0430y", "pay"),
    "more blanks": ("a  b", "a b", r"a\x20\x20b", r"a\x20b"),
    "a blank at the start": (" a", "a", r"\x20a", "a"),
    "a ligature": ("\ufb01x", "fix", r"\ufb01x", "fix"),
    "far from the start": ("x" * 999 + "\r\ny", "x" * 999 + "\ny", "…" + "x" * 40, "…"),
    "wide letters": ("\uff21", "A", r"\uff21", "A"),
}


@pytest.mark.parametrize(("first", "second", "shown", "other"), UNSEEN.values(), ids=UNSEEN.keys())
def test_escape_when_no_reader_sees_the_difference_then_it_is_escaped(first, second, shown, other):
    texts = escape_unseen(first, second)

    assert shown in texts[0]
    assert other in texts[1]
    assert texts[0] != texts[1]
    assert escape_unseen(second, first) == texts[::-1]


@pytest.mark.parametrize(
    ("first", "second"), [("a", "b"), ("a\r\nb", "a\r\nb"), ("", "a"), ("a b", "a c"), ("é", "e")]
)
def test_escape_when_a_reader_sees_the_difference_then_nothing_is_escaped(first, second):
    assert escape_unseen(first, second) == (first, second)


def test_violation_when_a_default_looks_the_same_then_it_is_escaped():
    outcome = Violated("wrong-default", "'a b'", "'a\u00a0b'")

    violation = Requirement("id", "t", "column c", "c.toml:1").assertion(outcome).violation

    assert (violation.expected, violation.actual) == (r"'a\x20b'", r"'a\xa0b'")


TEXTS = st.text(st.sampled_from("ab \t\r\n\u00a0\u200b\u0301\u0430\u00e9é"), max_size=12)


@given(first=TEXTS, second=TEXTS)
def test_escape_when_texts_differ_then_what_is_shown_differs(first, second):
    shown = escape_unseen(first, second)

    assert (shown[0] == shown[1]) == (first == second)
