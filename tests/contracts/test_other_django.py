"""Tables that another supported Django made keep the contract of the same models.

`recorded/` has what each Django wrote. `RECORD_SQL=1` writes that of the Django that runs.
"""

import os
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.db import connection

from migration_guard.contracts import Models, examine, from_models
from migration_guard.results import Verdict

FOLDER = Path(__file__).parent / "recorded"
SERIES = ".".join(map(str, django.VERSION[:2]))
RECORDED = ("5.2", "6.1")
BETWEEN = "\n--\n"
# Since Django 6.1; not managed; swapped.
LEFT_OUT = {"Cascaded", "Unmanaged", "OnView", "Swapped"}


@pytest.fixture
def models(database, install_apps):
    install_apps(
        "django.contrib.contenttypes",
        "tests.contracts.everything",
        TEST_SWAPPED_MODEL="everything.Every",
    )
    return [
        model
        for model in apps.get_app_config("everything").get_models()
        if model.__name__ not in LEFT_OUT and model._meta.can_migrate(connection)
    ]


def _write(models):
    """Return the statements by which Django makes the tables."""
    with connection.schema_editor(collect_sql=True) as editor:
        for model in models:
            editor.create_model(model)
    return BETWEEN.join(sql.rstrip(";") for sql in editor.collected_sql) + "\n"


@pytest.mark.skipif(SERIES not in RECORDED, reason=f"what Django {SERIES} writes is not recorded")
def test_record_when_django_writes_then_it_is_what_was_recorded(database, models):
    path = FOLDER / f"{database.vendor}-{SERIES}.sql"
    if "RECORD_SQL" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(_write(models), encoding="utf-8")

    assert path.read_text(encoding="utf-8") == _write(models)


@pytest.mark.parametrize("series", RECORDED)
def test_models_when_a_django_made_their_tables_then_all_is_kept(database, models, series):
    path = FOLDER / f"{database.vendor}-{series}.sql"
    for statement in path.read_text(encoding="utf-8").split(BETWEEN):
        database.execute(statement)
    labels = [f"{model._meta.label}*" for model in models]

    examination = examine(connection, from_models(models=Models(labels, ["everything.Cascaded"])))

    assert [
        (assertion.id, assertion.violation or assertion.unknown)
        for assertion in examination.assertions
        if assertion.verdict is not Verdict.KEPT
    ] == []
    assert len(examination.assertions) > 200
