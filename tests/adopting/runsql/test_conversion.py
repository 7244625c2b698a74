"""A table of forms in which RunSQL is written: the file, the edited source, or the reason."""

from pathlib import Path

import pytest

from migration_guard.adopting.runsql.conversion import plan_conversion
from migration_guard.exceptions import CannotTell, Refused
from tests.adopting.runsql.conftest import HEAD


def taken(app, name="0001_a"):
    """Convert, and return the text of the file and the source of the migration."""
    conversion = app.convert()
    assert [left.reason for left in conversion.left] == []
    folder = conversion.folder
    return (folder / f"{name}.sql").read_text(), app.source(name)


# -- what is written

TEXTS = {
    "a string": ('migrations.RunSQL("SELECT 1")', "SELECT 1;\n"),
    "a comment": (
        'migrations.RunSQL("-- why\\nSELECT 1 -- what\\n")',
        "-- why\nSELECT 1 -- what\n;\n",
    ),
    "a terminator": ('migrations.RunSQL("SELECT 1;  ")', "SELECT 1;\n"),
    "an indented text": (
        'migrations.RunSQL("""\n        SELECT 1;\n        SELECT 2\n    """)',
        "            SELECT 1;\n            SELECT 2;\n",
    ),
    "a list": ('migrations.RunSQL(["SELECT 1", "SELECT 2;"])', "SELECT 1;\n\nSELECT 2;\n"),
    "parameters": (
        "migrations.RunSQL([('SELECT %s, %s', [\"it's\", None]), 'SELECT 2'])",
        "SELECT 'it''s', NULL;\n\nSELECT 2;\n",
    ),
    "a percent sign": ("migrations.RunSQL(\"SELECT '%d %%'\")", "SELECT '%d %%';\n"),
    "no operation": (
        'migrations.RunSQL(migrations.RunSQL.noop), migrations.RunSQL("SELECT 1")',
        "SELECT 1;\n",
    ),
    "elidable": ('migrations.RunSQL(sql="SELECT 1", elidable=True)', "SELECT 1;\n"),
    "an f-string": ("migrations.RunSQL(f\"SELECT '{__name__[-6:]}'\")", "SELECT '0001_a';\n"),
}


@pytest.mark.parametrize("form", TEXTS)
def test_file_when_it_is_written_has_the_sql_as_it_stands(app, sqlite, form):
    operations, text = TEXTS[form]
    app.write("0001_a", f"operations = [{operations}]")

    assert taken(app)[0] == text


def test_source_when_it_is_edited_keeps_all_but_the_sql(app, sqlite):
    before = '''\
"""Books."""
# -*- coding: utf-8 -*-
import datetime
from django.db import (
    migrations,
    models,  # é
)

TITLE = 'a'  # stays


class Migration(migrations.Migration):
    # Before.
    initial = True
    dependencies = []

    operations = [  # é, all of them
        migrations.RunSQL(
            """CREATE TABLE books (id integer)""",  # goes
            reverse_sql="DROP TABLE books",
            state_operations=[
                migrations.CreateModel(
                    "Book",
                    # kept
                    [("id", models.AutoField(primary_key=True)), ("title", models.TextField())],
                    options={'db_table': 'books'},
                ),
            ],
        ),
        # Between, é.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(f"SELECT '{TITLE}'")],
            state_operations=[ migrations.AlterModelOptions("book", {"ordering": ["id"]}) ],
        ), migrations.RunSQL("SELECT 2"),
        migrations.AlterModelManagers("book", []),
    ]


def later():
    return datetime
'''
    after = '''\
"""Books."""
# -*- coding: utf-8 -*-
import datetime
from django.db import (
    migrations,
    models,  # é
)
from migration_guard.operations import RequiresSQL

TITLE = 'a'  # stays


class Migration(migrations.Migration):
    # Before.
    initial = True
    dependencies = []

    operations = [  # é, all of them
        RequiresSQL(
            "0001_a",
            state_operations=[
                migrations.CreateModel(
                    "Book",
                    # kept
                    [("id", models.AutoField(primary_key=True)), ("title", models.TextField())],
                    options={'db_table': 'books'},
                ),
            ],
        ),
        # Between, é.
        migrations.SeparateDatabaseAndState(
            database_operations=[RequiresSQL("0001_a")],
            state_operations=[ migrations.AlterModelOptions("book", {"ordering": ["id"]}) ],
        ), RequiresSQL("0001_a"),
        migrations.AlterModelManagers("book", []),
    ]


def later():
    return datetime
'''
    app.write_raw("0001_a", before.encode())

    conversion = app.convert()

    assert app.source("0001_a") == after
    assert conversion.reverse_count == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_source_when_it_has_its_own_encoding_and_line_ends_keeps_them(app, sqlite, encoding):
    coding = "" if encoding == "utf-8-sig" else "# coding: latin-1\r\n"
    body = (
        f"{coding}from django.db import migrations\r\n\r\n"
        'class Migration(migrations.Migration):\r\n    é = "é"; operations = (migrations.RunSQL('
        "\"SELECT 'é'\"),)  # é\r\n"
    )
    app.write_raw("0001_a", body.encode(encoding))

    conversion = app.convert()

    line = "from migration_guard.operations import RequiresSQL\r\n"
    expected = body.replace("import migrations\r\n", f"import migrations\r\n{line}").replace(
        "migrations.RunSQL(\"SELECT 'é'\")", 'RequiresSQL("0001_a")'
    )
    assert (app.folder / "0001_a.py").read_bytes().decode(encoding) == expected
    assert [file.text for file in conversion.files] == ["SELECT 'é';\n"]


