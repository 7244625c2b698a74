"""PostgreSQL: the sizes of tables, from the catalogue and the server's counters.

No table is opened, so that nothing waits for a lock and any role may ask. ``relpages`` and
``reltuples`` are of the last VACUUM, ANALYZE or CREATE INDEX.

Source: PostgreSQL manual, "pg_class", "The Cumulative Statistics System".
"""

from datetime import UTC, datetime
from typing import Final

from migration_guard.impact.sizes import Sizes, TableSize, add_up
from migration_guard.running.connection import Connection

# The time, since when writes are counted here, and whether they are; in seconds, whatever the
# session's DateStyle.
_CLOCK: Final = """
SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()),
    pg_catalog.date_part('epoch', d.stats_reset),
    pg_catalog.current_setting('track_counts') = 'on' AND NOT pg_catalog.pg_is_in_recovery()
FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()
"""
# A TOAST table that was never vacuumed has pages that nobody counted, unless nothing went in.
_TABLES: Final = """
SELECT n.nspname || '.' || c.relname,
    CASE WHEN c.relkind = 'p' THEN 0 ELSE c.reltuples END::double precision::bigint,
    (c.relpages + COALESCE(t.relpages, 0) + COALESCE((
        SELECT pg_catalog.sum(i.relpages) FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid IN (c.oid, c.reltoastrelid) AND i.relkind = 'i'), 0))::bigint
        * pg_catalog.current_setting('block_size')::bigint,
    (pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
        + pg_catalog.pg_stat_get_tuples_deleted(c.oid))::bigint,
    COALESCE(t.reltuples < 0 AND pg_catalog.pg_stat_get_tuples_inserted(t.oid) > 0, false)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_PARENTS: Final = """
SELECT n.nspname || '.' || c.relname, m.nspname || '.' || p.relname
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace
WHERE c.relkind IN ('r', 'p') AND p.relkind IN ('r', 'p')
"""


def read_sizes(connection: Connection) -> Sizes:
    """Return the sizes of all tables, a parent's with those of its partitions."""
    [(now, since, counts)] = connection.fetch(_CLOCK)
    since = since if counts else None
    seconds = now - since if since is not None else 0.0
    own = {}
    for name, rows, size, writes, is_at_least in connection.fetch(_TABLES):
        rate = round(writes / seconds, 3) if seconds > 0 else None
        # -1 stands for a table that was never analyzed.
        known = TableSize(rows, size, rate, is_at_least)
        own[str(name)] = known if rows >= 0 else TableSize(writes_per_second=rate)
    tables = add_up(own, connection.fetch(_PARENTS))
    read_at = datetime.fromtimestamp(now, UTC)
    counted_since = datetime.fromtimestamp(since, UTC) if since is not None else None
    schema = connection.current_schema() or ""
    return Sizes(connection.vendor, read_at, counted_since, tables, schema)
