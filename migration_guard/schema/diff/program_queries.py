"""The queries for the programs of a database, and for options of its tables.

Each gives rows of kind, schema, name, schema and name of the table, definition. A row without a
name is an option of its table, and one of a kind like "column: storage" an option of that column. A
kind that ends in "of column" has the name of that column. Objects of the system or of an extension
are left out.

Source: PostgreSQL manual, "System Catalogs", "System Information Functions".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.postgresql.options import QUERIES as OPTION_QUERIES

_NOT_SYSTEM: Final = """
    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
"""
_NOT_EXTENSION: Final = """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = {oid}
                AND e.classid = '{catalogue}'::regclass AND e.deptype = 'e')
"""
_POSTGRESQL: Final = (
    *OPTION_QUERIES,
    f"""
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           n.nspname::text, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           NULL, NULL,
           CASE WHEN p.prokind = 'a' THEN concat_ws(' ', 'RETURNS', pg_get_function_result(p.oid),
                    'BY', a.aggtransfn::text, a.aggfinalfn::text, a.agginitval)
                ELSE pg_get_functiondef(p.oid) END
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
    WHERE {_NOT_SYSTEM} AND {_NOT_EXTENSION.format(oid="p.oid", catalogue="pg_proc")}
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid  -- constructors of a range
                        AND d.classid = 'pg_proc'::regclass AND d.deptype = 'i')
    """,
    # A trigger of a partitioned table has a copy on each partition (``options`` has its state).
    f"""
    SELECT 'trigger', NULL, t.tgname::text, n.nspname::text, c.relname::text,
           pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'D' THEN ' (disabled)'
               WHEN 'A' THEN ' (always)' WHEN 'R' THEN ' (replica)' ELSE '' END
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {_NOT_SYSTEM}
    """,
    f"""
    SELECT 'event trigger', NULL, t.evtname::text, NULL, NULL,
           concat_ws(' ', 'ON', t.evtevent, t.evttags::text, 'EXECUTE', t.evtfoid::regproc,
               CASE t.evtenabled WHEN 'D' THEN '(disabled)' END)
    FROM pg_event_trigger t
    WHERE {_NOT_EXTENSION.format(oid="t.oid", catalogue="pg_event_trigger")}
    """,
    f"""
    SELECT 'policy', NULL, p.polname::text, n.nspname::text, c.relname::text,
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
    f"""
    SELECT 'rule', NULL, r.rulename::text, n.nspname::text, c.relname::text,
           pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'D' THEN ' (disabled)'
               WHEN 'A' THEN ' (always)' WHEN 'R' THEN ' (replica)' ELSE '' END
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE r.rulename <> '_RETURN' AND {_NOT_SYSTEM}
        AND {_NOT_EXTENSION.format(oid="r.oid", catalogue="pg_rewrite")}
    """,
    f"""
    SELECT 'statistics', n.nspname::text, s.stxname::text, n.nspname::text, c.relname::text,
           pg_get_statisticsobjdef(s.oid)
    FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
    JOIN pg_namespace n ON n.oid = s.stxnamespace
    WHERE {_NOT_SYSTEM}
    """,
    # A sequence of a column has that column's name, since the server may have made up its own.
    f"""
    SELECT CASE WHEN a.attname IS NULL THEN 'sequence' ELSE 'sequence of column' END,
           CASE WHEN a.attname IS NULL THEN n.nspname::text END,
           coalesce(a.attname, c.relname)::text, tn.nspname::text, t.relname::text,
           concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'by', s.seqincrement,
               'from', s.seqmin, 'to', s.seqmax, CASE WHEN s.seqcycle THEN 'cycle' END,
               CASE WHEN s.seqcache <> 1 THEN 'cache ' || s.seqcache END)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_class t ON t.oid = a.attrelid
    LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
    WHERE {_NOT_SYSTEM} AND {_NOT_EXTENSION.format(oid="c.oid", catalogue="pg_class")}
    """,
    f"""
    SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
           n.nspname::text, t.typname::text, NULL, NULL,
           CASE t.typtype
               WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
                   CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
                   (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
                    FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
               WHEN 'c' THEN 'AS (' || (
                   SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                                     ORDER BY a.attnum)
                   FROM pg_attribute a
                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) || ')'
               ELSE 'AS RANGE OF ' || (
                   SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid)
           END
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('d', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND {_NOT_SYSTEM}
        AND {_NOT_EXTENSION.format(oid="t.oid", catalogue="pg_type")}
    """,
)
# The queries of a vendor; the other two have a reader in their room.
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": _POSTGRESQL,
    "mysql": (),
    "sqlite": (),
}
