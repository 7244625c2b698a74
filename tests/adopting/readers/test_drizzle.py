"""Drizzle's journal, its folders since 1.0, and both forms of its table."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.drizzle import TOOL
from migration_guard.adopting.tool import ForeignProblem
from migration_guard.sql.statements import split
from tests.adopting.readers.folders import SQL, keys, read_only_file, refusal, write, write_texts

FIRST, SECOND = "20240102030405_a", "20240102030406_b"
FIRST_TIME = 1704164645000  # the milliseconds of FIRST
BREAK = "--> statement-breakpoint"


def journal(*entries, dialect="postgresql"):
    listed = [
        {"idx": index, "version": "7", "when": when, "tag": tag, "breakpoints": True}
        for index, (when, tag) in enumerate(entries)
    ]
    return json.dumps({"version": "7", "dialect": dialect, "entries": listed})


def row(created_at, **changes):
    return {"id": 1, "hash": "h", "created_at": created_at, **changes}


def test_journal_when_read_then_its_order_counts_and_other_files_do_not(tmp_path):
    write(tmp_path, "0000_b.sql", "0001_a.sql", "0002_left_over.sql", "README.md")
    entries = journal((1700000000002, "0001_a"), (1700000000001, "0000_b"))
    write_texts(tmp_path, {"meta/_journal.json": entries})

    first, second = TOOL.read_files(tmp_path)

    assert (first.key, first.number, first.name) == ("1700000000002", 1, "a")
    assert (second.key, second.number, second.name) == ("1700000000001", 0, "b")


def test_folders_when_read_then_the_name_is_the_key(tmp_path):
    write(tmp_path, f"{SECOND}/migration.sql", f"{FIRST}/migration.sql", "empty/snapshot.json")

    assert keys(TOOL, tmp_path) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"CREATE TABLE a (i int);{BREAK}\nCREATE TABLE b (i int);\n", 2),
        (f"CREATE TABLE a (i int){BREAK}\nCREATE TABLE b (i int)\n{BREAK}\nSELECT 1", 3),
        (f"SELECT 1 -- the first\n{BREAK}\nSELECT 2", 2),
        (f"SELECT 1 --;\n{BREAK}\nSELECT 2", 2),
        (f"{BREAK}\nSELECT 2", 1),
        ("-- Custom SQL migration file, put your code below! --", 0),
    ],
)
def test_parts_when_without_semicolon_then_each_is_still_a_statement(tmp_path, text, count):
    write_texts(tmp_path, {"1_a/migration.sql": text})

    assert len(split(read_only_file(TOOL, tmp_path).text, "postgresql")) == count


def test_checksum_when_read_then_of_the_original_bytes_with_any_line_end(tmp_path):
    content = "\ufeffSELECT 1;\r\n".encode()
    write_texts(tmp_path, {"1_a/migration.sql": content})

    checksums = read_only_file(TOOL, tmp_path).checksum.split()

    assert hashlib.sha256(content).hexdigest() in checksums
    assert hashlib.sha256(content.replace(b"\r", b"")).hexdigest() in checksums
    assert hashlib.sha256(content[3:]).hexdigest() not in checksums


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"0000_a.sql": SQL}, "has no migration of Drizzle"),
        ({"meta/_journal.json": journal((1, "0000_a"))}, "0000_a.sql cannot be read"),
        ({"meta/_journal.json": "{"}, "is not a journal of Drizzle"),
        ({"meta/_journal.json": '{"entries": [{"idx": 0}]}'}, "is not a journal of Drizzle"),
        ({"meta/_journal.json": '{"entries": {"a": 1}}'}, "is not a journal of Drizzle"),
        ({"meta/_journal.json": journal(dialect="gel")}, "says gel"),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, files, reason):
    assert reason in refusal(TOOL, write_texts(tmp_path, files))


@pytest.mark.parametrize(
    ("rows", "of_files", "expected"),
    [
        ([row(1700000000001)], ["1700000000001"], "1700000000001"),
        ([row("1700000000001")], ["1700000000001"], "1700000000001"),
        # A table of 1.0, whose folder was not upgraded.
        ([row(1700000000001, name="0000_a")], ["1700000000001"], "1700000000001"),
        ([row(FIRST_TIME, name=SECOND)], [FIRST, SECOND], SECOND),
        # A folder that was upgraded, and a table that was not.
        ([row(FIRST_TIME + 123)], [FIRST, SECOND], FIRST),
        ([row(FIRST_TIME + 123, name=None)], [FIRST, SECOND], FIRST),
        # Rows without a file.
        ([row(1700000000002)], ["1700000000001"], "1700000000002"),
        ([row(FIRST_TIME, name="gone")], [FIRST, SECOND], "gone"),
    ],
)
def test_row_when_read_then_its_file_is_found(rows, of_files, expected):
    (result,) = TOOL.read_rows(rows, of_files)

    assert (result.key, result.checksum, result.applied_at) == (expected, "h", None)


def test_row_when_two_files_have_its_second_then_it_is_refused():
    with pytest.raises(ForeignProblem, match="drizzle-kit migrate"):
        TOOL.read_rows([row(FIRST_TIME)], [FIRST, f"{FIRST}_too"])


def test_row_when_without_a_time_then_it_is_refused():
    with pytest.raises(ForeignProblem, match="no created_at"):
        TOOL.read_rows([row(None)], [FIRST])


def test_row_when_of_1_0_then_it_has_a_time():
    time = datetime(2025, 1, 1, tzinfo=UTC)

    (result,) = TOOL.read_rows([row(FIRST_TIME, name=FIRST, applied_at=time)], [FIRST])

    assert result.applied_at == time
