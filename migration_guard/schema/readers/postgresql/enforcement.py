"""Which constraints are not enforced, since the triggers that enforce them do not fire.

A foreign key has internal triggers on both tables and on their partitions, a deferrable key or
exclusion has one. ``ALTER TABLE … DISABLE TRIGGER ALL`` switches them off.

Source: PostgreSQL manual, "ALTER TABLE", "pg_trigger".
"""

from collections import defaultdict

from migration_guard.schema.objects import UNKNOWN, Fact
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import PostgreSQLCatalogue
from migration_guard.schema.search_path import SearchPath


def read_disabled_triggers(catalogue: PostgreSQLCatalogue, path: SearchPath) -> "DisabledTriggers":
    """Read which internal triggers do not fire in ordinary sessions."""
    rows = catalogue.rows_or_none(
        ("foreign_keys", "indexes", "exclusions"), queries.DISABLED_TRIGGERS
    )
    return DisabledTriggers(rows, path)


class DisabledTriggers:
    """The tables on which triggers of a constraint are disabled, by its oid."""

    def __init__(self, rows: list[Row] | None, path: SearchPath) -> None:
        self._are_known = rows is not None
        self._parents: dict[int | None, int] = {row[0]: row[1] for row in rows or ()}
        self._tables: dict[int | None, set[str]] = defaultdict(set)
        for constraint, _, schema, table in rows or ():
            self._tables[constraint].add(path.label(schema, table))

    def tables(self, constraint: int | None) -> Fact[tuple[str, ...]]:
        """Return the labels of the tables.

        A constraint of a partition has those of the parent's, so that both are the same difference.
        """
        if not self._are_known:
            return UNKNOWN
        while (parent := self._parents.get(constraint)) in self._tables:
            constraint = parent
        return tuple(sorted(self._tables.get(constraint, ())))
