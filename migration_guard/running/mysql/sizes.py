"""MySQL and MariaDB: the sizes of tables, as InnoDB's statistics estimate them.

Their names lack the database, which is another one where SQL is traced. Writes are not counted
by default, and not read.

Source: MariaDB knowledge base, "Information Schema TABLES Table".
"""

from datetime import UTC
from typing import Final

from migration_guard.impact.sizes import Sizes, TableSize
from migration_guard.running.connection import Connection

_TABLES: Final = """
SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type NOT IN ('VIEW', 'SEQUENCE', 'TEMPORARY')
"""


def read_sizes(connection: Connection) -> Sizes:
    """Return the sizes of the tables of the connection's database, partitions included."""
    tables = {
        str(name): TableSize(rows, None if size is None else int(size))
        for name, rows, size in connection.fetch(_TABLES)
    }
    [(now,)] = connection.fetch("SELECT UTC_TIMESTAMP()")
    return Sizes(connection.vendor, now.replace(tzinfo=UTC), None, tables)
