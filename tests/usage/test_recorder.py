"""What is recorded of the statements that code sends: texts, types and callers, never a value."""

from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.db.models import IntegerChoices
from psycopg import sql

from migration_guard.usage.recorder import record
from migration_guard.usage.statement import Parameter, dump
from tests.usage.models import make_clubs

TABLE = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40) NOT NULL, score integer)"


def test_record_when_code_sends_statements_keeps_texts_and_callers(database, code):
    database.execute(TABLE)

    statements = code.record(
        ("SELECT title FROM topics WHERE id = %s", [7]),
        ("UPDATE topics SET score = %s WHERE title = %s", [1, "secret word"]),
    )

    assert {(s.callers, s.unchecked) for s in statements} == {
        (("shop/view_0.py:ask",), ""),
        (("shop/view_1.py:ask",), ""),
    }
    assert sum([column.name for column in s.columns] == ["title"] for s in statements) == 1
    assert "secret word" not in dump(statements)


@pytest.mark.parametrize(
    "sql",
    [
        "SAVEPOINT a",
        "CREATE TABLE other (id integer)",
        "EXPLAIN SELECT 1",
        "  /* now */ DROP TABLE topics",
    ],
)
def test_record_when_statement_is_no_query_keeps_nothing(sqlite, code, sql):
    sqlite.execute(TABLE)

    assert code.record((sql, None)) == []


@pytest.mark.parametrize(
    ("texts", "shortest"),
    [
        (["SELECT 1 FROM t WHERE id IN (%s, %s)", "SELECT 1 FROM t WHERE id IN (%s)"], 1),
        (["INSERT INTO t VALUES (%s), (%s), (%s)", "INSERT INTO t VALUES (%s)"], 1),
        (["SELECT id FROM t LIMIT 21", "SELECT id FROM t LIMIT 5 ", "SELECT id FROM t LIMIT 1"], 2),
        (["SELECT 1 FROM t WHERE (id = %s OR id = %s)", "SELECT 1 FROM t WHERE (id = %s)"], 1),
        (
            [
                "SELECT CASE WHEN id = %s THEN %s WHEN id = %s THEN %s END FROM t",
                "SELECT CASE WHEN id = %s THEN %s END FROM t",
            ],
            1,
        ),
        (
            [
                "SELECT 1 FROM t WHERE id IN (SELECT id FROM t WHERE id = %s OR id = %s LIMIT 5)",
                "SELECT 1 FROM t WHERE id IN (SELECT id FROM t WHERE id = %s LIMIT 21)",
            ],
            1,
        ),
    ],
)
def test_record_when_texts_differ_in_length_keeps_the_shortest(sqlite, code, texts, shortest):
    sqlite.execute("CREATE TABLE t (id integer)")
    ask = code.sender()

    with record("default", code.root) as statements:
        for text in texts:
            ask(text, list(range(text.count("%s"))))

    expected = texts[shortest].replace("%s", "?").strip()
    assert [statement.sql for statement in statements] == [expected]


