"""What Django's own migrations make is told with their state; each command that is named works."""

import io
import re
import sys

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from tests.fresh.test_drift_causes import apply_by_script, write

MODELS = "tests.contracts.shop"


@pytest.fixture
def shop(install_apps, database, migrations):
    """Give an empty database, the app and an empty folder of SQL migrations."""
    install_apps(MODELS, "migration_guard", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    folder = migrations({"0000_nothing.sql": "SELECT 1;"})
    return database, folder


def read_hints(guard, *options):
    result = guard("checkschema", "--format", "json", *options)
    return {(v["table"], v["object"]): v["hint"] for v in result.json["violations"]}


LONGER = (
    "Django's migration shop.0004_longer changes it and is not applied: manage.py migrate shop."
)
NOT_APPLIED = "Django's migration shop.{} makes it and is not applied: manage.py migrate shop."


def test_hint_when_djangos_migration_is_not_applied_then_migrate_makes_it(shop, guard):
    call_command("migrate", "shop", "0002", verbosity=0)
    call_command("migrate", "migration_guard", verbosity=0)

    hints = read_hints(guard)
    call_command("migrate", "shop", verbosity=0)

    keys = NOT_APPLIED.format("0003_keys")
    assert hints == {
        ("shop_goods", "unique(name, rank)"): keys,
        ("shop_goods", "unique(name, owner_id)"): keys,
        ("shop_goods", "check(goods_price_ok)"): keys,
        ("shop_goods_tags", ""): keys,
        # SQLite holds no text to its length.
        **({} if shop[0].vendor == "sqlite" else {("shop_owner", "name"): LONGER}),
    }
    assert guard("checkschema").code == 0


def test_hint_when_names_changed_in_djangos_migrations_then_the_maker_is_named(shop, guard):
    call_command("migrate", "shop", "0001", verbosity=0)
    call_command("migrate", "migration_guard", verbosity=0)

    hints = read_hints(guard)
    call_command("migrate", "shop", verbosity=0)

    assert hints["shop_goods", ""] == NOT_APPLIED.format("0002_goods")
    assert guard("checkschema").code == 0


def test_hint_when_djangos_migration_is_applied_then_its_sql_is_shown(shop, guard, tmp_path):
    database, folder = shop
    call_command("migrate", verbosity=0)
    guard("runsqlmigrations")
    on = " ON shop_goods" if database.vendor == "mysql" else ""
    database.execute(f"DROP INDEX goods_price{on}")

    (hint,) = read_hints(guard).values()
    create = next(
        line for line in _sql(hint).splitlines() if "goods_price" in line and "INDEX" in line
    )
    if "in a new migration, with IF NOT EXISTS" in hint:
        write(folder, "0002_back.sql", create.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))
        assert guard("runsqlmigrations").code == 0
    else:
        apply_by_script(guard, tmp_path, create)

    assert hint.startswith(
        "Django's migration shop.0002_goods makes it and is recorded as applied, yet it is not "
        "there; nothing shows what removed it. manage.py sqlmigrate shop 0002_goods shows its SQL."
    )
    assert guard("checkschema").code == 0
    assert guard("checkschema", "--drift").code == 0


def _sql(hint):
    """Run the sqlmigrate that a hint names; return what it shows."""
    out = io.StringIO()
    call_command(*re.search(r"manage.py (sqlmigrate \S+ \S+)", hint)[1].split(), stdout=out)
    return out.getvalue()


def test_drift_when_djangos_migration_is_not_applied_then_migrate_makes_it(shop, guard):
    call_command("migrate", "shop", "0002", verbosity=0)
    guard("runsqlmigrations")

    result = guard("checkschema", "--drift", "--format", "json")
    hints = {
        violation["hint"]
        for violation in result.json["violations"]
        if violation["rule"] == "drift-missing"
    }
    call_command("migrate", "shop", verbosity=0)

    assert hints == {NOT_APPLIED.format("0003_keys")}
    assert guard("checkschema", "--drift").code == 0


def test_drift_when_django_would_rename_and_remove_then_migrate_is_what_to_type(shop, guard):
    call_command("migrate", "shop", "0001", verbosity=0)
    guard("runsqlmigrations")

    result = guard("checkschema", "--drift", "--format", "json")
    hints = {(v["rule"], v["table"], v["object"]): v["hint"] for v in result.json["violations"]}
    call_command("migrate", "shop", verbosity=0)

    removed = hints["drift-extra", "shop_thing", ""]
    assert removed == (
        "Django's migration shop.0002_goods removes it and is not applied: manage.py migrate shop."
    )
    assert set(hints.values()) == {
        removed,
        LONGER,
        NOT_APPLIED.format("0002_goods"),
        NOT_APPLIED.format("0003_keys"),
    }
    assert guard("checkschema", "--drift").code == 0


def test_drift_when_django_would_change_a_column_then_migrate_is_what_to_type(shop, guard):
    call_command("migrate", "shop", "0003", verbosity=0)
    guard("runsqlmigrations")

    result = guard("checkschema", "--drift", "--format", "json")
    hints = {v["hint"] for v in result.json["violations"]}
    call_command("migrate", "shop", verbosity=0)

    assert hints == {LONGER}
    assert guard("checkschema", "--drift").code == 0