def test_file_when_its_migration_is_not_atomic_says_so(app, sqlite):
    app.write("0001_a", 'atomic = False\noperations = [migrations.RunSQL("VACUUM")]')

    assert taken(app)[0].startswith("-- guard: transaction = off\n")


def test_requirements_when_others_stay_with_django_name_them_alone(app, sqlite):
    app.write("0001_initial", 'operations = [migrations.CreateModel("A", [])]')
    app.write(
        "0002_b",
        'dependencies = [("APP", "0001_initial")]\noperations = [migrations.RunSQL("SELECT 2")]',
    )
    app.write(
        "0003_c",
        'dependencies = [("APP", "0002_b"), ("contenttypes", "__first__")]\n'
        'operations = [migrations.RunSQL("SELECT 3")]',
    )
    app.write(
        "0004_d",
        'run_before = [("APP", "0003_c")]\ndependencies = [("APP", "0001_initial")]\n'
        'operations = [migrations.AddField("A", "b", models.TextField(default=""))]',
    )

    files = {file.id: file.original.requires for file in app.convert().files}

    assert files == {
        "0002_b": (f"{app.label}.0001_initial",),
        "0003_c": (f"{app.label}.0004_d", "contenttypes.0001_initial"),
    }


STATES = {
    "by place": ("migrations.RunSQL('SELECT 1', '', STATE)", "STATE"),
    "by name": ("migrations.RunSQL('SELECT 1', state_operations=STATE[:1])", "STATE[:1]"),
    "a sum": ("migrations.RunSQL('SELECT 1', state_operations=[] + STATE)", "[] + STATE"),
}


@pytest.mark.parametrize("form", STATES)
def test_state_operations_when_they_are_written_in_any_way_move_as_they_stand(app, sqlite, form):
    operation, state = STATES[form]
    head = HEAD.replace("\nclass", "STATE = [migrations.CreateModel('A', [])]\n\nclass", 1)
    app.write("0001_a", f"operations = [{operation}]", head)

    _text, source = taken(app)

    assert f'"0001_a",\n        state_operations={state},\n    )]' in source


# -- what stays with Django

