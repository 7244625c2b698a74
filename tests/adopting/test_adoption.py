"""Another tool's files and history, taken over with the two commands on real databases."""

import json

import pytest
from django.core.management import call_command

from tests.adopting.other_tools import (
    SQL,
    flyway_ran,
    goose_folder,
    goose_ran,
    make_table,
)
from tests.commands.refusals import audit, history, refused, tables

IDS = ["00001_step_1", "00002_step_2", "00003_step_3"]
ROWS = "SELECT id, how, checksum FROM applied_migrations ORDER BY applied_at, number, id"


@pytest.fixture
def taken(database, migrations, guard, tmp_path):
    """Take over three files of goose, of which the database has two."""
    folder = migrations({})
    make_table(database, "goose")
    for sql in SQL[:2]:
        database.execute(sql)
    result = guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose"))
    assert result.code == 0, result.err
    return folder


def details(database):
    (text,) = database.execute("SELECT details FROM migration_guard_audit WHERE action = 'adopted'")
    return json.loads(text[0])


@pytest.mark.parametrize("use_tz", [True, False])
def test_plan_when_the_project_is_in_another_zone_shows_the_recorded_times(
    database, taken, guard, settings, use_tz
):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "America/Chicago"
    goose_ran(database, [(1, True), (2, True)])

    foreseen = guard("runsqlmigrations", "--adopt", "--plan")
    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert "00001_step_1 @ 20" in result.out
    (line,) = (line for line in result.out.splitlines() if "00001_step_1 @ " in line)
    assert line.split("@ ")[1].removesuffix(" (adopted)") in foreseen.out


def test_two_commands_when_the_tool_ran_some_record_these_and_prove_it(database, taken, guard):
    goose_ran(database, [(1, True), (2, True)])
    before = database.execute("SELECT * FROM goose_db_version ORDER BY id")

    foreseen = guard("runsqlmigrations", "--adopt", "--plan")
    assert tables(database) == {"a", "b", "goose_db_version"}
    result = guard("runsqlmigrations", "--adopt")

    assert foreseen.code == 0, foreseen.err
    assert "applied  00002_step_2 @ 2025-03-01 09:00:00" in foreseen.out
    assert "pending  00003_step_3" in foreseen.out
    assert result.code == 0, result.err
    assert "Adopted 2 migrations from goose (goose_db_version)" in result.err
    assert "Still pending, and not run: 00003_step_3" in result.err
    assert "Proof: " in result.err
    assert [(row[0], row[1]) for row in database.execute(ROWS)] == [
        (IDS[0], "adopted"),
        (IDS[1], "adopted"),
    ]
    assert all(checksum for *_rest, checksum in database.execute(ROWS))
    assert audit(database) == [("adopted", "", "--adopt")]
    assert details(database)["ids"] == IDS[:2]
    assert details(database)["times"] == "of goose"
    assert database.execute("SELECT * FROM goose_db_version ORDER BY id") == before

    again = guard("runsqlmigrations", "--adopt")
    assert again.code == 0, again.err
    assert "Nothing left to adopt from goose (goose_db_version)." in again.err
    assert len(audit(database)) == 1
    assert guard("runsqlmigrations").code == 0
    assert history(database) == IDS
    assert {"a", "b", "c"} <= tables(database)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_adopt_when_a_version_was_undone_leaves_it_pending(database, taken, guard):
    goose_ran(database, [(1, True), (2, True), (2, False)])
    database.execute("DROP TABLE b")

    result = guard("runsqlmigrations", "--adopt", "--format", "json")

    assert result.code == 0, result.err
    (adoption,) = result.json["adoptions"]
    assert (adoption["recorded"], adoption["pending"]) == (IDS[:1], IDS[1:])


def test_adopt_when_times_are_equal_keeps_the_order_of_the_table(database, taken, guard):
    database.execute(SQL[2])
    goose_ran(database, [(2, True), (1, True), (3, True)])

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert [row[0] for row in database.execute(ROWS)] == [IDS[1], IDS[0], IDS[2]]


