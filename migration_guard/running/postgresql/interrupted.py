"""A statement that was interrupted for its client, and that the server still runs.

A server does not notice at once, or with only the run lock lost not at all, that nobody waits for
the end of a long statement. Whoever cleaned up behind it now, or ran it again, would do so twice.
Source: PostgreSQL manual, "The Cumulative Statistics System", pg_stat_activity.
"""

import psycopg

from migration_guard.running.session import Session

# In characters: what the server shows of a query is cut at track_activity_query_size bytes.
_SHOWN = 200


def refuse_running(session: Session, sql: str) -> None:
    """Raise LockNotAvailable, so that it is tried again, while another process runs ``sql``.

    Not by process number: behind a pooler the note of one could name a stranger's.
    """
    found = session.own(
        "SELECT pid, date_trunc('second', clock_timestamp() - query_start)::text "
        "FROM pg_catalog.pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state = 'active' AND left(query, %s) = left(%s, %s)",
        (_SHOWN, sql, _SHOWN),
    )
    for pid, age in found:
        raise psycopg.errors.LockNotAvailable(
            f"pid {pid} still runs the statement that was interrupted, for {age} now: "
            f"wait for its end, or SELECT pg_terminate_backend({pid})"
        )