RUN = 'migrations.RunSQL("SELECT 1")'
STAYS = {
    "other work": (f'operations = [{RUN}, migrations.CreateModel("A", [])]', "CreateModel"),
    "Python": (
        f"operations = [{RUN}, migrations.RunPython(migrations.RunPython.noop)]",
        "also has RunPython",
    ),
    "other work inside": (
        "operations = [migrations.SeparateDatabaseAndState(database_operations="
        f'[{RUN}, migrations.CreateModel("A", [])])]',
        "CreateModel",
    ),
    "a loop": (
        "operations = [migrations.RunSQL(f'SELECT {n}') for n in range(2)]",
        "made by code",
    ),
    "a sum": (f"operations = [{RUN}] + []", "made by code"),
    "a condition": (f"if True:\n    operations = [{RUN}]", "made by code"),
    "an addition": (f"operations = [{RUN}]\noperations.append({RUN})", "1 of its operations"),
    "a variable": (f"run = {RUN}\noperations = [run]", "a variable"),
    "a star": (f"operations = [*[{RUN}]]", "made by code"),
    "state by keywords": (
        "operations = [migrations.RunSQL('SELECT 1', **{'state_operations': "
        "[migrations.CreateModel('A', [])]})]",
        "state operations",
    ),
    "nothing": ("operations = [migrations.RunSQL(migrations.RunSQL.noop)]", "runs nothing"),
    "no such parameter": ("operations = [migrations.RunSQL([('SELECT %s', [])])]", "parameters"),
    "a triple": ("operations = [migrations.RunSQL([('SELECT 1', [], 2)])]", "tuple of 3"),
    "an open text": ("operations = [migrations.RunSQL('SELECT \"')]", "does not end"),
    "a carriage return": (
        "operations = [migrations.RunSQL(\"SELECT 'a\\r\\nb'\")]",
        "does not keep",
    ),
    "half a character": ("operations = [migrations.RunSQL(\"SELECT '\\ud800'\")]", "half a char"),
    "a NUL": ("operations = [migrations.RunSQL(\"SELECT '\\0'\")]", "NUL byte"),
    "a directive": (
        "operations = [migrations.RunSQL('-- guard: environments = dev\\nSELECT 1')]",
        "out of production",
    ),
    "a squash": (f'replaces = [("APP", "0000_old")]\noperations = [{RUN}]', "a squash"),
}


@pytest.mark.parametrize("form", STAYS)
def test_migration_when_it_cannot_be_taken_is_left_with_the_reason(app, sqlite, form):
    body, reason = STAYS[form]
    app.write("0001_a", body)
    before = app.source("0001_a")

    conversion = app.convert()

    assert [left.name for left in conversion.left] == [f"{app.label}.0001_a"]
    assert reason in conversion.left[0].reason
    assert (conversion.taken, conversion.files) == ((), ())
    assert app.source("0001_a") == before


def test_operation_when_its_class_does_more_than_name_its_sql_stays_with_django(app, sqlite):
    head = (
        "from django.db import migrations\n"
        "class Named(migrations.RunSQL):\n"
        "    def __init__(self, n):\n        super().__init__(f'SELECT {n}')\n"
        "class Loud(migrations.RunSQL):\n"
        "    def database_forwards(self, *args):\n        print('hello')\n"
        "class Migration(migrations.Migration):\n"
    )
    app.write("0001_a", "operations = [Named(7)]", head)
    app.write("0002_b", "operations = [Loud('SELECT 1')]\ndependencies = [('APP', '0001_a')]", head)

    conversion = app.convert()

    assert [file.text for file in conversion.files] == ["SELECT 7;\n"]
    assert 'operations = [RequiresSQL("0001_a")]' in app.source("0001_a")
    assert [left.reason for left in conversion.left] == ["it also has Loud, which is Django's work"]


# -- beside other files, apps and databases

ONE = 'operations = [migrations.RunSQL("SELECT 1")]'


def test_conversion_when_it_was_interrupted_goes_on_with_the_files_that_are_there(app, sqlite):
    app.write("0001_a", ONE)
    first = app.convert()
    app.write("0001_a", ONE)
    app.reload("0001_a")

    second = app.convert()

    assert [file.id for file in first.files] == ["0001_a"]
    assert second.files == ()
    assert 'RequiresSQL("0001_a")' in app.source("0001_a")


def test_conversion_when_sql_was_added_to_a_taken_migration_is_refused(app, sqlite):
    app.write("0001_a", ONE)
    app.convert()
    app.write("0001_a", ONE.replace("SELECT 1", "SELECT 2"))
    app.reload("0001_a")

    with pytest.raises(Refused, match="was taken over as 0001_a, and has other RunSQL now"):
        app.convert()