def test_drift_when_a_newer_release_of_django_code_ran_then_its_migration_is_named(shop, guard):
    database, _ = shop
    call_command("migrate", verbosity=0)
    guard("runsqlmigrations")
    database.execute("ALTER TABLE shop_goods ADD COLUMN weight integer")
    database.execute("CREATE TABLE gone_thing (id integer)")
    database.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES"
        " ('shop', '0009_weight', CURRENT_TIMESTAMP), ('gone', '0001_initial', CURRENT_TIMESTAMP)"
    )

    result = guard("checkschema", "--drift", "--format", "json")
    hints = {(v["table"], v["object"]): v["hint"] for v in result.json["violations"]}

    assert hints["shop_goods", "column weight"].startswith(
        "This database has shop.0009_weight of Django's migrations applied, which this code does "
    )
    assert hints["gone_thing", ""].startswith("This database has gone.0001_initial of Django's ")


def test_hint_when_no_migration_of_django_makes_it_then_makemigrations_does(
    install_apps, database, migrations, guard, tmp_path, monkeypatch
):
    install_apps(
        "tests.contracts.ahead",
        "migration_guard",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIGRATION_MODULES={"ahead": "ahead_migrations"},
    )
    migrations({})
    package = tmp_path / "ahead_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "0001_initial.py").write_text(INITIAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    call_command("migrate", verbosity=0)

    hints = read_hints(guard)
    call_command("makemigrations", "ahead", verbosity=0)
    call_command("migrate", "ahead", verbosity=0)
    for name in [name for name in sys.modules if name.startswith("ahead_migrations")]:
        monkeypatch.delitem(sys.modules, name)

    assert hints == dict.fromkeys(
        [("ahead_bird", "wings"), ("ahead_bird", "index(name)")],
        "No migration of ahead makes it: manage.py makemigrations ahead, then manage.py migrate "
        "ahead.",
    )
    assert guard("checkschema").code == 0


INITIAL = """\
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Bird", [
        ("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=40)),
    ])]
"""


def test_hint_when_an_app_has_no_migrations_then_run_syncdb_makes_its_tables(
    install_apps, sqlite, migrations, guard
):
    install_apps(
        "tests.contracts.ahead",
        "migration_guard",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIGRATION_MODULES={"ahead": None},
    )
    folder = migrations({"0000_nothing.sql": "SELECT 1;"})
    call_command("migrate", verbosity=0)
    guard("runsqlmigrations")

    (of_table,) = read_hints(guard).values()
    call_command("migrate", run_syncdb=True, verbosity=0)
    kept = guard("checkschema").code
    sqlite.execute("DROP INDEX bird_name")
    (of_index,) = read_hints(guard).values()
    write(folder, "0002_bird.sql", "CREATE INDEX bird_name ON ahead_bird (name);")
    guard("runsqlmigrations")

    assert of_table == (
        "The app ahead has no migrations: manage.py migrate --run-syncdb makes its tables."
    )
    assert kept == 0
    assert of_index == (
        "The app ahead has no migrations, so Django does not alter its tables: write one with "
        "manage.py makesqlmigration NAME."
    )
    assert guard("checkschema").code == 0


def test_hint_when_the_database_is_not_the_default_then_commands_name_it(
    install_apps, sqlite, migrations, guard, tmp_path, settings
):
    install_apps(MODELS, "migration_guard", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    folder = migrations({"0001_notes.sql": "CREATE TABLE notes (id integer);"})
    connections.settings["other"] = {
        **connections.settings["default"],
        "NAME": str(tmp_path / "other.sqlite3"),
    }
    dirs = {"default": [folder], "other": [folder]}
    with override_settings(MIGRATION_GUARD={**settings.MIGRATION_GUARD, "DIRS": dirs}):
        call_command("migrate", "shop", "0002", database="other", verbosity=0)
        contract = tmp_path / "c.toml"
        contract.write_text("[tables.notes]\n")
        arguments = ("--database", "other", "--contract", str(contract))

        hints = read_hints(guard, *arguments)

        assert hints["notes", ""] == (
            "0001_notes adds it and is pending (apply it: manage.py runsqlmigrations --database "
            "other)."
        )
        assert hints["shop_goods_tags", ""].endswith("manage.py migrate shop --database other.")
        call_command("migrate", "shop", database="other", verbosity=0)
        assert guard("runsqlmigrations", "--database", "other").code == 0
        assert guard("checkschema", *arguments).code == 0


def test_drift_when_an_old_django_made_a_uuid_as_text_then_it_is_called_that(
    install_apps, mariadb, migrations, guard
):
    install_apps(MODELS, "migration_guard", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    folder = migrations({"0000_nothing.sql": "SELECT 1;"})
    call_command("migrate", verbosity=0)
    guard("runsqlmigrations")
    mariadb.execute("ALTER TABLE shop_goods MODIFY code char(32) NOT NULL")

    result = guard("checkschema", "--drift", "--format", "json")
    (violation,) = result.json["violations"]
    statement = violation["hint"].partition("in a new migration: ")[2]
    write(folder, "0002_code.sql", statement)
    guard("runsqlmigrations")

    assert violation["hint"].startswith("Django before 5.0 made this UUIDField as char(32), which ")
    assert guard("checkschema", "--drift").code == 0
