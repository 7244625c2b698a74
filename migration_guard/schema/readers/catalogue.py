"""The base of every vendor's catalogue: it runs queries, and notes which ones fail."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import Unknown
from migration_guard.schema.readers.lock_limits import attempt, reason

Row: TypeAlias = tuple[Any, ...]


class Catalogue:
    """The catalogue behind a connection; ``unknown`` collects what could not be read."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.unknown: list[Unknown] = []

    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[Row]:
        """Return the rows of a query."""
        with attempt(self.connection), self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def rows_or_none(
        self, facts: Sequence[str], sql: str, params: Sequence[Any] | None = None
    ) -> list[Row] | None:
        """Return the rows of a query; None where it fails, with a note of ``facts`` as unknown."""
        try:
            return self.rows(sql, params)
        except DatabaseError as error:
            self.unknown += [Unknown("", fact, reason(error)) for fact in facts]
            return None
