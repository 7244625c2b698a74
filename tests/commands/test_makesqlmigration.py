"""makesqlmigration: the next file of a folder, and max_migration.txt beside it."""

import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from migration_guard.planning import directives
from migration_guard.planning.files import read
from migration_guard.planning.max_migration import MAX_MIGRATION
from migration_guard.planning.preflight import prepare

VENDORS = ["postgresql", "sqlite", "mysql"]
SQL = "SELECT 1;\n"


@pytest.fixture
def second_folder(tmp_path, settings):
    """Give `second_folder(files)`, which makes a further folder of the alias `default`."""

    def make(files):
        folder = tmp_path / "more_migrations"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        folders = [*settings.MIGRATION_GUARD["DIRS"]["default"], folder]
        settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "DIRS": {"default": folders}}
        return folder

    return make


def only_file(folder):
    (path,) = folder.glob("*.sql")
    return path


# -- the number


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], "0001_next.sql"),
        (["0034_last.sql"], "0035_next.sql"),
        (["9_nine.sql", "10_ten.sql"], "11_next.sql"),
        (["099_last.sql"], "100_next.sql"),
        (["0007_a.sql", "00010_b.sql"], "00011_next.sql"),
        (["0003_a.sqlite.sql", "0003_a.postgresql.sql"], "0004_next.sql"),
        (["0003_a.sql", "_0009_draft.sql", ".0008_hidden.sql", "notes.txt"], "0004_next.sql"),
        (["00000000000007_padded.sql"], "00000000000008_next.sql"),
    ],
)
def test_number_when_the_folder_holds_files_is_one_above_the_highest_in_its_width(
    migrations, guard, present, expected
):
    folder = migrations(dict.fromkeys(present, SQL))

    result = guard("makesqlmigration", "next")

    assert (result.code, result.err) == (0, "")
    assert result.out == f"{folder / expected}\n"
    assert (folder / expected).is_file()


def test_number_when_the_folder_holds_timestamps_is_the_time_in_utc(migrations, guard):
    migrations({"20200131235959_old.sql": SQL})
    before = datetime.now(UTC).replace(microsecond=0)

    made = guard("makesqlmigration", "next", "--format", "json").json

    time = datetime.strptime(made["id"].partition("_")[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert before <= time <= before + timedelta(minutes=1)
    assert made["number"] == int(made["id"].partition("_")[0])


def test_number_when_the_highest_timestamp_is_in_the_future_is_one_above_it(migrations, guard):
    migrations({"29990101000000_future.sql": SQL})

    made = guard("makesqlmigration", "next", "--format", "json").json

    assert made["id"] == "29990101000001_next"


def test_number_when_forty_digits_are_used_up_is_refused(migrations, guard):
    folder = migrations({f"{'9' * 40}_last.sql": SQL})

    result = guard("makesqlmigration", "next")

    assert result.code == 2
    assert "at most 200 characters, a number at most 40 digits" in result.err
    assert len(list(folder.glob("*.sql"))) == 1


def test_number_when_two_processes_ask_at_once_differs(migrations, guard_process):
    folder = migrations({"0001_a.sql": SQL})

    started = [guard_process.start("makesqlmigration", "same name") for _ in range(4)]
    for process in started:
        assert process.wait(60) == 0

    made = sorted(path.name for path in folder.glob("*_same_name.sql"))
    assert made == [f"000{number}_same_name.sql" for number in range(2, 6)]
    assert (folder / MAX_MIGRATION).read_text() == "0005_same_name\n"


# -- the name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add users", "0001_add_users.sql"),
        ("  add\tusers  table ", "0001_add_users_table.sql"),
        ("Add-Users_2", "0001_Add-Users_2.sql"),
    ],
)
def test_name_when_it_has_white_space_gets_underscores(migrations, guard, name, expected):
    folder = migrations({})

    assert guard("makesqlmigration", name).code == 0
    assert only_file(folder).name == expected


@pytest.mark.parametrize(
    "name", ["", "   ", "a.sql", "a/b", "../a", "größe", "a;b", "a\nb.c", "x" * 196]
)
def test_name_when_it_does_not_fit_the_grammar_is_refused(migrations, guard, name):
    folder = migrations({})

    result = guard("makesqlmigration", name)

    assert result.code == 2
    assert "letters (A-Z, a-z), digits, _ and -" in result.err or "at most 200" in result.err
    assert list(folder.iterdir()) == []


# -- what the file says


def test_header_when_made_tells_the_author_the_rules_and_its_directives(migrations, guard):
    folder = migrations({})

    guard("makesqlmigration", "first")

    text = only_file(folder).read_text()
    assert text.startswith("-- 0001_first\n")
    for rule in ("next free one", "lower number", "never edit it", "checkschema --fresh"):
        assert rule in text
    # What a file was before is nothing that the author of a new one writes.
    for key in directives._SETTERS.keys() - {"formerly", "replaces"}:
        assert re.search(rf"\b{key}\b", text)


def test_header_when_read_back_is_no_directive_itself(migrations, guard):
    folder = migrations({})
    guard("makesqlmigration", "first", "--sql", SQL)

    (file,) = read([folder], "sqlite", ["dev", "test"]).files

    assert file.directives == directives.Directives()


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [([], ["empty"]), (["--empty"], []), (["--sql", "CREATE TABLE t (id integer)"], [])],
)
def test_file_when_just_made_is_refused_only_while_it_lacks_sql(
    migrations, guard, options, expected, vendor
):
    folder = migrations({})
    guard("makesqlmigration", "first", *options)

    file_set = read([folder], vendor, ["dev"])
    _scripts, problems = prepare(file_set.files, vendor)

    assert [problem.rule for problem in (*file_set.problems, *problems)] == expected


