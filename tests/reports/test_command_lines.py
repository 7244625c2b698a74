"""Command lines within messages: where they end, and what they need here."""

import pytest
from django.core.management import load_command_class

from migration_guard.reports.command_lines import VALUED, for_database


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Run it (manage.py runsqlmigrations): on",
            "(manage.py runsqlmigrations --database my-db)",
        ),
        (
            "manage.py repairsqlmigrations 0002_b --accept-edit --reason TEXT.",
            "manage.py repairsqlmigrations 0002_b --accept-edit --reason TEXT --database my-db.",
        ),
        (
            "Run manage.py repairsqlmigrations --stamp staging --reason TEXT.",
            "repairsqlmigrations --stamp staging --reason TEXT --database my-db.",
        ),
        (
            "manage.py runsqlmigrations --target N --with-django, and",
            "manage.py runsqlmigrations --target N --with-django --database my-db, and",
        ),
        (
            "(manage.py repairsqlmigrations --stamp dev --confirm /a/b.sqlite3 --reason TEXT)",
            "--stamp dev --confirm /a/b.sqlite3 --reason TEXT --database my-db)",
        ),
        ("manage.py migrate --database my-db", "manage.py migrate --database my-db"),
        ("manage.py makesqlmigration shows", "manage.py makesqlmigration shows"),
        ("manage.py check says", "manage.py check says"),
    ],
)
def test_command_when_it_is_of_another_database_names_it(text, expected):
    assert expected in for_database(text, "my-db")
    assert for_database(text, "default") == text


def test_options_when_a_command_takes_their_value_are_all_known():
    names = (
        "runsqlmigrations",
        "repairsqlmigrations",
        "makesqlmigration",
        "checksqlmigrations",
        "checkschema",
        "runauditedsql",
    )
    parsers = [load_command_class("migration_guard", name).create_parser("", "") for name in names]

    options = {
        option.removeprefix("--")
        for parser in parsers
        for action in parser._actions
        for option in action.option_strings
        if action.nargs != 0 and option.startswith("--")
    }

    assert {*VALUED.split("|")} == options - {"settings", "pythonpath", "verbosity"}
