"""How many rows each table has."""

from django.db import connection

from migration_guard.fresh.row_counts import count_rows
from migration_guard.schema.diff.database import read_database
from migration_guard.sql.dialects import dialect


def test_rows_when_a_table_has_a_quote_in_its_name_are_counted(database):
    quote = dialect(database.vendor).name_quotes[0]
    name = f"of{quote}two"
    database.execute(f"CREATE TABLE {quote}of{quote}{quote}two{quote} (id int)")
    database.execute(f"INSERT INTO {quote}of{quote}{quote}two{quote} VALUES (1), (2)")

    counts = count_rows(connection, read_database(connection))

    assert {table: count for (_schema, table), count in counts.items()} == {name: 2}
