"""The server's own count of the rows that a transaction wrote, table by table.

Source: PostgreSQL manual, "The Cumulative Statistics System" (pg_stat_get_xact_…).
"""

from collections.abc import Sequence
from typing import Any, Final

from migration_guard.running.transaction import HistoryChanges

_COUNTERS: Final = (
    "pg_catalog.pg_stat_get_xact_tuples_inserted({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_updated({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_deleted({0}), pg_catalog.pg_relation_filenode({0}), "
    "pg_catalog.current_setting('track_counts') = 'on'"
)
OF_ROW: Final = _COUNTERS.format("tableoid")  # what RETURNING returns counts the row itself
OF_TABLE: Final = (
    f"SELECT {_COUNTERS.format('oid')} FROM (SELECT %s::regclass::oid AS oid) AS history"
)


def changes(
    before: Sequence[Any], after: Sequence[Any], *, own_updates: int = 0
) -> HistoryChanges | None:
    """Return the difference of two answers, ``own_updates`` aside.

    The counters also hold what earlier transactions did. Returns None where the server does not
    count (track_counts is off).
    """
    *first, file, _counting = before
    *last, file_after, counting = after
    if not counting:
        return None
    inserted, updated, deleted = (b - a for a, b in zip(first, last, strict=True))
    # TRUNCATE counts no row, but gives the table a new file.
    replaced = int(file != file_after)
    return HistoryChanges(inserted, updated - own_updates, max(deleted, replaced))
