"""The search path, and own tables in whichever schema of a PostgreSQL database they are.

Sources: PostgreSQL manual, "System Catalogs" (pg_class, pg_attribute), "Access Privilege Inquiry
Functions", "Row Security Policies".
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql as pg
from psycopg.pq import TransactionStatus

from migration_guard.history import Rows
from migration_guard.models import AppliedMigration
from migration_guard.running.facts import OtherHistory, TableShape, to_shapes

Fetch = Callable[..., Rows]

_SET_PATH: Final = (
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'search_path' AND source = 'session'"
)
_TABLES: Final = "('r', 'p')"  # tables and partitioned ones
_SHAPES: Final = (
    "SELECT c.relname::text, a.attname::text, "
    "CASE WHEN a.atttypmod > 4 AND t.typname = 'varchar' THEN a.atttypmod - 4 END, "
    f"c.relkind IN {_TABLES} FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "WHERE n.nspname = %s AND c.relname = ANY(%s) ORDER BY c.relname, a.attnum"
)
# Rows that a policy hides cannot be seen either.
_HISTORIES: Final = (
    "SELECT current_user::text, n.nspname::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
    "AND pg_catalog.has_column_privilege(c.oid, 'id', 'SELECT') "
    "AND pg_catalog.has_column_privilege(c.oid, 'checksum', 'SELECT') "
    "AND NOT pg_catalog.row_security_active(c.oid) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.relname = %s AND c.relkind IN {_TABLES} AND n.nspname <> %s "
    r"AND n.nspname NOT LIKE 'pg\_%%' AND "
    "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a "
    "WHERE a.attrelid = c.oid AND a.attname = ANY(%s) AND NOT a.attisdropped) = %s ORDER BY 2"
)
_SCHEMAS: Final = (
    "SELECT DISTINCT n.nspname::text FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.relname = ANY(%s) AND c.relkind IN {_TABLES}"
)


def search_path_of(session: "psycopg.Connection[Any] | None") -> str | None:
    """Return the search_path that somebody set in a session, None where it is as it began."""
    usable = (TransactionStatus.IDLE, TransactionStatus.INTRANS)
    if session is None or session.info.transaction_status not in usable:
        return None
    is_idle = session.info.transaction_status == TransactionStatus.IDLE
    try:
        rows = psycopg.ClientCursor(session).execute(_SET_PATH).fetchall()
        if is_idle and not session.autocommit:
            session.rollback()
    except psycopg.Error:  # it has ended meanwhile, and the next one begins anew
        return None
    return rows[0][0] if rows else None


def read_shapes(fetch: Fetch, schema: str, tables: Sequence[str]) -> dict[str, TableShape]:
    """Return the shapes of those of ``tables`` that are in ``schema``."""
    return to_shapes(fetch(_SHAPES, (schema, list(tables))))


def find_other_history(
    fetch: Fetch, schema: str, columns: Collection[str], checksums: Mapping[str, str]
) -> OtherHistory | None:
    """Return a history of these files outside of ``schema``, or one that nobody lets us read."""
    table = AppliedMigration._meta.db_table
    names = list(columns)
    histories = fetch(_HISTORIES, (table, schema, names, len(names)))
    for user, other, is_readable in histories:
        if is_readable:
            rows = fetch(
                f"SELECT h.id FROM {pg.Identifier(other, table).as_string()} h "
                "JOIN (SELECT pg_catalog.unnest(%s::text[]) AS id, "
                "pg_catalog.unnest(%s::text[]) AS checksum) AS file "
                "ON file.id = h.id AND file.checksum = h.checksum ORDER BY h.number LIMIT 1",
                (list(checksums), list(checksums.values())),
            )
            if rows:
                return OtherHistory(other, rows[0][0], user)
    hidden = [(other, None, user) for user, other, is_readable in histories if not is_readable]
    return OtherHistory(*hidden[0]) if hidden else None


def find_schemas(fetch: Fetch, tables: Sequence[str]) -> set[str]:
    """Return the schemas that hold any of these tables."""
    return {name for (name,) in fetch(_SCHEMAS, (list(tables),))}
