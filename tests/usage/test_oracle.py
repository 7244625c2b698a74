"""The server's word against the deed: what breaks when it runs is what the check says.

Statements are generated on one schema, the schema changes, and each statement is run with values
in a transaction that is rolled back, before and after. What fails only after the change is broken.
"""

import random
from pathlib import Path
from typing import NamedTuple

import pytest
from django.db import DatabaseError, connection, transaction

from migration_guard.results import Verdict
from migration_guard.usage.check import UsageCheck, examine
from migration_guard.usage.recorder import record

STATEMENTS = 60
SCHEMA = [
    "CREATE TABLE authors (id integer PRIMARY KEY, name varchar(40) NOT NULL, born integer)",
    "CREATE TABLE books (id integer PRIMARY KEY, title varchar(60) NOT NULL, "
    "author_id integer NOT NULL, price integer, isbn varchar(20), "
    "CONSTRAINT books_isbn UNIQUE (isbn), "
    "CONSTRAINT books_author FOREIGN KEY (author_id) REFERENCES authors (id))",
    "CREATE TABLE tags (id integer PRIMARY KEY, word varchar(20) NOT NULL)",
    "INSERT INTO authors VALUES (1, 'Ann', 1950), (2, 'Bob', NULL)",
    "INSERT INTO books VALUES (1, 'One', 1, 5, 'a'), (2, 'Two', 2, NULL, NULL)",
    "INSERT INTO tags VALUES (1, 'new')",
]
COLUMNS = {
    "authors": {"id": 1, "name": "Ann", "born": 1950},
    "books": {"id": 1, "title": "One", "author_id": 1, "price": 5, "isbn": "a"},
    "tags": {"id": 1, "word": "new"},
}


class Change(NamedTuple):
    """A change of the schema; `vendors` are those that can make it."""

    name: str
    sql: tuple[str, ...]
    is_harmless: bool = False
    vendors: tuple[str, ...] = ("postgresql", "sqlite", "mariadb")


SERVERS = ("postgresql", "mariadb")
CHANGES = [
    Change("drop-column", ("ALTER TABLE books DROP COLUMN price",)),
    Change("rename-column", ("ALTER TABLE books RENAME COLUMN price TO cost",)),
    Change("drop-table", ("DROP TABLE tags",)),
    Change("rename-table", ("ALTER TABLE tags RENAME TO labels",)),
    Change(
        "required-column",
        (
            "ALTER TABLE tags ADD COLUMN kind integer NOT NULL DEFAULT 0",
            "ALTER TABLE tags ALTER COLUMN kind DROP DEFAULT",
        ),
        False,
        SERVERS,
    ),
    Change(
        "split-table",
        ("CREATE TABLE prices (book_id integer, price integer)", "ALTER TABLE books DROP price"),
    ),
    Change(
        "change-type",
        ("ALTER TABLE authors ALTER COLUMN born TYPE date USING NULL",),
        False,
        ("postgresql",),
    ),
    Change("drop-key", ("ALTER TABLE books DROP CONSTRAINT books_isbn",), False, ("postgresql",)),
    Change("merge-columns", ("ALTER TABLE authors DROP COLUMN born",)),
    Change(
        "move-table",
        ("CREATE SCHEMA shop", "ALTER TABLE tags SET SCHEMA shop"),
        False,
        ("postgresql",),
    ),
    Change("add-column", ("ALTER TABLE books ADD COLUMN pages integer",), True),
    Change("add-index", ("CREATE INDEX books_price ON books (price)",), True),
    Change("add-table", ("CREATE TABLE shelves (id integer PRIMARY KEY)",), True),
    Change("widen", ("ALTER TABLE books ALTER COLUMN price TYPE bigint",), True, ("postgresql",)),
    Change(
        "widen-text", ("ALTER TABLE books ALTER COLUMN title TYPE text",), True, ("postgresql",)
    ),
    Change(
        "rename-constraint",
        ("ALTER TABLE books RENAME CONSTRAINT books_isbn TO books_isbn_key",),
        True,
        ("postgresql",),
    ),
]


