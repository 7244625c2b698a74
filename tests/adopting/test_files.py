"""Files of another tool as ours: numbers, names and directives."""

import json
from pathlib import Path

import pytest

from migration_guard.adopting import readers
from migration_guard.adopting.files import convert, writing
from migration_guard.adopting.record import Source, read
from migration_guard.adopting.tool import ForeignFile, ForeignProblem
from migration_guard.exceptions import CannotTell
from migration_guard.planning import foreign_formats
from migration_guard.planning.names import FileName

SQL = "CREATE TABLE t (id integer);"


def file(name, text=SQL, *, key=None, **options):
    number, _, rest = name.partition("_")
    number = int(number) if number.isdecimal() else None
    path = Path("db", f"{name}.sql")
    return ForeignFile(
        key or name, number, rest if number is not None else name, text, path, **options
    )


def ids(*names, taken=()):
    there = [FileName(name, int(name.partition("_")[0]), None, name) for name in taken]
    return [new.id for new in convert([file(name) for name in names], there, "postgresql")]


@pytest.mark.parametrize(
    ("names", "taken", "expected"),
    [
        (["00001_a", "00002_b"], [], ["00001_a", "00002_b"]),
        (["2_a", "10_b"], [], ["2_a", "10_b"]),
        (["20250101000000_a"], ["0007_x"], ["20250101000000_a"]),
        # Equal numbers whose names give the tool's order, and others that do not.
        (["1_a", "1_b"], [], ["1_a", "1_b"]),
        (["1_b", "1_a"], [], ["0001_b", "0002_a"]),
        # The tool sorts names, not numbers.
        (["10_b", "9_a"], [], ["0001_b", "0002_a"]),
        (["init", "second step"], [], ["0001_init", "0002_second_step"]),
        (["1_a", "2_b"], ["0001_x", "0002_y"], ["0003_a", "0004_b"]),
        (["1_größe", "2_"], [], ["1_gr_e", "2_migration"]),
    ],
)
def test_numbers_when_they_give_the_order_are_kept_else_counted_anew(names, taken, expected):
    assert ids(*names, taken=taken) == expected


def test_numbers_when_many_are_counted_are_wide_enough():
    new = ids(*(f"x{place}" for place in range(2_000)))

    assert (new[0], new[-1]) == ("0001_x0", "2000_x1999")


def test_number_when_it_comes_twice_the_later_file_allows_it():
    first, second = convert([file("1_a"), file("1_b")], [], "postgresql")

    assert "duplicate-number" not in first.text
    assert second.text.startswith("-- guard: allow = duplicate-number, ")


@pytest.mark.parametrize(
    ("vendor", "text", "options", "line"),
    [
        ("postgresql", SQL, {}, ""),
        ("postgresql", SQL, {"in_transaction": False}, "transaction = off"),
        ("postgresql", "CREATE INDEX CONCURRENTLY i ON t (id);", {}, "transaction = off"),
        ("postgresql", "REINDEX (VERBOSE, CONCURRENTLY) TABLE t;", {}, "transaction = off"),
        ("postgresql", "SELECT 1;\nVACUUM t;", {}, "transaction = off"),
        ("postgresql", "ALTER SYSTEM SET work_mem = '1MB';", {}, "transaction = off"),
        ("postgresql", "REFRESH MATERIALIZED VIEW CONCURRENTLY v;", {}, ""),
        ("postgresql", "COMMENT ON TABLE t IS 'CONCURRENTLY';", {}, ""),
        ("postgresql", f"BEGIN;\n{SQL}\nCOMMIT;", {}, ""),
        ("postgresql", "BEGIN;SELECT 1;COMMIT;BEGIN;SELECT 2;COMMIT;", {}, "transaction = off"),
        ("sqlite", "VACUUM;", {}, "transaction = off"),
        ("sqlite", f"PRAGMA foreign_keys = OFF;\n{SQL}", {}, "allow = no-effect, "),
        ("mysql", SQL, {"in_transaction": False}, ""),
        ("mysql", SQL, {}, ""),
        ("sqlite", "-- nothing to do", {}, "allow = empty"),
        ("sqlite", "", {}, "allow = empty"),
        ("sqlite", SQL, {"requires": ("auth.0001_initial",)}, "requires = auth.0001_initial"),
    ],
)
def test_file_when_it_needs_a_directive_has_it(vendor, text, options, line):
    (new,) = convert([file("1_a", text, **options)], [], vendor)

    assert text in new.text
    head = new.text.split("\n")[0]
    assert head.startswith(f"-- guard: {line}") if line else not head.startswith("-- guard")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 'open", "db/1_a.sql"),
        ("\\connect other\nSELECT 1;", "psql meta-command"),
        ("-- DEV ONLY\nSELECT 1;", "db/1_a.sql"),
        ("-- guard: environments = dev\nSELECT 1;", "keep it out of production"),
    ],
)
def test_file_when_no_directive_mends_it_is_named(text, words):
    with pytest.raises(ForeignProblem) as refusal:
        convert([file("1_a", text)], [], "postgresql")

    assert words in str(refusal.value)


