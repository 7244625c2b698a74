"""How many rows each table of a database has."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.schema.objects import Snapshot
from migration_guard.sql.dialects import dialect

# The rows of a table are in the table itself: those of partitions are counted there.
_ONLY: Final = {"postgresql": "ONLY ", "sqlite": "", "mysql": ""}

# The number of rows by schema and name.
Counts: TypeAlias = Mapping[tuple[str, str], int]


def count_rows(connection: BaseDatabaseWrapper, snapshot: Snapshot) -> Counts:
    """Return the rows of each table but the app's own."""
    quote, only = dialect(connection.vendor).quote, _ONLY[connection.vendor]
    counts = {}
    with connection.cursor() as cursor:
        for table in snapshot.tables:
            if table.kind == "table" and table.name not in OWN_TABLES:
                cursor.execute(
                    f"SELECT count(*) FROM {only}{quote(table.schema)}.{quote(table.name)}"
                )
                counts[table.schema, table.name] = int(cursor.fetchone()[0])
    return counts
