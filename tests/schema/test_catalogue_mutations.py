"""Each column of the catalogue that is marked as compared is compared, and its change is told."""

import pytest
from django.db import connection, transaction

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.readers.postgresql import catalogue_columns
from migration_guard.schema.readers.postgresql.catalogue_columns import CATALOGUE_TABLES, Mark
from tests.conftest import installed
from tests.schema.catalogue_mutations import MODULES
from tests.schema.catalogue_mutations.tables import SCHEMA
from tests.schema.test_meaning import restore
from tests.versions import major

# Options that a dump carries along, and changes of numbers and order alone.
_KEPT_BY_A_DUMP = """
ALTER TABLE items SET (fillfactor = 70, toast.autovacuum_enabled = off), CLUSTER ON items_unique,
    ALTER name SET STORAGE EXTERNAL, ALTER name SET COMPRESSION pglz, ALTER name SET STATISTICS 7,
    ALTER name SET (n_distinct = 5), REPLICA IDENTITY USING INDEX items_pkey,
    ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, DISABLE TRIGGER items_act,
    DISABLE RULE items_keep;
ALTER TABLE plain SET UNLOGGED;
ALTER TABLE shaped OF shape;
ALTER TABLE log_1 DISABLE TRIGGER log_act;
ALTER INDEX items_lower ALTER COLUMN 1 SET STATISTICS 500;
ALTER INDEX items_index SET (fillfactor = 70);
DROP TABLE child;
CREATE TABLE child (more int, CONSTRAINT parent_check CHECK (id > 0)) INHERITS (parent_two, parent);
CREATE TABLE covered (id int, more int, CONSTRAINT covered_key PRIMARY KEY (id) INCLUDE (more),
    CONSTRAINT covered_check CHECK (id > 0) NO INHERIT);
CREATE TABLE heaped (id int) USING heap_two;
"""
# What PostgreSQL 18 has besides.
_KEPT_BY_A_DUMP_OF_18 = """
CREATE TABLE stays (room int4range, at int4range, CONSTRAINT stays_key PRIMARY KEY (room, at WITHOUT OVERLAPS));
CREATE TABLE visits (
    room int4range CONSTRAINT has_room NOT NULL NO INHERIT,
    at int4range,
    twice int GENERATED ALWAYS AS (lower(at) * 2) VIRTUAL,
    CONSTRAINT visits_stay FOREIGN KEY (room, PERIOD at) REFERENCES stays (room, PERIOD at),
    CONSTRAINT visits_range CHECK (twice > 0) NOT ENFORCED,
    person int CONSTRAINT visits_person REFERENCES people NOT ENFORCED
);
ALTER TABLE visits ADD CONSTRAINT has_time NOT NULL at NOT VALID;
"""
_OTHER_NUMBERS = """
ALTER TABLE plain DROP COLUMN amount, ADD COLUMN amount numeric(9, 2);
ALTER TABLE parent ADD COLUMN gone int;
ALTER TABLE parent DROP COLUMN gone;
ALTER TABLE log ADD COLUMN gone int DEFAULT 7;
ALTER TABLE log DROP COLUMN gone;
ALTER TABLE log DETACH PARTITION log_1;
ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM (1) TO (10);
ALTER TABLE track DETACH PARTITION track_1;
ALTER TABLE track ATTACH PARTITION track_1 FOR VALUES FROM (1) TO (10);
ALTER TABLE items DISABLE TRIGGER ALL;
ALTER TABLE items ENABLE TRIGGER ALL;
ALTER TABLE items SET UNLOGGED;
ALTER TABLE items SET LOGGED;
ALTER TABLE items ALTER name SET STATISTICS 5;
ALTER TABLE items ALTER name SET STATISTICS -1;
ALTER TABLE items SET (fillfactor = 50);
ALTER TABLE items RESET (fillfactor);
REINDEX TABLE items;
"""


def _differences(first, second):
    return [
        (item.table, item.object, f"{comparison.expected} | {comparison.actual}")
        for comparison in compare(first, second)
        if comparison.change is not Change.SAME
        for item in [comparison.database_object]
    ]


def _after(change):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL allow_system_table_mods = on")
            cursor.execute(change)
        after = read_database(connection)
        transaction.set_rollback(True)
    return after


def _is_there(key, module, version):
    column = key.partition(" of ")[0].partition(".")[2]
    since = max(catalogue_columns.SINCE.get(column, 0), module.SINCE.get(key, 0))
    return since <= version <= catalogue_columns.UNTIL.get(column, version)


@pytest.mark.parametrize("module", MODULES)
def test_drift_when_a_compared_column_of_postgres_changes_tells_it(module, each_postgres):
    each_postgres.execute(module.SCHEMA)
    before, version = read_database(connection), major(each_postgres)
    wrong = {}

    for key, (change, table, object_, words) in module.MUTATIONS.items():
        if not _is_there(key, module, version):
            continue
        found = _differences(before, _after(change))
        told = [text for item in found for text in [item[2]] if item[:2] == (table, object_)]
        if not told or words not in told[0] or (len(found) > 1 and key not in module.SEVERAL):
            wrong[key] = found
    each_postgres.execute(
        "DROP SUBSCRIPTION IF EXISTS daily"
    )  # or the database could not be dropped

    assert wrong == {}


def test_mutations_cover_every_compared_column():
    mutated = {key.partition(" of ")[0] for module in MODULES for key in module.MUTATIONS}
    compared = {
        f"{name}.{column}"
        for name, table in CATALOGUE_TABLES.items()
        for column, mark in table.marks()
        if mark is Mark.COMPARED
    }

    assert compared - mutated == set()


def test_drift_of_postgres_when_a_dump_was_restored_is_none(
    each_postgres, each_server, django_db_blocker
):
    each_postgres.execute(SCHEMA + _KEPT_BY_A_DUMP)
    if major(each_postgres) >= 18:
        each_postgres.execute(_KEPT_BY_A_DUMP_OF_18)
    original = read_database(connection)

    with each_server.database() as copy:
        restore(each_postgres, copy)
        with installed(copy, django_db_blocker):
            assert _differences(original, read_database(connection)) == []


def test_drift_of_postgres_when_only_numbers_and_order_differ_is_none(
    each_postgres, each_server, django_db_blocker
):
    each_postgres.execute(SCHEMA)
    original = read_database(connection)

    with each_server.database() as copy:
        copy.execute("CREATE TABLE gone (id int); DROP TABLE gone")
        copy.execute(SCHEMA)
        copy.execute(_OTHER_NUMBERS)
        with installed(copy, django_db_blocker):
            assert _differences(original, read_database(connection)) == []
