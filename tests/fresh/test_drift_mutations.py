"""Every change of a schema is drift: seen, at its table, and once, unless the change does more."""

import pytest
from django.db import connection, transaction

from migration_guard.fresh.drift import drift
from migration_guard.results import Verdict
from migration_guard.schema.diff.database import read_database
from tests.contracts import schemas
from tests.fresh import programs

SCHEMAS = {"postgresql": schemas.POSTGRESQL, "sqlite": schemas.SQLITE, "mysql": schemas.MYSQL}
REBUILT = {"sqlite": schemas.SQLITE_CHANGES, "mysql": schemas.MYSQL_CHANGES}

# How often a change of those tables is drift, where it is not once.
MORE = {
    # A new name of a table is one that is gone and one that came, and shows in what speaks of it.
    "ALTER TABLE users RENAME TO people": 5,
    ("CREATE TABLE pairs (a", "CREATE TABLE couples (a"): 2,
    ("CREATE TABLE `odd.table`", "CREATE TABLE `even.table`"): 2,
    ("CREATE VIEW happy", "CREATE VIEW sad"): 2,
    # So is that of a column: what stands over it stands over another.
    "ALTER TABLE users RENAME email TO mail": 11,
    'ALTER TABLE "odd.table" RENAME "a.b" TO ab': 2,
    ('"a b"', '"a c"'): 2,
    ("born date", "birth date", "born", "birth"): 5,
    ("seen datetime(6)", "saw datetime(6)", "(seen)", "(saw)", "seen)", "saw)"): 4,
    # CASCADE takes along what stands on it.
    "DROP TABLE pairs CASCADE": 2,
    "ALTER TABLE users DROP COLUMN born CASCADE": 5,
    "ALTER TABLE pairs DROP CONSTRAINT pairs_pkey CASCADE": 2,
    "ALTER TABLE pairs DROP CONSTRAINT pairs_pkey CASCADE;"
    " ALTER TABLE pairs ADD PRIMARY KEY (b, a)": 2,
    # An index over an expression sorts as its column does; texts spell out a value and a type.
    'ALTER TABLE users ALTER "Full Name" TYPE text COLLATE "POSIX"': 2,
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'": 2,
    "ALTER TYPE mood RENAME TO humour": 3,
    # One thing goes, and another comes under another name or over other columns.
    "ALTER TABLE users DROP CONSTRAINT users_email_key, ADD UNIQUE (email, born)": 2,
    "ALTER TABLE users DROP CONSTRAINT users_email_key;"
    " CREATE UNIQUE INDEX ON users (email) WHERE price > 0": 2,
    "ALTER TABLE users DROP CONSTRAINT users_email_key;"
    " CREATE UNIQUE INDEX ON users (lower(email))": 2,
    "ALTER TABLE users DROP CONSTRAINT users_pair, ADD UNIQUE (number) INCLUDE (born)": 2,
    "ALTER TABLE users DROP CONSTRAINT users_pair, ADD UNIQUE (number, born)": 2,
    "ALTER TABLE users DROP CONSTRAINT users_nulls, ADD UNIQUE (born)": 2,
    "DROP INDEX users_seen; CREATE INDEX ON users (seen) WHERE price > 0": 2,
    "DROP INDEX users_ordered; CREATE INDEX ON users (born, seen DESC NULLS LAST)": 2,
    "DROP INDEX users_partial; CREATE INDEX ON users (points) WHERE price > 6": 2,
    "DROP INDEX users_lower; CREATE INDEX ON users (upper(email), id)": 2,
    "DROP INDEX users_covering; CREATE INDEX ON users (price)": 2,
    "DROP INDEX users_gin; CREATE INDEX ON users USING gin (data)": 2,
    "DROP INDEX users_unique_partial; CREATE UNIQUE INDEX ON users (old_id) WHERE points > 1": 2,
    "ALTER TABLE billing.invoices DROP CONSTRAINT invoices_pair_a_pair_b_fkey,"
    " ADD FOREIGN KEY (pair_b, pair_a) REFERENCES pairs (a, b) DEFERRABLE": 2,
    ("PRIMARY KEY (a, b)", "UNIQUE (a, b)"): 2,
    ("PRIMARY KEY (a, b)", "PRIMARY KEY (b, a), KEY (a, b)"): 2,
    ("UNIQUE (email),", "UNIQUE (email, born),"): 2,
    ("UNIQUE (price, born)", "UNIQUE (born, price)"): 2,
    # The number of a row, and that none is given twice.
    ("id integer PRIMARY KEY AUTOINCREMENT", "id int PRIMARY KEY"): 2,
    # MariaDB makes an index for a foreign key; where there never was the key, it is missing too.
    (
        ",\n    CONSTRAINT invoices_pair FOREIGN KEY (pair_a, pair_b) REFERENCES pairs (a, b)",
        "",
    ): 2,
}


