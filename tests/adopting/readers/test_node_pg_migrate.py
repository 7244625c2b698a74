"""node-pg-migrate's files, their parts, and its rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.node_pg_migrate import TOOL
from tests.adopting.readers.folders import keys, read_only_file, refusal, write, write_texts


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10_b.sql", "9_a.sql", "0011_c.sql"], ["9_a", "10_b", "0011_c"]),
        # 17 digits are a time, 13 are milliseconds.
        (
            ["20200513070724505_b.sql", "1589353644504_a.sql", "1589353644506-c.sql"],
            ["1589353644504_a", "20200513070724505_b", "1589353644506-c"],
        ),
        (["1_a-10.sql", "1_a-9.sql", "1_B.sql", "01_a_1.sql"], ["01_a_1", "1_a-9", "1_a-10", "1_B"]),
        (["1_a.sql", ".2_b.sql", "README.md", "3_c.sql/x.sql", "4_d.json"], ["1_a"]),
    ],
)  # fmt: skip
def test_files_when_sorted_then_as_node_pg_migrate_does(tmp_path, names, expected):
    assert keys(TOOL, write(tmp_path, *names)) == expected


@pytest.mark.parametrize(
    ("text", "kept", "down_parts"),
    [
        ("a;\n", "a;\n", 0),
        ("-- Up Migration\na;\n-- Down Migration\nb;\n", "a;", 1),
        ("-- Down Migration\nb;\n-- Up Migration\na;\n", "a;\n", 1),
        ("x;\n-- Up Migration\na;\n", "a;\n", 0),
        ("--- up   migration of users\na;\n\n  -- DOWN migration\nb;\n", "a;", 1),
        ("\ufeff-- Up Migration\r\na;\r\n", "a;\n", 0),
        ("a; -- Up Migration\n", "a; -- Up Migration\n", 0),
        ("-- Up Migration", "", 0),
    ],
)
def test_up_part_when_read_then_without_its_marker(tmp_path, text, kept, down_parts):
    write_texts(tmp_path, {"1_a.sql": text})

    file = read_only_file(TOOL, tmp_path)

    assert (file.text.rstrip("\n"), file.down_parts) == (kept.rstrip("\n"), down_parts)


def test_pair_when_read_then_the_up_file_under_the_common_name(tmp_path):
    write_texts(tmp_path, {"1_a.up.sql": "-- Up Migration\na;", "1_a.down.sql": "b;"})

    file = read_only_file(TOOL, tmp_path)

    assert (file.key, file.number, file.name, file.down_parts) == ("1_a", 1, "a", 1)
    assert file.text == "-- Up Migration\na;"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"README.md": ""}, "has no migration of node-pg-migrate"),
        ({"1_a.sql": "", "2_b.ts": ""}, "2_b.ts: node-pg-migrate runs this as code"),
        ({"1_a.js": ""}, "makesqlmigration --from database"),
        ({"a.sql": ""}, "begins with no number"),
        ({"20201301000000000_a.sql": ""}, "17 digits as a time"),
        ({"1_a.sql": "", "2_b.down.sql": ""}, "has no .up.sql"),
        ({"1_a.sql": "a;\n-- Down Migration\nb;\n"}, 'no "Up Migration"'),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, files, reason):
    assert reason in refusal(TOOL, write_texts(tmp_path, files))


@pytest.mark.parametrize(
    ("name", "of_files", "expected"),
    [
        ("1_a", ["1_a"], "1_a"),
        ("1_a.up", ["1_a"], "1_a"),
        ("1_a.up", ["2_b"], "1_a.up"),
        ("1_a.down", ["1_a"], "1_a.down"),
    ],
)
def test_row_when_read_then_its_file_is_found(name, of_files, expected):
    time = datetime(2024, 1, 1, tzinfo=UTC)

    (row,) = TOOL.read_rows([{"id": 1, "name": name, "run_on": time}], of_files)

    assert (row.key, row.applied_at) == (expected, time)
