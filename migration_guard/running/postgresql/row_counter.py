"""PostgreSQL: the rows that a script writes, from the server's own counters.

Source: PostgreSQL manual, "The Cumulative Statistics System" (pg_stat_get_xact_…).
"""

from typing import Final

from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Answer, Progress
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.counters import OF_TABLE
from migration_guard.running.row_counter import RowCounter, TableCounts, Tally

_OF_ALL: Final = """
SELECT n.nspname || '.' || c.relname, pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
    pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
    pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid), pg_catalog.pg_relation_filenode(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

# The table, its columns, and by which transaction each row came to which place. (PostgreSQL manual,
# "System Columns"; a vacuum moves no row, and freezing leaves xmin as it reads.)
_TRACE: Final = """
SELECT c.oid, c.xmin::text, pg_catalog.pg_relation_filenode(c.oid),
    (SELECT pg_catalog.string_agg(a.xmin::text, ',' ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid),
    (SELECT pg_catalog.md5(pg_catalog.string_agg(r.xmin::text || r.ctid::text, ',' ORDER BY r.ctid))
     FROM {table} r)
FROM pg_catalog.pg_class c WHERE c.oid = %s
"""


class PostgreSQLRowCounter(RowCounter):
    """Reads the counters of all tables; they count also what triggers and cascades write."""

    _connection: PostgreSQLConnection

    def run(self, unit: Unit, source: str, before: Progress, after: Answer) -> None:
        """Run the statements, fire deferred triggers, and undo session changes."""
        super().run(unit, source, before, after)
        with self._connection.failing():
            self._connection.settle()

    def tally(self) -> Tally | None:
        """Read the counters; None where the server does not count (track_counts is off)."""
        fetch = self._connection.fetch
        if fetch("SELECT pg_catalog.current_setting('track_counts')")[0][0] != "on":
            return None
        tables = {name: TableCounts(*counts) for name, *counts in fetch(_OF_ALL)}
        return Tally(sum(sum(counts[:3]) for counts in tables.values()), tables)

    def own_tables_state(self) -> object:
        """Return the counters of the own tables, and the traces of their rows."""
        return [self._trace(table) for table in self._history.tables]

    def _trace(self, table: str) -> object:
        """Return what is unequal once the table, its columns or its rows were changed.

        Not the counters alone, which a script may switch off (``SET track_counts``). Returns None
        for a table that is gone.
        """
        fetch = self._connection.fetch
        oid = fetch("SELECT pg_catalog.to_regclass(%s)::oid", (table,))[0][0]
        if oid is None:
            return None
        return fetch(OF_TABLE, (table,))[0][:4], fetch(_TRACE.format(table=table), (oid,))

    def idle_up_to(self, seconds: float) -> None:
        """Set it for the rest of the transaction, also where the server's own limit is shorter."""
        self._connection.send(
            f"SET LOCAL idle_in_transaction_session_timeout = {round(seconds * 1000)}"
        )
