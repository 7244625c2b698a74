"""Models as a contract: no false alarm on what Django made, on three vendors."""

import warnings

import pytest
from django.core.management import call_command
from django.db import connection, connections, models

from migration_guard.contracts import Models, compare, examine, from_models
from migration_guard.results import Verdict
from migration_guard.schema.read import read_snapshot

CONTRIB = [
    # Without autodiscovery, which would leave the others' pages in the admin of later tests.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.flatpages",
    "django.contrib.redirects",
    "django.contrib.sessions",
    "django.contrib.sites",
    "migration_guard",
]


@pytest.fixture
def migrated(database, settings, install_apps):
    """Give a function that installs apps and makes their tables."""
    settings.TEST_SWAPPED_MODEL = "everything.Every"
    settings.SITE_ID = 1

    def install(*apps):
        install_apps(*CONTRIB, *apps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MySQL has no partial indexes, and Django says so
            call_command("migrate", run_syncdb=True, verbosity=0)
        return database

    return install


def _alarms(examination):
    return [
        (assertion.id, assertion.violation or assertion.unknown)
        for assertion in examination.assertions
        if assertion.verdict is not Verdict.KEPT
    ]


def test_models_when_contrib_is_migrated_then_there_is_no_alarm(migrated):
    migrated()

    examination = examine(connection, from_models())

    assert _alarms(examination) == []
    assert len(examination.assertions) > 300


def test_models_when_every_field_and_option_is_used_then_there_is_no_alarm(migrated):
    database = migrated("tests.contracts.everything")
    database.execute(
        "CREATE TABLE raw_table (id bigint NOT NULL PRIMARY KEY, name varchar(20) NOT NULL)"
    )
    # A view gives its expressions no length, and on SQLite no type.
    database.execute("CREATE VIEW raw_view AS SELECT id, upper(name) AS name FROM raw_table")

    examination = examine(connection, from_models(models=Models(["everything.*"])))

    # Nothing makes a raw table number its rows, and the model says that the database does.
    assert [id_ for id_, _ in _alarms(examination)] == ["raw_table::id::identity"]
    assert len(examination.assertions) > 250


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_models_when_postgres_fields_are_used_then_there_is_no_alarm(migrated, database):
    database.execute("CREATE DOMAIN hstore AS text")  # the test server has no extensions
    migrated("django.contrib.postgres", "tests.contracts.everything_postgres")

    examination = examine(connection, from_models(models=Models(["everything_postgres.*"])))

    assert _alarms(examination) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_models_when_django_6_1_lets_the_database_delete_then_that_is_stated(migrated):
    if not hasattr(models, "DB_CASCADE"):
        pytest.skip("Django 6.1 or later")
    migrated("tests.contracts.everything")

    (table,) = from_models(models=Models(["everything.Cascaded"])).tables

    assert [key.on_delete for key in table.foreign_keys] == ["cascade", "set null"]


def test_models_when_they_are_for_another_database_then_they_have_no_table(migrated):
    database = migrated("tests.contracts.everything")

    sources = {table.source for table in from_models().tables}

    assert ("everything.OnlyOnPostgreSQL" in sources) is (database.vendor == "postgresql")
    assert "everything.OnlyWithGeometry" not in sources


def test_models_when_the_storage_engine_orders_no_index_then_no_order_is_stated(
    mariadb, install_apps
):
    install_apps(*CONTRIB, "tests.contracts.everything", TEST_SWAPPED_MODEL="everything.Every")

    def ordered_columns():
        tables = from_models(models=Models(["everything.*"])).tables
        indexes = [index for table in tables for index in table.indexes]
        return [column for index in indexes for column in index.columns if column.endswith(" DESC")]

    assert ordered_columns()
    mariadb.configure(OPTIONS={"init_command": "SET default_storage_engine = MyISAM"})
    assert ordered_columns() == []


class OnlyAuth:
    """Send auth to one database and the unmanaged models to another."""

    def allow_migrate(self, db, app_label, **hints):
        return db == "default" if app_label == "auth" else db == "replica"

    def db_for_read(self, model, **hints):
        return "replica" if model._meta.label == "everything.Unmanaged" else None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_models_when_a_router_divides_them_then_each_alias_has_its_own(migrated, settings):
    database = migrated("tests.contracts.everything")
    connections.settings["replica"] = {**database.settings}
    settings.DATABASE_ROUTERS = [OnlyAuth()]

    on_default = {table.name for table in from_models("default").tables}
    on_replica = {table.name for table in from_models("replica").tables}

    assert {name for name in on_default if not name.startswith("auth_")} >= {"raw_view"}
    assert "raw_table" not in on_default
    assert "everything_every" not in on_default
    assert "raw_table" in on_replica
    assert "everything_every" in on_replica
    assert not any(name.startswith("auth_") for name in on_replica)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_models_when_proxies_and_swapped_ones_are_there_then_they_have_no_table(migrated):
    migrated("tests.contracts.everything")

    sources = {table.source for table in from_models().tables}

    assert "everything.Restaurant" in sources
    assert "everything.Referring_many" in sources
    assert not sources & {"everything.Cheap", "everything.Swapped"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_models_when_patterns_are_given_then_they_narrow_it(migrated):
    migrated("tests.contracts.everything")

    chosen = from_models(models=Models(["everything.*key"], ["*.Text*"])).tables

    assert [table.source for table in chosen] == ["everything.IntegerKey", "everything.SmallKey"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_models_when_sqlite_spells_a_type_otherwise_then_its_affinity_counts(migrated):
    database = migrated("tests.contracts.everything")
    database.execute("CREATE TABLE raw_table (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")
    contract = from_models(models=Models(["everything.Unmanaged"]))

    assert _alarms(examine(connection, contract)) == []
    database.execute("DROP TABLE raw_table")
    database.execute("CREATE TABLE raw_table (id INTEGER PRIMARY KEY NOT NULL, name uuid NOT NULL)")
    assert [id_ for id_, _ in _alarms(examine(connection, contract))] == ["raw_table::name::type"]


def test_models_when_django_s_own_introspection_is_all_there_is_then_there_is_no_false_alarm(
    migrated,
):
    migrated("tests.contracts.everything")
    contract = from_models(models=Models(exclude=["everything.OnView", "everything.Unmanaged"]))

    assertions = compare(contract, read_snapshot(connection, contract.names, setwise=False))

    assert [assertion.violation for assertion in assertions if assertion.violation] == []
    kept = [assertion for assertion in assertions if assertion.verdict is Verdict.KEPT]
    assert len(kept) > len(assertions) / 2
