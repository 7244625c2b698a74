"""sql-migrate's files, part by part, and its rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.sql_migrate import TOOL
from migration_guard.adopting.tool import ForeignRow, State
from tests.adopting.readers.folders import keys, read_only_file, refusal, write_texts

UP, DOWN = "-- +migrate Up\n", "-- +migrate Down\n"
BEGIN, END = "-- +migrate StatementBegin\n", "-- +migrate StatementEnd\n"


def test_files_when_sorted_then_by_number_and_those_without_last(tmp_path):
    names = ["b.sql", "10_a.sql", "9_b.sql", "09_a.sql", ".c.sql", "1.sql", "README.md", "2_x.SQL"]
    write_texts(tmp_path, dict.fromkeys(names, UP))

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.number, file.name) for file in files] == [
        ("1.sql", 1, ""),
        ("09_a.sql", 9, "a"),
        ("9_b.sql", 9, "b"),
        ("10_a.sql", 10, "a"),
        (".c.sql", None, ".c"),
        ("b.sql", None, "b"),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"{UP}a;\n{DOWN}b;\n", "a;\n"),
        (f"{DOWN}b;\n{UP}a;\n", "a;\n"),
        (f"{UP}a;\n{DOWN}b;\n{UP}c;\n", "a;\nc;\n"),
        (f"{UP}a;", "a;\n"),
        # What stands above the first command is not run.
        (f"x;\n{UP}a;\n", "a;\n"),
        (f"{UP.rstrip()}\r\na;\r\n", "a;\n"),
        # Comments in a statement are not sent, so they are in no function.
        (f"{UP}-- why\na\n-- not\nb;\n", "-- why\na\nb;\n"),
        (f"{UP}a --\n;\n", "a --\n;\n"),
        (f"{UP}a; -- b\n", "a; -- b\n"),
        (f"{UP}--a\nb;\n", "--a\nb;\n"),
        (f"{UP}{BEGIN}a;\nb\n{END}c;\n", "a;\nb\n;\nc;\n"),
        (f"{UP}{BEGIN}a;\nb;\n{END}c;\n", "a;\nb;\nc;\n"),
        (f"{BEGIN}{UP}a;\nb;\n", "a;\nb;\n"),
        (f"{UP}-- +migrate Other\na;\n", "a;\n"),
        (f"{UP}-- +other\na;\n", "a;\n"),
        (f"{UP}-- nothing to do\n", "-- nothing to do\n"),
    ],
)
def test_up_part_when_read_then_what_sql_migrate_sends(tmp_path, text, kept):
    write_texts(tmp_path, {"1_a.sql": text})

    assert read_only_file(TOOL, tmp_path).text == kept


@pytest.mark.parametrize(
    ("text", "in_transaction", "down_parts"),
    [
        (f"{UP}a;\n", True, 0),
        (f"{UP}a;\n{DOWN}", True, 0),
        (f"{UP}a;\n{DOWN}-- nothing\n", True, 0),
        (f"{UP}a;\n{DOWN}b;\n", True, 1),
        ("-- +migrate Up notransaction\na;\n", False, 0),
        (f"{UP}a;\n-- +migrate Down notransaction\nb;\n", True, 1),
        ("-- +migrate Up no transaction\na;\n", True, 0),
    ],
)
def test_commands_when_read_then_transaction_and_down_part(
    tmp_path, text, in_transaction, down_parts
):
    write_texts(tmp_path, {"1_a.sql": text})

    file = read_only_file(TOOL, tmp_path)

    assert (file.in_transaction, file.down_parts) == (in_transaction, down_parts)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.txt": ""}, "has no migration of sql-migrate"),
        ({"1_a.sql": "a;"}, "has no line -- +migrate Up"),
        ({"1_a.sql": f"\ufeff{UP}a;"}, "has no line -- +migrate Up"),
        ({"1_a.sql": f"{UP}a"}, "without a semicolon"),
        ({"1_a.sql": f"{UP}a\n{DOWN}"}, "without a semicolon"),
        ({"1_a.sql": f"{UP}{BEGIN}a;"}, "StatementBegin without"),
        ({"1_a.sql": f"{UP}-- +migrate \n"}, "without a command"),
        ({f"{2**63}_a.sql": UP}, "too large"),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, files, reason):
    assert reason in refusal(TOOL, write_texts(tmp_path, files))


def test_row_when_read_then_the_file_name_is_the_key(tmp_path):
    time = datetime(2024, 1, 1, tzinfo=UTC)
    write_texts(tmp_path, {"1_a.sql": UP})

    rows = TOOL.read_rows([{"id": "1_a.sql", "applied_at": time}], keys(TOOL, tmp_path))

    assert rows == [ForeignRow("1_a.sql", State.APPLIED, time)]
