"""Prisma's folders and rows, as prisma-engines and the command line read them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.prisma import TOOL
from migration_guard.adopting.tool import State
from tests.adopting.readers.folders import SQL, keys, read_only_file, refusal, write, write_texts

EARLY = datetime(2024, 1, 1, tzinfo=UTC)
LATE = datetime(2024, 1, 2, tzinfo=UTC)
# A digest with a byte below 16, which old versions wrote with one digit.
ZERO = next(
    text
    for text in (f"SELECT {number};" for number in range(1000))
    if hashlib.sha256(text.encode()).hexdigest()[:1] == "0"
)


def row(**changes):
    return {
        "id": "36f8",
        "checksum": "c",
        "migration_name": "1_a",
        "started_at": EARLY,
        "finished_at": EARLY,
        "rolled_back_at": None,
        "applied_steps_count": 1,
        "logs": None,
        **changes,
    }


def test_folders_when_read_then_each_has_its_number_and_script(tmp_path):
    write(tmp_path, "20240102030405_add_users/migration.sql")
    write(tmp_path, "20240102030405_add_users/README.md", "notes.sql", "migration_lock.toml")

    file = read_only_file(TOOL, tmp_path)

    assert (file.key, file.number, file.name, file.text, file.in_transaction) == (
        "20240102030405_add_users",
        20240102030405,
        "add_users",
        SQL,
        True,
    )


def test_folders_when_sorted_then_by_locale_as_the_command_line_does(tmp_path):
    names = ["2020_B", "2020_a", "20201_a", "0_init", "2020-c", "init"]
    write(tmp_path, *(f"{name}/migration.sql" for name in names))

    assert keys(TOOL, tmp_path) == ["0_init", "2020_a", "2020_B", "2020-c", "20201_a", "init"]


def test_linked_folder_when_read_then_it_is_passed_over(tmp_path):
    write(tmp_path, "m/1_a/migration.sql", "other/migration.sql")
    (tmp_path / "m/2_b").symlink_to(tmp_path / "other")

    assert keys(TOOL, tmp_path / "m") == ["1_a"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"README.md": ""}, "has no migration of Prisma"),
        ({"1_a/migration.sql": SQL, "2_b/up.sql": SQL}, "2_b has no migration.sql"),
        ({"schema.prisma": "", "migrations/1_a/migration.sql": SQL}, "migrations?"),
        ({"1_a/migration.sql": b"SELECT '\xff';"}, "is not UTF-8"),
        (
            {"1_a/migration.sql": SQL, "migration_lock.toml": 'provider = "sqlserver"\n'},
            "says sqlserver",
        ),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, files, reason):
    assert reason in refusal(TOOL, write_texts(tmp_path, files))


@pytest.mark.parametrize("provider", ["postgresql", "mysql", "sqlite"])
def test_lock_file_when_we_have_the_vendor_then_it_is_read(tmp_path, provider):
    lock = f'# Please do not edit\nprovider = "{provider}"\n'
    write_texts(tmp_path, {"1_a/migration.sql": SQL, "migration_lock.toml": lock})

    assert keys(TOOL, tmp_path) == ["1_a"]


@pytest.mark.parametrize(
    ("content", "recorded"),
    [
        ("a;\nb;\n", "a;\nb;\n"),
        ("a;\nb;\n", "a;\r\nb;\r\n"),
        ("a;\r\nb;\r\n", "a;\nb;\n"),
        ("\ufeffa;", "\ufeffa;"),
    ],
)
def test_checksum_when_line_ends_differ_then_it_is_the_same(tmp_path, content, recorded):
    write_texts(tmp_path, {"1_a/migration.sql": content})

    checksums = read_only_file(TOOL, tmp_path).checksum.split()

    assert hashlib.sha256(recorded.encode()).hexdigest() in checksums
    assert hashlib.sha256(b"a").hexdigest() not in checksums


def test_checksum_when_git_changed_the_line_ends_then_it_stays(tmp_path):
    for name, content in (("unix", "a;\nb;\n"), ("windows", "a;\r\nb;\r\n")):
        write_texts(tmp_path / name, {"1_a/migration.sql": content})

    unix, windows = (read_only_file(TOOL, tmp_path / name) for name in ("unix", "windows"))

    assert (unix.checksum, unix.text) == (windows.checksum, windows.text)


def test_checksum_when_an_old_version_wrote_it_then_it_is_known(tmp_path):
    write_texts(tmp_path, {"1_a/migration.sql": ZERO})

    digest = hashlib.sha256(ZERO.encode()).digest()

    assert (
        "".join(f"{byte:x}" for byte in digest) in read_only_file(TOOL, tmp_path).checksum.split()
    )


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([row()], State.APPLIED),
        ([row(finished_at=None)], State.FAILED),
        ([row(finished_at=None, rolled_back_at=EARLY)], State.UNDONE),
        ([row(finished_at=None, rolled_back_at=EARLY), row(started_at=LATE)], State.APPLIED),
        ([row(started_at=LATE), row(finished_at=None, rolled_back_at=EARLY)], State.APPLIED),
        ([row(), row(started_at=LATE, finished_at=None)], State.FAILED),
    ],
)
def test_rows_of_a_name_when_several_then_what_they_say_together(rows, state):
    (result,) = TOOL.read_rows(rows, ["1_a"])

    assert (result.key, result.state) == ("1_a", state)


def test_row_when_two_are_live_then_the_later_counts():
    later = row(started_at=LATE, finished_at=LATE, checksum="d")

    (result,) = TOOL.read_rows([later, row()], ["1_a"])

    assert (result.applied_at, result.checksum) == (LATE, "d")


def test_row_when_resolved_as_applied_then_it_is_believed():
    ran, resolved = TOOL.read_rows([row(), row(migration_name="b", applied_steps_count=0)], [])

    assert not ran.believed
    assert "resolve --applied" in resolved.believed


@pytest.mark.parametrize("value", [1704067200000, "1704067200000", "2024-01-01T00:00:00+00:00"])
def test_time_when_it_comes_from_sqlite_then_it_is_a_time(value):
    (result,) = TOOL.read_rows([row(started_at=value, finished_at=value)], [])

    assert result.applied_at == EARLY
