"""The questions to a database about what it does by itself, and about options of its tables.

Each answers with rows of kind, schema, name, schema and name of its table, definition. What has no
name is an option of its table (``aspects.OPTIONS``). What belongs to the system or to an extension
is left out.

Sources: PostgreSQL manual, "System Catalogs", "System Information Functions"; MariaDB manual,
"Information Schema Tables"; SQLite, "The Schema Table", "PRAGMA table_list".
"""

from collections.abc import Mapping
from sqlite3 import sqlite_version_info
from typing import Final

_NOT_SYSTEM: Final = """
    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
"""
_NOT_EXTENSION: Final = """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = {oid}
                AND e.classid = '{catalogue}'::regclass AND e.deptype = 'e')
"""
_POSTGRESQL: Final = (
    f"""
    SELECT o.option, NULL, NULL, n.nspname::text, c.relname::text, o.value
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (VALUES
        ('persistence', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END),
        ('partition key', 'PARTITION BY ' || pg_get_partkeydef(c.oid)),
        ('partition bound', pg_get_expr(c.relpartbound, c.oid)),
        ('row security', CASE WHEN c.relforcerowsecurity THEN 'row security, also for the owner'
                              WHEN c.relrowsecurity THEN 'row security' END)
    ) AS o (option, value)
    WHERE c.relkind IN ('r', 'p', 'f') AND o.value IS NOT NULL AND {_NOT_SYSTEM}
    """,
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
    # A trigger of a partitioned table has a copy on each partition.
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
                          ELSE array_to_string(p.polroles::regrole[], ', ') END,
               'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
               'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_NOT_SYSTEM}
    """,
    f"""
    SELECT 'rule', NULL, r.rulename::text, n.nspname::text, c.relname::text, pg_get_ruledef(r.oid)
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
    # One that a column owns goes with the column, unless it counts in a way of its own.
    f"""
    SELECT 'sequence', n.nspname::text, c.relname::text, NULL, NULL,
           concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'by', s.seqincrement,
               'from', s.seqmin, 'to', s.seqmax, CASE WHEN s.seqcycle THEN 'cycle' END)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_NOT_SYSTEM} AND {_NOT_EXTENSION.format(oid="c.oid", catalogue="pg_class")}
        AND (s.seqstart <> 1 OR s.seqincrement <> 1 OR s.seqmin <> 1 OR s.seqcycle
             OR s.seqmax NOT IN (32767, 2147483647, 9223372036854775807)
             OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
                            AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
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
_MYSQL: Final = (
    """
    SELECT 'engine', NULL, NULL, NULL, table_name, CONCAT('ENGINE ', engine)
    FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
    UNION ALL
    SELECT 'table collation', NULL, NULL, NULL, table_name, CONCAT('COLLATE ', table_collation)
    FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
    """,
    """
    SELECT 'trigger', NULL, trigger_name, NULL, event_object_table,
           CONCAT_WS(' ', action_timing, event_manipulation, action_statement)
    FROM information_schema.triggers WHERE trigger_schema = DATABASE()
    """,
    """
    SELECT LOWER(r.routine_type), NULL, r.routine_name, NULL, NULL,
           CONCAT_WS(' ',
               (SELECT GROUP_CONCAT(CONCAT_WS(' ', p.parameter_mode, p.parameter_name,
                                              p.dtd_identifier)
                                    ORDER BY p.ordinal_position SEPARATOR ', ')
                FROM information_schema.parameters p
                WHERE p.specific_schema = r.routine_schema AND p.specific_name = r.specific_name
                    AND p.ordinal_position > 0),
               CONCAT('RETURNS ', NULLIF(r.dtd_identifier, '')),
               IF(r.is_deterministic = 'YES', 'DETERMINISTIC', NULL), r.sql_data_access,
               CONCAT('SQL SECURITY ', r.security_type), r.routine_definition)
    FROM information_schema.routines r
    WHERE r.routine_schema = DATABASE()
    """,
    """
    SELECT 'event', NULL, event_name, NULL, NULL,
           CONCAT_WS(' ', event_type, interval_value, interval_field, status, event_definition)
    FROM information_schema.events WHERE event_schema = DATABASE()
    """,
)
_SQLITE: Final = (
    "SELECT 'trigger', NULL, name, NULL, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    """
    SELECT 'module', NULL, NULL, NULL, name, sql FROM sqlite_master
    WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'
    """,
)
_SQLITE_OPTIONS: Final = """
    SELECT 'rowid', NULL, NULL, NULL, name, 'WITHOUT ROWID' FROM pragma_table_list
    WHERE schema = 'main' AND wr
    UNION ALL
    SELECT 'strict', NULL, NULL, NULL, name, 'STRICT' FROM pragma_table_list
    WHERE schema = 'main' AND strict
"""
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": _POSTGRESQL,
    "mysql": _MYSQL,
    # SQLite lists such options since 3.37.
    "sqlite": (*_SQLITE, *([_SQLITE_OPTIONS] if sqlite_version_info >= (3, 37) else [])),
}
