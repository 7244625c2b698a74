"""A full disk, no more connections, a server that restarts, a statement that takes too long."""

import contextlib
import sqlite3
import subprocess

import pytest

from tests.conftest import installed
from tests.faults import own_server
from tests.faults.state import journal, state
from tests.running.support import applied, await_no_session_of, sleeping, wait_until

OFF = "-- guard: transaction = off\n"
A = "CREATE TABLE a (id int, t text)"
# About 40 MB, more than there is room for.
FILL = {
    "postgresql": (
        "INSERT INTO a SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 40000) AS i"
    ),
    "mysql": "INSERT INTO a SELECT seq, repeat(md5(seq), 30) FROM seq_1_to_40000",
    "sqlite": (
        "INSERT INTO a WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c "
        "LIMIT 40000) SELECT i, hex(zeroblob(500)) FROM c"
    ),
}

needs_mount = pytest.mark.skipif(
    bool(own_server.mount_missing()),
    reason=f"DISK FULL NOT TRIED ON A REAL FILE SYSTEM: {own_server.mount_missing()}",
)


@pytest.fixture
def own(django_db_blocker):
    """Give a PostgreSQL server of the test's own, and a database there as Django's `default`."""
    with (
        own_server.own_server() as server,
        server.server.database() as database,
        installed(database, django_db_blocker),
    ):
        yield server, database


def files(vendor, *, off=False):
    """A file that fits, and one whose second statement does not."""
    head = OFF if off else ""
    return {"1_a.sql": A, "2_b.sql": f"{head}CREATE TABLE b (id int);\n{FILL[vendor]};\n"}


def restart(server, database, **limits):
    database.close()
    server.stop()
    server.start(**limits)


# -- disk full


@pytest.mark.parametrize("off", [False, True], ids=["transaction", "off"])
@pytest.mark.parametrize("kind", [pytest.param("tmpfs", marks=needs_mount), "limit"])
def test_disk_when_it_is_full_on_postgresql_is_told_and_the_next_run_converges(
    kind, off, own, migrations, guard, tried
):
    server, database = own
    with contextlib.ExitStack() as stack:
        if kind == "tmpfs":
            disk = stack.enter_context(own_server.small_disk("24m"))
            database.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            database.execute("ALTER ROLE postgres SET default_tablespace = small")
            stack.callback(database.execute, "DROP TABLESPACE small")
            stack.callback(database.execute, "DROP SCHEMA public CASCADE")
        else:
            restart(server, database, file_limit=10 * 1024)
        migrations(files("postgresql", off=off))

        result = guard("runsqlmigrations")

        assert result.code == 1
        assert "could not extend file" in result.err
        assert "2_b.sql:" in result.err
        assert kind == "limit" or "make room on the disk" in result.err
        assert "Traceback" not in result.err
        assert applied(database) == ["1_a"]
        if off:
            assert "1 of 2 statements of 2_b are done and stay done" in result.err
            assert journal(database) == [("2_b", "failed", 1, 2, 0)]
        else:
            assert "2_b was rolled back as a whole" in result.err
            assert database.execute("SELECT to_regclass('b')") == [(None,)]
        own_server.make_room(disk) if kind == "tmpfs" else restart(server, database)
        again = guard("runsqlmigrations")
        assert again.code == 0, again.err
        assert applied(database) == ["1_a", "2_b"]
        assert database.execute("SELECT count(*) FROM a") == [(40000,)]
    tried(
        "disk full while PostgreSQL writes a table",
        item=7,
        result="rolled back, or stopped behind the last statement done; the next run converges",
    )


@needs_mount
def test_disk_when_it_is_full_for_the_log_of_postgresql_then_the_next_run_converges(
    migrations, guard, django_db_blocker, tried
):
    """The server gives up (PANIC) where it cannot write its log; what was committed stays."""
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(own_server.small_disk("140m"))
        server = stack.enter_context(own_server.own_server(disk))
        database = stack.enter_context(server.server.database())
        stack.enter_context(installed(database, django_db_blocker))
        ballast = disk / "ballast"
        free = int(subprocess.check_output(["df", "--output=avail", "-k", disk]).split()[-1])
        ballast.write_bytes(bytes((free - 12 * 1024) * 1024))
        database.execute("CREATE UNLOGGED TABLE u (id int)")
        migrations(files("postgresql"))

        result = guard("runsqlmigrations")
        database.close()

        assert result.code == 1, result.err
        assert "Traceback" not in result.err
        assert "No space left on device" in result.err or "connection" in result.err
        ballast.unlink()
        own_server.make_room(disk)
        server.stop("immediate")
        server.start()
        assert applied(database) == ["1_a"]
        assert database.execute("SELECT to_regclass('b')") == [(None,)]
        again = guard("runsqlmigrations")
        assert again.code == 0, again.err
        assert applied(database) == ["1_a", "2_b"]
    tried(
        "disk full under all of PostgreSQL, its log too",
        item=7,
        result="told; applied and recorded, or neither; the next run converges",
    )


