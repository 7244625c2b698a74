"""Strings and bytes of MariaDB: one value in many spellings, and no two values as one."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.schema.defaults import same_default
from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.meaning import has_same_meaning
from migration_guard.schema.read import read_snapshot

TEXTS = st.text(st.sampled_from("ab'\"\\%_\n\t\0Zné "), max_size=6)
# Each has the value as MySQL reads it.
SPELLINGS = [
    lambda text: text.replace("\\", "\\\\").replace("'", "''"),
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"'),
    lambda text: text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n"),
    lambda text: text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0"),
    lambda text: text.replace("\\", "\\\\").replace("'", "''").replace("a", "\\a"),
]


@given(TEXTS, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_literal_when_spelled_otherwise_is_the_same(text, first, second):
    assert has_same_meaning(f"'{first(text)}'", f"'{second(text)}'", "mysql")


@given(TEXTS, TEXTS, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_literal_when_the_value_differs_is_another(text, other, first, second):
    is_same = has_same_meaning(f"'{first(text)}'", f"'{second(other)}'", "mysql")

    assert is_same is (text == other)


@given(st.binary(min_size=1, max_size=5), st.binary(min_size=1, max_size=5))
def test_default_when_it_is_bytes_is_compared_by_them(value, other):
    literal = f"X'{value.hex()}'"

    assert same_default(literal, f"0x{other.hex().upper()}", "mysql") is (value == other)
    assert same_default(f"_binary {literal}", literal, "mysql")


@pytest.mark.parametrize(
    ("type_", "default", "other"),
    [
        ("varbinary(9)", "0xFEFF", "0xFEFE"),
        ("varbinary(9)", "0xFEFF", "'??'"),
        ("varbinary(9) COMMENT 'DEFAULT ?'", "0x3FFF", "0x3F3F"),
        ("binary(3)", "X'00FF01'", "X'00FF02'"),
        ("blob", "(0xFEFF)", "(0xFEFE)"),
        ("varbinary(20)", "0x27FF27", "0x27FE27"),
    ],
)
def test_default_when_its_bytes_are_no_text_is_compared_by_them(mariadb, type_, default, other):
    statement = "CREATE OR REPLACE TABLE t (id int, `a ``b` {} DEFAULT {})"
    snapshots = []
    for value in (default, default, other):
        mariadb.execute(statement.format(type_, value))
        snapshots.append(read_database(connection))
    first, second, third = snapshots

    assert [one for one in compare(first, second) if one.change is not Change.SAME] == []
    (found,) = (one for one in compare(first, third) if one.change is not Change.SAME)
    assert found.database_object.object == "column a `b"
    held = read_snapshot(connection).table("t").column("a `b").default
    assert same_default(other, held, "mysql") or other.strip("'()") in held


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (b"id int, b blob AS (concat('\xfe', id, '?'))", "column b"),
        (b"id int, b blob CHECK (b <> '\xfe')", "CHECK (`b` <> X'fe') of its column"),
        (b"id int, b blob, CONSTRAINT k CHECK (b <> '\xfe?')", "check k"),
        (b"id int, b blob DEFAULT (concat('\xfe', '\xfe'))", "column b"),
    ],
)
def test_expression_when_its_bytes_are_no_text_is_compared_by_them(mariadb, columns, expected):
    cursor, snapshots = mariadb.connect().cursor(), []
    for byte in (b"\xfe", b"\xfe", b"\xff"):
        cursor.execute(b"CREATE OR REPLACE TABLE t (" + columns.replace(b"\xfe", byte) + b")")
        snapshots.append(read_database(connection))
    first, second, third = snapshots

    assert [one for one in compare(first, second) if one.change is not Change.SAME] == []
    (found,) = (one for one in compare(first, third) if one.change is not Change.SAME)
    assert found.database_object.object == expected
