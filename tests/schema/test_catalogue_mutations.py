"""Each column of the catalogue that is marked as compared is compared, and its change is told."""

import pytest
from django.db import connection, transaction

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.readers.postgresql import catalogue_columns
from migration_guard.schema.readers.postgresql.catalogue_columns import CATALOGUE_TABLES, Mark
from tests.conftest import installed
from tests.schema import catalogue_mutations
from tests.schema.catalogue_mutations import MUTATIONS, SCHEMA, SEVERAL
from tests.schema.test_catalogue_columns import older_server  # noqa: F401 - a fixture
from tests.versions import major


@pytest.fixture(params=["newest", 16])
def server(request, django_db_blocker):
    """Give a database of the server of all tests, then of the older embedded one."""
    if request.param == "newest":
        yield request.getfixturevalue("postgres")
    else:
        with (
            request.getfixturevalue("older_server").database() as database,
            installed(database, django_db_blocker),
        ):
            yield database


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


def _is_there(key, version):
    column = key.partition(" of ")[0].partition(".")[2]
    since = max(catalogue_columns.SINCE.get(column, 0), catalogue_mutations.SINCE.get(key, 0))
    return since <= version


def test_drift_when_a_compared_column_of_postgres_changes_tells_it(server):
    server.execute(SCHEMA)
    before, version = read_database(connection), major(server)
    wrong = {}

    for key, (change, table, object_, words) in MUTATIONS.items():
        if not _is_there(key, version):
            continue
        found = _differences(before, _after(change))
        told = [text for item in found for text in [item[2]] if item[:2] == (table, object_)]
        if not told or words not in told[0] or (len(found) > 1 and key not in SEVERAL):
            wrong[key] = found

    assert wrong == {}


def test_mutations_cover_every_compared_column_of_the_tables_they_speak_of():
    mutated = {key.partition(" of ")[0] for key in MUTATIONS}
    tables = {name.partition(".")[0] for name in mutated}
    compared = {
        f"{table}.{column}"
        for table in tables
        for column, mark in CATALOGUE_TABLES[table].marks()
        if mark is Mark.COMPARED
    }

    assert mutated == compared