def test_conversion_when_an_unrecorded_file_has_the_same_sql_is_refused(app, sqlite, migrations):
    migrations({"0007_copy.sql": "-- by hand\nselect 1;"})
    app.write("0001_a", ONE)

    with pytest.raises(Refused, match=r"0007_copy\.sql has the SQL of .*: it would run twice"):
        app.convert()


def test_files_when_others_are_there_come_after_them(app, sqlite, migrations):
    migrations({"0007_first.sql": "SELECT 7;"})
    app.write("0001_a", ONE)

    assert [file.id for file in app.convert().files] == ["0008_a"]


def test_conversion_when_a_file_waits_for_what_is_taken_names_the_circle(app, sqlite, migrations):
    app.write("0001_a", ONE)
    migrations({"0007_first.sql": f"-- guard: requires = {app.label}.0001_a\nSELECT 7;"})

    with pytest.raises(Refused, match=f"0007_first needs {app.label}.0001_a needs the SQL mig"):
        app.convert()


def test_conversion_when_routers_keep_the_sql_away_leaves_it(app, sqlite, settings):
    class Router:
        def allow_migrate(self, alias, app_label, **hints):
            return None if hints.get("target") == alias else False

    settings.DATABASE_ROUTERS = [Router()]
    app.write("0001_a", ONE)
    app.write(
        "0002_b",
        'dependencies = [("APP", "0001_a")]\n'
        'operations = [migrations.RunSQL("SELECT 2", hints={"target": "default"})]',
    )

    conversion = app.convert()

    assert [file.text for file in conversion.files] == [
        f"-- guard: requires = {app.label}.0001_a\n\nSELECT 2;\n"
    ]
    assert "DATABASE_ROUTERS keep its SQL away" in conversion.left[0].reason


def test_conversion_when_another_database_has_its_own_files_is_refused(
    app, sqlite, settings, tmp_path
):
    app.write("0001_a", ONE)
    dirs = settings.MIGRATION_GUARD["DIRS"]
    settings.MIGRATION_GUARD = {"DIRS": {**dirs, "other": [tmp_path]}}

    with pytest.raises(CannotTell, match='"other" has SQL migrations of its own'):
        app.convert()


def test_conversion_when_an_app_is_unknown_names_the_nearest(app, sqlite):
    app.write("0001_a", ONE)

    with pytest.raises(CannotTell, match=f"Did you mean django:{app.label}"):
        plan_conversion([f"{app.label}s"], "default", app.folder)


def test_migration_when_it_is_replaced_is_named_beside_its_squash(app, sqlite):
    app.write("0001_a", ONE)
    app.write("0001_squashed", f'replaces = [("APP", "0001_a")]\n{ONE}')

    names = [left.name for left in app.convert().left]

    assert names == [f"{app.label}.0001_squashed", f"{app.label}.0001_a"]


def test_file_when_the_app_is_one_of_two_has_its_label_in_the_name(app, sqlite):
    app.write("0001_a", ONE)

    assert [file.id for file in app.convert("contenttypes").files] == [f"0001_{app.label}_a"]


# -- the command


def test_command_when_asked_for_json_names_the_files_and_what_is_left(app, sqlite, guard):
    app.write("0001_a", f"{ONE[:-1]}, migrations.RunSQL('SELECT 2', 'SELECT 3')]")
    app.write(
        "0002_b",
        'dependencies = [("APP", "0001_a")]\noperations = [migrations.RunSQL("SELECT 1"), '
        "migrations.RunPython(migrations.RunPython.noop)]",
    )

    done = guard("makesqlmigration", "--from", f"django:{app.label}", "--format", "json")

    assert done.code == 0, done.err
    assert [Path(path).name for path in done.json["files"]] == ["0001_a.sql"]
    assert f"{app.label}.0002_b stays with Django: it also has RunPython" in done.err
    assert "Left out: 1 down part." in done.err


@pytest.mark.parametrize("origin", [["django"], ["django:"], ["django:shop", "shop"]])
def test_command_when_it_names_no_app_says_how(app, sqlite, guard, origin):
    refused = guard("makesqlmigration", "--from", *origin)

    assert refused.code == 2
    assert "Write --from django:APP." in refused.err