def _run(database, sql):
    for statement in filter(str.strip, sql.split(";")):
        database.execute(statement)


def _replaced(schema, change):
    for old, new in zip(change[::2], change[1::2], strict=True):
        assert old in schema
        schema = schema.replace(old, new)
    return schema


def _drop_all(database):
    for view in ("happy", "sad"):
        database.execute(f"DROP VIEW IF EXISTS {view}")
    for table in ("invoices", "pairs", "couples", "users", '"odd.table"', '"even.table"'):
        quoted = table.replace('"', "`") if database.vendor == "mysql" else table
        database.execute(f"DROP TABLE IF EXISTS {quoted}")


def _drift(before, after):
    return [one for one in drift(before, after, None) if one.verdict is not Verdict.KEPT]


def _told(found):
    return [(one.table, one.object, one.violation or one.unknown) for one in found]


def _seen(found, table, count):
    return (
        len(found) == count
        and all(one.verdict is Verdict.VIOLATED for one in found)
        and any(one.table == table for one in found)
    )


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_drift_when_postgresql_changes_in_one_thing_then_that_is_drift(database):
    _run(database, SCHEMAS["postgresql"])
    before = read_database(connection)
    wrong = {}

    for change, (_, table, _) in schemas.POSTGRESQL_CHANGES.items():
        found = _drift(before, _after(change))
        if not _seen(found, table, MORE.get(change, 1)):
            wrong[change] = _told(found)

    assert wrong == {}


def _after(change):
    with transaction.atomic():
        with connection.cursor() as cursor:
            for statement in change.split(";"):
                cursor.execute(statement)
        after = read_database(connection)
        transaction.set_rollback(True)
    return after


@pytest.mark.parametrize("database", ["sqlite", "mariadb"], indirect=True)
def test_drift_when_a_rebuilt_schema_differs_in_one_thing_then_that_is_drift(database):
    schema = SCHEMAS[database.vendor]
    _run(database, schema)
    before = read_database(connection)
    wrong = {}

    for change, (_, table, _) in REBUILT[database.vendor].items():
        _drop_all(database)
        _run(database, _replaced(schema, change))
        found = _drift(before, read_database(connection))
        if not _seen(found, table, MORE.get(change, 1)):
            wrong[change] = _told(found)

    assert wrong == {}


def test_drift_when_the_schema_is_the_same_then_there_is_none(database):
    _run(database, SCHEMAS[database.vendor])

    before, after = read_database(connection), read_database(connection)

    assert _told(_drift(before, after)) == []
    assert len(drift(before, after, None)) > 30


def test_drift_when_a_program_or_an_option_changes_then_that_is_drift(database):
    schema, changes = programs.SCHEMAS[database.vendor], programs.CHANGES[database.vendor]
    _build(database, schema)
    before = read_database(connection)
    wrong = {}

    for change, expected in changes.items():
        _empty(database)
        if isinstance(change, str):
            _build(database, [*schema, change])
        else:
            _build(database, _replaced(";;".join(schema), change).split(";;"))
        found = _drift(before, read_database(connection))
        told = [(one.violation and one.violation.rule, one.table, one.object) for one in found]
        if told != [expected]:
            wrong[change] = _told(found)

    assert wrong == {}


def _build(database, statements):
    for statement in statements:
        database.execute(statement)


def _empty(database):
    connection.close()
    if database.vendor == "postgresql":
        database.execute("DROP EVENT TRIGGER IF EXISTS watch")
        database.execute("DROP SCHEMA public CASCADE")
        database.execute("CREATE SCHEMA public")
    elif database.vendor == "mysql":
        name = database.settings["NAME"]
        for statement in ("DROP DATABASE", "CREATE DATABASE", "USE"):
            database.execute(f"{statement} `{name}`")
    else:
        for kind in ("view", "table"):
            while rows := database.execute(_MADE, (kind,)):
                database.execute(f'DROP {kind} "{rows[0][0]}"')


# A virtual table first: it takes its own tables along.
_MADE = """
SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
ORDER BY sql NOT LIKE 'CREATE VIRTUAL%'
"""
