"""dbmate, by its own source: pkg/dbmate/migration.go."""

import pytest

from migration_guard.adopting.readers import load
from migration_guard.adopting.tool import ForeignProblem, State

DBMATE = load("dbmate")


def read(tmp_path, text, name="20250101000000_a.sql"):
    (tmp_path / name).write_text(text)
    return DBMATE.read_files(tmp_path)


def test_file_when_it_has_both_parts_gives_the_part_that_goes_up(tmp_path):
    text = "-- for users\n-- migrate:up\nCREATE TABLE a (id int);\n\n-- migrate:down\nDROP TABLE a;"

    (file,) = read(tmp_path, text)

    assert (file.key, file.number, file.name) == ("20250101000000", 20250101000000, "_a")
    assert file.text == "-- for users\n\nCREATE TABLE a (id int);"
    assert (file.in_transaction, file.down_parts) == (True, 1)


def test_file_when_an_option_says_so_is_without_a_transaction(tmp_path):
    text = "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down transaction:false\n"

    (file,) = read(tmp_path, text)

    assert (file.text, file.in_transaction) == ("VACUUM;", False)


def test_file_when_it_has_several_sections_gives_the_up_parts_in_order(tmp_path):
    part = "-- migrate:up\nSELECT {0};\n-- migrate:down\nSELECT -{0};\n"

    (file,) = read(tmp_path, part.format(1) + part.format(2))

    assert file.text == "SELECT 1;\n\nSELECT 2;"
    assert file.down_parts == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1;", "has no -- migrate:up"),
        ("-- migrate:up\nSELECT 1;", "without its -- migrate:down"),
        ("SELECT 1;\n-- migrate:up\n-- migrate:down\n", "above its -- migrate:up"),
        ("  -- migrate:up\n-- migrate:down\n", "has no -- migrate:up"),
    ],
)
def test_file_when_dbmate_refuses_it_is_refused(tmp_path, text, words):
    with pytest.raises(ForeignProblem, match=words):
        read(tmp_path, text)


def test_files_when_sorted_come_as_dbmate_sorts_names(tmp_path):
    for name in ("9_b.sql", "10_a.sql", "notes.sql"):
        (tmp_path / name).write_text("-- migrate:up\n-- migrate:down\n")

    assert [file.key for file in DBMATE.read_files(tmp_path)] == ["10", "9"]


def test_rows_when_read_have_no_times():
    (word,) = DBMATE.read_rows([{"version": "20250101000000"}], [])

    assert (word.key, word.state, word.applied_at) == ("20250101000000", State.APPLIED, None)
