"""What CREATE, DROP and REINDEX INDEX CONCURRENTLY leave behind, and how to clear it.

A build that fails or is killed leaves an INVALID index, which no plan uses and every write pays
for; REINDEX leaves its copy (_ccnew) or the original (_ccold). Sources: PostgreSQL manual,
"Building Indexes Concurrently", "Rebuilding Indexes Concurrently"; "The Cumulative Statistics
System", pg_stat_activity.
"""

from typing import Final

import psycopg
from psycopg import sql as pg

from migration_guard.history import Rows
from migration_guard.running.connection import Connection
from migration_guard.running.statement_work import Effect
from migration_guard.sql.classify import ConcurrentIndex, concurrent_index, index_if_missing

# In characters; the server cuts a query at track_activity_query_size bytes.
_COMPARED: Final = 200


def refuse_running(connection: Connection, sql: str) -> None:
    """Raise LockNotAvailable, so that it is tried again, while another process runs ``sql``.

    A server may not notice that its client is gone. Cleaning up or running the statement again now
    would do the work twice.
    """
    # Not by process number: behind a pooler, the number that was noted could be a stranger's.
    running = connection.fetch(
        "SELECT pid, date_trunc('second', clock_timestamp() - query_start)::text "
        "FROM pg_catalog.pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state = 'active' AND left(query, %s) = left(%s, %s)",
        (_COMPARED, sql, _COMPARED),
    )
    for pid, age in running:
        raise psycopg.errors.LockNotAvailable(
            f"pid {pid} still runs the statement that was interrupted, for {age} now: "
            f"wait for its end, or SELECT pg_terminate_backend({pid})"
        )


def note(connection: Connection, sql: str) -> str:
    """Return the oids of the indexes, or of a REINDEX's remains, that are there before it."""
    index = concurrent_index(sql)
    if index is None or index.action == "drop":
        return ""
    find = _indexes if index.action == "create" else _copies
    return ",".join(str(row[0]) for row in find(connection, index))


def clear(connection: Connection, sql: str, before: str, *, failed: bool) -> Effect:
    """Return whether a concurrent statement took effect; drop an INVALID index that it made.

    ``before`` is the note from before it ran; ``failed`` says that the server answered with an
    error.
    """
    index = concurrent_index(sql)
    if index is not None and index.action == "create":
        return _clear_create(connection, index, set(before.split(",")))
    if index is not None and index.action == "drop":
        return Effect.NOT_DONE if failed or _exists(connection, index) else Effect.DONE
    if index is not None:
        _drop_copies(connection, index, set(before.split(",")))
    return Effect.NOT_DONE


def why_invalid(connection: Connection, sql: str) -> str:
    """Return why an IF NOT EXISTS that did nothing must not count, or an empty string."""
    index = index_if_missing(sql)
    if index is None:
        return ""
    for _oid, bare, name, valid in _indexes(connection, index):
        if not valid and bare == index.name:
            return (
                f"the index {name} is INVALID, and this migration did not make it: "
                f"drop it (DROP INDEX CONCURRENTLY {name}) and run again"
            )
    return ""


def _clear_create(connection: Connection, index: ConcurrentIndex, before: set[str]) -> Effect:
    effect = Effect.NOT_DONE
    for oid, bare, name, valid in _indexes(connection, index):
        if str(oid) in before or index.name not in (None, bare):
            continue
        if valid:
            effect = Effect.DONE
        else:
            connection.send(f"DROP INDEX CONCURRENTLY {name}")
    return effect


def _drop_copies(connection: Connection, index: ConcurrentIndex, before: set[str]) -> None:
    for oid, name in _copies(connection, index):
        if str(oid) not in before:
            connection.send(f"DROP INDEX CONCURRENTLY {name}")


def _copies(connection: Connection, index: ConcurrentIndex) -> Rows:
    """Return (oid, quoted qualified name) of what REINDEX left on the tables, those in use apart.

    A table's partitions and its TOAST table are rebuilt with it.
    """
    name = _quote(index.schema, index.name) if index.name else None
    table = _quote(index.schema, index.table) if index.table else None
    return connection.fetch(
        "WITH named AS (SELECT COALESCE((SELECT indrelid FROM pg_catalog.pg_index "
        "WHERE indexrelid = to_regclass(%s)), to_regclass(%s))::oid AS oid), "
        "tree AS (SELECT c.oid, c.reltoastrelid FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE CASE "
        "WHEN %s THEN c.oid IN (SELECT oid FROM named UNION "
        "SELECT relid FROM named, pg_catalog.pg_partition_tree(named.oid)) "
        "ELSE n.nspname = COALESCE(%s, n.nspname) END) "
        "SELECT i.indexrelid, format('%%I.%%I', n.nspname, c.relname) "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' "
        "AND i.indrelid IN (SELECT oid FROM tree UNION SELECT reltoastrelid FROM tree) "
        "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.relation = i.indexrelid "
        "AND l.database = (SELECT oid FROM pg_catalog.pg_database "
        "WHERE datname = current_database()) AND l.pid <> pg_backend_pid())",
        (name, table, bool(name or table), index.schema),
    )


def _indexes(connection: Connection, index: ConcurrentIndex) -> Rows:
    """Return (oid, name, quoted qualified name, valid) of the indexes on the table.

    Of a partitioned table they count as valid: they are while their parts are attached one by one.
    """
    return connection.fetch(
        "SELECT i.indexrelid, c.relname, format('%%I.%%I', n.nspname, c.relname), "
        "i.indisvalid OR c.relkind = 'I' "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE i.indrelid = to_regclass(%s)",
        (_quote(index.schema, index.table),),
    )


def _exists(connection: Connection, index: ConcurrentIndex) -> bool:
    name = _quote(index.schema, index.name)
    return bool(connection.fetch("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0])


def _quote(*parts: str | None) -> str:
    return pg.Identifier(*filter(None, parts)).as_string()
