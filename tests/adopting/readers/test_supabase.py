"""Supabase's files, and the statements that its table keeps."""

from __future__ import annotations

import pytest

from migration_guard.adopting.readers.supabase import TOOL
from migration_guard.adopting.tool import ForeignRow, State
from tests.adopting.readers.folders import keys, read_only_file, refusal, write, write_texts

FUNCTION = "create function f() returns int language sql as $$ select 1; $$"


def test_files_when_read_then_in_the_order_of_their_names(tmp_path):
    write(tmp_path, "10_b.sql", "1_a.sql", "2_.sql", "README.md", "3-c.sql", "4_d.SQL", "x_5.sql")
    write(tmp_path, "6_folder.sql/x.sql", ".7_hidden.sql")

    assert keys(TOOL, tmp_path) == ["10", "1", "2"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["20211208000000_init.sql", "20220101000000_a.sql"], ["20220101000000"]),
        (["20211209000000_init.sql"], ["20211209000000"]),
        # Only the first entry of the folder is passed over.
        ([".gitkeep", "20211208000000_init.sql"], ["20211208000000"]),
        (["20211207000000_a.sql", "20211208000000_init.sql"], ["20211207000000", "20211208000000"]),
    ],
)
def test_old_init_when_first_then_it_is_passed_over(tmp_path, names, expected):
    assert keys(TOOL, write(tmp_path, *names)) == expected


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["a.sql"], "has no migration of Supabase")],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, names, reason):
    assert reason in refusal(TOOL, write(tmp_path, *names))


@pytest.mark.parametrize(
    ("text", "statements", "is_equal"),
    [
        ("create table a (i int);\n\ncreate table b (i int);", ["create table a (i int)", "create table b (i int)"], True),
        (f"\ufeff-- why\r\n{FUNCTION};\r\n", [f"-- why\r\n{FUNCTION}"], True),
        # The dashboard keeps all of a file as one statement.
        ("select 1;\nselect 2;\n", ["select 1;\nselect 2;"], True),
        ("select 1;;", ["select 1"], True),
        ("select 1;", ["select 2"], False),
        ("select 1; select 2;", ["select 1"], False),
        ("select 1; -- x", ["select 1", "-- y"], False),
    ],
)  # fmt: skip
def test_checksum_when_compared_then_of_what_ran(tmp_path, text, statements, is_equal):
    write_texts(tmp_path, {"1_a.sql": text})

    (row,) = TOOL.read_rows([{"version": "1", "name": "a", "statements": statements}], ["1"])

    assert (read_only_file(TOOL, tmp_path).checksum == row.checksum) is is_equal


@pytest.mark.parametrize("row", [{"version": "1"}, {"version": "1", "statements": None}])
def test_row_when_an_old_version_wrote_it_then_it_proves_nothing(row):
    assert TOOL.read_rows([row], []) == [ForeignRow("1", State.APPLIED)]