def test_adopt_when_the_schema_is_another_records_and_names_the_difference(database, taken, guard):
    goose_ran(database, [(1, True), (2, True)])
    database.execute("ALTER TABLE b ADD COLUMN by_hand integer")

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 1
    assert "by_hand" in result.err
    assert "The history is recorded." in result.err
    assert history(database) == IDS[:2]
    assert guard("runsqlmigrations", "--adopt").code == 0
    (command,) = [line for line in result.err.splitlines() if line.startswith("Next, when each")]
    assert command.endswith("--ignore goose_db_version, once what is pending has run")
    assert guard("runsqlmigrations").code == 0
    database.execute("ALTER TABLE b DROP COLUMN by_hand")
    call_command("migrate", verbosity=0)
    assert guard("checkschema", "--drift", "--ignore", "goose_db_version").code == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_adopt_when_a_file_was_edited_since_stops_and_records_nothing(database, taken, guard):
    goose_ran(database, [(1, True), (2, True)])
    path = taken / f"{IDS[0]}.sql"
    path.write_text(path.read_text().replace("integer", "bigint"))

    refused(guard, 1, "00001_step_1 is edited", "Restore the file", args=["--adopt"])

    assert tables(database) == {"a", "b", "goose_db_version"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_adopt_when_the_tool_ran_what_is_not_taken_over_names_it(database, taken, guard):
    goose_ran(database, [(1, True), (2, True), (77, True)])

    refused(guard, 1, "77 is applied", "makesqlmigration --from goose DIR", args=["--adopt"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_adopt_when_the_files_grew_takes_over_what_is_new(database, taken, guard, tmp_path):
    goose_ran(database, [(1, True), (2, True)])
    assert guard("runsqlmigrations", "--adopt").code == 0
    goose_folder(tmp_path / "goose", (*SQL, "CREATE TABLE d (id integer)"))

    more = guard("makesqlmigration", "--from", "goose", tmp_path / "goose", "--format", "json")
    none = guard("makesqlmigration", "--from", "goose", tmp_path / "goose")

    assert (more.code, none.code) == (0, 0), more.err + none.err
    assert [path.rpartition("/")[2] for path in more.json["files"]] == ["00004_step_4.sql"]
    assert "All files of goose were taken over before" in none.err
    assert guard("runsqlmigrations").code == 0


# Nothing runs before


def test_run_when_the_history_is_not_adopted_stops_with_2(database, taken, guard):
    goose_ran(database, [(1, True), (2, True)])

    for args in ([], ["--plan"], ["--check"], ["--target", "1"]):
        refused(
            guard,
            2,
            "goose has run 00001_step_1",
            "manage.py runsqlmigrations --adopt",
            args=args,
        )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_run_when_the_tool_has_run_nothing_here_runs_all(database, taken, guard):
    goose_ran(database, [])
    for table in "ab":
        database.execute(f"DROP TABLE {table}")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == IDS


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_adopt_when_there_is_no_table_of_the_tool_gives_2(database, taken, guard):
    database.execute("DROP TABLE goose_db_version")

    refused(guard, 2, "There is not a table of goose", "without --adopt", args=["--adopt"])


def test_adopt_when_the_order_has_a_gap_records_and_names_it(sqlite, migrations, guard, tmp_path):
    migrations({})
    make_table(sqlite, "goose")
    for sql in (SQL[0], SQL[2]):
        sqlite.execute(sql)
    goose_ran(sqlite, [(1, True), (3, True)])
    assert guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose")).code == 0

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert "00002_step_2" in result.err
    assert "--allow-out-of-order" in result.err


BROKEN_ROWS = ["NULL, 1, '2025-03-01'", "1, 1, 'never'", "1, 1, NULL"]


@pytest.mark.parametrize("row", BROKEN_ROWS)
def test_adopt_when_a_row_is_none_of_the_tool_is_refused(row, sqlite, migrations, guard, tmp_path):
    migrations({})
    sqlite.execute("CREATE TABLE goose_db_version (id int, version_id, is_applied, tstamp)")
    sqlite.execute(f"INSERT INTO goose_db_version VALUES (1, {row})")
    assert guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose")).code == 0

    refused(guard, 1, "goose_db_version, the table of goose: ", args=["--adopt"])


def test_adopt_when_the_table_was_dropped_since_has_nothing_left_to_do(
    sqlite, migrations, guard, tmp_path
):
    migrations({})
    make_table(sqlite, "goose")
    sqlite.execute(SQL[0])
    goose_ran(sqlite, [(1, True)])
    assert guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose")).code == 0
    assert guard("runsqlmigrations", "--adopt").code == 0
    sqlite.execute("DROP TABLE goose_db_version")

    again = guard("runsqlmigrations", "--adopt")

    assert again.code == 0, again.err
    assert "Nothing left to adopt from goose" in again.err
    assert guard("runsqlmigrations").code == 0
    assert history(sqlite) == IDS


def test_check_when_the_tool_went_on_warns(database, taken, guard):
    goose_ran(database, [(1, True), (2, True)])
    assert guard("runsqlmigrations", "--adopt").code == 0
    assert guard("runsqlmigrations").code == 0
    quiet = guard("runsqlmigrations", "--check")
    goose_ran(database, [(3, True), (99, True)], day=2)

    loud = guard("runsqlmigrations", "--check")

    assert (quiet.code, loud.code) == (0, 0)
    assert "two tools" not in quiet.err
    assert "goose ran 99 after its history was adopted (goose_db_version)" in loud.err


def test_static_guard_when_files_were_taken_over_judges_their_order_not_their_danger(
    sqlite, migrations, guard, tmp_path
):
    folder = migrations({})
    origin = goose_folder(tmp_path / "goose", [SQL[0], "DELETE FROM a", "DROP TABLE a"])
    assert guard("makesqlmigration", "--from", "goose", origin).code == 0

    history_of_then = guard("checksqlmigrations")
    path = folder / f"{IDS[1]}.sql"
    path.write_text(path.read_text().replace("a;", "a WHERE true;"))
    edited = guard("checksqlmigrations")

    assert "blanket-delete" not in history_of_then.out
    assert "blanket-delete" in edited.out


# Other tools


CHECKSUMS = {"1": 1293302186, "2": 0}


def flyway_folder(tmp_path):
    folder = tmp_path / "flyway"
    folder.mkdir()
    (folder / "V1__a.sql").write_text("CREATE TABLE a (id integer);\n")
    (folder / "V1_1__b.sql").write_text("CREATE TABLE b (id integer);\n")
    (folder / "R__v.sql").write_text("CREATE VIEW v AS SELECT id FROM a;\n")
    return folder


def crc(folder, name):
    from migration_guard.adopting.readers import load

    files = {file.path.name: file.checksum for file in load("flyway").read_files(folder)}
    return int(files[name].split()[0])


def test_flyway_when_its_versions_are_dotted_are_numbered_and_adopted(
    database, migrations, guard, tmp_path
):
    migrations({})
    folder = flyway_folder(tmp_path)
    make_table(database, "flyway")
    for name in ("V1__a", "V1_1__b", "R__v"):
        database.execute((folder / f"{name}.sql").read_text().strip().rstrip(";"))
    flyway_ran(
        database,
        [
            {"version": "1", "checksum": crc(folder, "V1__a.sql")},
            {"version": "1.1", "checksum": crc(folder, "V1_1__b.sql")},
            {"description": "v", "checksum": crc(folder, "R__v.sql")},
        ],
    )

    written = guard("makesqlmigration", "--from", "flyway", folder)
    result = guard("runsqlmigrations", "--adopt")

    assert written.code == 0, written.err
    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b", "0003_v"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"checksum": 5}, "0001_a is edited: Flyway ran a text with the checksum 5"),
        ({"success": False}, "0001_a (1) failed or is half done"),
        ({"type": "JDBC"}, "is not SQL (JDBC)"),
    ],
)
def test_flyway_when_a_row_speaks_against_it_records_nothing(
    change, words, sqlite, migrations, guard, tmp_path
):
    migrations({})
    folder = flyway_folder(tmp_path)
    make_table(sqlite, "flyway")
    assert guard("makesqlmigration", "--from", "flyway", folder).code == 0
    flyway_ran(sqlite, [{"version": "1", "checksum": crc(folder, "V1__a.sql"), **change}])

    refused(guard, 1, words, args=["--adopt"])

    assert tables(sqlite) == {"flyway_schema_history"}


def test_flyway_when_a_number_has_no_end_names_the_row(sqlite, migrations, guard, tmp_path):
    migrations({})
    make_table(sqlite, "flyway")
    assert guard("makesqlmigration", "--from", "flyway", flyway_folder(tmp_path)).code == 0
    flyway_ran(sqlite, [{"version": "1"}])
    sqlite.execute("UPDATE flyway_schema_history SET checksum = 9e999")

    refused(guard, 1, "a row is none of Flyway", args=["--adopt"])


@pytest.mark.parametrize("dirty", [False, True])
def test_golang_migrate_when_its_row_is_dirty_is_refused_else_believed(
    dirty, database, migrations, guard, tmp_path
):
    migrations({})
    folder = tmp_path / "go"
    folder.mkdir()
    for number, sql in enumerate(SQL, 1):
        (folder / f"{number}_s.up.sql").write_text(f"{sql};")
    make_table(database, "golang-migrate")
    for sql in SQL[:2]:
        database.execute(sql)
    flag = str(dirty).upper() if database.vendor == "postgresql" else int(dirty)
    database.execute(f"INSERT INTO schema_migrations VALUES (2, {flag})")
    assert guard("makesqlmigration", "--from", "golang-migrate", folder).code == 0

    if dirty:
        refused(guard, 1, "2_s (2) failed or is half done", args=["--adopt"])
        return
    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert "Believed, not proven by a row" in result.err
    assert details(database)["believed"] == {"1_s": "golang-migrate records the last version alone"}
    assert details(database)["times"] == "of the adoption"
    assert history(database) == ["1_s", "2_s"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_own_table_with_other_columns_is_adopted(database, migrations, guard, tmp_path):
    migrations({})
    folder = tmp_path / "sql"
    folder.mkdir()
    for number, sql in enumerate(SQL, 1):
        (folder / f"{number} step.sql").write_text(f"{sql};")
    database.execute("CREATE TABLE done (filename varchar(50), run_at timestamp)")
    for number, sql in enumerate(SQL[:2], 1):
        database.execute(sql)
        database.execute(f"INSERT INTO done VALUES ('{number} step.sql', '2025-03-01 09:00:00')")

    written = guard(
        *("makesqlmigration", "--from", "table", folder, "--table", "done"),
        *("--columns", "filename", "run_at"),
    )
    result = guard("runsqlmigrations", "--adopt")

    assert (written.code, result.code) == (0, 0), written.err + result.err
    assert history(database) == ["1_step", "2_step"]


# Where no database can be made


@pytest.fixture
def without_createdb(postgres):
    """Give a function that makes Django's user one who may not create databases."""
    role = f"nobody_{postgres.settings['NAME']}"
    before = {name: postgres.settings.get(name) for name in ("USER", "PASSWORD")}
    postgres.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'swordfish'")
    postgres.execute(f'GRANT ALL ON SCHEMA public TO "{role}"')
    postgres.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')

    def become():
        postgres.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
        postgres.configure(USER=role, PASSWORD="swordfish")

    yield become
    postgres.configure(**before)
    postgres.execute(f'DROP OWNED BY "{role}"')
    postgres.execute(f'DROP ROLE "{role}"')


def test_adopt_when_no_database_can_be_made_records_and_says_not_proven(
    postgres, migrations, guard, tmp_path, without_createdb
):
    migrations({})
    make_table(postgres, "goose")
    goose_ran(postgres, [(1, True)])
    postgres.execute(SQL[0])
    without_createdb()

    written = guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "g", SQL[:1]))
    result = guard("runsqlmigrations", "--adopt")

    assert written.code == 0
    assert "Written, not built: " in written.err
    assert "manage.py checkschema --fresh" in written.err
    assert result.code == 0, result.err
    assert "Recorded, not proven: " in result.err
    assert "manage.py checkschema --drift --ignore goose_db_version" in result.err
    assert "swordfish" not in result.err + written.err
    assert history(postgres) == IDS[:1]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_files_when_they_do_not_build_are_not_written(database, migrations, guard, tmp_path):
    folder = migrations({})
    origin = goose_folder(tmp_path / "goose", [SQL[0], "ALTER TABLE nowhere ADD COLUMN x int"])

    result = guard("makesqlmigration", "--from", "goose", origin)

    assert result.code == 1
    assert f"00002_step_2 is {origin}/00002_step_2.sql" in result.err
    assert "Nothing was written." in result.err
    assert "--from database" in result.err
    assert list(folder.iterdir()) == []


