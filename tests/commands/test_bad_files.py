"""runsqlmigrations and files that are not right: it says no before it runs the first of them."""

import contextlib
import os
import socket
import stat

import pytest

from migration_guard.models import AppliedMigration
from tests.commands.refusals import history, refused, tables, untouched

GOOD = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"

# Where no database is asked, two are enough.
EXCEPT_MARIADB = pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)

# What the names, bytes and headers tell: the database is not asked.
BEFORE_THE_DATABASE = {
    "bad name": ({"0002-b.sql": B}, ["bad-name", "0002-b.sql", "<number>_<name>.sql"]),
    "no number": ({"b.sql": B}, ["bad-name", "b.sql"]),
    "space in the name": ({"0002_b c.sql": B}, ["bad-name", "0002_b c.sql"]),
    "name that is not ASCII": ({"0002_größe.sql": B}, ["bad-name", "0002_größe.sql"]),
    "unknown vendor": ({"0002_b.oracle.sql": B}, ["bad-name", '"oracle" is not a vendor']),
    "number too long": ({f"{'1' * 41}_b.sql": B}, ["bad-name", "41 digits", "40"]),
    "id too long": ({f"0002_{'b' * 196}.sql": B}, ["bad-name", "201 characters", "200"]),
    "duplicate number": (
        {"0002_b.sql": B, "2_c.sql": B},
        ["duplicate-number", "2_c and 0002_b have the same number", "next free number"],
    ),
    "not UTF-8": (
        {"0002_b.sql": b"SELECT 1;\n-- caf\xe9\n"},
        ["not-utf8", "0002_b.sql:2", "byte 0xe9 at offset 16", "Save it as UTF-8"],
    ),
    "not UTF-8 behind a BOM": (
        {"0002_b.sql": b"\xef\xbb\xbf-- \xe9\n"},
        ["not-utf8", "0002_b.sql:1", "byte 0xe9 at offset 6"],
    ),
    "UTF-16": (
        {"0002_b.sql": B.encode("utf-16")},
        ["not-utf8", "0002_b.sql:1", "byte 0xff at offset 0"],
    ),
    "NUL byte": ({"0002_b.sql": b"SELECT 1;\nSELECT '\0';\n"}, ["nul-byte", "0002_b.sql:2"]),
    "unknown directive": (
        {"0002_b.sql": f"-- about b\n-- guard: enviroments = dev\n{B}"},
        ["unknown-directive", "0002_b.sql:2", 'did you mean "environments"?'],
    ),
    "directive without a value": (
        {"0002_b.sql": f"-- guard: transaction\n{B}"},
        ["unknown-directive", "0002_b.sql:1", "-- guard: key = value"],
    ),
    "bad value": (
        {"0002_b.sql": f"-- guard: lock_timeout = soon\n{B}"},
        ["bad-directive", "0002_b.sql:1", "a time is written 5s"],
    ),
    "unknown environment": (
        {"0002_b.sql": f"-- guard: environments = develop\n{B}"},
        ["bad-directive", '"develop" is not an environment', 'did you mean "dev"?'],
    ),
    "directive below the first statement": (
        {"0002_b.sql": f"{B}-- guard: environments = dev\n"},
        ["misplaced-directive", "0002_b.sql:2", "Move the line up"],
    ),
}


@EXCEPT_MARIADB
@pytest.mark.parametrize("case", BEFORE_THE_DATABASE)
def test_run_when_a_name_or_a_header_is_bad_stops_before_the_database_is_touched(
    case, database, migrations, guard
):
    files, texts = BEFORE_THE_DATABASE[case]
    migrations({"0001_a.sql": GOOD, **files})

    refused(guard, 1, *texts)

    assert untouched(database)


def test_run_when_several_files_are_bad_names_all_of_them_at_once(sqlite, migrations, guard):
    migrations({"a.sql": GOOD, "0002_b.sql": b"\xff", "0003_c.sql": "-- guard: x = y\nSELECT 1;"})

    refused(guard, 1, "a.sql", "0002_b.sql:1", "0003_c.sql:1", "3 problems; no migration was run")

    assert untouched(sqlite)


