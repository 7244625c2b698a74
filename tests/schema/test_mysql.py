"""MySQL and MariaDB: what a limited role sees is not taken for what there is."""

import contextlib

import pytest
from django.db import connection

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.schema.rich import install


@pytest.fixture
def limited(mariadb):
    """Let Django connect as a role that may read one table, and one column of another."""
    install(mariadb)
    name = mariadb.settings["NAME"]
    user = f"u_{name[-12:]}"
    mariadb.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'limited'")
    mariadb.execute(f"GRANT SELECT ON `{name}`.users TO '{user}'@'%'")
    mariadb.execute(f"GRANT SELECT (code) ON `{name}`.facts TO '{user}'@'%'")
    mariadb.configure(USER=user, PASSWORD="limited")
    yield mariadb
    connection.close()
    with contextlib.suppress(Exception):
        mariadb.execute(f"DROP USER '{user}'@'%'")


def test_table_when_the_role_may_not_look_then_its_absence_is_unknown(limited):
    read = read_snapshot(connection, ["users", "pairs"])
    assert read.table("users").column("region").type == "int"
    assert read.table("pairs") is UNKNOWN
    assert "denied" in read.why("pairs")


def test_columns_when_the_role_may_read_some_then_no_other_is_absent(limited):
    read = read_snapshot(connection, ["facts"])
    assert read.table("facts").column("price") is UNKNOWN
    assert "some of its columns" in read.why("facts", "columns")


def test_table_when_the_role_may_look_then_it_is_absent(mariadb):
    read = read_snapshot(connection, ["users"])
    assert read.table("users") is None
    assert read.unknown == ()


def test_view_when_its_table_is_gone_then_its_columns_are_unknown(mariadb):
    install(mariadb)
    mariadb.execute("DROP TABLE facts")
    read = read_snapshot(connection)
    assert read.table("fact_codes").columns is UNKNOWN
    assert "invalid" in read.why("fact_codes", "columns")
    assert read.table("users").column("id").type == "char(32)"


def test_reading_when_done_then_the_timeout_is_as_before(mariadb):
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION lock_wait_timeout = 77")
        read_snapshot(connection)
        cursor.execute("SELECT @@SESSION.lock_wait_timeout")
        assert cursor.fetchone() == (77,)
