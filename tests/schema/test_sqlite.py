"""SQLite: what cannot be read does not hide the rest."""

import pytest
from django.db import connection, transaction

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.schema.rich import install


def test_view_when_its_table_is_gone_then_only_its_columns_are_unknown(sqlite):
    install(sqlite)
    before = read_snapshot(connection)
    sqlite.execute("CREATE VIEW broken AS SELECT * FROM gone")
    read = read_snapshot(connection)
    assert read.table("broken").columns is UNKNOWN
    assert "gone" in read.why("broken", "columns")
    assert [one for one in read.tables if one.label != "broken"] == list(before.tables)


@pytest.mark.usefixtures("impatient")
def test_file_when_another_connection_holds_it_then_no_table_is_absent(sqlite):
    install(sqlite)
    connection.ensure_connection()
    sqlite.execute("BEGIN EXCLUSIVE")
    read = read_snapshot(connection)
    assert read.table("facts") is UNKNOWN
    assert "locked" in read.why("facts")
    sqlite.execute("ROLLBACK")
    assert read_snapshot(connection).table("facts").column("code").type == "varchar(40)"


def test_reading_when_done_then_the_timeout_and_the_transaction_are_as_before(sqlite):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fresh (a integer)")
        cursor.execute("PRAGMA busy_timeout = 1234")
        assert read_snapshot(connection).table("FRESH").column("A").type == "integer"
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (1234,)
    assert sqlite.execute("SELECT count(*) FROM fresh") == [(0,)]


def test_virtual_table_when_there_then_its_columns_are_told(sqlite):
    sqlite.execute("CREATE VIRTUAL TABLE notes USING fts5(title, body)")
    read = read_snapshot(connection, ["notes"])
    assert [one.name for one in read.table("notes").columns] == ["title", "body"]
    assert read.unknown == ()


def test_foreign_key_when_its_target_is_not_there_then_its_columns_are_unknown(sqlite):
    sqlite.execute("CREATE TABLE child (parent integer REFERENCES gone)")
    (key,) = read_snapshot(connection, ["child"]).table("child").foreign_keys
    assert (key.target, key.target_columns) == ("gone", UNKNOWN)


def test_names_when_asked_for_in_another_case_then_they_are_found(sqlite):
    install(sqlite)
    assert [one.label for one in read_snapshot(connection, ["FACTS", "main.users"]).tables] == [
        "facts",
        "users",
    ]


def test_type_when_a_comment_stands_in_it_then_it_is_no_part_of_the_type(sqlite):
    sqlite.execute("CREATE TABLE t (a decimal /* so */ (10,\n 2), b unsigned -- so\n big int)")
    types = [column.type for column in read_snapshot(connection).table("t").columns]
    assert types == ["decimal(10,2)", "unsigned big int"]


def test_clauses_when_a_table_is_made_then_only_the_unusual_ones_are_kept(sqlite):
    sqlite.execute(
        "CREATE TABLE t (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, a text NOT NULL"
        " /* ON CONFLICT FAIL */ ON CONFLICT ABORT UNIQUE ON CONFLICT replace, b integer"
        " REFERENCES t (id) ON DELETE CASCADE, UNIQUE (a, b) ON CONFLICT IGNORE)"
    )
    assert read_snapshot(connection).table("t").clauses == (
        "PRIMARY KEY (id) AUTOINCREMENT",
        "UNIQUE (a) ON CONFLICT REPLACE",
        "UNIQUE (a, b) ON CONFLICT IGNORE",
    )
