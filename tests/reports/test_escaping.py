"""Text of others in terminals, CI logs and documents."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.management.base import Palette
from migration_guard.reports.escaping import (
    escape_characters,
    escape_json,
    escape_text,
    mask_values,
)

HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["::", ":", "##[", "##", "[", "\n", "\r", " ", "\t", "\u00a0", "\0", "0"]),
        st.characters(),
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("a\rb", "a\\x0db"),
        ("a\r\nb\n\tc", "a\nb\n\tc"),
        ("abc\u202edef", "abc\\u202edef"),
        ("a\u2066b\u2028c", "a\\u2066b\\u2028c"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("file\udce9.sql", "file\\udce9.sql"),
        ("é, ж, 漢, 🙂, क\u200d", "é, ж, 漢, 🙂, क\u200d"),
        ("x\n::error file=a::b", "x\n\\x3a:error file=a::b"),
        ("x\n \u3000\t::stop-commands::b", "x\n \u3000\t\\x3a:stop-commands::b"),
        ("x\x0b::error::b", "x\\x0b::error::b"),
        ("table::column::exists", "table::column::exists"),
        ("a ##[add-mask]b ##vso[task.x]", "a #\\x23[add-mask]b #\\x23vso[task.x]"),
        ("## A heading [link]", "## A heading [link]"),
        ("host=h password=hunter2", "host=h password=***"),
    ],
)
def test_escape_text_when_others_wrote_it_then_nothing_obeys_it(text, expected):
    assert escape_text(text) == expected


@given(HOSTILE)
def test_escape_text_when_given_any_text_then_no_line_is_a_command(text):
    escaped = escape_text(text)

    # As GitHub's runner reads it, whatever it takes for the end of a line.
    for line in re.split("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", escaped):
        assert not line.lstrip().startswith("::")
    assert "##[" not in escaped
    assert all(char in "\n\t" or ord(char) >= 0x20 for char in escaped)
    assert escape_text(escaped) == escaped
    escaped.encode()


@given(HOSTILE)
def test_escape_json_when_given_any_value_then_it_stays_the_same(text):
    document = json.dumps({text: [text, 1, None]}, indent=2, ensure_ascii=False)

    escaped = escape_json(document)

    assert json.loads(escaped) == json.loads(document)
    assert escape_characters(escaped) == escaped
    assert "##[" not in escaped
    assert not any(line.lstrip().startswith("::") for line in escaped.split("\n"))


def test_mask_values_when_nested_then_every_string_is_masked():
    value = {"a": ["password=hunter2", ("password=hunter2", 1)], "b": None, "c": True}

    assert mask_values(value) == {"a": ["password=***", ["password=***", 1]], "b": None, "c": True}


def test_palette_when_others_write_marks_then_only_own_pieces_are_coloured():
    class Style:
        def ERROR(self, text):  # noqa: N802
            return f"\x1b[31m{text}\x1b[0m"

    palette = Palette(Style())
    report = palette.ERROR("a\x1b[8mb") + "\n\x1b[8mc \x007\x00"

    assert palette.paint(report) == "\x1b[31ma\\x1b[8mb\x1b[0m\n\\x1b[8mc "
