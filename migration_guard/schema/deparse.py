"""Deparsing: an expression as the server would write it, by a temporary table that is thrown away.

Invariant: no object and no setting stays behind, and an open transaction is as it was before.

Sources: PostgreSQL manual, "System Catalog Information Functions" (``pg_get_expr`` writes what the
parser made of the text); MariaDB manual, "Generated Columns", "CONSTRAINT" (``SHOW CREATE TABLE``
does the same, and CREATE TEMPORARY TABLE commits no transaction).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple, TypeAlias

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import UNKNOWN, Table
from migration_guard.schema.readers.lock_limits import PATIENCE, brief_waits

Kind: TypeAlias = Literal["default", "check", "generated", "key", "exclusion"]

Deparser: TypeAlias = Callable[[BaseDatabaseWrapper, "Question"], str | None]

_TABLE: Final = "migration_guard_spelling"
_OBJECT: Final = "migration_guard_thing"


class Question(NamedTuple):
    """An expression of a table, to be deparsed; ``type`` is that of the column, if it is of one."""

    table: Table
    kind: Kind
    text: str
    type: str = ""


def deparser(vendor: str) -> Deparser | None:
    """Return the function that asks such a server, None where there is nothing to ask.

    The function returns the server's text, None where the server has none. It raises Django's
    errors.
    """
    return _DEPARSERS.get(vendor)


def _postgresql(connection: BaseDatabaseWrapper, question: Question) -> str | None:
    quote = connection.ops.quote_name
    table = f"{quote(question.table.schema)}.{quote(question.table.name)}"
    statements, query = _POSTGRESQL[question.kind]
    column_type = question.type or "text"
    with _rolled_back(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {_TABLE} (LIKE {table})")
        for statement in statements:
            cursor.execute(
                statement.format(text=question.text, type=column_type).replace("%", "%%"), ()
            )
        cursor.execute(query)
        row = cursor.fetchone()
    return str(row[0]) if row else None


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


_ADD: Final = f"ALTER TABLE pg_temp.{_TABLE} ADD"
_EXPRESSION: Final = (
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
    "ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
    f"WHERE d.adrelid = 'pg_temp.{_TABLE}'::regclass AND a.attname = '{_OBJECT}'"
)
_CONSTRAINT: Final = (
    f"FROM pg_constraint WHERE conrelid = 'pg_temp.{_TABLE}'::regclass AND conname = '{_OBJECT}'"
)
_POSTGRESQL: Final = {
    # In two statements, since ADD COLUMN … DEFAULT would evaluate the default.
    "default": (
        (
            _ADD + " COLUMN " + _OBJECT + " {type}",
            f"ALTER TABLE pg_temp.{_TABLE} ALTER {_OBJECT} SET DEFAULT " + "({text}\n)",
        ),
        _EXPRESSION,
    ),
    "generated": (
        (_ADD + f" COLUMN {_OBJECT} " + "{type} GENERATED ALWAYS AS ({text}\n) STORED",),
        _EXPRESSION,
    ),
    "check": (
        (_ADD + f" CONSTRAINT {_OBJECT} CHECK " + "({text}\n)",),
        f"SELECT pg_get_expr(conbin, conrelid) {_CONSTRAINT}",
    ),
    "exclusion": (
        (_ADD + f" CONSTRAINT {_OBJECT} " + "{text}",),
        f"SELECT pg_get_constraintdef(oid) {_CONSTRAINT}",
    ),
    "key": (
        (f"CREATE INDEX {_OBJECT} ON pg_temp.{_TABLE} " + "(({text}\n))",),
        "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index "
        f"WHERE indrelid = 'pg_temp.{_TABLE}'::regclass",
    ),
}


def _mysql(connection: BaseDatabaseWrapper, question: Question) -> str | None:
    template, pattern = _MYSQL.get(question.kind, ("", ""))
    if not template:
        return None
    quote = connection.ops.quote_name
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
    return match[1] if match else None


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
_DEPARSERS: Final[Mapping[str, Deparser | None]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    # It keeps what was typed.
    "sqlite": None,
}
