"""sqlx's files and rows."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.sqlx import TOOL
from migration_guard.adopting.tool import ForeignRow, State
from tests.adopting.readers.folders import SQL, read_only_file, refusal, write, write_texts

TIME = datetime(2024, 1, 1, tzinfo=UTC)


def test_files_when_read_then_by_version_and_others_are_passed_over(tmp_path):
    write(tmp_path, "10_b.sql", "9_a.sql", "x.sql", "3_c.SQL", "+2_d.sql", "4_e.sql/x.sql")

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.number, file.name) for file in files] == [
        ("2", 2, "d"),
        ("9", 9, "a"),
        ("10", 10, "b"),
    ]


def test_pairs_when_read_then_the_up_files_with_the_number_of_the_others(tmp_path):
    write(tmp_path, "001_a.up.sql", "001_a.down.sql", "002_b.up.sql", "003_c.down.sql")

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.name, file.down_parts) for file in files] == [
        ("1", "a", 1),
        ("2", "b", 0),
    ]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["README.md"], "has no migration of sqlx"),
        (["a_b.sql"], "'a' is not a version"),
        ([f"{2**63}_b.sql"], "is not a version"),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, names, reason):
    assert reason in refusal(TOOL, write(tmp_path, *names))


@pytest.mark.parametrize(
    ("text", "kept", "in_transaction"),
    [
        (SQL, SQL, True),
        (f"-- no-transaction\n{SQL}", SQL, False),
        (f"-- no-transactions here\r\n{SQL}", SQL, False),
        (f"--no-transaction\n{SQL}", f"--no-transaction\n{SQL}", True),
        (f"\n-- no-transaction\n{SQL}", f"\n-- no-transaction\n{SQL}", True),
        (f"\ufeff-- no-transaction\n{SQL}", f"-- no-transaction\n{SQL}", True),
    ],
)
def test_first_line_when_it_asks_for_none_then_no_transaction(tmp_path, text, kept, in_transaction):
    write_texts(tmp_path, {"1_a.sql": text})

    file = read_only_file(TOOL, tmp_path)

    assert (file.text, file.in_transaction) == (kept, in_transaction)


def test_checksum_when_read_then_of_the_original_bytes(tmp_path):
    content = "\ufeff-- no-transaction\r\nSELECT 1;\r\n".encode()
    write_texts(tmp_path, {"1_a.sql": content})

    assert read_only_file(TOOL, tmp_path).checksum == hashlib.sha384(content).hexdigest()


@pytest.mark.parametrize(
    ("success", "state"),
    [(True, State.APPLIED), (1, State.APPLIED), (False, State.FAILED), (0, State.FAILED)],
)
def test_row_when_read_then_success_decides(success, state):
    row = {"version": 1, "installed_on": TIME, "success": success, "checksum": b"\x0a\xff"}

    assert TOOL.read_rows([row], []) == [ForeignRow("1", state, TIME, "0aff")]
