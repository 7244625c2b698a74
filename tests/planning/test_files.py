"""Folders -> files in numeric order, and what is wrong with them."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.exceptions import CannotTell
from migration_guard.planning.files import FileSet, read
from migration_guard.planning.regular_files import read_bytes

NAMES = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=12
)


def read_all(*folders: Path, vendor: str = "postgresql") -> FileSet:
    return read(folders, vendor, BUILT_IN_ENVIRONMENTS)


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def rules(found: FileSet) -> list[str]:
    return [problem.rule for problem in found.problems]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.integers(0, 10**39), unique=True, min_size=1, max_size=12),
    names=st.lists(NAMES, min_size=12, max_size=12),
    widths=st.lists(st.integers(1, 40), min_size=12, max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_order_whatever_the_names_widths_folders_and_creation_order_is_that_of_the_integers(
    tmp_path_factory: pytest.TempPathFactory,
    numbers: list[int],
    names: list[str],
    widths: list[int],
    seed: random.Random,
) -> None:
    folders = [tmp_path_factory.mktemp("set") for _ in range(3)]
    ids = [
        f"{str(number).zfill(width)}_{name}"
        for number, name, width in zip(numbers, names, widths, strict=False)
    ]
    for migration_id in seed.sample(ids, len(ids)):
        write(seed.choice(folders), **{migration_id: "SELECT 1"})

    found = read_all(*seed.sample(folders, 3))

    assert found.problems == ()
    assert [file.id for file in found.files] == sorted(ids, key=lambda i: int(i.split("_")[0]))


def test_order_when_widths_differ_is_numeric_not_alphabetic(tmp_path: Path) -> None:
    write(tmp_path, **{"10_y": "SELECT 1", "9_x": "SELECT 1", "0002_b": "SELECT 1"})

    assert [file.id for file in read_all(tmp_path).files] == ["0002_b", "9_x", "10_y"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("initial.sql", "not that of a migration"),
        ("1-initial.sql", "not that of a migration"),
        ("1_.sql", "not that of a migration"),
        ("1_a b.sql", "not that of a migration"),
        ("1_ä.sql", "not that of a migration"),
        ("１_a.sql", "not that of a migration"),  # noqa: RUF001
        ("1_a.SQL", "not that of a migration"),
        ("1_a.v2.sql", "not that of a migration"),
        ("1_a.oracle.sql", '"oracle" is not a vendor'),
        (f"{'1' * 41}_a.sql", "41 digits"),
        (f"1_{'a' * 199}.sql", "201 characters"),
    ],
)
def test_name_when_it_does_not_fit_the_grammar_is_a_problem(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / name).write_text("SELECT 1")

    found = read_all(tmp_path)

    assert rules(found) == ["bad-name"]
    assert why in found.problems[0].message
    assert found.problems[0].path == tmp_path / name


@pytest.mark.parametrize("name", ["_draft.sql", ".hidden.sql", "README.md", "max_migration.txt"])
def test_name_when_it_is_meant_to_be_ignored_is_ignored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("anything")

    assert read_all(tmp_path) == FileSet((), ())


@pytest.mark.parametrize(("name", "number"), [("7_a", 7), (f"{'9' * 40}_a", int("9" * 40))])
def test_name_when_it_is_at_the_edge_of_the_grammar_is_read(
    tmp_path: Path, name: str, number: int
) -> None:
    write(tmp_path, **{name: "SELECT 1"})

    assert [(file.id, file.number) for file in read_all(tmp_path).files] == [(name, number)]


def test_id_when_it_has_two_hundred_characters_is_read(tmp_path: Path) -> None:
    write(tmp_path, **{f"1_{'a' * 198}": "SELECT 1"})

    assert rules(read_all(tmp_path)) == []


def test_number_when_two_widths_mean_the_same_clashes(tmp_path: Path) -> None:
    write(tmp_path, **{"27_a": "SELECT 1", "0027_b": "SELECT 1"})

    found = read_all(tmp_path)

    assert rules(found) == ["duplicate-number"]
    assert "27_a" in found.problems[0].message
    assert "0027_b" in found.problems[0].message


def test_number_when_the_later_name_allows_it_may_repeat_in_the_order_of_full_names(
    tmp_path: Path,
) -> None:
    allow = "-- guard: allow = duplicate-number, two teams merged\nSELECT 1"
    write(tmp_path, **{"0027_b": allow, "0027_a": "SELECT 1"})

    found = read_all(tmp_path)

    assert rules(found) == []
    assert [file.id for file in found.files] == ["0027_a", "0027_b"]


def test_number_when_only_the_earlier_name_allows_it_clashes(tmp_path: Path) -> None:
    allow = "-- guard: allow = duplicate-number, two teams merged\nSELECT 1"
    write(tmp_path, **{"0027_a": allow, "0027_b": "SELECT 1"})

    assert rules(read_all(tmp_path)) == ["duplicate-number"]


def test_id_when_two_folders_have_it_is_a_problem(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", **{"1_a": "x"}), write(tmp_path / "two", **{"1_a": "x"})

    assert "duplicate-id" in rules(read_all(one, two))


def test_folder_when_it_is_named_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "one", **{"1_a": "x"})
    (tmp_path / "link").symlink_to(tmp_path / "one")

    found = read_all(tmp_path / "one", tmp_path / "link", tmp_path / "one")

    assert [file.id for file in found.files] == ["1_a"]
    assert rules(found) == []


def test_folder_when_it_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="nowhere"):
        read_all(tmp_path / "nowhere")


def test_file_when_it_is_a_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").mkdir()

    assert rules(read_all(tmp_path)) == ["not-a-file"]


def test_file_when_it_becomes_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1_a.sql")

    with pytest.raises(OSError, match="it is a FIFO, not a file"):
        read_bytes(str(tmp_path / "1_a.sql"))


def test_link_when_it_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.sql"
    outside.write_text("SELECT 1")
    folder = write(tmp_path / "set")
    (folder / "1_a.sql").symlink_to(outside)

    assert rules(read_all(folder)) == ["bad-name"]


def test_link_when_it_stays_in_the_folder_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", _text="SELECT 1")
    (folder / "1_a.sql").symlink_to("_text.sql")

    assert rules(read_all(folder)) == []


@pytest.mark.parametrize(
    ("raw", "offset", "line"),
    [
        (b"SELECT 1;\n-- caf\xe9", 16, 2),
        (b"\xef\xbb\xbfSELECT '\xff'", 11, 1),
        ("SELECT 1".encode("utf-16"), 0, 1),
    ],
)
def test_bytes_when_they_are_not_utf8_are_a_problem_with_their_offset(
    tmp_path: Path, raw: bytes, offset: int, line: int
) -> None:
    (tmp_path / "1_a.sql").write_bytes(raw)

    found = read_all(tmp_path)

    assert rules(found) == ["not-utf8"]
    assert f"offset {offset}" in found.problems[0].message
    assert found.problems[0].line == line


def test_bytes_when_there_is_a_nul_are_a_problem_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_bytes(b"SELECT 1;\nSELECT '\0';")

    found = read_all(tmp_path)

    assert rules(found) == ["nul-byte"]
    assert found.problems[0].line == 2


def test_checksum_when_line_ends_or_the_byte_order_mark_differ_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_bytes(b"SELECT 1;\nSELECT 2;\n")
    (tmp_path / "2_b.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n")

    one, two = read_all(tmp_path).files

    assert one.checksum == two.checksum
    assert one.text == two.text


def test_variant_when_the_vendor_has_one_replaces_the_general_file(tmp_path: Path) -> None:
    write(tmp_path, **{"1_a": "general", "1_a.sqlite": "of sqlite"})

    texts = {v: read_all(tmp_path, vendor=v).files[0] for v in ("postgresql", "sqlite", "mysql")}

    assert {v: file.text for v, file in texts.items()} == {
        "postgresql": "general",
        "sqlite": "of sqlite",
        "mysql": "general",
    }
    assert {file.id for file in texts.values()} == {"1_a"}


def test_variant_when_only_another_vendor_has_a_file_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, **{"1_a.mysql": "x"})

    assert rules(read_all(tmp_path, vendor="sqlite")) == ["no-variant"]