def test_run_when_one_id_is_in_two_folders_names_both(database, migrations, guard, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "0001_a.sql").write_text(GOOD)
    migrations({"0001_a.sql": GOOD}, DIRS={"default": [tmp_path / "sql_migrations", other]})

    refused(guard, 1, "duplicate-id", "0001_a exists twice", str(other))

    assert untouched(database)


# -- files and folders that cannot be opened


def unreadable_by_its_owner(path):
    path.write_text(B)
    path.chmod(0)


def test_run_when_a_file_cannot_be_read_gives_2_and_touches_nothing(sqlite, migrations, guard):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = migrations({"0001_a.sql": GOOD})
    unreadable_by_its_owner(folder / "0002_b.sql")

    refused(guard, 2, "0002_b.sql cannot be opened", "Make the file readable")

    assert untouched(sqlite)


def bind_socket(path):
    """Leave a socket's file at ``path``; its name may be longer than a socket's can be."""
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(path.parent):
        server.bind(path.name)


def link_to_fifo(path):
    """Leave a link to a FIFO of the same folder."""
    os.mkfifo(path.parent / "_fifo")
    path.symlink_to(path.parent / "_fifo")


NO_FILES = {
    "a folder": (lambda path: path.mkdir(), "it is a folder, not a file"),
    "a FIFO": (os.mkfifo, "it is a FIFO, not a file"),
    "a socket": (bind_socket, "it is a socket, not a file"),
    "a link to a FIFO": (link_to_fifo, "it is a FIFO, not a file"),
    "a link to nothing": (
        lambda path: path.symlink_to(path.parent / "gone.sql"),
        "it is a link that leads to no file (No such file or directory), not a file",
    ),
    "a link to itself": (
        lambda path: path.symlink_to(path),
        "it is a link that leads to no file (Too many levels of symbolic links), not a file",
    ),
    "a device": (
        lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),  # /dev/zero
        "it is a device, not a file",
    ),
}


@pytest.fixture(params=NO_FILES)
def no_file(request, migrations):
    """Give a folder in which a name of a migration is no file, and what it is."""
    make, message = NO_FILES[request.param]
    folder = migrations({"0001_a.sql": GOOD, "max_migration.txt": "0001_a\n"})
    try:
        make(folder / "0002_b.sql")
    except PermissionError:
        pytest.skip("only root may make a device")
    return folder, message


def test_run_when_a_name_is_no_file_refuses_it_at_once(sqlite, no_file, guard):
    refused(guard, 1, "not-a-file", "0002_b.sql", no_file[1], "Put a regular file in its place")
    refused(guard, 1, "not-a-file", args=("--check",))

    assert untouched(sqlite)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("checksqlmigrations",), 1),
        (("check",), 1),
        (("makesqlmigration", "next"), 0),
        (("checkschema", "--fresh"), 1),
    ],
)
def test_commands_when_a_name_is_no_file_say_so_at_once(command, code, sqlite, no_file, guard):
    result = guard(*command)

    assert result.code == code, result.err
    assert no_file[1] in result.out + result.err
    assert command[0] != "makesqlmigration" or (no_file[0] / "0003_next.sql").exists()


@pytest.mark.parametrize(("make", "message"), NO_FILES.values(), ids=NO_FILES)
def test_max_migration_when_it_is_no_file_is_replaced(make, message, sqlite, migrations, guard):
    folder = migrations({"0001_a.sql": GOOD})
    try:
        make(folder / "max_migration.txt")
    except PermissionError:
        pytest.skip("only root may make a device")
    is_link = (folder / "max_migration.txt").is_symlink()

    checked = guard("check")
    made = guard("makesqlmigration", "next")

    assert checked.code == 0
    assert "max_migration.txt" in checked.err
    assert is_link or message in checked.err
    if (folder / "max_migration.txt").is_dir():
        assert (made.code, "Make it a file with one line" in made.err) == (2, True)
    else:
        assert made.code == 0, made.err
        assert (folder / "max_migration.txt").read_text() == "0002_next\n"


