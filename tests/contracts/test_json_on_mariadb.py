"""JSON on MariaDB is a text with a check: whatever was done to it, it is told as what it is."""

import pytest
from django.db import connection

from migration_guard.contracts import examine, parse, write
from migration_guard.results import Verdict
from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.read import read_snapshot

# A column, and the same with another default.
DEFAULTS = [
    ("json DEFAULT '[]'", "json DEFAULT '{}'"),
    ("json DEFAULT ('[]')", "json DEFAULT ('[1]')"),
    ("json DEFAULT '\"x\"'", "json DEFAULT '\"y\"'"),
    ("json DEFAULT (json_quote('x'))", "json DEFAULT (json_quote('y'))"),
    ("json DEFAULT json_object()", "json DEFAULT json_array()"),
    ("json DEFAULT (json_object('a', 'b'))", "json DEFAULT (json_object('a', 'B'))"),
    ('json DEFAULT \'{"a": "it\'\'s \\\\\\\\ \\\\"q\\\\""}\'', "json DEFAULT '{\"a\": \"it''s\"}'"),
    ("json NOT NULL DEFAULT 'null'", "json NOT NULL DEFAULT 'true'"),
    ("json DEFAULT '{\"a b\": 1}'", "json DEFAULT '{\"a  b\": 1}'"),
    ("json DEFAULT NULL", "json DEFAULT '1'"),
    ("longtext DEFAULT '{}' CHECK (json_valid(j))", "longtext DEFAULT '[]' CHECK (json_valid(j))"),
    ("longtext DEFAULT '{}'", "longtext DEFAULT '[]'"),
    (
        "varchar(99) DEFAULT '{}' CHECK (json_valid(j))",
        "varchar(99) DEFAULT '[]' CHECK (json_valid(j))",
    ),
    ("text DEFAULT ('{\"é\": 1}')", "text DEFAULT ('{\"e\": 1}')"),
    (
        "json DEFAULT '{}' CHECK (json_valid(j) AND json_type(j) = 'OBJECT')",
        "json CHECK (json_valid(j) AND json_type(j) = 'OBJECT')",
    ),
    (
        "json DEFAULT '{}' CHECK (json_type(j) = 'OBJECT')",
        "json DEFAULT '{}' CHECK (json_type(j) = 'ARRAY')",
    ),
    ("json AS (json_array(id)) VIRTUAL", "json AS (json_array(id + 1)) VIRTUAL"),
]
# What may be done to a JSON column j of the table t, and the column that is one then.
DONE = {
    "ALTER TABLE t RENAME COLUMN j TO k": "k",
    "ALTER TABLE t CHANGE j k json": "k",
    "ALTER TABLE t CHANGE j `select` longtext CHECK (json_valid(`select`))": "select",
    "ALTER TABLE t RENAME COLUMN j TO `A b`": "A b",
    "ALTER TABLE t RENAME COLUMN j TO `b``c`": "b`c",
    "CREATE TABLE u LIKE t; DROP TABLE t; RENAME TABLE u TO t": "j",
    "CREATE TABLE u AS SELECT id FROM t; ALTER TABLE u ADD j json; DROP TABLE t; RENAME TABLE u TO t": "j",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4": "j",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci": "j",
    "ALTER TABLE t CONVERT TO CHARACTER SET latin1": "j",
    "ALTER TABLE t ENGINE = MyISAM": "j",
    "ALTER TABLE t MODIFY j longtext, ADD CONSTRAINT valid CHECK (json_valid(j))": "j",
    "ALTER TABLE t MODIFY j longtext COLLATE utf8mb4_bin, ADD CHECK (JSON_VALID (`J`))": "j",
    "ALTER TABLE t MODIFY j json COMMENT 'ours'": "j",
    "ALTER TABLE t MODIFY j json CHECK (json_valid(j) AND json_type(j) = 'OBJECT')": "j",
    "ALTER TABLE t MODIFY j json CHECK (j IS NULL OR json_valid(j))": "j",
    "ALTER TABLE t MODIFY j longtext COMPRESSED CHECK (json_valid(j))": "j",
}


@pytest.mark.parametrize(("old", "new"), DEFAULTS)
def test_contract_when_a_json_column_is_written_is_kept_and_finds_another(mariadb, old, new):
    mariadb.execute(f"CREATE TABLE t (id int PRIMARY KEY, j {old})")
    contract, before = parse(write(read_snapshot(connection))), read_database(connection)

    assert unkept(contract) == []
    mariadb.execute(f"CREATE OR REPLACE TABLE t (id int PRIMARY KEY, j {new})")
    assert unkept(contract) != []
    assert changes(before, read_database(connection)) != []


@pytest.mark.parametrize(("done", "name"), DONE.items())
def test_type_when_a_json_column_was_altered_stays_json(mariadb, done, name):
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, j json)")
    for statement in done.split("; "):
        mariadb.execute(statement)

    snapshot = read_snapshot(connection)

    column = snapshot.table("t").column(name)
    assert (column.type, column.collation) == ("json", None)
    assert unkept(parse(write(snapshot))) == []


def unkept(contract):
    return [
        (assertion.object, assertion.violation or assertion.unknown)
        for assertion in examine(connection, contract).assertions
        if assertion.verdict is not Verdict.KEPT
    ]


def changes(first, second):
    return [
        difference for difference in compare(first, second) if difference.change is not Change.SAME
    ]