def test_folder_when_it_is_not_there_is_made_for_files_that_build(
    sqlite, migrations, guard, tmp_path
):
    folder = migrations({})
    folder.rmdir()
    bad = guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "bad", ["SELEC"]))
    assert not folder.exists()

    good = guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "good"))

    assert (bad.code, good.code) == (1, 0), bad.err + good.err
    assert len(list(folder.glob("*.sql"))) == len(SQL)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["goos", "x"], "Did you mean goose?"),
        (["goose"], "Write --from goose DIR"),
        (["goose", "nowhere"], "is not a folder"),
        (["table", "."], "--table NAME"),
        (["table", ".", "--table", "applied_migrations"], "the name of our own table"),
        (["goose", ".", "--sql", "SELECT 1"], "Leave NAME, --empty and --sql out"),
    ],
)
def test_from_when_it_is_not_understood_says_what_is(args, words, sqlite, migrations, guard):
    migrations({})

    result = guard("makesqlmigration", "--from", *args)

    assert result.code == 2
    assert words in result.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--adopt", "--target", "1"], "records what another tool has applied"),
        (["--accept-edit", "x", "--reason", "y"], "with --adopt"),
        (["--adopt", "--reason", "y"], "go together"),
        (["--adopt", "--accept-edit", "0001_x", "--reason", "y"], "no checksum differs"),
    ],
)
def test_adopt_when_options_do_not_fit_gives_2(args, words, sqlite, migrations, guard, tmp_path):
    migrations({})
    make_table(sqlite, "goose")
    assert guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose")).code == 0

    refused(guard, 2, words, args=args)
