"""The server's own count of the rows that a transaction wrote, table by table.

Source: PostgreSQL manual, "The Cumulative Statistics System" (pg_stat_get_xact_…).
"""

from collections.abc import Callable

from migration_guard.history import Rows
from migration_guard.running.session import Counts, Tally, Writes

_COUNTERS = (
    "pg_catalog.pg_stat_get_xact_tuples_inserted({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_updated({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_deleted({0}), pg_catalog.pg_relation_filenode({0}), "
    "pg_catalog.current_setting('track_counts') = 'on'"
)
OF_ROW = _COUNTERS.format("tableoid")  # what RETURNING tells counts the row itself
OF_ONE = f"SELECT {_COUNTERS.format('oid')} FROM (SELECT %s::regclass::oid AS oid) AS history"
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
    """The counters of one table: what ``before`` answered, and what ``look`` asks for later.

    They also hold what earlier transactions did: only their difference means something.
    """

    def __init__(self, before: Callable[[], Rows], look: Callable[[], Callable[[], Rows]]) -> None:
        self._before, self._look = before, look
        self._end: Callable[[], Rows] | None = None

    def end(self, answer: Callable[[], Rows]) -> None:
        """Count up to an UPDATE of one row, whose answer ends with ``OF_ROW``."""
        self._end = answer

    def writes(self) -> Writes | None:
        """Compare the counters; None where the server does not count (track_counts is off)."""
        (before,), (after,) = self._before(), self._end() if self._end else self._look()()
        *first, file, _ = before[-5:]
        *last, file_after, counting = after[-5:]
        if not counting:
            return None
        inserted, updated, deleted = (b - a for a, b in zip(first, last, strict=True))
        # TRUNCATE counts no row, but gives the table a new file.
        replaced = int(file != file_after)
        return Writes(inserted, updated - bool(self._end), max(deleted, replaced))


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
