"""The list of what becomes of MariaDB's catalogue: whole, and true column by column."""

from collections import Counter

from django.db import connection

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.readers.marks import Mark
from migration_guard.schema.readers.mysql.catalogue_columns import CATALOGUE_TABLES, ELSEWHERE
from migration_guard.schema.readers.mysql.listing import _DATABASES
from tests.schema.mysql_changes import changes

_COLUMNS = """
SELECT LOWER(table_name), LOWER(column_name) FROM information_schema.columns
WHERE table_schema = 'information_schema'
"""
_SEQUENCE = "CREATE SEQUENCE counter"
DATABASES = {
    **_DATABASES,
    "check_constraints": "constraint_schema",
    "referential_constraints": "constraint_schema",
}
# Columns that number what another column names.
POSITIONS = {
    "statistics.seq_in_index": "column_name",
    "key_column_usage.ordinal_position": "column_name",
    "parameters.ordinal_position": "parameter_name",
    "triggers.action_order": "trigger_name",
}


def listed(mark=None):
    return {
        f"{table}.{column}"
        for table, marks in CATALOGUE_TABLES.items()
        for column, own in marks.marks()
        if mark in {None, own}
    }


def test_list_when_the_server_is_asked_has_each_column_of_its_tables(mariadb):
    mariadb.execute(_SEQUENCE)
    of_sequence = {f"sequence.{row[0]}" for row in mariadb.execute("SHOW COLUMNS FROM counter")}
    of_server = {f"{table}.{column}" for table, column in mariadb.execute(_COLUMNS)}
    of_server = {name for name in of_server if name.partition(".")[0] in CATALOGUE_TABLES}

    assert (of_server | of_sequence) - set(ELSEWHERE) == listed() - set(ELSEWHERE)


def test_list_when_read_marks_each_column_once_and_gives_reasons():
    for name, table in CATALOGUE_TABLES.items():
        counts = Counter(column for column, _ in table.marks())
        assert [column for column, count in counts.items() if count > 1] == [], name
        assert all(len(reason.split()) > 2 for reason in table.left_out.values()), name
    assert set(ELSEWHERE) <= listed()


def test_drift_when_a_compared_column_changes_names_the_object(mariadb):
    """The change is one of that column: the server lists another value of it afterwards."""
    name, wrong, shown = mariadb.settings["NAME"], {}, set()
    for column, old, new, expected in changes():
        empty(mariadb)
        run(mariadb, old)
        values, before = values_of(mariadb, column), read_database(connection)
        run(mariadb, new)
        different = [c for c in compare(before, read_database(connection)) if not same(c)]
        found = [(c.database_object.table, c.database_object.object) for c in different]
        if expected not in found or values == values_of(mariadb, column):
            wrong[column, *new] = (expected, [(c.expected, c.actual) for c in different], found)
        shown.add(column)
    mariadb.execute(f"DROP DATABASE IF EXISTS `{name}_other`")

    assert wrong == {}
    assert shown == listed(Mark.COMPARED) - set(ELSEWHERE)


def same(comparison):
    return comparison.change is Change.SAME


def run(database, statements):
    for statement in statements:
        database.execute(statement.replace("{db}", database.settings["NAME"]))


def values_of(database, name):
    table, column = name.split(".")
    if table == "sequence":
        return database.execute(f"SELECT {column} FROM s")
    columns = f"{POSITIONS[name]}, {column}" if name in POSITIONS else column
    where = f"WHERE {DATABASES.get(table, 'table_schema')} = DATABASE()"
    return Counter(database.execute(f"SELECT {columns} FROM information_schema.{table} {where}"))


def empty(database):
    connection.close()
    name = database.settings["NAME"]
    character_set = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    for statement in ("DROP DATABASE {}", f"CREATE DATABASE {{}} {character_set}", "USE {}"):
        database.execute(statement.format(f"`{name}`"))
