"""A baseline: what a database has, as the first migration, with proof."""

import pytest

from tests.squashing.test_squash import FILES

ALEMBIC = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);",
    "INSERT INTO alembic_version VALUES ('ab12')",
)


@pytest.fixture(params=["postgresql", "sqlite"])
def found(request, migrations, guard):
    """Give a database that another tool built, and an empty folder."""
    database = request.getfixturevalue("postgres" if request.param == "postgresql" else "sqlite")
    if request.param == "postgresql":
        request.getfixturevalue("pg_dump")
    migrations(FILES[request.param])
    assert guard("runsqlmigrations", "--with-django").code == 0
    for table in ("applied_migrations", "migration_guard_journal", "migration_guard_audit"):
        database.execute(f"DROP TABLE {table}")
    database.execute("DROP TABLE migration_guard_environment")
    database.execute("DELETE FROM django_migrations WHERE app = 'migration_guard'")
    for statement in ALEMBIC:
        database.execute(statement)
    return database, migrations({})


def test_baseline_when_written_builds_the_schema_without_the_tables_of_others(found, guard):
    database, folder = found
    number = {"postgresql": "serial", "sqlite": "integer"}[database.vendor]
    database.execute(
        f"CREATE TABLE goose_db_version (id {number} PRIMARY KEY, version_id bigint,"
        " is_applied boolean, tstamp timestamp)"
    )

    result = guard("makesqlmigration", "--from", "database")

    assert (result.code, result.out) == (0, f"{folder / '0001_baseline.sql'}\n"), result.err
    text = (folder / "0001_baseline.sql").read_text()
    assert "alembic" not in text
    assert "goose" not in text
    assert "applied_migrations" not in text
    assert "django_" not in text
    assert "three" not in text  # a row
    assert "shelf" in result.err  # has rows
    assert guard("runsqlmigrations", "--baseline", "1").code == 0
    drift = guard("checkschema", "--drift", "--ignore", "alembic_version", "goose*")
    assert drift.code == 0, drift.out
    assert database.execute("SELECT count(*) FROM shelf") == [(3,)]


def test_baseline_when_there_are_migrations_is_refused(found, guard, migrations):
    folder = migrations({"0001_a.sql": "SELECT 1;"})

    result = guard("makesqlmigration", "--from", "database")

    assert (result.code, "0001_a" in result.err) == (2, True)
    assert [path.name for path in folder.iterdir()] == ["0001_a.sql"]


def test_baseline_when_the_other_tool_has_the_key_is_adopted(found, guard):
    database, _ = found

    missing = guard("makesqlmigration", "--from", "database", "--upto", "zz99")
    written = guard("makesqlmigration", "--from", "database", "--upto", "ab12")
    before = guard("runsqlmigrations")
    adopted = guard("runsqlmigrations", "--adopt")

    assert (missing.code, 'The key "zz99" is not in this database' in missing.err) == (2, True)
    assert written.code == 0, written.err
    assert (before.code, "--adopt" in before.err) == (2, True)  # else it would run a second time
    assert adopted.code == 0, adopted.out + adopted.err
    assert database.execute("SELECT id, how FROM applied_migrations") == [
        ("0001_baseline", "adopted")
    ]
    assert guard("runsqlmigrations").code == 0


def test_baseline_when_another_database_lacks_the_key_is_not_adopted(found, guard):
    database, _ = found
    assert guard("makesqlmigration", "--from", "database", "--upto", "ab12").code == 0
    database.execute("UPDATE alembic_version SET version_num = 'aa11'")

    results = [guard("runsqlmigrations", *options) for options in (["--adopt"], [])]

    for result in results:
        assert (result.code, "no row has the key ab12" in result.err) == (1, True), result.err
    assert database.execute("SELECT id FROM applied_migrations") == []
