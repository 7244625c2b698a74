"""How the server would write an expression: asked by a throw-away table, once an expression.

Invariant: nothing stays behind, neither an object nor a setting, and an open transaction is as it
was. SQLite keeps what was typed, so there is nothing to ask.

Sources: PostgreSQL manual, "System Catalog Information Functions" (``pg_get_expr`` writes what the
parser made of the text); MariaDB manual, "Generated Columns", "CONSTRAINT", which
``SHOW CREATE TABLE`` writes likewise; CREATE TEMPORARY TABLE commits no transaction there.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeAlias

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import UNKNOWN, Table
from migration_guard.schema.readers.lock_limits import PATIENCE, brief_waits

Kind: TypeAlias = Literal["default", "check", "generated", "key", "exclusion"]

_TABLE = "migration_guard_spelling"
_THING = "migration_guard_thing"


class Question(NamedTuple):
    """How would the server write this expression, in this table? ``type`` is the column's."""

    table: Table
    kind: Kind
    text: str
    type: str = ""


def deparser(vendor: str) -> Callable[[BaseDatabaseWrapper, Question], str | None] | None:
    """Return the function that asks such a server, None where there is nothing to ask.

    It returns the server's spelling, None where the server has none, and raises Django's errors.
    """
    return _VENDORS.get(vendor)


def _postgresql(connection: BaseDatabaseWrapper, ask: Question) -> str | None:
    quote = connection.ops.quote_name
    table = f"{quote(ask.table.schema)}.{quote(ask.table.name)}"
    make, read = _POSTGRESQL[ask.kind]
    column_type = ask.type or "text"
    with _thrown_away(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {_TABLE} (LIKE {table})")
        for statement in make:
            cursor.execute(statement.format(text=ask.text, type=column_type).replace("%", "%%"), ())
        cursor.execute(read)
        row = cursor.fetchone()
    return str(row[0]) if row else None


@contextmanager
def _thrown_away(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Run a block in a transaction of its own (inside another: a savepoint) and roll it back.

    A session that is read-only by default may write to what it throws away; a transaction that is
    read-only from its start may not, and a standby never.
    """
    own = connection.get_autocommit()
    if not own:
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


_ADD = f"ALTER TABLE pg_temp.{_TABLE} ADD"
_EXPRESSION = (
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
    "ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
    f"WHERE d.adrelid = 'pg_temp.{_TABLE}'::regclass AND a.attname = '{_THING}'"
)
_CONSTRAINT = (
    f"FROM pg_constraint WHERE conrelid = 'pg_temp.{_TABLE}'::regclass AND conname = '{_THING}'"
)
_POSTGRESQL = {
    # A default is set apart from its column, for ADD COLUMN … DEFAULT evaluates it.
    "default": (
        (
            _ADD + " COLUMN " + _THING + " {type}",
            f"ALTER TABLE pg_temp.{_TABLE} ALTER {_THING} SET DEFAULT " + "({text}\n)",
        ),
        _EXPRESSION,
    ),
    "generated": (
        (_ADD + f" COLUMN {_THING} " + "{type} GENERATED ALWAYS AS ({text}\n) STORED",),
        _EXPRESSION,
    ),
    "check": (
        (_ADD + f" CONSTRAINT {_THING} CHECK " + "({text}\n)",),
        f"SELECT pg_get_expr(conbin, conrelid) {_CONSTRAINT}",
    ),
    "exclusion": (
        (_ADD + f" CONSTRAINT {_THING} " + "{text}",),
        f"SELECT pg_get_constraintdef(oid) {_CONSTRAINT}",
    ),
    "key": (
        (f"CREATE INDEX {_THING} ON pg_temp.{_TABLE} " + "(({text}\n))",),
        "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index "
        f"WHERE indrelid = 'pg_temp.{_TABLE}'::regclass",
    ),
}


def _mysql(connection: BaseDatabaseWrapper, ask: Question) -> str | None:
    template, pattern = _MYSQL.get(ask.kind, ("", ""))
    if not template:
        return None
    quote = connection.ops.quote_name
    columns = [
        f"{quote(one.name)} {one.base_type if isinstance(one.base_type, str) else one.type}"
        for one in (() if ask.table.columns is UNKNOWN else ask.table.columns)
        if one.type is not UNKNOWN
    ]
    thing = template.format(text=ask.text, type=ask.type or "text")
    made = f"CREATE TEMPORARY TABLE {_TABLE} ({', '.join([*columns, thing])})"
    with brief_waits(connection), connection.cursor() as cursor:
        cursor.execute(made.replace("%", "%%"), ())
        try:
            cursor.execute(f"SHOW CREATE TABLE {_TABLE}")
            text = str(cursor.fetchone()[1])
        finally:
            cursor.execute(f"DROP TEMPORARY TABLE {_TABLE}")
    found = re.search(pattern, text, re.DOTALL)
    return found[1] if found else None


# What was asked for stands on the last line before the bracket that closes the table.
_MYSQL = {
    "default": (
        f"{_THING} " + "{type} DEFAULT ({text}\n)",
        rf"`{_THING}` [^\n]*? DEFAULT (.*)\n\) ENGINE",
    ),
    "generated": (
        f"{_THING} " + "{type} GENERATED ALWAYS AS ({text}\n) VIRTUAL",
        rf"`{_THING}` [^\n]*? GENERATED ALWAYS AS (\(.*\)) VIRTUAL\n\) ENGINE",
    ),
    "check": (
        f"CONSTRAINT {_THING} CHECK " + "({text}\n)",
        rf"CONSTRAINT `{_THING}` CHECK (\(.*\))\n\) ENGINE",
    ),
}
_VENDORS: dict[str, Callable[[BaseDatabaseWrapper, Question], str | None]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
}