def test_max_migration_when_its_draft_is_a_fifo_is_written_or_refused(sqlite, migrations, guard):
    folder = migrations({"0001_a.sql": GOOD, "max_migration.txt": "0001_a\n"})
    os.mkfifo(folder / ".max_migration.txt.new")

    result = guard("makesqlmigration", "next")

    assert result.code == 2
    assert "cannot be written" in result.err


def test_run_when_a_link_leads_out_of_the_folder_refuses_it(sqlite, migrations, guard, tmp_path):
    (tmp_path / "elsewhere.sql").write_text(B)
    folder = migrations({"0001_a.sql": GOOD})
    (folder / "0002_b.sql").symlink_to(tmp_path / "elsewhere.sql")

    refused(guard, 1, "0002_b.sql", "symbolic link that leads out of the migration folder")

    assert untouched(sqlite)


FOLDERS = {
    "missing": (lambda path: None, "No such file or directory"),
    "a file": (lambda path: path.write_text(""), "Not a directory"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
}


@EXCEPT_MARIADB
@pytest.mark.parametrize("case", FOLDERS)
def test_run_when_the_folder_cannot_be_opened_gives_2(case, database, migrations, guard, tmp_path):
    make, reason = FOLDERS[case]
    folder = tmp_path / "nowhere"
    make(folder)
    migrations({}, DIRS={"default": [folder]})

    refused(guard, 2, f"migration folder {folder} cannot be opened", reason, '["DIRS"]')

    assert untouched(database)


def test_run_when_no_folder_is_set_shows_the_setting_to_write(sqlite, settings, guard):
    settings.MIGRATION_GUARD = {"ENVIRONMENT": "production"}

    refused(guard, 2, 'names no folder for the database "default"', '[BASE_DIR / "sql_migrations"]')

    assert untouched(sqlite)


@pytest.mark.parametrize("option", [[], ["--plan"], ["--check"]])
def test_run_when_all_files_are_gone_but_not_the_history_cannot_tell(
    option, sqlite, migrations, guard
):
    folder = migrations({"0001_a.sql": GOOD, "0002_b.sql": B})
    guard("runsqlmigrations")
    for path in folder.glob("*.sql"):
        path.unlink()

    told = f"There is no migration in {folder}, but the database has 0001_a and 1 more"
    refused(guard, 2, told, "Restore the files", args=option)


@pytest.mark.parametrize("option", [[], ["--plan"], ["--check"]])
def test_run_when_there_is_no_migration_at_all_is_one_line_and_writes_nothing(
    option, database, migrations, guard
):
    folder = migrations({"README.md": "nothing yet", "_draft.sql": B, ".hidden.sql": B})

    result = guard("runsqlmigrations", *option)

    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    assert result.out.startswith(f"There is no migration in {folder}, and none is applied")
    assert "manage.py makesqlmigration NAME" in result.out
    assert database.vendor == "sqlite" or untouched(database)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--fake", "0001_a"], 'There is no migration "0001_a"'),
        (["--target", "1"], "There is no migration with the number 1"),
        (["--baseline", "1"], "There is no migration with the number 1"),
    ],
)
def test_run_when_an_option_names_a_migration_and_there_is_none_cannot_tell(
    option, text, sqlite, migrations, guard
):
    migrations({})

    refused(guard, 2, text, args=option)


# -- files of other tools

FOREIGN = f"-- migrate:up\n{GOOD}-- migrate:down\nDROP TABLE a;\n"


def test_run_when_another_tool_divides_a_file_runs_nothing(database, migrations, guard):
    allowed = "-- guard: allow = foreign-format, we know\n"
    migrations({"0001_b.sql": B, "0002_a.sql": allowed + FOREIGN})

    refused(guard, 1, "foreign-format", "0002_a.sql:2", "dbmate divides this file")

    assert tables(database) == set()


