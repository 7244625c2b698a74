"""goose, by its own source: sqlparser/parser.go and the rows of goose_db_version."""

from datetime import datetime

import pytest

from migration_guard.adopting.readers import load
from migration_guard.adopting.tool import ForeignProblem, State

GOOSE = load("goose")
AT = datetime(2025, 3, 1, 9)  # noqa: DTZ001 - as the driver gives goose's column


def read(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return GOOSE.read_files(tmp_path)


def row(place, version, is_applied):
    return {"id": place, "version_id": version, "is_applied": is_applied, "tstamp": AT}


def test_file_when_it_has_both_parts_gives_the_part_that_goes_up(tmp_path):
    text = (
        "-- what it is for\n-- +goose Up\nCREATE TABLE a (id int);\n\n"
        "-- +goose Down\nDROP TABLE a;\n"
    )

    (file,) = read(tmp_path, **{"00001_a_b": text})

    assert (file.key, file.number, file.name) == ("1", 1, "a_b")
    assert file.text == "-- what it is for\nCREATE TABLE a (id int);"
    assert (file.in_transaction, file.down_parts) == (True, 1)


@pytest.mark.parametrize("line", ["-- +goose NO TRANSACTION", "--+goose no transaction"])
def test_file_when_it_asks_for_no_transaction_is_so(tmp_path, line):
    (file,) = read(tmp_path, **{"1_a": f"{line}\n-- +goose Up\nVACUUM;\n"})

    assert (file.text, file.in_transaction, file.down_parts) == ("VACUUM;", False, 0)


def test_file_when_it_marks_a_statement_drops_the_marks(tmp_path):
    body = "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;"
    text = f"-- +goose Up\n-- +goose StatementBegin\n{body}\n-- +goose StatementEnd\nSELECT 2;\n"

    (file,) = read(tmp_path, **{"1_a": text})

    assert file.text == f"{body}\nSELECT 2;"


def test_files_when_numbers_have_other_widths_come_by_number(tmp_path):
    files = read(tmp_path, **dict.fromkeys(("10_c", "9_b", "x", "02_a"), "-- +goose Up\nSELECT 1;"))

    assert [file.key for file in files] == ["2", "9", "10"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1;", "has no -- +goose Up"),
        ("-- +goose Up\n-- +goose ENVSUB ON\nSELECT '${A}';", "ENVSUB ON"),
    ],
)
def test_file_when_goose_runs_it_otherwise_is_named(tmp_path, text, words):
    with pytest.raises(ForeignProblem, match=words.replace("+", r"\+")):
        read(tmp_path, **{"1_a": text})


def test_files_when_one_is_in_go_name_it(tmp_path):
    (tmp_path / "00002_code.go").write_text("package migrations")

    with pytest.raises(ForeignProblem, match=r"00002_code\.go is a migration in Go"):
        read(tmp_path, **{"1_a": "-- +goose Up\nSELECT 1;"})


def test_rows_when_a_version_comes_again_the_newest_counts():
    rows = [row(5, 2, True), row(1, 0, True), row(2, 1, 1), row(3, 2, True), row(4, 2, b"\0")]

    states = {word.key: word.state for word in GOOSE.read_rows(rows, ["1", "2"])}
    undone = {word.key: word.state for word in GOOSE.read_rows(rows[1:], ["1", "2"])}

    assert states == {"1": State.APPLIED, "2": State.APPLIED}
    assert undone == {"1": State.APPLIED, "2": State.UNDONE}
