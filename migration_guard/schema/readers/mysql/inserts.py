"""What becomes of an INSERT on MySQL and MariaDB, from ``information_schema``."""

from functools import cached_property
from typing import Final

from migration_guard.schema.objects import UNKNOWN, Fact, Unknown
from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.readers.mysql import queries

_NOT_SEEN: Final = "the role may not see triggers (privilege TRIGGER)"
_NOT_INSERTABLE: Final = "it is a view that takes no INSERT"


class InsertFacts:
    """The facts of all tables; each query runs once, when a table first needs it."""

    def __init__(self, catalogue: Catalogue, *, is_strict: bool) -> None:
        self._catalogue = catalogue
        self._is_strict = is_strict

    def fills(self, table: str) -> Fact[bool]:
        """Return whether a column that is left out gets a value: by a trigger, or a lax server.

        A server that is not strict takes 0 or '' for NOT NULL without a default.
        """
        if not self._is_strict:
            return True
        if self._filling_triggers is not None and table in self._filling_triggers:
            return True
        if self._sees_triggers:
            return False
        self._catalogue.unknown.append(Unknown(table, "triggers", _NOT_SEEN))
        return UNKNOWN

    def is_transactional(self, engine: str | None) -> Fact[bool]:
        """Return whether a storage engine has transactions."""
        return UNKNOWN if self._engines is None else engine in self._engines

    def obstacle(self, view: str) -> Fact[str]:
        """Return why no INSERT reaches the table of a view, "" if one does."""
        if self._read_only_views is None:
            return UNKNOWN
        return _NOT_INSERTABLE if view in self._read_only_views else ""

    @cached_property
    def _filling_triggers(self) -> frozenset[str] | None:
        return self._names("triggers", queries.FILLING_TRIGGERS)

    @cached_property
    def _sees_triggers(self) -> bool:
        return bool(self._catalogue.rows_or_none(("triggers",), queries.TRIGGERS_SEEN))

    @cached_property
    def _engines(self) -> frozenset[str] | None:
        return self._names("engine", queries.ENGINES)

    @cached_property
    def _read_only_views(self) -> frozenset[str] | None:
        return self._names("inserts", queries.READ_ONLY_VIEWS)

    def _names(self, fact: str, sql: str) -> frozenset[str] | None:
        rows = self._catalogue.rows_or_none((fact,), sql)
        return None if rows is None else frozenset(row[0] for row in rows)