def test_run_when_the_divided_file_is_applied_does_not_judge_it_again(sqlite, migrations, guard):
    folder = migrations({"0001_a.sql": "-- to be\n" + GOOD})
    guard("runsqlmigrations")
    (folder / "0001_a.sql").write_text("-- migrate:up\n" + GOOD)
    (folder / "0002_b.sql").write_text(B)

    result = guard("runsqlmigrations")

    assert result.code == 0
    assert "foreign-format" not in result.err
    assert tables(sqlite) == {"a", "b"}


def test_run_when_files_have_names_of_another_tool_says_so_once(sqlite, migrations, guard):
    migrations({f"V{number}__a.sql": GOOD for number in range(1, 5)})

    message = refused(guard, 1, "bad-name", "4 files have names of Flyway", "V1__a.sql")

    assert message.count("Flyway") == 1


def test_run_when_migrations_are_folders_of_another_tool_says_so(sqlite, migrations, guard):
    folder = migrations({})
    (folder / "20240101000000_init").mkdir()
    (folder / "20240101000000_init" / "migration.sql").write_text(GOOD)

    refused(guard, 1, "bad-name", "a name of Prisma", "20240101000000_init/migration.sql")


# -- what is accepted


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="BOM"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(b"\xef\xbb\xbf-- a\r\n" + GOOD.encode(), id="BOM and CRLF"),
    ],
)
def test_run_when_a_file_has_a_bom_or_crlf_takes_it_as_the_same_text(
    raw, database, migrations, guard
):
    folder = migrations({"0001_a.sql": raw})

    first = guard("runsqlmigrations")
    plain = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    (folder / "0001_a.sql").write_bytes(plain)
    second = guard("runsqlmigrations", "--check")

    assert (first.code, second.code, second.err) == (0, 0, "")
    assert tables(database) == {"a"}
    assert AppliedMigration.objects.get().sql == plain.decode()


def test_run_when_a_directive_stands_behind_a_bom_obeys_it(sqlite, migrations, guard):
    migrations(
        {"0001_a.sql": GOOD, "0002_b.sql": b"\xef\xbb\xbf-- guard: environments = dev\r\n" + b"x;"}
    )

    result = guard("runsqlmigrations")

    assert result.code == 0
    assert history(sqlite) == ["0001_a"]


# -- what only the SQL tells: all files are split before the first one runs


SQL = {
    "empty": ("", ["empty", "the file has no statement", "-- guard: allow = empty"]),
    "only a comment": ("-- nothing yet\n/* at all */\n", ["empty", "no statement"]),
    "only semicolons": (";;\n;", ["empty", "no statement"]),
    "unterminated string": (
        f"{B}INSERT INTO b VALUES ('never closed);\n",
        ["unterminated", "0002_b.sql:2", "never ends"],
    ),
    "BEGIN without COMMIT": (
        f"BEGIN;\n{B}",
        ["transaction-control", "0002_b.sql:1", "BEGIN"],
    ),
    "COMMIT without BEGIN": (
        f"{B}COMMIT;\n",
        ["transaction-control", "0002_b.sql:2", "COMMIT"],
    ),
    "COMMIT in the middle": (
        f"{B}COMMIT;\nCREATE TABLE c (id integer);\n",
        ["transaction-control", "0002_b.sql:2", "COMMIT"],
    ),
    "ROLLBACK": (f"BEGIN;\n{B}ROLLBACK;\n", ["transaction-control", "0002_b.sql:3", "ROLLBACK"]),
    "the history named": (
        f"{B}DELETE FROM applied_migrations WHERE id = '0001_a';\n",
        ["touches-history", "0002_b.sql:2", "may run in production", "environments = dev, test"],
    ),
}
# SQLite takes the end of the text for the end of such a comment.
COMMENT = (
    f"{B}\n/* never closed\nSELECT 1;\n",
    ["unterminated", "0002_b.sql:3", "comment", "never ends"],
)
SQL_OF_POSTGRESQL = {
    "unterminated dollar quote": (
        f"{B}DO $body$ BEGIN NULL; END $$;\n",
        ["unterminated", "0002_b.sql:2", "never ends"],
    ),
    "unterminated identifier": ('CREATE TABLE "b (id integer);', ["unterminated", "0002_b.sql:1"]),
    "two transactions": (
        f"BEGIN;\n{B}COMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
        ["transaction-control", "0002_b.sql:3", "transaction = off"],
    ),
    "psql meta-command": (
        f"{B}\\i other.sql\n",
        ["meta-command", "0002_b.sql:2", "\\i other.sql", "only psql"],
    ),
    "rows for the client": (
        f"{B}COPY b TO STDOUT;\n",
        ["meta-command", "0002_b.sql:2", "COPY b TO STDOUT", "nobody"],
    ),
    "PREPARE TRANSACTION": (
        f"BEGIN;\n{B}PREPARE TRANSACTION 'x';\n",
        ["transaction-control", "0002_b.sql:3"],
    ),
}
SQL_OF_SQLITE = {
    "unterminated trigger": (
        f"{B}CREATE TRIGGER t AFTER INSERT ON b BEGIN\n  SELECT 1;\n",
        ["unterminated", "0002_b.sql:2"],
    ),
}


