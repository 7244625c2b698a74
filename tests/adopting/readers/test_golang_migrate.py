"""golang-migrate, by its own source: source/parse.go and the one row of schema_migrations."""

import pytest

from migration_guard.adopting.readers import load
from migration_guard.adopting.tool import ForeignProblem, State

TOOL = load("golang-migrate")
KEYS = ["1", "2", "20250101"]


def test_files_when_read_are_the_up_parts_by_version(tmp_path):
    for name in ("2_b.up.sql", "000001_a.up.sql", "000001_a.down.sql", "notes.sql", "3_c.sql"):
        (tmp_path / name).write_text(f"SELECT '{name}';\r\n")

    files = TOOL.read_files(tmp_path)

    assert [(file.key, file.number, file.name, file.down_parts) for file in files] == [
        ("1", 1, "a", 1),
        ("2", 2, "b", 0),
    ]
    assert files[0].text == "SELECT '000001_a.up.sql';\n"


@pytest.mark.parametrize(
    ("rows", "states"),
    [
        ([], []),
        ([{"version": 2, "dirty": False}], [State.APPLIED, State.APPLIED]),
        ([{"version": 2, "dirty": 1}], [State.APPLIED, State.FAILED]),
        ([{"version": -1, "dirty": True}], [State.FAILED]),
    ],
)
def test_row_when_it_has_a_version_stands_for_all_below(rows, states):
    words = TOOL.read_rows(rows, KEYS)

    assert [word.state for word in words] == states
    assert [word.key for word in words] == KEYS[: len(states)]


def test_row_when_it_is_the_last_of_many_is_proof_of_itself_alone():
    words = TOOL.read_rows([{"version": 20250101, "dirty": False}], KEYS)

    assert [bool(word.believed) for word in words] == [True, True, False]


def test_row_when_no_file_has_its_version_is_refused():
    with pytest.raises(ForeignProblem, match="at version 7"):
        TOOL.read_rows([{"version": 7, "dirty": False}], KEYS)
