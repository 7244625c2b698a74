"""The statements that psycopg sends, as PostgreSQL takes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.readers.lock_limits import brief_waits
from migration_guard.usage.postgresql.session import PostgreSQLSession
from migration_guard.usage.postgresql.types import sent_types
from migration_guard.usage.servers import Server


class PostgreSQLServer(Server):
    """The reading of statements that psycopg sends."""

    placeholder = "${}"
    untold = (
        "what depends on values (CHECKs, foreign keys, lengths, ranges, row policies), what bodies "
        "of triggers and functions do, and required columns that a BEFORE trigger may fill"
    )

    @contextmanager
    def session(
        self, connection: BaseDatabaseWrapper, role: str = ""
    ) -> Iterator[PostgreSQLSession]:
        """Open a transaction that only reads, and undo it."""
        with brief_waits(connection):
            session = PostgreSQLSession(connection)
            session.begin(role)
            yield session

    def text(self, sql: Any, cursor: Any) -> str:
        """Return the text of a statement, "" for what psycopg alone can read."""
        if isinstance(sql, str | bytes):
            return super().text(sql, cursor)
        compose = getattr(sql, "as_string", None)
        return str(compose(cursor.cursor)) if compose else ""

    def has_values(self, sql: Any) -> bool:
        """Return True for a composed statement that holds a Literal."""
        return _has_literal(sql)

    def columns(self, cursor: Any) -> tuple[tuple[str, Any], ...]:
        """Return names and type numbers of a result."""
        return tuple((column.name, column.type_code) for column in cursor.description or ())

    def sent_types(self, cursor: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return for each value the number of its type, or the name that its literal has."""
        return sent_types(cursor.cursor, values)

    def _order(self, names: Sequence[str]) -> Sequence[str]:
        return list(dict.fromkeys(names))


def _has_literal(part: Any) -> bool:
    from psycopg.sql import Composed, Literal

    return isinstance(part, Literal) or (
        isinstance(part, Composed) and any(map(_has_literal, part))
    )
