"""Deparsing: an expression, and the one that the catalogue holds, as the server would write both.

PostgreSQL prints both in one EXPLAIN, which needs no more than to read the table, on a standby too.
Where nothing is explained, a temporary table takes the expression and is thrown away.

Invariant: no object and no setting stays behind, and an open transaction is as it was before.

Sources: PostgreSQL manual, "EXPLAIN", "System Catalog Information Functions"; MariaDB manual,
"Generated Columns", "CONSTRAINT" (``SHOW CREATE TABLE`` writes what the parser made of the text,
and CREATE TEMPORARY TABLE commits no transaction).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple, TypeAlias

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import UNKNOWN, Table
from migration_guard.schema.readers.lock_limits import PATIENCE, attempt, brief_waits
from migration_guard.sql.dialects import dialect

Kind: TypeAlias = Literal["default", "check", "generated", "key", "exclusion"]

Deparser: TypeAlias = Callable[[BaseDatabaseWrapper, "Question"], "Spellings | None"]

_TABLE: Final = "migration_guard_spelling"
_OBJECT: Final = "migration_guard_thing"


class Question(NamedTuple):
    """An expression that is stated for a table, and the one that the catalogue ``held`` has.

    ``type`` is that of the column, if they are of one.
    """

    table: Table
    kind: Kind
    text: str
    held: str
    type: str = ""


class Spellings(NamedTuple):
    """The expressions of a question as the server writes them."""

    stated: str
    held: str


def prints_held(vendor: str, kind: Kind) -> bool:
    """Return whether the server prints anew what the catalogue holds, beside what is stated."""
    return _PRINTS_HELD[vendor] and kind != "exclusion"


def deparser(vendor: str) -> Deparser | None:
    """Return the function that asks such a server, None where there is nothing to ask.

    The function returns None where the server has no such thing. It raises Django's errors.
    """
    return _DEPARSERS.get(vendor)


def _postgresql(connection: BaseDatabaseWrapper, question: Question) -> Spellings | None:
    if question.kind == "exclusion":
        return _exclusion(connection, question)
    texts = [f"({text}\n)" for text in (question.text, question.held)]
    if question.kind in {"default", "generated"} and question.type:
        texts = [f"CAST({text} AS {question.type})" for text in texts]
    query = f"SELECT {', '.join(texts)} FROM ONLY {_name(connection, question.table)}"
    # The planner computes constants and evaluates nothing else.
    explain = f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) {query}"
    with brief_waits(connection), attempt(connection), connection.cursor() as cursor:
        cursor.execute(explain.replace("%", "%%"), ())
        (plan,) = cursor.fetchone()
    plan = plan if isinstance(plan, list) else json.loads(plan)
    return Spellings(*plan[0]["Plan"]["Output"])


def _exclusion(connection: BaseDatabaseWrapper, question: Question) -> Spellings | None:
    """Ask for the definition of an exclusion constraint, which is no expression."""
    table = _name(connection, question.table)
    add = f"ALTER TABLE pg_temp.{_TABLE} ADD CONSTRAINT {_OBJECT} {question.text}"
    with _rolled_back(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {_TABLE} (LIKE {table})")
        cursor.execute(add.replace("%", "%%"), ())
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = 'pg_temp.{_TABLE}'::regclass AND conname = '{_OBJECT}'"
        )
        row = cursor.fetchone()
    return Spellings(str(row[0]), question.held) if row else None


def _name(connection: BaseDatabaseWrapper, table: Table) -> str:
    quote = dialect(connection.vendor).quote
    return f"{quote(table.schema)}.{quote(table.name)}"


@contextmanager
def _rolled_back(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Run a block in a transaction, or in a savepoint of an open one, and roll it back.

    A session that is read-only by default may write here. A transaction that began as read-only may
    not, nor may a standby.
    """
    if not connection.get_autocommit():
        with transaction.atomic(using=connection.alias):
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
            yield
            transaction.set_rollback(True, using=connection.alias)
        return
    connection.set_autocommit(False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ WRITE")
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        yield
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def _mysql(connection: BaseDatabaseWrapper, question: Question) -> Spellings | None:
    template, pattern = _MYSQL.get(question.kind, ("", ""))
    if not template:
        return None
    quote = dialect(connection.vendor).quote
    columns = [
        f"{quote(column.name)} "
        f"{column.base_type if isinstance(column.base_type, str) else column.type}"
        for column in (() if question.table.columns is UNKNOWN else question.table.columns)
        if column.type is not UNKNOWN
    ]
    definition = template.format(text=question.text, type=question.type or "text")
    create = f"CREATE TEMPORARY TABLE {_TABLE} ({', '.join([*columns, definition])})"
    with brief_waits(connection), connection.cursor() as cursor:
        cursor.execute(create.replace("%", "%%"), ())
        try:
            cursor.execute(f"SHOW CREATE TABLE {_TABLE}")
            text = str(cursor.fetchone()[1])
        finally:
            cursor.execute(f"DROP TEMPORARY TABLE {_TABLE}")
    match = re.search(pattern, text, re.DOTALL)
    return Spellings(match[1], question.held) if match else None


# The definition is the last line before the bracket that closes the table.
_MYSQL: Final = {
    "default": (
        f"{_OBJECT} " + "{type} DEFAULT ({text}\n)",
        rf"`{_OBJECT}` [^\n]*? DEFAULT (.*)\n\) ENGINE",
    ),
    "generated": (
        f"{_OBJECT} " + "{type} GENERATED ALWAYS AS ({text}\n) VIRTUAL",
        rf"`{_OBJECT}` [^\n]*? GENERATED ALWAYS AS (\(.*\)) VIRTUAL\n\) ENGINE",
    ),
    "check": (
        f"CONSTRAINT {_OBJECT} CHECK " + "({text}\n)",
        rf"CONSTRAINT `{_OBJECT}` CHECK (\(.*\))\n\) ENGINE",
    ),
}
_PRINTS_HELD: Final[Mapping[str, bool]] = {"postgresql": True, "mysql": False, "sqlite": False}
_DEPARSERS: Final[Mapping[str, Deparser | None]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    # It keeps what was typed.
    "sqlite": None,
}