def generate(vendor, number):
    """Return statements of code with their values."""
    choice = random.Random(7)
    makers = [_select, _join, _insert, _update, _delete, _aggregate]
    if vendor != "mysql":
        makers.append(_upsert)
    return list(dict(choice.choice(makers)(choice) for _place in range(number)).items())


def _table(choice):
    table = choice.choice(list(COLUMNS))
    return table, COLUMNS[table]


def _select(choice):
    table, columns = _table(choice)
    shown = choice.sample(list(columns), choice.randint(1, len(columns)))
    by = choice.choice(list(columns))
    return f"SELECT {', '.join(shown)} FROM {table} WHERE {by} = %s", (columns[by],)


def _join(choice):
    column, other = choice.choice(list(COLUMNS["books"])), choice.choice(list(COLUMNS["authors"]))
    return (
        f"SELECT b.{column}, a.{other} FROM books b JOIN authors a ON a.id = b.author_id "
        f"WHERE a.{other} = %s ORDER BY b.{column} LIMIT 3",
        (COLUMNS["authors"][other],),
    )


def _insert(choice):
    table, columns = _table(choice)
    optional = [name for name in columns if name in {"born", "price", "isbn"}]
    names = [n for n in columns if n not in optional or choice.random() < 0.5]
    values = [{"id": 99, "isbn": "z"}.get(name, columns[name]) for name in names]
    places = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", tuple(values)


def _upsert(_choice):
    return (
        "INSERT INTO books (id, title, author_id, isbn) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (isbn) DO UPDATE SET title = EXCLUDED.title",
        (98, "New", 1, "a"),
    )


def _update(choice):
    table, columns = _table(choice)
    name = choice.choice([name for name in columns if name != "id"])
    return f"UPDATE {table} SET {name} = %s WHERE id = %s", (columns[name], 1)


def _delete(choice):
    by = choice.choice(list(COLUMNS["books"]))
    return f"DELETE FROM books WHERE {by} = %s", (COLUMNS["books"][by],)


def _aggregate(choice):
    by = choice.choice(list(COLUMNS["books"]))
    return f"SELECT {by}, count(*) FROM books GROUP BY {by} HAVING max(id) > %s", (0,)


def failures(statements):
    """Return the texts that fail when they run with their values; nothing stays."""
    failing = set()
    for sql, values in statements:
        with transaction.atomic():
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(sql, values)
            except DatabaseError:
                failing.add(sql)
            transaction.set_rollback(True)
    return failing


@pytest.mark.parametrize(
    ("database", "change"),
    [(vendor, change) for change in CHANGES for vendor in change.vendors],
    indirect=["database"],
    ids=lambda value: getattr(value, "name", value),
)
def test_check_when_schema_changes_says_what_running_shows(database, code, change):
    for sql in SCHEMA:
        database.execute(sql)
    statements = generate(database.vendor, STATEMENTS)
    assert failures(statements) == set()
    by_caller = {}
    with record("default", code.root) as recorded:
        for place, (sql, values) in enumerate(statements):
            name = f"shop/view_{place}.py"
            by_caller[f"{name}:ask"] = sql
            with transaction.atomic():
                code.sender(name)(sql, values)
                transaction.set_rollback(True)
    assert not [statement for statement in recorded if statement.unchecked]

    for sql in change.sql:
        database.execute(sql)
    request = UsageCheck(tuple(recorded), Path(code.root))
    assertions = examine(connection, request, None)

    callers = {f"usage::{statement.digest}": statement.callers for statement in recorded}
    broken = {
        by_caller[caller]
        for assertion in assertions
        if assertion.verdict is Verdict.VIOLATED
        for caller in callers[assertion.id]
    }
    failing = failures(statements)
    if database.vendor != "postgresql":  # names alone
        failing = {sql for sql in failing if change.name != "required-column"}
    assert broken == failing
    assert bool(failing) != change.is_harmless or change.name == "required-column"
    if change.is_harmless:
        assert not [assertion for assertion in assertions if assertion.warning]
