"""A table of the team's own, with two columns, and whole files."""

from datetime import datetime

import pytest

from migration_guard.adopting.readers import load
from migration_guard.adopting.tool import ForeignProblem

AT = datetime(2025, 3, 1, 9)  # noqa: DTZ001 - as a driver gives it


def test_files_when_all_have_numbers_come_by_number(tmp_path):
    for name in ("10-b.sql", "9 a.sql"):
        (tmp_path / name).write_text("SELECT 1;")

    files = load("table").read_files(tmp_path)

    assert [(file.key, file.number, file.name) for file in files] == [
        ("9 a", 9, "a"),
        ("10-b", 10, "b"),
    ]


def test_files_when_one_has_no_number_come_by_name(tmp_path):
    for name in ("b.sql", "10_a.sql", "a.sql"):
        (tmp_path / name).write_text("SELECT 1;")

    assert [file.key for file in load("table").read_files(tmp_path)] == ["10_a", "a", "b"]


@pytest.mark.parametrize("value", ["a", "a.sql", "A.SQL".lower(), "db/migrations/a.sql"])
def test_row_when_its_id_names_the_file_is_that_file(value):
    rows = [{"name": value, "ran": AT}]

    (word,) = load("table", ["Name", "ran"]).read_rows(rows, ["a"])

    assert (word.key, word.applied_at) == ("a", AT)


def test_row_when_the_table_has_no_time_has_none():
    (word,) = load("table", ["name"]).read_rows([{"name": "a"}], ["a"])

    assert word.applied_at is None


def test_rows_when_several_are_wrong_name_each():
    rows = [
        {"id": "a", "applied_at": AT},
        {"id": "a.sql", "applied_at": AT},
        {"id": "b", "applied_at": AT},
        {"id": None, "applied_at": None},
    ]

    with pytest.raises(ForeignProblem) as refusal:
        load("table").read_rows(rows, ["a"])

    assert str(refusal.value) == (
        '"a.sql" stands there twice; "b" is not the name of a file; "" is not the name of a file; '
        '"" has a time that cannot be read: None.'
    )
