"""What becomes of an INSERT: a trigger fills columns, a rule runs instead, a view takes none."""

from typing import Final

from migration_guard.schema.objects import UNKNOWN, Fact
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import Expressions, PostgreSQLCatalogue

_NOT_INSERTABLE: Final = "it is a view that takes no INSERT and has no INSTEAD OF INSERT trigger"


def read_inserts(catalogue: PostgreSQLCatalogue, views: list[int]) -> "InsertFacts":
    """Read the triggers and rules of all tables, and which of the views take an INSERT."""
    rows = catalogue.rows_or_none(("triggers", "rules"), queries.INSERTS)
    insertable = Expressions([], [])
    if views:
        insertable = catalogue.expressions(
            queries.INSERTABLE_VIEWS, "inserts", views, of_views=True
        )
    return InsertFacts(rows, insertable)


class InsertFacts:
    """The facts of each table, by its oid."""

    def __init__(self, rows: list[Row] | None, views: Expressions) -> None:
        self._are_known = rows is not None
        self._filling = {table for table, rule in rows or () if rule is None}
        self._rules = {table: rule for table, rule in rows or () if rule is not None}
        self._unread_views = views.unread_tables
        self._closed_views = {oid for oid, is_insertable in views.rows if not is_insertable}

    def fills(self, table: int) -> Fact[bool]:
        """Return whether a trigger may give a value to a column that is left out."""
        return table in self._filling if self._are_known else UNKNOWN

    def obstacle(self, table: int) -> Fact[str]:
        """Return why no INSERT reaches a table, "" if one does."""
        if not self._are_known or table in self._unread_views:
            return UNKNOWN
        if table in self._rules:
            return f"the rule {self._rules[table]} runs instead of the INSERT and returns no row"
        return _NOT_INSERTABLE if table in self._closed_views else ""
