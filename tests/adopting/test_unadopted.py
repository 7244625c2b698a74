"""Beside another tool's history nothing runs; beside what only looks like one, all does."""

import pytest

from tests.adopting.other_tools import goose_ran, make_table
from tests.commands.refusals import history, refused

FILES = {"0001_a.sql": "CREATE TABLE a (id integer)"}


def run_is_free(guard, database):
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert history(database) == ["0001_a"]


def test_run_beside_the_history_of_a_known_tool_names_the_commands(database, migrations, guard):
    make_table(database, "goose")
    goose_ran(database, [(1, True)])
    folder = migrations(FILES)

    refused(
        guard,
        2,
        "goose_db_version holds the history of goose",
        "makesqlmigration --from goose DIR",
        '["SEPARATE_HISTORIES"] = ["goose_db_version"]',
    )

    migrations(
        {path.name: path.read_text() for path in folder.glob("*.sql")},
        SEPARATE_HISTORIES=["goose_db_version"],
    )
    run_is_free(guard, database)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("alembic_version (version_num varchar(32))", "'1975ea83b712'"),
        ("databasechangelog (id int, author int, md5sum int)", "1, 1, 1"),
    ],
)
def test_run_beside_a_tool_without_a_reader_names_the_way_by_the_database(
    table, row, sqlite, migrations, guard
):
    sqlite.execute(f"CREATE TABLE {table}")
    sqlite.execute(f"INSERT INTO {table.partition(' ')[0]} VALUES ({row})")
    migrations(FILES)

    refused(guard, 2, "makesqlmigration --from database")


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("migrations (id int, title varchar(9))", "1, 'x'"),
        ("schema_migrations (version int, note varchar(9))", "1, 'x'"),
        ("schema_version (version int, comment int)", "1, 1"),
        ("ar_internal_metadata (key_ int, value int)", "1, 1"),
        ("south_migrationhistory (id int, app_name int, migration int, applied int)", "1, 1, 1, 1"),
        ("flyway_schema_history (installed_rank int, script int)", ""),
    ],
)
def test_run_beside_a_table_that_only_has_the_name_is_free(table, row, database, migrations, guard):
    database.execute(f"CREATE TABLE {table}")
    if row:
        database.execute(f"INSERT INTO {table.partition(' ')[0]} VALUES ({row})")
    migrations(FILES)

    run_is_free(guard, database)


@pytest.mark.parametrize("version", [None, "x"])
def test_run_beside_goose_with_an_odd_version_stops(version, sqlite, migrations, guard):
    sqlite.execute("CREATE TABLE goose_db_version (id int, version_id int, is_applied int)")
    sqlite.execute("INSERT INTO goose_db_version VALUES (1, ?, 1)", [version])
    migrations(FILES)

    refused(guard, 2, "goose_db_version holds the history of goose")


def test_run_beside_goose_without_a_migration_is_free(database, migrations, guard):
    make_table(database, "goose")
    goose_ran(database, [])
    migrations(FILES)

    run_is_free(guard, database)


def test_run_when_another_app_keeps_its_tool_in_another_schema_is_free(postgres, migrations, guard):
    postgres.execute("CREATE SCHEMA other")
    postgres.execute("CREATE TABLE other.schema_migrations (version varchar primary key)")
    postgres.execute("INSERT INTO other.schema_migrations VALUES ('1')")
    migrations(FILES)

    run_is_free(guard, postgres)


def test_run_beside_the_tool_of_another_schema_that_is_the_tools_own_stops(
    postgres, migrations, guard
):
    postgres.execute("CREATE SCHEMA drizzle")
    postgres.execute(
        "CREATE TABLE drizzle.__drizzle_migrations (id int, hash text, created_at int)"
    )
    postgres.execute("INSERT INTO drizzle.__drizzle_migrations VALUES (1, 'x', 1)")
    migrations(FILES)

    refused(guard, 2, "drizzle.__drizzle_migrations holds the history of Drizzle")


def test_run_beside_a_table_that_may_not_be_read_stops(postgres, migrations, guard):
    make_table(postgres, "goose")
    role = f"nobody_{postgres.settings['NAME']}"
    postgres.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'swordfish'")
    postgres.execute(f'GRANT ALL ON SCHEMA public TO "{role}"')
    before = {name: postgres.settings.get(name) for name in ("USER", "PASSWORD")}
    postgres.configure(USER=role, PASSWORD="swordfish")
    migrations(FILES)
    try:
        refused(guard, 2, "goose_db_version holds the history of goose")
    finally:
        postgres.configure(**before)
        postgres.execute(f'DROP OWNED BY "{role}"')
        postgres.execute(f'DROP ROLE "{role}"')


def test_run_when_a_history_was_begun_asks_no_more(database, migrations, guard):
    make_table(database, "goose")
    goose_ran(database, [(1, True)])
    migrations({**FILES, "0002_b.sql": "CREATE TABLE b (id integer)"})

    assert guard("runsqlmigrations", "--baseline", "1").code == 0
    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]
