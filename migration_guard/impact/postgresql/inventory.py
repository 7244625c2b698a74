"""The relations of a database: which are reported, and under which names of tables."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.db.migrations.recorder import MigrationRecorder

from migration_guard.impact.postgresql import queries
from migration_guard.impact.postgresql.queries import Relation
from migration_guard.planning.history_rows import OWN_TABLES

NAMED: Final = "rpmfv"  # tables, partitioned ones, materialized views, foreign tables, views
_TOAST: Final = "t"  # the table of another table's large values
# Written to by whoever records a migration.
_BOOKKEEPING: Final = {*OWN_TABLES, MigrationRecorder.Migration._meta.db_table}


class Known(NamedTuple):
    """The relations that are reported, by oid; and the names of their tables."""

    relations: Mapping[int, Relation]
    names: Mapping[int, str]


class Inventory:
    """What there is, and the fingerprint by which the server tells that it is still so.

    ``made`` has the oids of what the traced migrations made.
    """

    def __init__(self) -> None:
        self.known = Known({}, {})
        self.fingerprint = queries.UNKNOWN
        self.made: set[int] = set()

    def forget(self) -> None:
        """Take nothing for known any more."""
        self.fingerprint = queries.UNKNOWN

    def learn(self, relations: Mapping[int, Relation], schema: str) -> Known:
        """Know these relations, without those that were made; ``schema`` needs no prefix."""
        others: dict[int, Relation] = {}
        for oid, relation in relations.items():
            table = relations.get(relation.table)
            if table is not None and table.kind == _TOAST:  # the relation is an index of it
                relation = relation._replace(table=table.table)  # noqa: PLW2901
            if oid not in self.made:
                others[oid] = relation
        names = {
            oid: relation.name
            if relation.schema == schema
            else f"{relation.schema}.{relation.name}"
            for oid, relation in others.items()
            if relation.kind in NAMED
            and not (relation.schema == schema and relation.name in _BOOKKEEPING)
        }
        self.known = Known(others, names)
        return self.known
