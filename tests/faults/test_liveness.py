"""The limits by which both ends of a connection notice that the other host is gone."""

from __future__ import annotations

import contextlib
import socket

import pytest
from django.db.backends.signals import connection_created

from migration_guard.fresh.postgresql import PostgreSQLHost
from migration_guard.running import connecting
from migration_guard.running.locks import run_lock
from migration_guard.running.mysql.connection import MySQLConnection
from migration_guard.running.postgresql import liveness
from tests.faults.proxy import Moment, Phase
from tests.running.support import applied

NAMES = (
    "client_connection_check_interval",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
)
OURS = dict(zip(NAMES, ("2000", "3", "20", "10", "50000"), strict=True))
SEEN = {
    "1_seen.sql": "CREATE TABLE seen (file int, name text, setting text);",
    **{
        f"{number}_look.sql": f"{header}INSERT INTO seen SELECT {number}, name, setting "
        f"FROM pg_settings WHERE name IN {NAMES};\nRESET ALL;"
        for number, header in ((2, ""), (3, "-- guard: transaction = off\n"), (4, ""))
    },
}


def choose_in_options(database, value, _folder, _stack):
    database.configure(OPTIONS={"options": f"-c tcp_keepalives_idle={value}"})


def choose_for_role(database, value, _folder, stack):
    database.execute(f"ALTER ROLE postgres SET tcp_keepalives_idle = {value}")
    stack.callback(database.execute, "ALTER ROLE postgres RESET tcp_keepalives_idle")


def choose_for_database(database, value, _folder, _stack):
    name = database.settings["NAME"]
    database.execute(f'ALTER DATABASE "{name}" SET tcp_keepalives_idle = {value}')


def choose_for_role_in_database(database, value, _folder, _stack):
    name = database.settings["NAME"]
    database.execute(f'ALTER ROLE postgres IN DATABASE "{name}" SET tcp_keepalives_idle = {value}')


def choose_in_service_file(database, value, folder, stack):
    (folder / "services").write_text(f"[mine]\noptions=-c tcp_keepalives_idle={value}\n")
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("PGSERVICEFILE", str(folder / "services"))
    database.configure(OPTIONS={"service": "mine"})


def choose_on_connection(_database, value, _folder, stack):
    def receive(connection, **_):
        with connection.cursor() as cursor:
            cursor.execute(f"SET tcp_keepalives_idle = {value}")

    connection_created.connect(receive)
    stack.callback(connection_created.disconnect, receive)


CHOICES = (
    choose_in_options,
    choose_for_role,
    choose_for_database,
    choose_for_role_in_database,
    choose_in_service_file,
    choose_on_connection,
)


@pytest.mark.parametrize("choose", [None, *CHOICES])
def test_server_when_somebody_chose_a_limit_keeps_it_and_gets_the_others(
    choose, postgres, migrations, guard, tmp_path
):
    migrations(SEEN)
    with contextlib.ExitStack() as stack:
        if choose is not None:
            choose(postgres, 77, tmp_path, stack)
        result = guard("runsqlmigrations")

    expected = OURS if choose is None else {**OURS, "tcp_keepalives_idle": "77"}
    assert result.code == 0, result.err
    for number in (2, 3, 4):
        seen = postgres.execute("SELECT name, setting FROM seen WHERE file = %s", (number,))
        assert dict(seen) == expected, number


def test_server_when_reached_by_a_unix_socket_takes_a_run(postgres, migrations, guard):
    folder = postgres.execute("SHOW unix_socket_directories")[0][0]
    if not folder:
        pytest.skip("the server has no Unix socket")
    postgres.configure(HOST=folder)
    migrations(SEEN)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    seen = postgres.execute("SELECT name, setting FROM seen WHERE file = 4 ORDER BY name")
    assert seen == [(name, "2000" if name == NAMES[0] else "0") for name in NAMES]


