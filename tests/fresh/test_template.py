"""`--template`: unchanged files cost one copy, and a stale template is never used."""

import sys

import pytest

from tests.fresh.support import templates, throwaways

pytestmark = pytest.mark.usefixtures("dropped_templates")

FILES = {
    "0001_people.sql": "CREATE TABLE people (id integer PRIMARY KEY);",
    "0002_email.sql": "ALTER TABLE people ADD COLUMN email varchar(80);",
}


@pytest.fixture
def fresh(guard):
    """Give `checkschema --fresh --template`, and what it says of the fresh database."""

    def run(*args, code=0):
        done = guard(
            "checkschema", "--fresh", "--template", "--no-models", "--format", "json", *args
        )
        assert done.code == code, done.err
        return done.json["fresh"]

    return run


def birth(postgres, name):
    """Return the oid of a database: another one of the same name has another."""
    return postgres.execute("SELECT oid FROM pg_database WHERE datname = %s", (name,))


def test_template_when_no_file_changes_is_copied(postgres, migrations, fresh):
    migrations(FILES)

    first = fresh()
    made = birth(postgres, first["template"])
    second = fresh()

    assert templates(postgres) == [first["template"]] == [second["template"]]
    assert birth(postgres, first["template"]) == made
    assert second["applied"] == first["applied"]
    assert throwaways(postgres) == []


@pytest.mark.parametrize(
    "change",
    [
        {"0002_email.sql": "ALTER TABLE people ADD COLUMN email varchar(81);"},
        {"0002_email.sql": "ALTER TABLE people ADD COLUMN email varchar(80); "},
        {"0003_more.sql": "CREATE TABLE more (id integer);"},
        {"0003_dev.sql": "-- DEV/TEST ONLY\nCREATE TABLE more (id integer);"},
    ],
    ids=["a byte changed", "a byte added", "a file added", "a skipped file added"],
)
def test_template_when_a_byte_changes_is_made_anew(postgres, migrations, fresh, change):
    migrations(FILES)
    stale = fresh()["template"]
    migrations({**FILES, **change})

    current = fresh()["template"]

    assert current != stale
    assert templates(postgres) == sorted([stale, current])


def test_template_when_only_a_name_changes_is_made_anew(postgres, migrations, fresh):
    migrations(FILES)
    stale = fresh()["template"]
    migrations(
        {"0001_people.sql": FILES["0001_people.sql"], "0002_mail.sql": FILES["0002_email.sql"]}
    )

    current = fresh()

    assert current["template"] != stale
    assert [one["id"] for one in current["applied"]] == ["0001_people", "0002_mail"]


def test_template_when_the_environment_is_another_is_another(postgres, migrations, fresh):
    migrations({**FILES, "0003_dev.sql": "-- DEV/TEST ONLY\nCREATE TABLE more (id integer);"})

    production, dev = fresh(), fresh("--environment", "dev")

    assert [len(one["applied"]) for one in (production, dev)] == [2, 3]


def test_template_when_a_django_migration_changes_is_made_anew(
    sessions, postgres, migrations, fresh, tmp_path, settings, monkeypatch
):
    package = tmp_path / "moved_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    source = "from django.db import migrations\nclass Migration(migrations.Migration):\n    pass\n"
    (package / "0001_initial.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {"sessions": "moved_migrations"}
    migrations(FILES)
    stale = fresh()["template"]
    (package / "0001_initial.py").write_text(f"{source}# changed\n")

    current = fresh()["template"]

    assert current != stale


OUTSIDE = {
    # Read when the migration is loaded, from wherever it likes.
    "sql": (
        "table.sql",
        "CREATE TABLE moved (id int);",
        "from pathlib import Path\nfrom django.db import migrations\n"
        "text = (Path(__file__).parent.parent / 'table.sql').read_text()\n"
        "class Migration(migrations.Migration):\n    operations = [migrations.RunSQL(text)]\n",
    ),
    "function": (
        "moved_helpers.py",
        "def make(apps, editor):\n    editor.execute('CREATE TABLE moved (id int)')\n",
        "from django.db import migrations\nfrom moved_helpers import make\n"
        "class Migration(migrations.Migration):\n    operations = ["
        "migrations.SeparateDatabaseAndState([migrations.RunPython(make)])]\n",
    ),
}


@pytest.mark.parametrize(("name", "text", "migration"), OUTSIDE.values(), ids=OUTSIDE)
def test_template_when_what_a_django_migration_runs_changes_elsewhere_is_made_anew(
    sessions, postgres, migrations, fresh, tmp_path, settings, monkeypatch, name, text, migration
):
    package = tmp_path / "moving_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "0001_initial.py").write_text(migration)
    (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {"sessions": "moving_migrations"}
    migrations(FILES)

    def forget():
        for module in [one for one in sys.modules if one.startswith("mov")]:
            del sys.modules[module]

    try:
        stale = fresh()["template"]
        (tmp_path / name).write_text(f"{text} ")
        forget()
        current = fresh()["template"]
    finally:
        forget()

    assert current != stale


def test_template_when_a_router_decides_otherwise_is_made_anew(
    postgres, migrations, fresh, settings
):
    migrations(FILES)
    before = fresh()
    settings.DATABASE_ROUTERS = ["tests.fresh.routing.NoSessions"]

    after = fresh()

    assert after["template"] != before["template"]


def test_template_when_the_configured_database_gets_a_setting_is_made_anew(
    postgres, migrations, fresh
):
    migrations(FILES)
    stale = fresh()["template"]
    postgres.execute(f"ALTER DATABASE \"{postgres.settings['NAME']}\" SET work_mem = '5MB'")

    assert fresh()["template"] != stale


def test_template_when_the_build_fails_is_not_kept(postgres, migrations, fresh):
    migrations({**FILES, "0003_typo.sql": "ALTER TABLE peeple ADD x int;"})

    fresh(code=1)

    assert templates(postgres) == []
    assert throwaways(postgres) == []


def test_template_when_the_contract_is_broken_is_still_of_these_files(
    postgres, migrations, guard, tmp_path
):
    contract = tmp_path / "contract.toml"
    contract.write_text("[tables.people.columns]\nname = {}\n")
    migrations(FILES)
    args = ["checkschema", "--fresh", "--template", "--no-models", "--contract", str(contract)]

    built, copied = guard(*args), guard(*args)

    assert [built.code, copied.code] == [1, 1]
    assert "[missing-column] name" in copied.out
    assert copied.out.startswith("Fresh database copied from migration_guard_template_")
    assert len(templates(postgres)) == 1


def test_template_when_another_project_has_one_leaves_it_alone(postgres, migrations, fresh):
    migrations(FILES)
    other = "migration_guard_template_00000000_of_another"
    postgres.execute(f'CREATE DATABASE "{other}"')

    made = fresh()["template"]

    assert templates(postgres) == sorted([other, made])


def test_template_when_drift_is_asked_for_serves_it_too(postgres, migrations, guard):
    migrations(FILES)
    assert guard("migrate").code == 0
    assert guard("runsqlmigrations").code == 0
    postgres.execute("CREATE INDEX by_hand ON people (email)")

    done = guard("checkschema", "--drift", "--template", "--format", "json")

    assert [one["object"] for one in done.json["violations"]] == ["index by_hand"]
    assert len(templates(postgres)) == 1