def test_files_when_one_is_there_already_are_refused():
    with pytest.raises(ForeignProblem, match=r"2_b\.sql is there already"):
        ids("1_a", "2_b", taken=["2_b"])


def test_files_when_two_have_one_key_are_named():
    with pytest.raises(ForeignProblem, match=r"db/1_a\.sql, db/1_b\.sql are all 1"):
        convert([file("1_a", key="1"), file("1_b", key="1")], [], "postgresql")


def test_files_when_written_leave_a_record_of_keys_checksums_and_ids(tmp_path):
    new = convert([file("1_a", key="k", checksum="c")], [], "sqlite")

    with writing(new, tmp_path, Source("goose", "sqlite")) as paths:
        pass

    assert [path.name for path in paths] == ["1_a.sql"]
    (source,) = read([tmp_path])
    (migration,) = source.migrations
    assert (migration.key, migration.checksum, migration.id) == ("k", "c", "1_a")
    assert (tmp_path / "max_migration.txt").read_text() == "1_a\n"


def test_files_when_others_of_the_tool_follow_are_added_to_its_record(tmp_path):
    for name in ("1_a", "2_b"):
        with writing(convert([file(name)], [], "sqlite"), tmp_path, Source("goose", "sqlite")):
            pass

    (source,) = read([tmp_path])
    assert [migration.id for migration in source.migrations] == ["1_a", "2_b"]


@pytest.mark.parametrize("fault", ["a file is there", "the block fails"])
def test_files_when_anything_fails_are_taken_back(tmp_path, fault):
    (tmp_path / "_adopted.json").write_text('{"version": 1, "sources": []}')
    (tmp_path / "max_migration.txt").write_text("0000_x\n")
    if fault == "a file is there":
        (tmp_path / "2_b.sql").write_text("mine")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    new = convert([file("1_a"), file("2_b")], [], "sqlite")

    with (
        pytest.raises((CannotTell, KeyboardInterrupt)),
        writing(new, tmp_path, Source("goose", "sqlite")),
    ):
        raise KeyboardInterrupt

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "sources": 3}'])
def test_record_when_it_is_broken_is_named(tmp_path, text):
    (tmp_path / "_adopted.json").write_text(text)

    with pytest.raises(CannotTell, match=r"_adopted\.json"):
        read([tmp_path])


def test_takeover_when_a_file_is_another_tools_names_a_reader_that_is_there():
    assert readers.MODULES.keys() >= foreign_formats.ADOPTABLE
    assert "--from golang-migrate DIR" in foreign_formats.takeover("golang-migrate (or sqlx, bun)")
    assert foreign_formats.takeover("Rambler") == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([{"checksum": None}], "not a text"),
        ([{"fingerprint": 5}], "not a text"),
        ([{}, {"id": "0002_b"}], "1 is in it twice"),
        ([{}, {"key": "2"}], "0001_a is in it twice"),
    ],
)
def test_record_when_a_value_is_wrong_or_twice_is_named(tmp_path, changes, reason):
    migration = {"key": "1", "checksum": "", "id": "0001_a", "fingerprint": "x"}
    source = {"tool": "goose", "vendor": "sqlite", "table": "", "columns": []}
    source["migrations"] = [migration | change for change in changes]
    text = json.dumps({"version": 1, "sources": [source]})
    (tmp_path / "_adopted.json").write_text(text)

    with pytest.raises(CannotTell, match=reason):
        read([tmp_path])
