"""SQLite: the sizes of tables, where its statistics and its virtual table ``dbstat`` are there.

Rows are those of the last ANALYZE. A SQLite that was compiled without ``dbstat`` tells no size.

Sources: SQLite, "The sqlite_stat1 table", "The DBSTAT Virtual Table".
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from migration_guard.impact.sizes import Sizes, TableSize
from migration_guard.running.connection import Connection

_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
)
# The first number of a line is the count of the table, unless the index has a condition.
_ROWS: Final = "SELECT tbl, max(CAST(stat AS integer)) FROM sqlite_stat1 GROUP BY tbl"
_BYTES: Final = """
SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
WHERE d.aggregate GROUP BY s.tbl_name
"""


def read_sizes(connection: Connection) -> Sizes:
    """Return the sizes of all tables, as far as this SQLite knows them."""
    rows, sizes = _numbers(connection, _ROWS), _numbers(connection, _BYTES)
    tables = {
        str(name): TableSize(rows.get(name), sizes.get(name))
        for (name,) in connection.fetch(_TABLES)
    }
    return Sizes(connection.vendor, datetime.now(UTC), None, tables)


def _numbers(connection: Connection, sql: str) -> Mapping[str, int]:
    """Return a number for each table, none where SQLite lacks the table that holds them."""
    with suppress(connection.driver_error):
        return dict(connection.fetch(sql))
    return {}
