"""The list of what is read of the catalogue, against the catalogues of real servers."""

import re
from collections import Counter
from pathlib import Path

from migration_guard import schema
from migration_guard.schema.readers.postgresql.catalogue_columns import (
    CATALOGUE_TABLES,
    SINCE,
    UNTIL,
    marks,
)
from migration_guard.schema.readers.postgresql.object_columns import UNREAD
from tests.versions import major

_COLUMNS = """
SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname = ANY(%s)
    AND a.attnum > 0 AND NOT a.attisdropped
"""
_TABLES = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ '^pg_'"


def test_catalogue_tables_when_a_postgres_server_is_asked_list_all_columns(each_postgres):
    tables = list(CATALOGUE_TABLES)

    in_catalogue = each_postgres.execute(_COLUMNS, [tables])

    version = major(each_postgres)
    assert {(table, name) for table in tables for name in marks(table, version)} == {*in_catalogue}


def test_catalogue_tables_when_the_source_of_a_postgres_query_names_one_have_it(postgres):
    catalogue = {name for (name,) in postgres.execute(_TABLES)}
    root = Path(schema.__file__).parent
    files = [*root.glob("readers/postgresql/*.py"), *root.glob("diff/**/*.py")]
    text = "\n".join(file.read_text() for file in files)

    read = {word for word in re.findall(r"\bpg_[a-z_]+\b", text) if word in catalogue}
    unread = {name for names in UNREAD for name in names.split()}

    assert read <= {*CATALOGUE_TABLES} | unread
    assert len(read) > 20
    assert catalogue - {*CATALOGUE_TABLES} == unread & catalogue
    assert not unread & {*CATALOGUE_TABLES}


def test_catalogue_tables_when_a_column_is_listed_give_it_one_mark_and_reason():
    for name, table in CATALOGUE_TABLES.items():
        counts = Counter(column for column, _ in table.marks())
        assert not {column for column, count in counts.items() if count > 1}, name
        assert all(len(reason.split()) > 2 for reason in table.left_out.values())
    columns = {column for table in CATALOGUE_TABLES.values() for column, _ in table.marks()}
    assert {*SINCE, *UNTIL} <= columns
