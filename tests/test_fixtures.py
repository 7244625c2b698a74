"""The fixtures keep their promise: a real, empty database, and nothing left behind."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection, connections

from tests import servers
from tests.running.support import wait_until

ROOT = Path(__file__).parent.parent
VENDORS = {"postgresql", "sqlite", "mysql"}


def user_tables():
    return connection.introspection.table_names()


@pytest.mark.parametrize("turn", [1, 2])
def test_database_in_each_test_is_empty_and_isolated(database, turn):
    assert user_tables() == []

    database.execute("CREATE TABLE left_behind (id integer)")

    assert user_tables() == ["left_behind"]


def test_database_for_django_and_the_raw_connection_are_one(database):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pets (name varchar(10))")
        cursor.execute("INSERT INTO pets VALUES ('100%%')", [])

    assert database.execute("SELECT name FROM pets") == [("100%",)]
    assert database.vendor == connection.vendor
    assert database.vendor in VENDORS


def test_connect_when_called_twice_gives_two_sessions(database):
    first, second = database.connect(), database.connect()

    assert first is not second


def test_database_when_a_session_is_left_in_a_transaction_is_dropped_all_the_same(database):
    database.execute("CREATE TABLE locked (id integer)")
    cursor = database.connect().cursor()

    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO locked VALUES (1)")


def test_database_when_a_thread_uses_it_is_the_same_one(database):
    database.execute("CREATE TABLE shared (id integer)")
    seen = []

    def look():
        seen.extend(user_tables())
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == ["shared"]


def test_configure_with_options_merges_them_and_reconnects(postgres):
    assert connection.cursor().connection.info.get_parameters().get("application_name") is None

    postgres.configure(OPTIONS={"application_name": "guard"}, CONN_MAX_AGE=5)

    with connection.cursor() as cursor:
        cursor.execute("SHOW application_name")
        assert cursor.fetchone() == ("guard",)
    assert connections.settings["default"]["CONN_MAX_AGE"] == 5


def test_configure_with_a_pool_leaves_no_pool_behind(postgres):
    postgres.configure(OPTIONS={"pool": True})

    assert user_tables() == []


def test_configure_with_a_wrong_password_is_refused_by_a_real_server(postgres):
    postgres.configure(PASSWORD="wrong")

    with pytest.raises(Exception, match="password authentication failed"):
        connection.ensure_connection()

    assert postgres.execute("SELECT 1") == [(1,)]


def test_configure_with_a_wrong_password_is_refused_by_mariadb(mariadb):
    mariadb.configure(PASSWORD="wrong")

    with pytest.raises(Exception, match="Access denied"):
        connection.ensure_connection()


def test_sqlite_before_the_first_connection_has_no_file(sqlite, tmp_path):
    assert not (tmp_path / "db.sqlite3").exists()

    sqlite.execute("SELECT 1")

    assert (tmp_path / "db.sqlite3").exists()


def test_migrations_when_called_again_replaces_the_folder(migrations, settings):
    folder = migrations({"0001_a.sql": "SELECT 1;\r\n", "0002_b.sql": b"\xff"}, WAIT=1)
    assert (folder / "0001_a.sql").read_bytes() == b"SELECT 1;\r\n"

    migrations({"0003_c.sql": "SELECT 3;"}, ENVIRONMENT="dev")

    assert [path.name for path in folder.iterdir()] == ["0003_c.sql"]
    assert settings.MIGRATION_GUARD == {
        "ENVIRONMENT": "dev",
        "WAIT": 1,
        "DIRS": {"default": [folder]},
    }


def test_guard_when_the_command_succeeds_captures_its_output(guard, sqlite):
    result = guard("showmigrations", "contenttypes")

    assert (result.code, result.err) == (0, "")
    assert "0001_initial" in result.out


def test_guard_when_the_command_fails_gives_its_code_and_message(guard, sqlite):
    result = guard("sqlmigrate", "contenttypes", "9999")

    assert result.code == 1
    assert "9999" in result.err


def test_guard_when_the_usage_is_wrong_gives_2(guard):
    result = guard("sqlmigrate", "--no-such-option")

    assert result.code == 2
    assert "usage:" in result.err


def test_guard_process_works_on_the_database_and_settings_of_the_test(
    database, guard_process, migrations
):
    migrations({}, ENVIRONMENT="staging")
    code = (
        "import json; from django.conf import settings; from django.db import connection;"
        "connection.cursor().execute('CREATE TABLE made_elsewhere (id integer)');"
        "print(json.dumps([connection.vendor, settings.MIGRATION_GUARD['ENVIRONMENT']]))"
    )

    result = guard_process("shell", "--no-imports", "-c", code)

    assert result.err == ""
    assert json.loads(result.out) == [database.vendor, "staging"]
    assert user_tables() == ["made_elsewhere"]


def test_mariadb_when_it_cannot_be_had_is_skipped_loudly():
    code = (
        "import pytest; from tests import servers;"
        "servers.mariadb_missing = lambda: 'it is on holiday';"
        # Workers would not know of the holiday.
        f"pytest.main([{__file__!r}, '-n', '0', '-p', 'no:cacheprovider', '-k', 'refused_by_mariadb'])"
    )

    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    assert "MariaDB: tests will NOT run: it is on holiday" in out
    assert "MariaDB: 1 test was NOT run: it is on holiday" in out


# The command line


def collected(*args):
    """Return what `pytest --collect-only` writes."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *args,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("args", "modules"),
    [
        (["tests/admin"], ["test_export.py"]),
        (["tests/admin", "--groups", "browser"], ["test_browser.py"]),
        (["tests/admin", "--groups", "all"], ["test_browser.py", "test_export.py"]),
        (["tests/admin/test_browser.py"], ["test_browser.py"]),
    ],
    ids=str,
)
def test_group_when_it_is_asked_for_or_named_runs_and_else_is_left_out(args, modules):
    out = collected(*args).stdout

    assert [name for name in ("test_browser.py", "test_export.py") if name in out] == modules
    assert ("Left out: " in out) is ("--groups" not in args)
    assert ("faults, browser, documentation" in out) is (args == ["tests/admin"])


def test_group_when_there_is_none_of_that_name_is_refused():
    done = collected("--groups", "benchmark")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'benchmark' is none of all, faults, browser" in done.stderr


def test_path_when_there_is_none_of_that_name_is_refused():
    done = collected("tests/nothing.py", "-n", "2")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "file or directory not found: " in done.stderr


# Servers


@pytest.mark.parametrize("vendor", ["postgres", "mariadb"])
def test_server_when_its_process_is_killed_goes_with_its_folder(vendor, tmp_path):
    if vendor == "mariadb" and (reason := servers.mariadb_missing()):
        pytest.skip(f"MariaDB: {reason}")
    code = (
        "import sys; from tests import servers\n"
        f"with servers.{vendor}_server() as server:\n"
        "    server.open().close(); print(server.port, flush=True); sys.stdin.read()"
    )
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"POSTGRES_URL", "MARIADB_URL"}
    }

    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        port = int(process.stdout.readline())
        process.kill()

    wait_until(lambda: not listens(port))
    wait_until(lambda: not any(path.is_dir() for path in tmp_path.iterdir()))


def listens(port):
    """Tell whether a server takes connections on this port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
