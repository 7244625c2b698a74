"""PostgreSQL's catalogue: a server that prints expressions only of tables that nobody locks.

Source: PostgreSQL manual, "System Catalogs", "Explicit Locking".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import UNKNOWN, Fact, Unknown
from migration_guard.schema.readers.catalogue import Catalogue, Row
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.readers.postgresql import queries

VENDOR: Final = "postgresql"

_LOCK_NOT_AVAILABLE: Final = "55P03"
_LOCKED: Final = "locked by another session"
_TRIES: Final = 3


class Expressions:
    """The printed expressions of one kind, and the tables whose expressions could not be read."""

    def __init__(self, rows: Iterable[Row], unread_tables: Iterable[int]) -> None:
        self.rows = list(rows)
        self.unread_tables = frozenset(unread_tables)

    def text_or_unknown(self, table: int, text: str | None) -> Fact[str | None]:
        """Return the text, or UNKNOWN for a table that could not be read."""
        return UNKNOWN if table in self.unread_tables else text


class PostgreSQLCatalogue(Catalogue):
    """A catalogue with the server's version, and tables by number.

    ``labels`` holds the label of each table that is read, by its oid.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.labels: Mapping[int, str] = {}
        self._locked: set[int] = set()
        self._views_of_locked: set[int] = set()
        # Django's PostgreSQL wrapper has it: 180004 for 18.4.
        self._version: int = getattr(connection, "pg_version", 0)

    def since(self, version: int, expression: str, otherwise: str = "false") -> str:
        """Return an expression that a server has since this major version."""
        return expression if self._version >= version * 10_000 else otherwise

    def expressions(
        self, sql: str, kind: str, tables: Sequence[int], *, of_views: bool = False
    ) -> Expressions:
        """Run a query that prints expressions, without the tables that others keep locked.

        The query of a view cannot be printed while a table that it reads is locked.
        """
        why = _LOCKED
        for _ in range(_TRIES):
            locked = self._locked | (self._views_of_locked if of_views else set())
            unread = locked & set(tables)
            try:
                rows = self.rows(sql, [[table for table in tables if table not in unread]])
            except DatabaseError as error:
                if _sqlstate(error) != _LOCK_NOT_AVAILABLE:
                    why = reason(error)
                    break
                self._find_locked()
            else:
                self._note(unread, kind, _LOCKED)
                return Expressions(rows, unread)
        self._note(tables, kind, why)
        return Expressions([], tables)

    def _find_locked(self) -> None:
        for oid, is_view in self.rows(queries.LOCKED):
            (self._views_of_locked if is_view else self._locked).add(oid)

    def _note(self, tables: Iterable[int], kind: str, why: str) -> None:
        labels = sorted(self.labels[table] for table in tables if table in self.labels)
        self.unknown += [Unknown(label, kind, why) for label in labels]


def text_by_oid(rows: Iterable[Row] | None) -> dict[int, str]:
    """Return rows of an oid and a text as a dictionary."""
    return {row[0]: row[1] for row in rows or ()}


def _sqlstate(error: DatabaseError) -> str:
    """Return the SQLSTATE of an error of psycopg, 3 or 2."""
    cause = error.__cause__
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")
