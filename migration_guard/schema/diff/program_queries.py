"""The queries for the programs of a database, and for options of its tables.

Each gives rows of kind, name, schema and name of the table, definition. A row without a name is an
option of its table, and one of a kind like "column: storage" an option of that column. Objects of
the system or of an extension are left out.

Source: PostgreSQL manual, "System Catalogs", "System Information Functions".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.postgresql.options import QUERIES as OPTION_QUERIES

_NOT_SYSTEM: Final = """
    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
"""
_POSTGRESQL: Final = (
    *OPTION_QUERIES,
    # A trigger of a partitioned table has a copy on each partition (``options`` has its state).
    f"""
    SELECT 'trigger', t.tgname::text, n.nspname::text, c.relname::text,
           pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'D' THEN ' (disabled)'
               WHEN 'A' THEN ' (always)' WHEN 'R' THEN ' (replica)' ELSE '' END
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {_NOT_SYSTEM}
    """,
    f"""
    SELECT 'policy', p.polname::text, n.nspname::text, c.relname::text,
           concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, 'FOR',
               CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                             WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
               'TO', CASE WHEN p.polroles = '{{0}}' THEN 'PUBLIC'
                          ELSE (SELECT string_agg(role, ', ' ORDER BY role)
                                FROM unnest(p.polroles::regrole[]::text[]) role) END,
               'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
               'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_NOT_SYSTEM}
    """,
)
# The queries of a vendor; the other two have a reader in their room.
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": _POSTGRESQL,
    "mysql": (),
    "sqlite": (),
}
