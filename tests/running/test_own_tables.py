"""The app's own tables: upgraded by a later release, and known by their shape."""

import os
import shutil
from urllib.parse import urlsplit

import pytest

from tests.commands.test_bad_connection import role
from tests.conftest import ROOT
from tests.servers import forget_connection

NEWEST = max(path.stem for path in (ROOT / "migration_guard" / "migrations").glob("0*.py"))
LATER = f"""\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("migration_guard", "{NEWEST}")]
    operations = [migrations.RunSQL("CREATE TABLE migration_guard_later (id integer)")]
"""


def test_own_tables_when_a_release_brings_a_migration_are_upgraded_by_the_next_run(
    database, migrations, guard_process, tmp_path
):
    migrations({"0001_a.sql": "CREATE TABLE a (id integer);"})
    assert guard_process("runsqlmigrations").code == 0
    later = tmp_path / "later" / "migration_guard"
    shutil.copytree(ROOT / "migration_guard", later)
    (later / "migrations" / "9999_later.py").write_text(LATER)
    path = os.pathsep.join([str(later.parent), str(ROOT)])
    migrations(
        {"0001_a.sql": "CREATE TABLE a (id integer);", "0002_b.sql": "CREATE TABLE b (id integer);"}
    )

    done = guard_process("runsqlmigrations", env={"PYTHONPATH": path, "PYTHONSAFEPATH": "1"})

    assert done.code == 0, done.err
    assert database.execute("SELECT * FROM migration_guard_later") == []
    assert database.execute("SELECT id FROM applied_migrations ORDER BY number") == [
        ("0001_a",),
        ("0002_b",),
    ]


# -- known by their shape, whatever Django's record says

A, B = "CREATE TABLE a (id integer);", "CREATE TABLE b (id integer);"
OWN_RECORD = "DELETE FROM django_migrations WHERE app = 'migration_guard'"
RECORDS = {
    "own rows deleted": [OWN_RECORD],
    "all rows deleted": ["DELETE FROM django_migrations"],
    "table dropped": ["DROP TABLE django_migrations"],
    "newest row deleted": [f"{OWN_RECORD} AND name = '{NEWEST}'"],
}


@pytest.fixture
def one_applied(migrations, guard):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_a.sql": A, "0002_b.sql": B})


def recorded(database):
    sql = "SELECT name FROM django_migrations WHERE app = 'migration_guard' ORDER BY name"
    return [name for (name,) in database.execute(sql)]


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_own_tables_when_djangos_record_is_lost_are_taken_as_they_are(
    record, database, one_applied, guard
):
    before = recorded(database)
    rows = "SELECT * FROM applied_migrations WHERE id = '0001_a'"
    row = database.execute(rows)
    for statement in record:
        database.execute(statement)

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0002_b"]), result.err
    assert database.execute(rows) == row
    assert recorded(database) == before
    forget_connection(database.alias)
    assert guard("migrate", "migration_guard").code == 0


def test_own_tables_when_they_are_faked_away_are_taken_as_they_are(database, one_applied, guard):
    assert guard("migrate", "migration_guard", "zero", "--fake").code == 0

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0002_b"]), result.err


@pytest.mark.parametrize("extra", [[], [OWN_RECORD]], ids=["recorded", "not recorded"])
@pytest.mark.parametrize("table", ["migration_guard_journal", "migration_guard_audit"])
def test_own_tables_when_one_is_gone_get_it_back_and_keep_the_rest(
    table, extra, database, one_applied, guard
):
    for statement in (f"DROP TABLE {table}", *extra):
        database.execute(statement)

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0002_b"]), result.err
    assert database.execute(f"SELECT * FROM {table}") == []


def test_own_tables_when_only_djangos_record_is_there_are_made(database, migrations, guard):
    migrations({"0001_a.sql": A})
    assert guard("migrate", "migration_guard", "--fake").code == 0

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert database.execute("SELECT id FROM applied_migrations") == [("0001_a",)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_own_tables_when_one_is_gone_from_another_schema_get_it_back_there(
    database, migrations, guard
):
    assert guard("migrate", "migration_guard").code == 0
    database.execute("CREATE SCHEMA app")
    database.configure(OPTIONS={"options": "-c search_path=app,public"})
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    database.execute("DROP TABLE public.migration_guard_journal")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert database.execute("SELECT * FROM public.migration_guard_journal") == []
    assert database.execute("SELECT to_regclass('app.migration_guard_journal')") == [(None,)]


PREPARED = """
GRANT USAGE ON SCHEMA public TO {0};
GRANT SELECT ON django_migrations TO {0};
GRANT SELECT, INSERT, UPDATE ON applied_migrations TO {0};
GRANT SELECT, INSERT, UPDATE, DELETE ON migration_guard_journal TO {0};
GRANT SELECT, INSERT ON migration_guard_audit TO {0};
GRANT SELECT, INSERT, DELETE ON migration_guard_environment TO {0};
"""


def test_own_tables_when_the_user_may_not_write_djangos_record_are_taken_as_they_are(
    postgres, migrations, guard
):
    migrations({"0001_a.sql": "SELECT 1;"})
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_a.sql": "SELECT 1;", "0002_b.sql": "SELECT 2;"})
    postgres.execute(OWN_RECORD)
    with role(postgres) as name:
        for grant in PREPARED.format(name).strip().splitlines():
            postgres.execute(grant)

        result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0002_b"]), result.err


def test_own_tables_when_the_user_does_not_own_them_are_upgraded_by_one_who_does(
    postgres, migrations, guard
):
    migrations({"0001_a.sql": "SELECT 1;"})
    assert guard("runsqlmigrations").code == 0
    postgres.execute("ALTER TABLE migration_guard_environment DROP COLUMN schema_name")
    postgres.execute(f"{OWN_RECORD} AND name LIKE '0002%'")
    with role(postgres) as name:
        for grant in PREPARED.format(name).strip().splitlines():
            postgres.execute(grant)
        plan, refused = guard("runsqlmigrations", "--plan"), guard("runsqlmigrations")
        before = {"USER": postgres.settings["USER"], "PASSWORD": postgres.settings["PASSWORD"]}
        postgres.configure(**owner(postgres))
        assert guard("migrate", "migration_guard").code == 0
        postgres.configure(**before)

        result = guard("runsqlmigrations")

    assert (plan.code, refused.code, result.code) == (0, 2, 0), refused.err + result.err
    assert "cannot be upgraded" in refused.err
    assert "manage.py migrate migration_guard as a user who has it" in refused.err


def owner(database):
    """Return the settings of the user who made the database."""
    parts = urlsplit(database.url)
    return {"USER": parts.username, "PASSWORD": parts.password}


def test_own_tables_when_the_project_switches_their_migrations_off_names_the_setting(
    database, migrations, guard, settings
):
    settings.MIGRATION_MODULES = {"migration_guard": None}
    migrations({"0001_a.sql": A})

    result = guard("runsqlmigrations")

    assert result.code == 2, result.err
    assert "MIGRATION_MODULES" in result.err


def test_stamp_when_the_tables_are_of_version_0_1_can_be_changed_by_hand(
    database, one_applied, guard
):
    database.execute("ALTER TABLE migration_guard_environment DROP COLUMN schema_name")
    database.execute(f"{OWN_RECORD} AND name LIKE '0002%'")
    name = database.settings["NAME"]

    result = guard(
        "repairsqlmigrations", "--stamp", "dev", "--reason", "a test", "--confirm", str(name)
    )

    assert result.code == 0, result.err
    assert database.execute("SELECT environment FROM migration_guard_environment") == [("dev",)]
