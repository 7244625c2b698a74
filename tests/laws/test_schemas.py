"""The laws of contracts and drift on one object of each kind, for each vendor.

What `--write` wrote can be read and is kept. Drift is empty against the database itself, against
its dump and restore, and after a cosmetic edit of the migration files.
"""

from random import Random

import pytest
from django.db import connection, connections

from migration_guard.contracts import examine, parse, write
from migration_guard.fresh.drift import drift
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.read import read_snapshot
from tests.laws import cosmetics, dumps, schemas
from tests.laws.benches import build, unkept

every_schema = pytest.mark.parametrize("name", schemas.NAMES)


def _told(assertions):
    return [(one.id, one.violation or one.unknown) for one in unkept(assertions)]


@every_schema
def test_write_when_read_again_then_its_database_keeps_it(database, name):
    build(database, schemas.statements(database, name))

    text = write(read_snapshot(connection))

    assert _told(examine(connection, parse(text)).assertions) == []


@every_schema
def test_drift_when_a_dump_is_restored_then_there_is_none(database, second, name):
    build(database, schemas.statements(database, name))
    here = read_database(connection)
    database.close()

    # MariaDB writes the database's name into a default that asks a sequence.
    text = dumps.dump(database).replace(
        str(database.settings["NAME"]), str(second.settings["NAME"])
    )
    dumps.restore(second, text)

    restored = read_database(connections["second"])
    assert _told(drift(here, read_database(connection), None)) == []
    assert _told(drift(here, restored, None)) == []
    assert _told(drift(restored, here, None)) == []


@every_schema
@pytest.mark.parametrize("seed", [1, 2])
def test_drift_when_the_text_is_redressed_then_there_is_none(database, second, name, seed):
    statements = schemas.statements(database, name)
    build(database, statements)
    here = read_database(connection)
    random = Random(seed)

    texts = [cosmetics.redress(text, database.vendor, random) for text in statements]
    if database.vendor == "postgresql":  # what belongs to the server and not to a database
        database.close()
    build(second, texts)

    assert _told(drift(here, read_database(connections["second"]), None)) == []
