"""A run works for the tenant that the project's connection is set to, however that was done."""

import pytest
from django.db import connections
from django.db.backends.signals import connection_created

from tests.projects import Project
from tests.servers import forget_connection

A = "CREATE TABLE a (id integer);"
B = "-- guard: transaction = off\nCREATE INDEX CONCURRENTLY a_id ON a (id);"
SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
SHARED_APPS = ["django_tenants", "django.contrib.contenttypes", "customers", "migration_guard"]
TENANT_APPS = {tenant_apps!r}
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
DATABASES = {databases!r}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL, TENANT_DOMAIN_MODEL = "customers.Client", "customers.Domain"
TENANT_LIMIT_SET_CALLS = {limit!r}
MIGRATION_GUARD = {{"DIRS": {{"default": [BASE_DIR / "sql_migrations"]}}, **{guard!r}}}
"""
CUSTOMERS = {
    "customers/__init__.py": "",
    "customers/models.py": """\
        from django_tenants.models import DomainMixin, TenantMixin

        class Client(TenantMixin):
            auto_create_schema = False

        class Domain(DomainMixin):
            pass
    """,
    "new_tenant.py": """\
        import sys
        import django
        django.setup()
        from customers.models import Client
        Client(schema_name=sys.argv[1]).save()
    """,
}
TENANT = ("tenant_command", "runsqlmigrations", "--schema")


class TenantProject(Project):
    """A project with django-tenants, whose own app is in the schemas of tenants too, or not."""

    def configure(self, *, tenants_have_it=True, limit=False, **guard):
        entry = {**self.database.settings, "ENGINE": "django_tenants.postgresql_backend"}
        keys = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
        tenant_apps = ["django.contrib.contenttypes"] + ["migration_guard"] * tenants_have_it
        settings = SETTINGS.format(
            databases={"default": {key: entry[key] for key in keys}},
            tenant_apps=tenant_apps,
            limit=limit,
            guard=guard,
        )
        self.write({"site_settings.py": settings})

    def succeed(self, *args):
        run = self.manage(*args)
        assert run.code == 0, run.out

    def add_tenant(self, schema):
        """Add a tenant, and migrate its schema as django-tenants does."""
        run = self.python("new_tenant.py", schema)
        assert run.code == 0, run.out
        self.database.execute(f'CREATE SCHEMA "{schema}"')
        self.succeed("migrate_schemas", "--tenant", "--schema", schema, "-v0")


@pytest.fixture
def project(postgres, tmp_path):
    """Give a project whose public schema is migrated, with a tenant c003."""
    project = TenantProject(tmp_path, postgres)
    project.write(CUSTOMERS)
    project.migrations({"0001_a.sql": A, "0002_b.sql": B})
    project.configure(SEPARATE_SCHEMAS=True)
    project.succeed("makemigrations", "customers", "-v0")
    project.succeed("migrate_schemas", "--shared", "-v0")
    return project


def schemas_with(database, table):
    sql = "SELECT schemaname FROM pg_tables WHERE tablename = %s ORDER BY 1"
    return [schema for (schema,) in database.execute(sql, (table,))]


@pytest.mark.parametrize("limit", [False, True], ids=["each cursor", "first cursor"])
def test_tenant_command_when_each_schema_has_a_history_runs_in_the_tenants_schema(
    limit, project, postgres
):
    project.configure(SEPARATE_SCHEMAS=True, limit=limit)
    project.add_tenant("c003")
    project.add_tenant("C 004")

    for schema in ("c003", "C 004"):
        run = project.manage(*TENANT, schema)
        assert run.code == 0, run.out

    assert schemas_with(postgres, "a") == ["C 004", "c003"]
    assert postgres.execute("SELECT id FROM c003.applied_migrations ORDER BY number") == [
        ("0001_a",),
        ("0002_b",),
    ]
    assert postgres.execute('SELECT count(*) FROM "C 004".applied_migrations') == [(2,)]
    assert postgres.execute("SELECT * FROM public.applied_migrations") == []
    assert project.manage(*TENANT, "c003", "--check").code == 0
    assert project.manage("runsqlmigrations", "--check").code == 1


def test_tenant_command_when_the_schemas_are_not_separate_makes_no_second_history(
    project, postgres
):
    project.add_tenant("c003")
    project.configure()
    project.succeed("runsqlmigrations")

    run = project.manage(*TENANT, "c003")

    assert run.code == 2, run.out
    assert 'MIGRATION_GUARD["SEPARATE_SCHEMAS"] = True' in run.out
    assert schemas_with(postgres, "a") == ["public"]


def test_tenant_command_when_the_router_keeps_the_app_out_names_tenant_apps(project, postgres):
    project.configure(tenants_have_it=False, SEPARATE_SCHEMAS=True)
    project.add_tenant("c003")
    recorded = "SELECT count(*) > 0 FROM c003.django_migrations WHERE app = 'migration_guard'"
    assert postgres.execute(recorded) == [(True,)]

    refused = project.manage(*TENANT, "c003")
    project.configure(SEPARATE_SCHEMAS=True)
    project.succeed("migrate_schemas", "-v0")
    run = project.manage(*TENANT, "c003")

    assert refused.code == 2, refused.out
    assert '"migration_guard" in TENANT_APPS' in refused.out
    assert run.code == 0, run.out
    assert schemas_with(postgres, "a") == ["c003"]
    assert schemas_with(postgres, "applied_migrations") == ["c003", "public"]


# -- other ways to be set to a tenant


@pytest.fixture
def tenants(postgres, migrations):
    """Give a database with a schema c003, and one file."""
    postgres.execute("CREATE SCHEMA c003")
    migrations({"0001_a.sql": A, "0002_b.sql": B})
    return postgres


def test_run_when_a_wrapper_of_others_has_a_schema_works_there(tenants, guard):
    forget_connection(tenants.alias)
    connections.settings[tenants.alias]["ENGINE"] = "tests.running.tenant_backend"
    with connections[tenants.alias].cursor():
        connections[tenants.alias].set_schema("c003")  # after the session's path was set

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert schemas_with(tenants, "a") == ["c003"]
    assert schemas_with(tenants, "applied_migrations") == ["c003"]
    assert connections[tenants.alias].history == ["c003"]


def test_run_when_the_projects_session_has_a_search_path_works_there(tenants, guard):
    with connections[tenants.alias].cursor() as cursor:
        cursor.execute("SET search_path = c003, public")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert schemas_with(tenants, "a") == ["c003"]
    assert schemas_with(tenants, "applied_migrations") == ["c003"]


def test_run_when_a_receiver_sets_the_search_path_works_there(tenants, guard):
    def set_path(connection, **_more):
        connection.connection.execute("SET search_path = c003")

    connection_created.connect(set_path)
    try:
        assert guard("runsqlmigrations").code == 0
    finally:
        connection_created.disconnect(set_path)
    assert schemas_with(tenants, "applied_migrations") == ["c003"]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_run_when_the_projects_session_has_ended_begins_its_own(database, migrations, guard):
    migrations({"0001_a.sql": A})
    with connections[database.alias].cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
            database.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        else:
            cursor.execute("SELECT CONNECTION_ID()")
            database.execute(f"KILL {cursor.fetchone()[0]}")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err


def test_run_when_the_projects_session_uses_another_database_works_there(
    mariadb, mariadb_server, migrations, guard
):
    migrations({"0001_a.sql": A, "0002_b.sql": "INSERT INTO a VALUES (1);"})
    with mariadb_server.database() as tenant:
        name = tenant.settings["NAME"]
        with connections[mariadb.alias].cursor() as cursor:
            cursor.execute(f"USE `{name}`")

        result = guard("runsqlmigrations")

        assert result.code == 0, result.err
        assert tenant.execute("SELECT * FROM a") == [(1,)]
        assert tenant.execute("SELECT count(*) FROM applied_migrations") == [(2,)]
    assert mariadb.execute("SHOW TABLES") == []