OPTIONS = (
    ("keepalives_idle", socket.TCP_KEEPIDLE, 20),
    ("keepalives_interval", socket.TCP_KEEPINTVL, 10),
    ("keepalives_count", socket.TCP_KEEPCNT, 3),
    ("tcp_user_timeout", socket.TCP_USER_TIMEOUT, 50_000),
)


def client_limits(fileno):
    with socket.socket(fileno=socket.dup(fileno)) as line:
        limits = {name: line.getsockopt(socket.IPPROTO_TCP, option) for name, option, _ in OPTIONS}
        return bool(line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)), limits


@pytest.mark.parametrize("where", ["OPTIONS", "service file"])
@pytest.mark.parametrize("chosen", [{}, *({name: 7} for name, *_ in OPTIONS)], ids=str)
def test_client_when_the_project_chose_a_limit_keeps_it_and_gets_the_others(
    where, chosen, postgres, tmp_path, monkeypatch
):
    if where == "OPTIONS":
        postgres.configure(OPTIONS=chosen)
    else:
        lines = [f"{name}={value}\n" for name, value in chosen.items()]
        (tmp_path / "services").write_text("".join(["[mine]\n", *lines]))
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        postgres.configure(OPTIONS={"service": "mine"})

    with connecting.open_connection("default") as (connection, _facts):
        lock = run_lock(connection)
        drivers = connection.driver, lock._wrapper.connection
        limits = [client_limits(driver.fileno()) for driver in drivers]
        lock.release()

    expected = {name: chosen.get(name, value) for name, _, value in OPTIONS}
    assert limits == [(True, expected), (True, expected)]


def test_client_when_the_project_wants_no_keepalives_sends_none(postgres):
    postgres.configure(OPTIONS={"keepalives": 0})

    with connecting.open_connection("default") as (connection, _facts):
        is_kept_alive, _limits = client_limits(connection.driver.fileno())

    assert not is_kept_alive


@pytest.mark.parametrize(("chosen", "expected"), [(0, 50), (7, 7)])
def test_mariadb_when_nobody_chose_a_limit_ends_an_idle_transaction(
    chosen, expected, mariadb, migrations, guard
):
    mariadb.configure(OPTIONS={"init_command": f"SET idle_transaction_timeout = {chosen}"})
    look = "INSERT INTO seen SELECT @@idle_transaction_timeout;"
    migrations({"1_a.sql": f"CREATE TABLE seen (n int);\n{look}", "2_b.sql": look})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT n FROM seen") == [(expected,)] * 2


CHECKS = {"postgresql": "SHOW transaction_isolation", "mysql": "SELECT IS_USED_LOCK"}
WAITS = {"postgresql": "SELECT pg_sleep(1.1);", "mysql": "DO SLEEP(1.1);"}


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_lock_check_when_it_gets_no_answer_ends_the_run_before_the_next_migration(
    database, server_proxy, migrations, guard, monkeypatch, tried
):
    monkeypatch.setattr(liveness, "PATIENCE", 1.0)
    monkeypatch.setattr(MySQLConnection, "_limits_of_another", {"read_timeout": 1})
    vendor = database.vendor
    # The lock is not looked at more often than once a second.
    migrations({"1_a.sql": WAITS[vendor], "2_b.sql": "CREATE TABLE b (id int);"})
    moment = Moment(lambda sent: sent.text.startswith(CHECKS[vendor]), Phase.BEFORE)
    server_proxy.begin(moment)

    result = guard("runsqlmigrations")
    moment.drop()

    assert moment.reached.is_set()
    assert result.code == 1
    assert "The run lock was lost: its connection has ended, or gives no answer." in result.err
    assert applied(database) == ["1_a"]
    tried(
        f"the check of the run lock gets no answer ({vendor})",
        item=1,
        result="the run ends before the next migration",
    )


def test_host_of_throwaway_databases_when_it_connects_has_the_limits_too(postgres):
    """What it owns would outlive a machine that vanishes."""
    host = PostgreSQLHost("default")
    seen = host._query(f"SELECT name, setting FROM pg_settings WHERE name IN {NAMES}")
    host.close()

    assert dict(seen) == OURS