@pytest.mark.parametrize("off", [False, True], ids=["transaction", "off"])
@pytest.mark.parametrize("kind", [pytest.param("tmpfs", marks=needs_mount), "pages"])
def test_disk_when_it_is_full_on_sqlite_is_told_and_the_next_run_converges(
    kind, off, sqlite, migrations, guard, tried
):
    with contextlib.ExitStack() as stack:
        if kind == "tmpfs":
            disk = stack.enter_context(own_server.small_disk("2m"))
            sqlite.open = lambda: sqlite3.connect(disk / "db", isolation_level=None)
            sqlite.configure(NAME=str(disk / "db"))
        else:
            sqlite.configure(OPTIONS={"init_command": "PRAGMA max_page_count = 200"})
        stack.callback(sqlite.close)
        migrations(files("sqlite", off=off))

        result = guard("runsqlmigrations")

        assert result.code == 1, result.err
        assert "SQLITE_FULL: database or disk is full" in result.err
        assert "make room on the disk" in result.err
        assert applied(sqlite) == ["1_a"]
        if off:
            assert journal(sqlite) == [("2_b", "failed", 1, 2, 0)]
        else:
            assert "2_b was rolled back as a whole" in result.err
        if kind == "tmpfs":
            own_server.make_room(disk)
        else:
            sqlite.configure(OPTIONS={"init_command": ""})
        again = guard("runsqlmigrations")
        assert again.code == 0, again.err
        assert sqlite.execute("SELECT count(*) FROM a") == [(40000,)]
    tried(
        "disk full under SQLite",
        item=7,
        result="rolled back, or stopped behind the last statement done; the next run converges",
    )


@needs_mount
def test_disk_when_it_is_full_on_mariadb_is_told_and_the_next_run_converges(
    mariadb, migrations, guard, tried
):
    with own_server.small_disk("12m") as disk:
        migrations({**files("mysql"), "1_a.sql": f"{A} DATA DIRECTORY = '{disk}'"})

        result = guard("runsqlmigrations")

        assert result.code == 1
        assert "ERROR 1114: The table 'a' is full" in result.err
        assert "1 of 2 statements of 2_b are done and stay done" in result.err
        assert "make room on the disk" in result.err
        assert (applied(mariadb), journal(mariadb)) == (["1_a"], [("2_b", "failed", 1, 2, 0)])
        assert mariadb.execute("SELECT count(*) FROM a") == [(0,)]
        own_server.make_room(disk)
        again = guard("runsqlmigrations")
        assert again.code == 0, again.err
        assert mariadb.execute("SELECT count(*) FROM a") == [(40000,)]
        mariadb.execute("DROP TABLE a")
    tried(
        "disk full under a table of MariaDB",
        item=7,
        result="the statement undone, those before it counted; the next run converges",
    )


# -- connections


@pytest.fixture
def limited(postgres):
    """Give `limited(n)`: let Django connect as a role that may have that many connections."""

    def allow(count):
        name = postgres.settings["NAME"].replace("guard", "limited")
        postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' CONNECTION LIMIT {count}")
        postgres.execute(f"GRANT CREATE ON SCHEMA public TO {name}")
        names.append(name)
        postgres.configure(USER=name, PASSWORD="x")
        return name

    names = []
    yield allow
    for name in names:
        postgres.execute(f"DROP OWNED BY {name} CASCADE")
        postgres.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("count", [0, 1])
def test_connections_when_there_are_too_few_on_postgresql_is_told_and_changes_nothing(
    count, postgres, limited, migrations, guard, tried
):
    role = limited(count)
    migrations({"1_a.sql": A})

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert f'too many connections for role "{role}"' in result.err
    assert "Traceback" not in result.err
    assert state(postgres) == []
    postgres.execute(f"ALTER ROLE {role} CONNECTION LIMIT 2")
    await_no_session_of(role, postgres)
    again = guard("runsqlmigrations")
    assert again.code == 0, again.err
    tried(
        f"the role may have {count} of the two connections that a run needs",
        item=7,
        result="told before anything is changed; with two it runs",
    )


