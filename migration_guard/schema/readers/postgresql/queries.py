"""The queries to PostgreSQL's catalogue, each once for all tables.

The queries of the first part take no lock. Those of the second part print expressions. The server
opens the table for that, so they wait behind ACCESS EXCLUSIVE.

Source: PostgreSQL manual, "System Catalogs", "System Information Functions".
"""

from typing import Final

PATH: Final = """
SELECT current_setting('search_path'), current_user::text,
       ARRAY(SELECT nspname::text FROM pg_namespace)
"""

# The extension that an object belongs to, "" without one.
_EXTENSION: Final = """coalesce((
    SELECT x.extname::text FROM pg_depend m JOIN pg_extension x ON x.oid = m.refobjid
    WHERE m.classid = '{catalogue}'::regclass AND m.objid = {object}.oid AND m.deptype = 'e'
        AND m.refclassid = 'pg_extension'::regclass
), '')"""

TABLES: Final = """
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
       pn.nspname::text, p.relname::text, d.description, {extension}
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
LEFT JOIN pg_description d
    ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
""".format(extension=_EXTENSION.format(catalogue="pg_class", object="c"))

COLUMNS: Final = """
SELECT a.attrelid, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod),
       a.attnotnull, a.attidentity::text, a.attgenerated::text, a.atthasdef,
       a.attcollation,
       CASE WHEN a.attcollation IS DISTINCT FROM t.typcollation THEN CASE
           WHEN pg_collation_is_visible(co.oid) THEN co.collname::text
           ELSE cn.nspname || '.' || co.collname END END,
       d.description, CASE WHEN t.typtype = 'd' THEN t.oid END, t.typdefault IS NOT NULL
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
LEFT JOIN pg_description d
    ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

DOMAINS: Final = """
SELECT t.oid, t.typbasetype, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
       -- CASE, since the text of a table's constraint would wait for locks.
       EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = t.oid AND c.convalidated
               AND CASE WHEN c.contypid <> 0 THEN pg_get_constraintdef(c.oid)
                        ~ '^CHECK [(]+VALUE IS NOT NULL[)]+' END)
FROM pg_type t
WHERE t.typtype = 'd'
"""

# {nulls}: indnullsnotdistinct, PostgreSQL 15.
INDEXES: Final = """
SELECT i.indrelid, i.indexrelid, c.relname::text, am.amname::text, i.indisunique,
       i.indisvalid AND i.indisready AND i.indislive, i.indnkeyatts,
       i.indkey::text, i.indoption::text, i.indclass::text, i.indcollation::text,
       i.indpred IS NOT NULL, {nulls}, k.contype::text, k.condeferrable, k.condeferred,
       pg_indexam_has_property(am.oid, 'can_order'), k.oid
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_constraint k
    ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ANY(%s::oid[])
"""

# All names of a class, and whether one of them is the default: varchar_ops is text_ops.
OPERATOR_CLASSES: Final = """
SELECT o.oid, o.opcname::text, bool_or(s.opcdefault), array_agg(s.opcname::text)
FROM pg_opclass o
JOIN pg_opclass s ON s.opcfamily = o.opcfamily AND s.opcintype = o.opcintype
    AND s.opckeytype = o.opckeytype
GROUP BY o.oid, o.opcname
"""

COLLATIONS: Final = """
SELECT c.oid, CASE WHEN pg_collation_is_visible(c.oid) THEN c.collname::text
                   ELSE n.nspname || '.' || c.collname END
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE c.oid = ANY(%s::oid[])
"""

# {period}: conperiod, {enforced}: conenforced, PostgreSQL 18; {set_columns}: confdelsetcols,
# PostgreSQL 15. A foreign key to a partitioned table has one more row for each of its partitions, a
# child on the same table.
CONSTRAINTS: Final = """
SELECT c.conrelid, c.oid, c.conname::text, c.contype::text, c.condeferrable, c.condeferred,
       c.convalidated, array_to_string(c.conkey, ' '), tn.nspname::text, tc.relname::text,
       CASE WHEN c.contype = 'f' THEN ARRAY(
           SELECT (SELECT a.attname::text FROM pg_attribute a
                   WHERE a.attrelid = c.confrelid AND a.attnum = k.number)
           FROM unnest(c.confkey) WITH ORDINALITY AS k (number, position)
           ORDER BY k.position
       ) END,
       c.confdeltype::text, c.confupdtype::text, c.confmatchtype::text, {set_columns},
       {enforced}
