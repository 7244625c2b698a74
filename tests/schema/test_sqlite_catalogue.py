"""The list of what becomes of SQLite's catalogue: whole, and true column by column."""

from collections import Counter

from django.db import connection

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.readers.marks import Mark
from migration_guard.schema.readers.sqlite.catalogue_columns import CATALOGUE_TABLES
from tests.schema.sqlite_changes import CHANGES

# What the functions for pragmas take: the table t, or one of its indexes.
ARGUMENTS = {
    "sqlite_master": "sqlite_master WHERE name NOT LIKE '%_config'",
    "pragma_table_list": "pragma_table_list",
    "pragma_table_xinfo": "pragma_table_xinfo('t')",
    "pragma_index_list": "pragma_index_list('t')",
    "pragma_index_xinfo": "pragma_index_list('t') l JOIN pragma_index_xinfo(l.name) x",
    "pragma_foreign_key_list": "pragma_foreign_key_list('t')",
}
# Columns that number what another column names.
POSITIONS = {"pragma_index_xinfo.seqno": "x.name", "pragma_foreign_key_list.seq": '"from"'}


def listed(mark=None):
    return {
        f"{table}.{column}"
        for table, marks in CATALOGUE_TABLES.items()
        for column, own in marks.marks()
        if mark in {None, own}
    }


def test_list_when_sqlite_is_asked_has_each_column_of_its_pragmas(sqlite):
    sqlite.execute("CREATE TABLE t (a int REFERENCES t (a))")
    cursor = sqlite.connect().cursor()
    of_server = set()
    for table in CATALOGUE_TABLES:
        argument = "" if table == "sqlite_master" else "('t')"
        argument = "" if table == "pragma_table_list" else argument
        cursor.execute(f"SELECT * FROM {table}{argument}")
        of_server |= {f"{table}.{column}" for column, *_ in cursor.description}

    assert of_server == listed()


def test_list_when_read_marks_each_column_of_sqlite_once():
    for name, table in CATALOGUE_TABLES.items():
        counts = Counter(column for column, _ in table.marks())
        assert [column for column, count in counts.items() if count > 1] == [], name


def test_drift_when_a_compared_column_of_sqlite_changes_names_the_object(sqlite):
    """The change is one of that column: SQLite lists another value of it afterwards."""
    wrong = {}
    for column, old, new, expected in CHANGES:
        values, before = built(sqlite, column, old)
        after_values, after = built(sqlite, column, new)
        found = differences(before, after)
        if expected not in found or values == after_values:
            wrong[column, new] = expected, found
    shown = {column for column, *_ in CHANGES}

    assert wrong == {}
    assert shown == listed(Mark.COMPARED)


def differences(first, second):
    different = [one for one in compare(first, second) if one.change is not Change.SAME]
    return [(one.database_object.table, one.database_object.object) for one in different]


def built(database, name, schema):
    """Build a schema; return the values of a column of the catalogue, and what is read."""
    connection.close()
    for kind in ("view", "table"):
        for (table,) in database.execute(f"SELECT name FROM sqlite_master WHERE type = '{kind}'"):
            if not table.startswith("sqlite_"):
                database.execute(f'DROP {kind} IF EXISTS "{table}"')
    for statement in schema.replace("; END", "\0").split(";"):
        database.execute(statement.replace("\0", "; END"))
    table, column = name.split(".")
    qualified = f'x."{column}"' if table == "pragma_index_xinfo" else f'"{column}"'
    columns = f"{POSITIONS[name]}, {qualified}" if name in POSITIONS else qualified
    rows = Counter(database.execute(f"SELECT {columns} FROM {ARGUMENTS[table]}"))
    return rows, read_database(connection)