def stops_before_the_first_runs(database, migrations, guard, case):
    sql, texts = case
    migrations({"0001_a.sql": GOOD, "0002_b.sql": sql, "0003_c.sql": "SELECT 1;"})

    refused(guard, 1, *texts)

    assert tables(database) == set()
    assert history(database) == []


@pytest.mark.parametrize("case", SQL)
def test_run_when_the_sql_of_a_later_file_is_bad_runs_none(case, database, migrations, guard):
    stops_before_the_first_runs(database, migrations, guard, SQL[case])


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_run_when_a_comment_of_a_later_file_is_open_runs_none(database, migrations, guard):
    stops_before_the_first_runs(database, migrations, guard, COMMENT)


@pytest.mark.parametrize("case", SQL_OF_POSTGRESQL)
def test_run_on_postgresql_when_the_sql_of_a_later_file_is_bad_runs_none(
    case, postgres, migrations, guard
):
    stops_before_the_first_runs(postgres, migrations, guard, SQL_OF_POSTGRESQL[case])


@pytest.mark.parametrize("case", SQL_OF_SQLITE)
def test_run_on_sqlite_when_the_sql_of_a_later_file_is_bad_runs_none(
    case, sqlite, migrations, guard
):
    stops_before_the_first_runs(sqlite, migrations, guard, SQL_OF_SQLITE[case])


@pytest.mark.parametrize("case", ["empty", "unterminated string", "COMMIT in the middle"])
def test_plan_when_the_sql_is_bad_says_so_and_writes_nothing(case, database, migrations, guard):
    sql, texts = SQL[case]
    migrations({"0001_a.sql": GOOD, "0002_b.sql": sql})

    refused(guard, 1, *texts, args=["--plan"])

    assert untouched(database)


def test_run_when_the_bad_file_is_corrected_applies_all(database, migrations, guard):
    folder = migrations({"0001_a.sql": GOOD, "0002_b.sql": "SELECT 'open;"})
    assert guard("runsqlmigrations").code == 1
    (folder / "0002_b.sql").write_text(B)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]
    assert tables(database) == {"a", "b"}


def test_run_when_an_applied_file_is_bad_now_shows_it_as_edited(database, migrations, guard):
    folder = migrations({"0001_a.sql": GOOD})
    assert guard("runsqlmigrations").code == 0
    (folder / "0001_a.sql").write_text("CREATE TABLE a (name text DEFAULT 'open);\n")

    refused(guard, 1, "edited", "0001_a.sql", "-CREATE TABLE a (id integer);")

    assert history(database) == ["0001_a"]
