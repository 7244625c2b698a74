"""SQLite: EXPLAIN on Django's connection, which has its functions; it knows names and keys."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.schema.readers.lock_limits import brief_waits
from migration_guard.sql.dialects import dialect
from migration_guard.usage.normal_form import count_placeholders
from migration_guard.usage.servers import Finding, Server, Session, Undecided
from migration_guard.usage.statement import Statement

_OPTION: Final = getattr(sqlite3, "SQLITE_DBCONFIG_DQS_DML", None)  # Python 3.12
_UNTOLD_QUOTES: Final = (
    "" if _OPTION is not None else "; before Python 3.12 no name in double quotes without its table"
)
_NUMBERS: Final = count()
_TRANSIENT: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR})


class SQLiteServer(Server):
    """The reading of statements that sqlite3 sends."""

    untold = (
        "more than names and keys of ON CONFLICT: no types, required columns or results, and "
        f"nothing that depends on values{_UNTOLD_QUOTES}"
    )

    @contextmanager
    def session(self, connection: BaseDatabaseWrapper, role: str = "") -> Iterator["SQLiteSession"]:
        """Ask on this connection; a word in double quotes is then a name and never a text.

        Raises CannotTell for a role.
        """
        if role:
            raise CannotTell("--as needs PostgreSQL: SQLite has no rights.", "Leave --as out.")
        connection.ensure_connection()
        raw: Any = connection.connection
        before = raw.getconfig(_OPTION) if _OPTION is not None else None
        if _OPTION is not None:
            raw.setconfig(_OPTION, False)
        try:
            with brief_waits(connection):
                yield SQLiteSession(connection)
        finally:
            if _OPTION is not None:
                with suppress(sqlite3.Error):
                    raw.setconfig(_OPTION, before)


class SQLiteSession(Session):
    """A database that explains."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        try:
            # This reads the schema anew if another process changed it.
            connection.introspection.table_names()
        except DatabaseError as error:
            raise CannotTell(
                f"The database cannot be read: {error}",
                "Run the check again when no other process writes.",
            ) from error

    def judge(self, statement: Statement) -> Sequence[Finding] | Undecided:
        """Explain a statement with NULL for each parameter."""
        nulls = [None] * count_placeholders(statement.sql, dialect("sqlite"))
        try:
            # Not by Django's cursor, which would read % in the text. The number makes each text a
            # new one: sqlite3 keeps what it prepared, and EXPLAIN sees no change of the schema.
            text = f"EXPLAIN /* {next(_NUMBERS)} */ {statement.sql}"
            self._connection.connection.execute(text, nulls).close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT:
                return Undecided(str(error))
            name = _name_in(str(error))
            return [Finding("usage-broken", "it to run", str(error), name, bool(name))]
        return []


# SQLite's own messages, which no setting translates (resolve.c, build.c, insert.c).
_MESSAGES: Final = (
    re.compile(r"no such (?:table|column|function): (?P<name>.+)"),
    re.compile(r"table (?P<table>.+) has no column named (?P<name>.+)"),
)


def _name_in(message: str) -> tuple[str, ...]:
    """Return the qualified name that SQLite does not know, () for other messages."""
    for pattern in _MESSAGES:
        if match := pattern.fullmatch(message):
            parts = match.groupdict()
            return (parts["table"], parts["name"]) if "table" in parts else _split(parts["name"])
    return ()


def _split(label: str) -> tuple[str, ...]:
    return tuple(label.rpartition(".")[::2]) if "." in label else (label,)
