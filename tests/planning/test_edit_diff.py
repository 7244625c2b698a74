"""The diff of an edited file: what looks the same is spelt out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.planning.edit_diff import diff_lines

DIFFS = {
    "statement": ("SELECT 1\n", "SELECT 2\n", ["-SELECT 1", "+SELECT 2"]),
    "space within a line": ("a  b\n", "a b\n", ["-a  b", "+a b"]),
    "comment": ("-- a\n", "-- b\n", ["--- a", "+-- b"]),
    "end of the file": ("a", "a\n", ["-a", "\\ No newline at end of file", "+a"]),
    "normal form": (
        "é\n",
        "e\u0301\n",
        [
            "-é",
            "+e\u0301",
            "? column 1: U+00E9 LATIN SMALL LETTER E WITH ACUTE (c3 a9) became "
            "U+0065 LATIN SMALL LETTER E (65) + U+0301 COMBINING ACUTE ACCENT (cc 81)",
        ],
    ),
    "seen and unseen": (
        "a 5\n",
        "a\u00a06\n",
        [
            "-a 5",
            "+a\u00a06",
            "? column 2: U+0020 SPACE (20) + U+0035 DIGIT FIVE (35) became "
            "U+00A0 NO-BREAK SPACE (c2 a0) + U+0036 DIGIT SIX (36)",
        ],
    ),
    "tabs": (
        "a\n    b\n",
        "a\n\tb\n",
        "? column 1: 4 times U+0020 SPACE (20) became U+0009 TAB (09)",
    ),
    "space at the end": ("a\n", "a  \n", "? column 2: 2 times U+0020 SPACE (20) was added"),
    "blank line": (" \na\n", "\na\n", "? column 1: U+0020 SPACE (20) was removed"),
    "among other lines": (
        "a\nx b\n",
        "new\na\u200b\nx b\n",
        "? line 1, column 2: U+200B ZERO WIDTH SPACE (e2 80 8b) was added",
    ),
    "second line": ("a\nb c\n", "d\nb\u00a0c\n", "? line 2, column 2: U+0020 SPACE (20) became "),
    "all letters": (
        "\u0441\u043e\u0441\u043e\n",
        "coco\n",
        "? column 1: U+0441 CYRILLIC SMALL LETTER ES (d1 81)",
    ),
    "carriage return": ("a\rb\n", "a b\n", "? column 2: U+000D CARRIAGE RETURN (0d) became "),
}


@pytest.mark.parametrize(("old", "new", "expected"), DIFFS.values(), ids=DIFFS)
def test_diff_when_texts_differ_shows_what(old, new, expected):
    lines = diff_lines(old, new, "old", "new", context=0)[3:]

    if isinstance(expected, str):
        notes = [line for line in lines if line.startswith("?")]
        assert len(notes) == 1
        assert notes[0].startswith(expected)
    else:
        assert lines == expected


@given(st.text("ab \t\r\n\u00a0é\u0301\u200b"), st.text("ab \t\r\n\u00a0é\u0301\u200b"))
def test_diff_when_any_texts_differ_is_never_empty(old, new):
    assert bool(diff_lines(old, new, "old", "new", context=2)) == (old != new)


def test_diff_when_lines_have_nothing_in_common_names_no_bytes():
    lines = diff_lines("Größe über alles\n", "SELECT 1\n", "old", "new", context=0)

    assert [line for line in lines if line.startswith("?")] == []