def test_connections_when_the_database_takes_no_more_is_told(postgres, limited, migrations, guard):
    limited(-1)
    postgres.execute(f"ALTER DATABASE {postgres.settings['NAME']} CONNECTION LIMIT 1")
    held = postgres.connect()
    migrations({"1_a.sql": A})

    result = guard("runsqlmigrations")
    held.close()

    assert result.code == 2
    assert "too many connections for database" in result.err
    assert state(postgres) == []


@pytest.mark.parametrize("count", [1, 2])
def test_connections_when_there_are_few_on_mariadb_is_told_or_enough(
    count, mariadb, migrations, guard, tried
):
    user = mariadb.settings["NAME"].replace("guard", "few")
    mariadb.execute(
        f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS {count}"
    )
    mariadb.execute(f"GRANT ALL ON {mariadb.settings['NAME']}.* TO {user}@'127.0.0.1'")
    mariadb.configure(USER=user, PASSWORD="x")
    migrations({"1_a.sql": A, "2_b.sql": "INSERT INTO a VALUES (1, 'one')"})

    result = guard("runsqlmigrations")
    mariadb.execute(f"DROP USER {user}@'127.0.0.1'")

    assert "Traceback" not in result.err
    if count == 1:
        assert result.code == 2
        assert "max_user_connections" in result.err
        assert state(mariadb) == []
        tried(
            "the user may have 1 of the two connections that a run needs (MariaDB)",
            item=7,
            result="told before anything is changed",
        )
    else:
        assert result.code == 0, result.err


# -- restart


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("off", [False, True], ids=["transaction", "off"])
def test_restart_when_it_comes_in_mid_run_is_told_and_the_next_run_converges(
    off, mode, own, migrations, guard_process, guard, tried
):
    server, database = own
    written = files("postgresql", off=off)
    written["2_b.sql"] = written["2_b.sql"].replace(FILL["postgresql"], "SELECT pg_sleep(60)")
    migrations({**written, "3_c.sql": "CREATE TABLE c (id int)"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(database))

    server.stop(mode)
    _out, err = process.communicate(timeout=30)
    server.start()
    database.close()

    assert process.returncode == 1, err
    assert "The connection was lost" in err
    assert "check that the server is up" in err or off
    assert "Applied before it in this run: 1_a." in err
    assert "Traceback" not in err
    assert applied(database) == ["1_a"]
    migrations(
        {name: text.replace("60", "0") for name, text in written.items()}
        | {"3_c.sql": "CREATE TABLE c (id int)"}
    )
    again = guard("runsqlmigrations")
    assert again.code == 0, again.err
    assert applied(database) == ["1_a", "2_b", "3_c"]
    tried(
        f"PostgreSQL restarted in mid-run (mode {mode})",
        item=7,
        result="told; applied and recorded, or neither; the next run converges",
    )


# -- statement_timeout

SLOW = {
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT SLEEP(30)",
    "sqlite": FILL["sqlite"].replace("40000", "400000000"),
}
TOLD = {
    "postgresql": "canceling statement due to statement timeout",
    "mysql": "max_statement_time exceeded",
    "sqlite": "SQLITE_INTERRUPT: interrupted",
}


@pytest.mark.parametrize("off", [False, True], ids=["transaction", "off"])
def test_statement_timeout_when_it_fires_is_told_and_the_next_run_converges(
    off, database, migrations, guard, tried
):
    head = OFF if off else ""
    slow = SLOW[database.vendor]
    migrations(
        {"1_a.sql": f"{head}{A};\nINSERT INTO a VALUES (1, 'x');\n{slow};"},
        STATEMENT_TIMEOUT="400ms",
    )

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert TOLD[database.vendor] in result.err
    assert "1_a.sql:" in result.err
    assert applied(database) == []
    whole = database.vendor != "mysql" and not off
    assert ("1_a was rolled back as a whole" in result.err) == whole
    assert ("2 of 3 statements of 1_a are done and stay done" in result.err) == (not whole)
    migrations({"1_a.sql": f"{head}{A};\nINSERT INTO a VALUES (1, 'x');\nSELECT 1;"})
    again = guard("runsqlmigrations")
    assert again.code == 0, again.err
    assert database.execute("SELECT id, t FROM a") == [(1, "x")]
    tried(
        f"statement_timeout ({database.vendor})",
        item=7,
        result="rolled back, or stopped behind the last statement done; the next run converges",
    )