FROM pg_constraint c
LEFT JOIN pg_class tc ON tc.oid = c.confrelid
LEFT JOIN pg_namespace tn ON tn.oid = tc.relnamespace
WHERE c.conrelid = ANY(%s::oid[])
    AND (c.conparentid = 0 OR NOT EXISTS (
        SELECT FROM pg_constraint parent
        WHERE parent.oid = c.conparentid AND parent.conrelid = c.conrelid
    ))
    AND (c.contype IN ('f', 'c', 'x') OR {period} OR (c.contype = 'n' AND NOT c.convalidated))
"""

ENUMS: Final = """
SELECT n.nspname::text, t.typname::text, format_type(t.oid, NULL),
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
             ORDER BY e.enumsortorder), {extension}
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_(toast|temp)'
""".format(extension=_EXTENSION.format(catalogue="pg_type", object="t"))

# Tables with a trigger that may set what an INSERT leaves out; the bits of its type are 1 for each
# row, 2 before, 4 insert. Rows of a partitioned table meet the triggers of the partitions.
# And tables with a rule, by its name, that runs instead of an INSERT and returns nothing.
INSERTS: Final = """
SELECT unnest(ARRAY[t.tgrelid, pg_partition_root(t.tgrelid)])::oid, NULL
FROM pg_trigger t
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 7 = 7
UNION ALL
SELECT ev_class, rulename::text
FROM pg_rewrite
WHERE ev_type = '3' AND is_instead AND ev_enabled IN ('O', 'A')
    AND ev_action::text !~ ':returningList [(]'
"""

EXTENSIONS: Final = """
SELECT e.extname::text, e.extversion, n.nspname::text
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname
"""

# Constraints with internal triggers that fire in no ordinary session, and the topmost of the
# tables on which they are. What a partition's constraint lacks, that of its parent lacks too.
DISABLED_TRIGGERS: Final = """
WITH RECURSIVE disabled (oid, relation) AS (
    SELECT tgconstraint, tgrelid FROM pg_trigger
    WHERE tgisinternal AND tgconstraint <> 0 AND tgenabled IN ('D', 'R')
    UNION
    SELECT c.conparentid, d.relation FROM disabled d JOIN pg_constraint c ON c.oid = d.oid
    WHERE c.conparentid <> 0
)
SELECT d.oid, k.conparentid, n.nspname::text, c.relname::text
FROM disabled d
JOIN pg_constraint k ON k.oid = d.oid
JOIN pg_class c ON c.oid = d.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (
    SELECT FROM pg_inherits i JOIN disabled p ON p.relation = i.inhparent
    WHERE i.inhrelid = d.relation AND c.relispartition AND p.oid = d.oid
)
"""

# What waits for locks.

DEFAULTS: Final = """
SELECT adrelid, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = ANY(%s::oid[])
"""

INDEX_TEXTS: Final = """
SELECT i.indexrelid, pg_get_expr(i.indpred, i.indrelid),
       ARRAY(
           SELECT pg_get_indexdef(i.indexrelid, k.position::integer, false)
           FROM unnest(i.indkey) WITH ORDINALITY AS k (number, position)
           WHERE k.number = 0 AND k.position <= i.indnkeyatts
           ORDER BY k.position
       )
FROM pg_index i
WHERE i.indrelid = ANY(%s::oid[]) AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
"""

CONSTRAINT_TEXTS: Final = """
SELECT c.oid, CASE WHEN c.contype = 'c' THEN pg_get_expr(c.conbin, c.conrelid)
                   ELSE pg_get_constraintdef(c.oid) END
FROM pg_constraint c
WHERE c.conrelid = ANY(%s::oid[]) AND (c.contype IN ('c', 'x') OR {period})
"""

# 8: INSERT, by the server itself, a trigger or a rule.
INSERTABLE_VIEWS: Final = """
SELECT oid, pg_relation_is_updatable(oid, true) & 8 <> 0
FROM pg_class WHERE relkind IN ('v', 'm') AND oid = ANY(%s::oid[])
"""

VIEWS: Final = """
SELECT oid, pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND oid = ANY(%s::oid[])
"""

# Tables that another session locks or is about to lock, and (true) the views that read them.
LOCKED: Final = """
WITH locked AS (
    SELECT l.relation FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.pid <> pg_backend_pid()
)
SELECT relation, false FROM locked
UNION
SELECT r.ev_class, true FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid IN (SELECT relation FROM locked)
"""
