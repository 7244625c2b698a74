"""The server's own count of the rows that a transaction wrote, table by table.

Source: PostgreSQL manual, "The Cumulative Statistics System" (pg_stat_get_xact_…).
"""

from collections.abc import Callable, Sequence
from typing import Any

from migration_guard.history import Rows
from migration_guard.running.session import Counts, Tally, Writes

OF_ONE = (
    "SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(oid), "
    "pg_catalog.pg_stat_get_xact_tuples_updated(oid), "
    "pg_catalog.pg_stat_get_xact_tuples_deleted(oid), pg_catalog.pg_relation_filenode(oid), "
    "pg_catalog.current_setting('track_counts') = 'on' "
    "FROM (SELECT %s::regclass::oid AS oid) AS history"
)
_OF_ALL = """
SELECT n.nspname || '.' || c.relname, pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
    pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
    pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid), pg_catalog.pg_relation_filenode(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

# The table, its columns, and by which transaction each row came to which place. (PostgreSQL manual,
# "System Columns"; a vacuum moves no row, and freezing leaves xmin as it reads.)
_TRACE = """
SELECT c.oid, c.xmin::text, pg_catalog.pg_relation_filenode(c.oid),
    (SELECT pg_catalog.string_agg(a.xmin::text, ',' ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid),
    (SELECT pg_catalog.md5(pg_catalog.string_agg(r.xmin::text || r.ctid::text, ',' ORDER BY r.ctid))
     FROM {table} r)
FROM pg_catalog.pg_class c WHERE c.oid = %s
"""


class Counters:
    """The counters of one table now, and again after ``look_back``.

    They also hold what earlier transactions did: only their difference means something.
    """

    def __init__(self, ask: Callable[[str, Sequence[Any]], Callable[[], Rows]], table: str) -> None:
        self._ask, self._table = ask, table
        self._before = ask(OF_ONE, (table,))
        self._after: Callable[[], Rows] | None = None

    def look_back(self) -> None:
        """Ask for the counters again."""
        self._after = self._ask(OF_ONE, (self._table,))

    def writes(self) -> Writes | None:
        """Compare the counters; None where the server does not count (track_counts is off)."""
        if self._after is None:
            self.look_back()
        (before,), (after,) = self._before(), self._after() if self._after else []
        if not after[4]:
            return None
        inserted, updated, deleted = (b - a for a, b in zip(before[:3], after[:3], strict=True))
        # TRUNCATE counts no row, but gives the table a new file.
        return Writes(inserted, updated, max(deleted, int(before[3] != after[3])))


def tally(own: Callable[[str], Rows]) -> Tally | None:
    """Read the counters of all tables; None where the server does not count."""
    if own("SELECT pg_catalog.current_setting('track_counts')")[0][0] != "on":
        return None
    found = {name: Counts(*counts) for name, *counts in own(_OF_ALL)}
    return Tally(sum(sum(counts[:3]) for counts in found.values()), found)


def trace(own: Callable[..., Rows], table: str) -> object:
    """Return what is unequal once the table, its columns or its rows were changed; None if gone.

    Besides the counters, which a script may switch off (``SET track_counts``).
    """
    oid = own("SELECT pg_catalog.to_regclass(%s)::oid", (table,))[0][0]
    if oid is None:
        return None
    return own(OF_ONE, (table,))[0][:4], own(_TRACE.format(table=table), (oid,))