def test_sql_when_it_brings_directives_keeps_them(migrations, guard):
    folder = migrations({})

    guard("makesqlmigration", "first", "--sql", "-- guard: transaction = off\nVACUUM;")

    (file,) = read([folder], "postgresql", []).files
    assert file.directives.transaction is False
    assert file.text.endswith("\nVACUUM;\n")


def test_sql_when_blank_is_refused(migrations, guard):
    folder = migrations({})

    result = guard("makesqlmigration", "first", "--sql", " \n")

    assert result.code == 2
    assert "use --empty" in result.err
    assert list(folder.iterdir()) == []


def test_sql_when_not_utf8_is_refused_and_leaves_no_file(migrations, guard):
    folder = migrations({})

    result = guard("makesqlmigration", "first", "--sql", "SELECT '\udcff'")

    assert result.code == 2
    assert "not UTF-8" in result.err
    assert list(folder.iterdir()) == []


def test_empty_and_sql_when_both_are_given_are_a_usage_error(migrations, guard):
    migrations({})

    assert guard("makesqlmigration", "first", "--empty", "--sql", SQL).code == 2


# -- the folder


def test_folder_when_there_are_several_is_the_one_with_the_highest_number(
    migrations, second_folder, guard
):
    migrations({"0003_a.sql": SQL})
    second = second_folder({"007_b.sql": SQL})

    result = guard("makesqlmigration", "next")

    assert result.out == f"{second / '008_next.sql'}\n"


def test_folder_when_all_are_empty_is_the_first(migrations, second_folder, guard):
    folder = migrations({})
    second_folder({})

    assert guard("makesqlmigration", "next").out == f"{folder / '0001_next.sql'}\n"


def test_folder_when_chosen_has_its_own_width_and_the_number_of_the_whole_set(
    migrations, second_folder, guard
):
    folder = migrations({"03_a.sql": SQL})
    second = second_folder({"0007_b.sql": SQL})

    result = guard("makesqlmigration", "next", "--dir", folder)

    assert result.out == f"{folder / '08_next.sql'}\n"
    assert (folder / MAX_MIGRATION).read_text() == "08_next\n"
    assert not (second / MAX_MIGRATION).exists()


def test_folder_when_chosen_outside_the_set_is_refused(migrations, guard, tmp_path):
    folder = migrations({})

    result = guard("makesqlmigration", "next", "--dir", tmp_path)

    assert result.code == 2
    assert f"{tmp_path} is not a migration folder" in result.err
    assert str(folder) in result.err


def test_folder_when_missing_is_refused_and_not_made(migrations, guard):
    folder = migrations({})
    folder.rmdir()

    result = guard("makesqlmigration", "next")

    assert result.code == 2
    assert f"{folder} cannot be opened: No such file or directory" in result.err
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_when_not_writable_is_refused(migrations, guard):
    folder = migrations({})
    folder.chmod(0o500)

    result = guard("makesqlmigration", "next")

    folder.chmod(0o700)
    assert result.code == 2
    assert "Make the folder writable" in result.err


def test_database_when_it_has_no_folder_is_refused(migrations, guard):
    migrations({})

    result = guard("makesqlmigration", "next", "--database", "other")

    assert result.code == 2
    assert 'names no folder for the database "other"' in result.err


def test_database_when_it_is_down_is_not_missed(migrations, postgres, guard):
    postgres.configure(PASSWORD="wrong", PORT=1)
    folder = migrations({})

    assert guard("makesqlmigration", "next").code == 0
    assert only_file(folder).name == "0001_next.sql"


def test_bad_names_in_the_folder_are_told_and_do_not_stand_in_the_way(migrations, guard):
    folder = migrations({"0001_a.sql": SQL, "0002-b.sql": SQL})

    result = guard("makesqlmigration", "next")

    assert result.code == 0
    assert result.out == f"{folder / '0002_next.sql'}\n"
    assert "bad-name" in result.err
    assert "0002-b.sql" in result.err


def test_json_when_asked_for_is_alone_on_standard_output(migrations, guard):
    folder = migrations({"0001_a.sql": SQL})

    made = guard("makesqlmigration", "next", "--format", "json").json

    assert made == {
        "path": str(folder / "0002_next.sql"),
        "id": "0002_next",
        "number": 2,
        "problems": [],
    }


# -- max_migration.txt


def test_max_migration_when_a_file_is_made_names_it(migrations, guard):
    folder = migrations({"0001_a.sql": SQL, MAX_MIGRATION: "0001_a\n"})

    guard("makesqlmigration", "next")

    assert (folder / MAX_MIGRATION).read_bytes() == b"0002_next\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "0001_a.sql",
        "0002_next.sql",
        MAX_MIGRATION,
    ]


def test_max_migration_when_it_cannot_be_written_says_that_the_migration_was_made(
    migrations, guard
):
    folder = migrations({"0001_a.sql": SQL, f"{MAX_MIGRATION}/in_the_way": ""})

    result = guard("makesqlmigration", "next")

    assert result.code == 2
    assert "0002_next.sql was made" in result.err
    assert 'Make it a file with one line: "0002_next"' in result.err
    assert (folder / "0002_next.sql").is_file()
