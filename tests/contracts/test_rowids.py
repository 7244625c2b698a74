"""Models on SQLite's virtual tables, and on tables whose key is the rowid."""

import pytest
from django.apps import apps
from django.db import connection

from migration_guard.contracts import Models, examine, from_models

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WORDS = "CREATE VIRTUAL TABLE words USING fts5({})"
LINES = "CREATE TABLE lines ({})"


@pytest.fixture
def rowids(database, install_apps):
    install_apps("tests.contracts.rowids")
    return database


def _rules(label):
    violations = examine(connection, from_models(models=Models([label]))).violations
    connection.close()
    return [(violation.rule, violation.object) for violation in violations]


def test_models_when_the_table_is_virtual_then_only_its_columns_count(rowids):
    rowids.execute(WORDS.format("title"))

    assert _rules("rowids.Word") == []
    text, word = (apps.get_model("rowids", name) for name in ("Text", "Word"))
    list(word.objects.all())
    with connection.schema_editor() as editor:
        editor.create_model(text)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO words (rowid, title) VALUES (1, 'all')")
    assert word.objects.get(pk=1).title == "all"


def test_models_when_a_virtual_table_lacks_a_column_then_that_is_named(rowids):
    rowids.execute(WORDS.format("body"))

    assert _rules("rowids.Word") == [("missing-column", "title")]


@pytest.mark.parametrize(
    ("columns", "rules"),
    [
        ("title text", []),
        ("oid text, title text", []),
        ("id integer PRIMARY KEY, title text", [("wrong-primary-key", "primary_key(rowid)")]),
        (
            "title text PRIMARY KEY NOT NULL) WITHOUT /* ) */ ROWID --",
            [
                ("missing-column", "rowid"),
                ("wrong-null", "title"),
                ("wrong-primary-key", "primary_key(rowid)"),
            ],
        ),
        (
            "rowid text, title text",
            [
                ("wrong-type", "rowid"),
                ("wrong-null", "rowid"),
                ("wrong-primary-key", "primary_key(rowid)"),
            ],
        ),
    ],
)
def test_models_when_their_key_is_the_rowid_then_it_is_what_sqlite_has(rowids, columns, rules):
    rowids.execute(LINES.format(columns).replace("--)", "--"))

    assert sorted(_rules("rowids.Line")) == sorted(rules)
