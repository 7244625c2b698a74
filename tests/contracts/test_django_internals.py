"""What `contracts.model_keys` knows of Django that Django does not document.

A new version may change it: then a test here says what is gone, and what to change.
"""

import ast
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import backends, connection, models

from migration_guard.contracts.model_keys import UNINDEXED_TYPES

BACKENDS = Path(backends.__file__).parent


def _limited_data_types(vendor):
    tree = ast.parse((BACKENDS / vendor / "base.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_limited_data_types":
            return frozenset(ast.literal_eval(node.value))
    return None


@pytest.mark.parametrize("vendor", ["mysql", "oracle"])
def test_unindexed_types_when_a_version_is_new_are_those_of_django(vendor):
    assert UNINDEXED_TYPES[vendor] == _limited_data_types(vendor), (
        f"Django's {vendor} backend gives an index to other types than before: change "
        "UNINDEXED_TYPES in migration_guard/contracts/model_keys.py"
    )


@pytest.mark.parametrize("vendor", ["postgresql", "sqlite3"])
def test_unindexed_types_when_a_version_is_new_still_are_none(vendor):
    assert _limited_data_types(vendor) is None, (
        f"Django's {vendor} backend gives some types no index now: add them to UNINDEXED_TYPES in "
        "migration_guard/contracts/model_keys.py"
    )


@pytest.mark.parametrize(
    "made",
    [
        models.Index(fields=["model"], name="i", condition=models.Q(model="a")),
        models.UniqueConstraint(fields=["model"], name="u", condition=models.Q(model="a")),
    ],
    ids=["index", "unique"],
)
def test_create_sql_when_a_version_is_new_still_has_these_parts(made):
    parts = made.create_sql(ContentType, connection.schema_editor(collect_sql=True)).parts

    assert str(parts["columns"]) == '"model"', "see _keys_of in contracts/model_keys.py"
    assert parts["condition"] == " WHERE \"model\" = 'a'", (
        "see _condition_of in contracts/model_keys.py"
    )
