"""The set-wise readers against Django's own methods, table by table, for all that both can tell.

The oracle is asked twice: through the plain path, which says the same things in the same words, and
raw, so that what the plain path leaves UNKNOWN is compared as well.
"""

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.schema.records import field_names
from tests.schema.rich import install
from tests.versions import major

# What Django tells wrongly, and the set-wise readers do not.
KNOWN = {
    "postgresql": {("facts", "raw", "nullable")},  # NOT NULL, but NOT VALID: since 18
    "sqlite": set(),
    "mysql": {("facts", "data", "collation")},  # implied by MariaDB's JSON
}
# Django lists a foreign key to a partitioned table once more for each partition.
REPEATED = "event_notes"
AT_LEAST = {"postgresql": 1000, "sqlite": 700, "mysql": 800}


class Comparison:
    """Counts what was compared, and keeps what differs."""

    def __init__(self):
        self.count = 0
        self.differences = set()

    def same(self, plain, setwise, *place):
        if plain is UNKNOWN or setwise is UNKNOWN:
            return
        self.count += 1
        if plain != setwise:
            self.differences.add(place)

    def objects(self, plain, setwise, *place, without=()):
        for name in field_names(plain):
            if name not in without:
                self.same(getattr(plain, name), getattr(setwise, name), *place, name)

    def table(self, plain, setwise):
        self.objects(
            plain,
            setwise,
            plain.label,
            without={
                "schema",
                "columns",
                "primary_key",
                "uniques",
                "indexes",
                "foreign_keys",
                "checks",
                *("hidden", "clauses"),  # Django tells of no rowid, and of no AUTOINCREMENT
            },
        )
        self.same(
            [one.name for one in plain.columns], [one.name for one in setwise.columns], plain.label
        )
        for one, other in zip(plain.columns, setwise.columns, strict=True):
            self.objects(one, other, plain.label, one.name)
        self.keys(plain, setwise)
        self.indexes(plain, setwise)
        self.foreign_keys(plain, setwise)
        if plain.checks is not UNKNOWN:
            known = {one.name for one in setwise.checks}
            self.same(
                True, {one.name for one in plain.checks if one.name} <= known, plain.label, "checks"
            )

    def keys(self, plain, setwise):
        if plain.primary_key is not UNKNOWN:
            self.same(
                plain.primary_key and plain.primary_key.columns,
                setwise.primary_key and setwise.primary_key.columns,
                plain.label,
                "primary key",
            )
        if plain.uniques is not UNKNOWN:
            known = {one.columns for one in setwise.uniques}
            self.same(True, {one.columns for one in plain.uniques} <= known, plain.label, "uniques")

    def indexes(self, plain, setwise):
        for one in plain.indexes:
            other = setwise.index(one.name)
            self.same(False, other is None, plain.label, one.name)
            self.same(one.columns, other.columns + other.include, plain.label, one.name, "columns")
            self.same(one.unique, other.unique, plain.label, one.name, "unique")
            if one.orders is not UNKNOWN and other.orders is not UNKNOWN:
                directions = tuple(order.split()[0] for order in other.orders)
                self.same(
                    one.orders[: len(directions)], directions, plain.label, one.name, "orders"
                )

    def foreign_keys(self, plain, setwise):
        if plain.foreign_keys is UNKNOWN:
            return
        self.same(len(plain.foreign_keys), len(setwise.foreign_keys), plain.label, "foreign keys")
        for one in plain.foreign_keys:
            (other,) = [key for key in setwise.foreign_keys if key.columns == one.columns]
            self.objects(one, other, plain.label, one.columns)


@pytest.fixture
def both(site_apps, database):
    """Give the plain and the set-wise reading of the rich schema and of Django's own tables."""
    install(database)
    call_command("migrate", verbosity=0)
    return read_snapshot(connection, setwise=False), read_snapshot(connection)


def test_set_wise_reading_when_django_tells_the_same_then_it_is_the_very_same(database, both):
    plain, setwise = both
    comparison = Comparison()
    comparison.same(
        [one.label for one in plain.tables],
        [one.label for one in setwise.tables if one.schema in setwise.search_path],
        "tables",
    )
    for table in plain.tables:
        if table.columns is not UNKNOWN:
            comparison.table(table, setwise.table(table.label))
    older = setwise.vendor == "postgresql" and major(database) < 18
    assert comparison.differences == (set() if older else KNOWN[setwise.vendor])
    assert comparison.count > AT_LEAST[setwise.vendor]


def test_set_wise_reading_when_compared_with_djangos_dictionaries_then_it_agrees(both):
    plain, setwise = both
    with connection.cursor() as cursor:
        for table in described(plain, setwise):
            constraints = connection.introspection.get_constraints(cursor, table.label)
            agree_on_names(table, constraints, setwise.vendor)
            agree_on_relations(table, connection.introspection.get_relations(cursor, table.label))


def agree_on_names(table, constraints, vendor):
    told = names(table)
    # Django 5.2 and 6.0 list PostgreSQL 18's NOT NULL constraints, as nothing at all.
    told -= {"raw_there"}
    listed = {one for one in constraints if not one.startswith("__")} - {"raw_there"}
    listed -= {one for one in listed if one.endswith("_not_null")}
    if vendor == "sqlite":  # Django numbers foreign keys and drops some names
        assert {name for name in listed if not name.startswith("fk_")} <= told
    elif vendor == "mysql":  # Django renames the check of a column
        assert listed <= told <= listed | {one.name for one in table.columns}
    else:
        assert told == listed


def agree_on_relations(table, relations):
    told = {
        (column, to, key.target.lower())
        for key in table.foreign_keys
        for column, to in zip(key.columns, key.target_columns, strict=True)
    }
    for column, (to, target, *_) in relations.items():
        # SQLite's pragma has no column where the key is implied.
        assert (column, to, target.lower()) in told or (to is None and target in str(told))


def described(plain, setwise):
    """Return the tables that Django reads without stumbling, as the set-wise reader has them."""
    labels = [one.label for one in plain.tables if one.columns is not UNKNOWN]
    return [setwise.table(label) for label in labels if label != REPEATED]


def names(table):
    """Return the names that the constraints and indexes of a table have."""
    automatic = "sqlite_autoindex_"
    groups = (table.indexes, table.foreign_keys, table.checks, table.exclusions, table.uniques)
    found = {one.name for group in groups for one in group}
    return {name for name in found if name and not name.startswith(automatic)}
