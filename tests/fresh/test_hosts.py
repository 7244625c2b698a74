"""Where throwaway databases are made: each is dropped whatever happens, and nothing else ever is."""

import signal
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from migration_guard import testing
from migration_guard.exceptions import CannotTell
from migration_guard.fresh import postgresql
from migration_guard.fresh.host import PREFIX, new_name
from migration_guard.fresh.mysql import MySQLHost
from migration_guard.fresh.postgresql import PostgreSQLHost
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.running.postgresql import liveness
from tests.faults import pgbouncer
from tests.fresh.support import make_leftover, templates, throwaways
from tests.running.support import wait_until

FILES = {"0001_people.sql": "CREATE TABLE people (id integer PRIMARY KEY);"}


@pytest.fixture
def host(postgres):
    """Give the server as the place of throwaway databases."""
    with closing(PostgreSQLHost("default")) as opened:
        yield opened


@pytest.fixture
def owner(postgres):
    """Let the project connect as a role that may create databases, and nothing else."""
    role = f"owner_{postgres.settings['NAME']}"
    postgres.execute(f"CREATE ROLE \"{role}\" LOGIN CREATEDB PASSWORD 'swordfish'")
    postgres.configure(USER=role, PASSWORD="swordfish")
    yield role
    for name in throwaways(postgres) + templates(postgres):
        postgres.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    postgres.execute(f'DROP OWNED BY "{role}"')
    postgres.execute(f'DROP ROLE "{role}"')


def inside(database, name, user=None):
    """Open a session in another database, as the superuser or as another role."""
    settings = database.settings
    return psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        dbname=name,
        autocommit=True,
        user=user or "postgres",
        password=settings["PASSWORD"] if user else "postgres",
    )


def test_host_when_its_session_ends_at_once_says_so(postgres, monkeypatch):
    def end_session(driver):
        postgres.execute("SELECT pg_terminate_backend(%s, 5000)", (driver.info.backend_pid,))

    monkeypatch.setattr(liveness, "bound_client", end_session)

    with pytest.raises(CannotTell, match=r"No connection to .*terminating connection"):
        PostgreSQLHost("default")


# -- the settings of the configured database


@pytest.mark.parametrize(
    "setting",
    [
        "log_min_duration_statement = 250",  # only a superuser gives it
        "session_preload_libraries = 'auto_explain'",  # nobody gives it while a session lasts
        "default_transaction_read_only = on",
        "idle_session_timeout = '1min'",
    ],
)
def test_fresh_when_the_configured_database_has_such_a_setting_is_built(
    postgres, owner, migrations, guard, setting
):
    migrations(FILES)
    postgres.execute(f'ALTER DATABASE "{postgres.settings["NAME"]}" SET {setting}')

    done = guard("checkschema", "--fresh", "--no-models")

    assert done.code == 0, done.err
    assert throwaways(postgres) == []


def test_fresh_when_the_role_becomes_another_in_the_configured_database_is_built(
    postgres, owner, migrations, guard
):
    migrations(FILES)
    postgres.execute(f'CREATE ROLE "{owner}_too" ROLE "{owner}"')
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER ROLE "{owner}" IN DATABASE "{name}" SET role = "{owner}_too"')

    done = guard("checkschema", "--fresh", "--no-models")
    postgres.execute(f'DROP ROLE "{owner}_too"')

    assert done.code == 0, done.err
    assert throwaways(postgres) == []


def test_create_when_the_database_cannot_be_configured_drops_it(postgres, host, monkeypatch):
    monkeypatch.setattr(PostgreSQLHost, "_settings", lambda _self: [("no such setting", "1")])

    with pytest.raises(Exception, match="no such setting"):
        host.create(new_name())

    assert throwaways(postgres) == []


# -- the connection that owns it


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_create_when_the_server_refuses_says_why(database):
    with open_host("default") as host:
        name = host.create(new_name())
        try:
            with pytest.raises(CannotTell, match=f"could not be created.*{name}.*exists"):
                host.create(name)
        finally:
            host.drop(name)


def test_create_when_the_settings_name_a_template_copies_it(postgres):
    template = f"{postgres.settings['NAME']}_like"
    postgres.execute(f'CREATE DATABASE "{template}"')
    try:
        with inside(postgres, template) as session:
            session.execute("CREATE TABLE made_before ()")
        postgres.configure(TEST={"TEMPLATE": template})
        with (
            open_host("default") as host,
            throwaway("default", host) as name,
            inside(postgres, name) as session,
        ):
            found = session.execute("SELECT to_regclass('made_before') IS NOT NULL").fetchone()
    finally:
        postgres.execute(f'DROP DATABASE "{template}" WITH (FORCE)')

    assert found == (True,)


def test_throwaway_when_the_configured_one_waits_for_the_disk_does_not(postgres):
    name, setting = postgres.settings["NAME"], "SHOW synchronous_commit"
    postgres.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')

    with (
        open_host("default") as host,
        throwaway("default", host) as made,
        inside(postgres, made) as session,
    ):
        found = session.execute(setting).fetchone()

    assert found == ("off",)
    with inside(postgres, name) as session:
        assert session.execute(setting).fetchone() == ("on",)


def test_test_database_when_another_role_owns_it_keeps_its_settings(postgres, owner):
    name = f"{postgres.settings['NAME']}_kept"
    postgres.execute(f'CREATE DATABASE "{name}"')
    try:
        creation = connections["default"].creation
        with testing._relax_commits(creation), creation._nodb_cursor() as cursor:
            parameters = {"dbname": f'"{name}"', "suffix": ""}
            creation._execute_create_test_db(cursor, parameters, keepdb=True)
        with inside(postgres, name) as session:
            found = session.execute("SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()").fetchone()  # fmt: skip
    finally:
        postgres.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    assert found == (0,)


