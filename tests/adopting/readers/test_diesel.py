"""Diesel's folders and rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.diesel import TOOL
from migration_guard.adopting.tool import ForeignRow, State
from tests.adopting.readers.folders import SQL, keys, read_only_file, refusal, write, write_texts


def test_folders_when_read_then_by_version_without_hyphens(tmp_path):
    write(tmp_path, "2019-01-02-000000_b/up.sql", "2019-01-02-000000_b/down.sql")
    write(tmp_path, "00000000000000_diesel_initial_setup/up.sql", "20190101000000_a_1/up.sql")

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.number, file.name, file.down_parts) for file in files] == [
        ("00000000000000", 0, "diesel_initial_setup", 0),
        ("20190101000000", 20190101000000, "a_1", 0),
        ("20190102000000", 20190102000000, "b", 1),
    ]


def test_versions_when_sorted_then_as_text(tmp_path):
    # Since 2.3, a number in hexadecimal follows the second.
    names = ["2024-01-01-000000-000a_c", "2024-01-01-000000-0009_b", "2024-01-01-000000_a", "x_d"]
    write(tmp_path, *(f"{name}/up.sql" for name in names))

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.number) for file in files] == [
        ("20240101000000", 20240101000000),
        ("202401010000000009", 202401010000000009),
        ("20240101000000000a", None),
        ("x", None),
    ]


def test_entries_when_no_folder_with_files_then_they_are_passed_over(tmp_path):
    write(tmp_path, "1_a/up.sql", "2_b.sql", ".3_c/up.sql", "diesel.toml")
    (tmp_path / "4_d").mkdir()

    assert keys(TOOL, tmp_path) == ["1"]


def test_linked_folder_when_read_then_it_counts(tmp_path):
    write(tmp_path, "m/1_a/up.sql", "other/up.sql")
    (tmp_path / "m/2_b").symlink_to(tmp_path / "other")

    assert keys(TOOL, tmp_path / "m") == ["1", "2"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["README.md"], "has no migration of Diesel"),
        (["src/main.rs", "migrations/1_a/up.sql"], "migrations?"),
        (["1_a/up.sql", "2_b/mod.rs"], "2_b has no up.sql. If it is a migration in Rust"),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, names, reason):
    assert reason in refusal(TOOL, write(tmp_path, *names))


@pytest.mark.parametrize(
    ("metadata", "in_transaction"),
    [
        ("run_in_transaction = true", True),
        ("run_in_transaction = false", False),
        # The key is false where the file lacks it, and what cannot be read is passed over.
        ("", False),
        ("comment = 1", False),
        ("run_in_transaction = 'no'", True),
        ("run_in_transaction", True),
    ],
)
def test_metadata_when_read_then_as_diesel_does(tmp_path, metadata, in_transaction):
    write_texts(tmp_path, {"1_a/up.sql": SQL, "1_a/metadata.toml": metadata})

    assert read_only_file(TOOL, tmp_path).in_transaction is in_transaction


def test_row_when_read_then_it_is_applied_at_its_time():
    time = datetime(2024, 1, 1, tzinfo=UTC)

    rows = TOOL.read_rows([{"version": "20190101000000", "run_on": time}], [])

    assert rows == [ForeignRow("20190101000000", State.APPLIED, time)]
