"""What tables, columns, indexes and constraints have beside the values of ``schema.objects``.

Pure. One table of expressions for each kind of object: an option is NULL where it is as usual. No
contract is about options, so they are read only where two databases are compared.

Source: PostgreSQL manual, "System Catalogs".
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Options(NamedTuple):
    """The options of one kind of object: where they are read, and the expression of each.

    ``kind`` and ``name`` are expressions too. The name of a primary key is '', since a table has
    but one.
    """

    kind: str
    name: str
    source: str
    condition: str
    values: Mapping[str, str]


def _sorted(array: str) -> str:
    """Return an expression for the items of an array of text, in one order."""
    return f"(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest({array}) o)"


def _parameters(array: str) -> str:
    return f"'WITH (' || {_sorted(array)} || ')'"


# Those that fire for no ordinary session are told by ``enforcement``.
_ALWAYS: Final = """(
    SELECT DISTINCT 'triggers enabled ALWAYS' FROM pg_trigger
    WHERE tgconstraint = k.oid AND tgisinternal AND tgenabled = 'A')"""
# A column that only some versions have; NULL on the others.
_PERIOD: Final = "(to_jsonb(k) ->> 'conperiod')"

TABLE: Final = Options(
    "''",
    "''",
    "pg_class c",
    "c.relkind IN ('r', 'p', 'f', 'v', 'm')",
    {
        "persistence": "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END",
        "type": "'OF ' || NULLIF(c.reloftype, 0)::regtype",
        "access method": "(SELECT 'USING ' || amname FROM pg_am"
        " WHERE oid = c.relam AND amname <> 'heap')",
        "partition key": "'PARTITION BY ' || pg_get_partkeydef(c.oid)",
        "partition bound": "pg_get_expr(c.relpartbound, c.oid)",
        "pending detach": "(SELECT 'DETACH PENDING' FROM pg_inherits"
        " WHERE inhrelid = c.oid AND inhdetachpending)",
        "row security": """CASE
            WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'row security, also for the owner'
            WHEN c.relrowsecurity THEN 'row security'
            WHEN c.relforcerowsecurity THEN 'no row security, once on also for the owner' END""",
        "inherits": """(
            SELECT 'INHERITS ' || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
            FROM pg_inherits WHERE inhrelid = c.oid AND NOT c.relispartition)""",
        "replica identity": """CASE WHEN c.relkind <> 'v' THEN 'REPLICA IDENTITY ' ||
            CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'i' THEN
                coalesce((SELECT 'USING INDEX ' || r.relname FROM pg_index x
                          JOIN pg_class r ON r.oid = x.indexrelid
                          WHERE x.indrelid = c.oid AND x.indisreplident),
                         'USING an INDEX that is gone') END END""",
        "clustering": """(
            SELECT 'CLUSTER ON ' || r.relname FROM pg_index x
            JOIN pg_class r ON r.oid = x.indexrelid
            WHERE x.indrelid = c.oid AND x.indisclustered)""",
        # The copies of a partitioned table's triggers that fire otherwise than the trigger.
        "copied triggers": """(
            SELECT string_agg('trigger ' || t.tgname || CASE t.tgenabled WHEN 'D' THEN ' disabled'
                WHEN 'A' THEN ' always' WHEN 'R' THEN ' replica' ELSE ' enabled' END, ', '
                ORDER BY t.tgname)
            FROM pg_trigger t JOIN pg_trigger p ON p.oid = t.tgparentid
            WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> p.tgenabled)""",
        "view options": f"CASE c.relkind WHEN 'v' THEN {_sorted('c.reloptions')} END",
        "storage parameters": f"CASE WHEN c.relkind <> 'v' THEN {_parameters('c.reloptions')} END",
        "toast storage parameters": f"""(
            SELECT 'toast: ' || {_parameters("t.reloptions")} FROM pg_class t
            WHERE t.oid = c.reltoastrelid)""",
        "data": "CASE WHEN NOT c.relispopulated THEN 'WITH NO DATA' END",
    },
)

_IS_INHERITED_TOO: Final = "NOT c.relispartition AND {local} AND {count} > 0"
COLUMN: Final = Options(
    "'column: '",
    "a.attname",
    "pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid",
    "c.relkind IN ('r', 'p', 'f', 'm') AND a.attnum > 0 AND NOT a.attisdropped",
    {
        "storage": """CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
            ELSE 'EXTENDED' END END""",
        "compression": """'COMPRESSION ' ||
            CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END""",
        # Before PostgreSQL 17, -1 was what NULL is now.
        "statistics target": "'STATISTICS ' || NULLIF(a.attstattarget, -1)",
        "column options": f"'SET (' || {_sorted('a.attoptions')} || ')'",
        "foreign options": f"'OPTIONS (' || {_sorted('a.attfdwoptions')} || ')'",
        "declaration": "CASE WHEN "
        + _IS_INHERITED_TOO.format(local="a.attislocal", count="a.attinhcount")
        + " THEN 'declared here as well' END",
        # PostgreSQL 18; the server makes up a name that ends so.
        "not null": """(
            SELECT NULLIF(concat_ws(' ', CASE WHEN k.conname !~ '_not_null[0-9]*$'
                    AND k.conislocal AND NOT c.relispartition
                    THEN 'CONSTRAINT ' || k.conname END,
                CASE WHEN k.connoinherit THEN 'NOT NULL NO INHERIT' END), '')
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n'
                AND k.conkey = ARRAY[a.attnum])""",
    },
)

INDEX: Final = Options(
    """CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion'
    ELSE 'index' END || ': '""",
    "CASE k.contype WHEN 'p' THEN '' ELSE i.relname END",
    """pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid
        AND k.contype IN ('p', 'u', 'x')""",
    "c.relkind IN ('r', 'p', 'm')",
    {
        "period": f"CASE {_PERIOD} WHEN 'true' THEN 'WITHOUT OVERLAPS' END",
        "operator class parameters": f"""(
            SELECT string_agg('key ' || a.attnum || ' (' || {_sorted("a.attoptions")} || ')', ', '
                              ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attoptions IS NOT NULL)""",
        "operator class schema": """(
            SELECT 'operator class of ' || string_agg(n.nspname, ', ' ORDER BY k.position)
            FROM unnest(x.indclass) WITH ORDINALITY k (class, position)
            JOIN pg_opclass o ON o.oid = k.class JOIN pg_namespace n ON n.oid = o.opcnamespace
            WHERE NOT pg_opclass_is_visible(o.oid))""",
        "trigger mode": _ALWAYS,
        "storage parameters": _parameters("i.reloptions"),
        "statistics target": """(
            SELECT string_agg('key ' || a.attnum || ' STATISTICS ' || a.attstattarget, ', '
                              ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0)""",
    },
)

CONSTRAINT: Final = Options(
    "CASE k.contype WHEN 'f' THEN 'foreign key: ' ELSE 'check: ' END",
    "k.conname",
    "pg_constraint k JOIN pg_class c ON c.oid = k.conrelid",
    """k.contype IN ('f', 'c') AND (k.conparentid = 0 OR NOT EXISTS (
        SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid))""",
    {
        "period": f"CASE {_PERIOD} WHEN 'true' THEN 'PERIOD' END",
        "trigger mode": _ALWAYS,
        "inheritance": "CASE WHEN k.contype = 'c' AND k.connoinherit THEN 'NO INHERIT' END",
        "declaration": "CASE WHEN k.contype = 'c' AND "
        + _IS_INHERITED_TOO.format(local="k.conislocal", count="k.coninhcount")
        + " THEN 'declared here as well' END",
    },
)


def query(options: Options) -> str:
    """Return a query for the options that are not as usual: kind, name, schema, table, text."""
    values = ", ".join(f"('{name}', {text})" for name, text in options.values.items())
    return f"""
    SELECT {options.kind} || o.option, {options.name}::text,
           n.nspname::text, c.relname::text, o.value
    FROM {options.source} JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (VALUES {values}) AS o (option, value)
    WHERE {options.condition} AND o.value IS NOT NULL
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname !~ '^pg_(toast|temp)'
    """


QUERIES: Final = tuple(map(query, (TABLE, COLUMN, INDEX, CONSTRAINT)))