def test_record_when_values_are_formatted_into_sql_keeps_no_text(sqlite, code):
    sqlite.execute(TABLE)
    ask = code.sender()

    with record("default", code.root) as statements:
        for name in ("ann@example.org", "bob@example.org"):
            ask(f"SELECT id FROM topics WHERE title = '{name}'")

    (statement,) = statements
    assert statement.callers == ("shop/views.py:ask",)
    assert statement.sql == ""
    assert "formatted" in statement.unchecked
    assert "example.org" not in dump(statements)


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("text", "unknown"),
        (None, "unknown"),
        (5, "integer"),
        (5_000_000_000, "bigint"),
        (10**20, "numeric"),
        (1.5, "numeric"),
        (Decimal("1.5"), "numeric"),
        (True, "boolean"),
        (date(2026, 1, 2), "date"),
        (datetime(2026, 1, 2), "timestamp without time zone"),  # noqa: DTZ001 - the type asked for
        (uuid4(), "uuid"),
        ([1, 2], "smallint[]"),
        (b"ab", "bytea"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_record_on_postgresql_when_value_is_sent_keeps_its_type(postgres, code, value, type_):
    postgres.execute(f"CREATE TABLE t (value {'text' if type_ == 'unknown' else type_})")

    (statement,) = code.record(("SELECT 1 FROM t WHERE value = %s", [value]))

    assert statement.parameters[0].sent == type_
    assert statement.parameters[0].taken
    assert statement.unchecked == ""


def test_record_when_a_value_is_null_first_keeps_the_type_of_others(postgres, code):
    postgres.execute(TABLE)
    ask = code.sender()

    with record("default", code.root) as statements:
        for score in (None, 3, None):
            ask("UPDATE topics SET score = %s WHERE id = 1", [score])

    assert statements[0].parameters == (Parameter("integer", "integer"),)


def test_record_when_test_code_sends_by_itself_keeps_nothing(sqlite, code):
    sqlite.execute(TABLE)
    ask = code.sender("tests/test_topics.py")

    with record("default", code.root) as statements:
        ask("SELECT id FROM topics")
        with connection.cursor() as cursor:
            cursor.execute("SELECT title FROM topics")

    assert statements == []


def test_record_when_a_wrapper_of_a_test_ends_goes_on(sqlite, code):
    sqlite.execute(TABLE)
    ask = code.sender()

    with record("default", code.root) as statements:
        with connection.execute_wrapper(lambda execute, *rest: execute(*rest)):
            connection.close()
            ask("SELECT id FROM topics")
        ask("SELECT title FROM topics")

    assert len(statements) == 2
    assert connection.execute_wrappers == []


def test_record_when_a_value_breaks_a_constraint_keeps_the_statement(database, code):
    database.execute(TABLE)
    database.execute("INSERT INTO topics (id, title) VALUES (1, 'a')")
    ask = code.sender()

    with record("default", code.root) as statements, pytest.raises(IntegrityError):
        ask("INSERT INTO topics (id, title) VALUES (%s, %s)", [1, "b"])

    assert [statement.unchecked for statement in statements] == [""]


def test_record_on_postgresql_when_sql_is_composed_keeps_its_text(postgres, code):
    postgres.execute(TABLE)
    query = sql.SQL("SELECT {} FROM {} WHERE id = {}").format(
        sql.Identifier("title"), sql.Identifier("topics"), sql.Placeholder()
    )

    (statement,) = code.record((query, [1]))

    assert statement.sql == 'SELECT "title" FROM "topics" WHERE id = $1'


class Level(IntegerChoices):
    """Numbers of a class of their own, as models have them."""

    HIGH = 3


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([Level.HIGH], "integer"),
        ([3, 5_000_000_000, 3], "bigint"),
        ([5_000_000_000, 3], "bigint"),
        ([2**31 - 1], "integer"),
        ([-(2**31) - 1], "bigint"),
        ([None, 3, "3"], "integer"),
    ],
)
def test_record_when_types_differ_keeps_the_widest(postgres, code, values, type_):
    postgres.execute("CREATE TABLE t (value numeric)")
    ask = code.sender()

    with record("default", code.root) as statements:
        for _time in range(3):
            for value in values:
                ask("SELECT 1 FROM t WHERE value = %s", [value])

    (statement,) = statements
    assert statement.parameters[0].sent == type_


DOORS = {
    "iterator": "list(Club.objects.filter(id__gt=5).iterator())",
    "bulk_create": "Club.objects.bulk_create([Club(name=str(n)) for n in range(9)])",
    "update_or_create": "Club.objects.update_or_create(id=1, defaults={'name': 'a'})",
    "in_bulk": "Club.objects.in_bulk([1, 2, 3])",
    "get_or_none": "Club.objects.filter(id=5).first()",
    "raw": "list(Club.objects.raw('SELECT * FROM usage_club WHERE id = %s', [5]))",
    "named": "connection.cursor().execute('SELECT %(a)s + %(a)s FROM usage_club', {'a': 5})",
    "executemany": (
        "connection.cursor().executemany("
        "'INSERT INTO usage_club (id, name, is_open) VALUES (%s, %s, %s)',"
        " [(n, 'a', True) for n in range(1, 5)])"
    ),
    "thread": "in_thread(lambda: Club.objects.count())",
    "async": "async_to_sync(Club.objects.filter(id=5).acount)()",
}
MODES = {"client": {}, "server": {"server_side_binding": True}, "pool": {"pool": True}}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_record_when_code_uses_a_door_of_django_keeps_it(database, code, door):
    make_clubs()
    ask = code.function(SENDS.format(door))

    with record("default", code.root) as statements:
        ask()

    assert statements
    assert {caller for s in statements for caller in s.callers} == {"shop/views.py:ask"}
    assert {statement.unchecked for statement in statements} == {""}


SENDS = """\
import threading
from asgiref.sync import async_to_sync
from django.db import connection
from tests.usage.models import Club
def in_thread(call):
    def target():
        call()
        connection.close()
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
def ask():
    {}
"""


@pytest.mark.parametrize("options", MODES.values(), ids=MODES)
def test_record_on_postgresql_keeps_types_in_each_mode(postgres, code, options):
    make_clubs()
    connection.close()
    connection.settings_dict["OPTIONS"].update(options)
    ask = code.function(SENDS.format(DOORS["iterator"]))

    try:
        with record("default", code.root) as statements:
            ask()
    finally:
        connection.close()
        if connection.settings_dict["OPTIONS"].get("pool"):
            connection.close_pool()

    (statement,) = statements
    sent = "smallint" if options.get("server_side_binding") else "integer"
    assert [parameter.sent for parameter in statement.parameters] == [sent]
    assert [column.name for column in statement.columns] == ["id", "name", "is_open", "since"]


def test_record_on_mariadb_when_a_table_is_temporary_names_no_database(mariadb, code):
    """Each worker of pytest-xdist has a database of another name."""
    statements = code.record(
        ("CREATE TEMPORARY TABLE brief (id integer)", None),
        ("SELECT id FROM brief", None),
        ("SELECT id FROM brief", None),
        ("DROP TEMPORARY TABLE brief", None),
    )

    assert {statement.unchecked for statement in statements} == {
        "the server does not prepare it: error 1146 at brief"
    }