def test_throwaway_when_it_is_interrupted_while_it_is_made_is_dropped(database, monkeypatch):
    with open_host("default") as host:
        create = host.create

        def interrupted(*args):
            signal.raise_signal(signal.SIGINT)
            return create(*args)

        monkeypatch.setattr(host, "create", interrupted)
        with pytest.raises(KeyboardInterrupt), throwaway("default", host):
            pytest.fail("went on")

        assert throwaways(database) == []


def test_host_when_sessions_time_out_does_not(postgres, owner):
    for setting in ("idle_session_timeout", "statement_timeout", "lock_timeout"):
        postgres.execute(f"ALTER ROLE \"{owner}\" SET {setting} = '100s'")

    with closing(PostgreSQLHost("default")) as host:
        found = [host._query(f"SHOW {setting}")[0][0] for setting in ("idle_session_timeout", "statement_timeout")]  # fmt: skip

    assert found == ["0", "0"]


def test_host_when_sessions_time_out_on_mariadb_does_not(mariadb):
    mariadb.configure(OPTIONS={"init_command": "SET SESSION wait_timeout = 5"})

    with closing(MySQLHost("default")) as host:
        ((seconds,),) = host._query("SELECT @@wait_timeout")

    assert seconds >= 24 * 60 * 60


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_drop_when_the_connection_was_lost_connects_again(database):
    own, end = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT CONNECTION_ID()", "KILL {}"),
    }[database.vendor]
    with open_host("default") as host:
        name = new_name()
        host.create(name)
        database.execute(end.format(host._query(own)[0][0]))

        host.drop(name)

    assert throwaways(database) == []


# -- who else is there


def test_drop_when_the_session_of_another_role_is_there_waits_until_it_leaves(postgres, owner):
    """As for an autovacuum worker, which nobody may end, and which leaves when it is asked to."""
    name = new_name()
    with closing(PostgreSQLHost("default")) as host:
        host.create(name)
        visitor = inside(postgres, name)
        watcher = postgres.connect()

        def leave():
            wait_until(lambda: _waiting(watcher, name), 60)
            visitor.close()

        leaving = threading.Thread(target=leave)
        leaving.start()
        host.drop(name)
        leaving.join()

    assert throwaways(postgres) == []


def _waiting(watcher, name):
    query = f'DROP DATABASE IF EXISTS "{name}"'
    return watcher.execute("SELECT 1 FROM pg_stat_activity WHERE query = %s", (query,)).fetchall()


def test_sweep_when_the_owner_came_through_another_database_leaves_it_alone(
    postgres, host, monkeypatch
):
    name = new_name()
    host.create(name)
    monkeypatch.setattr(postgresql, "MAINTENANCE", postgres.settings["NAME"])

    with closing(PostgreSQLHost("default")) as other:
        swept = other.sweep(set())

    assert (swept, throwaways(postgres)) == ([], [name])
    host.drop(name)


@pytest.mark.parametrize("name", [f"{PREFIX}start", f"{PREFIX}0123456789abcdef_too"])
def test_sweep_when_a_database_only_begins_so_leaves_it_alone(database, name):
    make_leftover(database, name)
    try:
        with open_host("default"):
            assert name in throwaways(database)
    finally:
        if database.vendor != "sqlite":
            database.execute(f"DROP DATABASE {name}")


@pytest.fixture
def _no_templates(postgres):
    """Drop the templates of earlier tests, and those of this one."""
    drop_templates(postgres)
    yield
    drop_templates(postgres)


def drop_templates(postgres):
    for name in templates(postgres):
        postgres.execute(f'DROP DATABASE "{name}"')


@pytest.mark.usefixtures("_no_templates")
@pytest.mark.parametrize("pool_mode", ["transaction", "session"])
def test_fresh_when_a_pooler_keeps_its_sessions_drops_the_database_and_gives_up_the_lock(
    postgres, owner, migrations, guard, pool_mode
):
    migrations(FILES)
    with pooled(postgres, pool_mode):
        runs = [guard("checkschema", "--fresh", *options) for options in ([], ["--template"])]

        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        assert throwaways(postgres) == []
        assert len(templates(postgres)) == 1
        assert postgres.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'") == []


@contextmanager
def pooled(postgres, pool_mode):
    """Put a PgBouncer between Django and the server."""
    if reason := pgbouncer.missing():
        pytest.skip(f"PgBouncer: {reason}")
    with pgbouncer.running(postgres, pool_mode=pool_mode) as pooler:
        postgres.configure(PORT=str(pooler.port))
        yield


# -- what the models state


def test_fresh_when_there_is_no_configured_database_yet_asks_the_throwaway_one(
    postgres, migrations, guard
):
    migrations(FILES)
    postgres.configure(NAME="never_made")

    done = guard("checkschema", "--fresh")

    assert done.code == 0, done.err
    assert ("never_made",) not in postgres.execute("SELECT datname FROM pg_database")


def test_fresh_when_the_configured_file_is_not_there_makes_none(sqlite, migrations, guard):
    migrations(FILES)

    done = guard("checkschema", "--fresh")

    assert done.code == 0, done.err
    assert not Path(sqlite.settings["NAME"]).exists()


def test_check_when_there_is_no_server_says_so_of_the_models_too(postgres, migrations, guard):
    migrations(FILES)
    postgres.configure(PORT="1", PASSWORD="swordfish")

    done = guard("checkschema")

    assert done.code == 2
    assert "No connection to the PostgreSQL database" in done.err
    assert "swordfish" not in done.err
