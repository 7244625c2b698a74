"""What `checkschema` is measured by: the catalogue read in bulk, and Django table by table.

`python -m benchmarks.reading catalogue|introspection VENDOR`, with DJANGO_SETTINGS_MODULE.
"""

import sys

import django
from django.db import connection

_SCHEMA = "table_schema = DATABASE()"
_CATALOGUE = {  # the columns of all tables come first
    "postgresql": (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
        "pg_get_expr(d.adbin, d.adrelid) FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = c.relnamespace AND n.nspname = 'public' "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relkind = 'r'",
        "SELECT conrelid, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "SELECT indrelid, indexrelid, indisunique, pg_get_indexdef(indexrelid) FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid AND c.relnamespace = 'public'::regnamespace",
    ),
    "sqlite": (
        "SELECT m.name, x.* FROM sqlite_master m, pragma_table_xinfo(m.name) x "
        "WHERE m.type = 'table'",
        "SELECT type, name, tbl_name, sql FROM sqlite_master",
        "SELECT m.name, x.* FROM sqlite_master m, pragma_index_list(m.name) x "
        "WHERE m.type = 'table'",
        "SELECT m.name, x.* FROM sqlite_master m, pragma_index_xinfo(m.name) x "
        "WHERE m.type = 'index'",
        "SELECT m.name, x.* FROM sqlite_master m, pragma_foreign_key_list(m.name) x "
        "WHERE m.type = 'table'",
    ),
    "mysql": (
        f"SELECT * FROM information_schema.columns WHERE {_SCHEMA}",
        f"SELECT * FROM information_schema.statistics WHERE {_SCHEMA}",
        f"SELECT * FROM information_schema.key_column_usage WHERE {_SCHEMA}",
        f"SELECT * FROM information_schema.table_constraints WHERE {_SCHEMA}",
        "SELECT * FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()",
    ),
}


def catalogue(vendor: str) -> int:
    """Read all that a schema check needs, in a few queries; return the number of columns."""
    with connection.cursor() as cursor:
        counts = []
        for query in _CATALOGUE[vendor]:
            cursor.execute(query)
            counts.append(len(cursor.fetchall()))
    return counts[0]


def introspection(_vendor: str) -> int:
    """Ask Django for the columns and constraints of each table; return the number of columns."""
    with connection.cursor() as cursor:
        count = 0
        for table in connection.introspection.table_names(cursor):
            count += len(connection.introspection.get_table_description(cursor, table))
            connection.introspection.get_constraints(cursor, table)
    return count


if __name__ == "__main__":
    django.setup()
    print({"catalogue": catalogue, "introspection": introspection}[sys.argv[1]](sys.argv[2]))  # noqa: T201
