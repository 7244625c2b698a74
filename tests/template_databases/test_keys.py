"""The key of a template: each byte that the database depends on changes it, and nothing else."""

from __future__ import annotations

import py_compile
import shutil

import pytest

from tests.projects import Project
from tests.servers import sqlite_database
from tests.template_databases.driver import driving

MIGRATION = """\
from django.db import migrations
{imports}

class Migration(migrations.Migration):
    dependencies = [("clubs", "0001_initial")]
    operations = [{operation}]
"""
FILES = {
    "clubs/helpers/__init__.py": "",
    "clubs/helpers/texts.py": "from .names import TABLE\nSQL = f'CREATE TABLE {TABLE} (id int)'\n",
    "clubs/helpers/names.py": "TABLE = 'halls'\n",
    "clubs/late.py": "def unused(): pass\n",
    "clubs/by_name.py": "",
    "clubs/by_path.py": "VALUE = 1\n",
    "clubs/relative.py": "",
    "clubs/tables.sql": "CREATE TABLE doors (id int)",
    "clubs/migrations/0002_halls.py": MIGRATION.format(
        imports="import importlib\nfrom clubs.helpers import texts\n"
        "from django.utils.module_loading import import_string\n"
        "def unused():\n    from .. import late\n    importlib.import_module('clubs.by_name')\n"
        "    importlib.import_module(name='..relative', package=__package__)\n"
        "    import_string('clubs.by_path.VALUE')",
        operation="migrations.RunSQL(texts.SQL)",
    ),
    "clubs/migrations/0003_doors.py": MIGRATION.format(
        imports="from pathlib import Path\n"
        "TEXT = (Path(__file__).parent.parent / 'tables.sql').read_text()",
        operation="migrations.RunSQL(TEXT)",
    ).replace("0001_initial", "0002_halls"),
    "shop/choices.py": "MOST = 40\n",
    "shop/models.py": "from django.db import models\nfrom shop.choices import MOST\n"
    "class Author(models.Model):\n    name = models.CharField(max_length=MOST)\n",
    "shop/apps.py": "from django.apps import AppConfig\n"
    "class ShopConfig(AppConfig):\n    name = 'shop'\n"
    "    default_auto_field = 'counting.Counter'\n"
    "    def ready(self):\n        from shop import reports, models\n        import listening, notices, saving\n"
    "        from django.db.models.signals import post_save\n"
    "        post_save.connect(notices.notify, sender=models.Author)\n"
    "        post_save.connect(saving.audit)\n",
    "shop/reports.py": "from django.db import models\n"
    "class Report(models.Model):\n    class Meta:\n        app_label = 'shop'\n",
    "counting.py": "from django.db import models\nclass Counter(models.BigAutoField): pass\n",
    "listening.py": "from django.db.backends.signals import connection_created\n"
    "def listen(**kwargs): pass\nconnection_created.connect(listen)\n",
    "saving.py": "def audit(**kwargs): pass\n",
    "notices.py": "def notify(**kwargs): pass\n",
    "routing.py": "from routing_rules import ALLOW\n"
    "class Router:\n    def allow_migrate(self, *args, **kwargs):\n        return ALLOW\n",
    "routing_rules.py": "ALLOW = True\n",
    "views.py": "import django.http\n",
    "site-packages/lib-1.0.dist-info/RECORD": "lib.py,sha256=a,1",
    "sql_migrations/0001_a.sql": "CREATE TABLE a (id int);",
    "sql_migrations/0002_b.sql": "CREATE TABLE b (id int);",
}
# Django's own, of contenttypes and of the app, come before those of clubs.
SETTINGS = {
    "TIME_ZONE": "Asia/Tokyo",
    "INSTALLED_APPS": ["django.contrib.contenttypes", "migration_guard", "shop", "clubs"],
    "OF_THE_PROJECT": {"colors": ["red"]},
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache"}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a project with helpers, a router, models without migrations, and a package."""
    folder = tmp_path_factory.mktemp("keys")
    with sqlite_database(folder / "db.sqlite3") as database:
        project = Project(folder / "site", database)
        project.write(FILES)
        settings = (project.path / "site_settings.py").read_text()
        router = "DATABASE_ROUTERS = ['routing.Router']\nOF_THE_PROJECT = {'colors': ['blue']}\n"
        path = f"import sys\nsys.path.append({str(project.path / 'site-packages')!r})\n"
        project.write({"site_settings.py": f"{settings}\n{router}{path}"})
        yield project


@pytest.fixture(scope="module")
def driver(project):
    with driving(project) as driver:
        yield driver


@pytest.fixture(scope="module")
def before(driver):
    """Give the keys before anything changes."""
    return driver.keys()


@pytest.fixture
def edit(project):
    """Give `edit(name)`, which adds a byte to a file, and takes it back after the test."""
    edited = {}

    def add_byte(name):
        path = project.path / name
        edited[path] = path.read_text()
        path.write_text(f"{edited[path]} ")

    yield add_byte
    for path, text in edited.items():
        path.write_text(text)


def first_difference(before, after):
    """Return the number of leading keys that are the same."""
    pairs = zip(before, after, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), len(before))


# The file, and the step whose key is the first to change: 1 for the first, -1 for the last one.
CHANGES = {
    "clubs/migrations/0001_initial.py": 1,
    "clubs/migrations/0002_halls.py": 2,
    "clubs/helpers/__init__.py": 2,
    "clubs/helpers/texts.py": 2,
    "clubs/helpers/names.py": 2,
    "clubs/late.py": 2,
    "clubs/by_name.py": 2,
    "clubs/by_path.py": 2,
    "clubs/relative.py": 2,
    "clubs/migrations/0003_doors.py": 3,
    "clubs/tables.sql": 3,
    "sql_migrations/0001_a.sql": -2,
    "sql_migrations/0002_b.sql": -1,
}


@pytest.mark.parametrize("name", CHANGES)
def test_key_when_a_byte_of_a_migration_changes_is_another_from_there_on(
    driver, before, edit, name
):
    edit(name)

    after = driver.keys()
    assert len(after) == len(before)
    assert first_difference(before, after) == CHANGES[name] % len(before)


@pytest.mark.parametrize(
    "name",
    [
        *("routing.py", "routing_rules.py", "shop/models.py", "shop/choices.py"),
        *("shop/__init__.py", "shop/reports.py", "counting.py", "listening.py", "saving.py"),
    ],
)
def test_key_when_a_byte_changes_that_all_depends_on_is_another_from_the_start(
    driver, before, edit, name
):
    edit(name)

    assert first_difference(before, driver.keys()) == 0


def test_key_when_a_package_gets_another_version_is_another_from_the_start(project, driver, before):
    folder = project.path / "site-packages"

    (folder / "lib-1.0.dist-info").rename(folder / "lib-1.1.dist-info")

    after = driver.keys()
    (folder / "lib-1.1.dist-info").rename(folder / "lib-1.0.dist-info")
    assert first_difference(before, after) == 0


def test_key_when_a_package_is_built_anew_of_one_version_is_another(driver, before, edit):
    edit("site-packages/lib-1.0.dist-info/RECORD")

    assert first_difference(before, driver.keys()) == 0


@pytest.mark.parametrize("name", SETTINGS)
def test_key_when_a_setting_changes_is_another_from_the_start(driver, before, name):
    assert first_difference(before, driver.keys(settings={name: SETTINGS[name]})) == 0


@pytest.mark.parametrize(
    "question",
    [
        {"environment": "dev"},
        {"test": {"OPTIONS": {"timeout": 7}}},
        {"test": {"TEST": {"MIGRATE": True, "NAME": None, "CHARSET": "x"}}},
    ],
    ids=str,
)
def test_key_when_the_database_is_made_otherwise_is_another_from_the_start(
    driver, before, question
):
    assert first_difference(before, driver.keys(**question)) == 0


@pytest.mark.parametrize("name", ["views.py", "notices.py", "site_settings.py"])
def test_key_when_a_byte_changes_that_nothing_depends_on_is_the_same(driver, before, edit, name):
    edit(name)

    assert driver.keys() == before


@pytest.mark.parametrize(
    "question",
    [
        {"settings": {"SECRET_KEY": "another", "MEDIA_ROOT": "/media-1"}},
        {"test": {"PASSWORD": "another", "NAME": "another"}},
        {"test": {"TEST": {"MIGRATE": True, "MIRROR": None, "NAME": "test_gw1"}}},
    ],
    ids=str,
)
def test_key_when_it_differs_between_processes_anyway_is_the_same(driver, question):
    before = driver.keys(test={"TEST": {"MIGRATE": True, "MIRROR": None, "NAME": "test_gw0"}})
    given = {"test": {"TEST": {"MIGRATE": True, "MIRROR": None, "NAME": "test_gw0"}}}
    merged = {**given, **question, "test": {**given["test"], **question.get("test", {})}}

    assert driver.keys(**merged) == before


def test_key_when_a_source_names_a_secret_setting_depends_on_it(project, driver):
    (project.path / "clubs/late.py").write_text(
        "from django.conf import settings\nsettings.SECRET_KEY\n"
    )
    before = driver.keys()
    after = driver.keys(settings={"SECRET_KEY": "another"})
    project.write({"clubs/late.py": FILES["clubs/late.py"]})

    assert first_difference(before, after) == 0


def test_key_when_a_file_is_added_at_the_end_extends_the_order(project, driver, before):
    project.write({"sql_migrations/0003_c.sql": "CREATE TABLE c (id int);"})

    after = driver.keys()

    (project.path / "sql_migrations/0003_c.sql").unlink()
    assert after[:-1] == before


# Code of the project: no template unless it is asked for

OWN_CODE = {
    "runs Python": MIGRATION.format(
        imports="def nothing(apps, editor): pass", operation="migrations.RunPython(nothing)"
    ),
    "runs Python ": MIGRATION.format(
        imports="def nothing(apps, editor): pass",
        operation="migrations.SeparateDatabaseAndState([migrations.RunPython(nothing)])",
    ),
    "has an operation of its own": MIGRATION.format(
        imports="class Own(migrations.RunSQL): pass", operation="Own('SELECT 1')"
    ),
    "has a way of its own to apply": MIGRATION.format(imports="", operation="")
    + "    def apply(self, *args, **kwargs):\n        return super().apply(*args, **kwargs)\n",
}


@pytest.mark.parametrize("phrase", OWN_CODE)
def test_order_when_a_migration_runs_code_is_refused_unless_asked_for(project, driver, phrase):
    project.write(
        {"clubs/migrations/0004_own.py": OWN_CODE[phrase].replace("0001_initial", "0003_doors")}
    )

    by_default, asked_for = driver.ask(), driver.ask(runs_code=True)

    (project.path / "clubs/migrations/0004_own.py").unlink()
    assert by_default["obstacle"].startswith(f"clubs.0004_own {phrase.strip()}")
    assert "keys" in asked_for


def test_order_when_a_compiled_migration_runs_code_is_refused(project, driver):
    source = project.path / "clubs/migrations/0004_own.py"
    text = OWN_CODE["runs Python"].replace("0001_initial", "0003_doors")
    source.write_text(text)
    compiled = source.with_suffix(".pyc")
    py_compile.compile(str(source), str(compiled))
    source.unlink()

    answer = driver.ask()

    compiled.unlink()
    assert answer == {"obstacle": "clubs.0004_own runs Python"}


@pytest.mark.parametrize("receiver", ["greet", "functools.partial(greet)"])
def test_order_when_the_project_receives_a_signal_of_migrate_is_refused(project, driver, receiver):
    """Where migrate itself would import it: in the module ``management`` of an app."""
    text = (
        "import functools\nfrom django.db.models.signals import post_migrate\n"
        f"def greet(**kwargs): pass\nRECEIVER = {receiver}\npost_migrate.connect(RECEIVER)\n"
    )
    project.write({"shop/management/__init__.py": text})

    answer = driver.ask()

    (project.path / "shop/management/__init__.py").unlink()
    assert answer == {"obstacle": "shop.management receives a signal of migrate"}


# Code of a package

RECEIVER = """\
from django.apps import AppConfig
from django.db.models.signals import post_migrate

def receive({parameters}): pass

class LibConfig(AppConfig):
    name = "lib"
    def ready(self):
        post_migrate.connect(receive)
"""


@pytest.fixture
def package(project):
    """Give `package(parameters)`, the settings with a package that receives `post_migrate`."""
    folder = project.path / "site-packages/lib"

    def receive(parameters):
        text = RECEIVER.format(parameters=parameters)
        project.write({"site-packages/lib/__init__.py": "", "site-packages/lib/apps.py": text})
        apps = ["django.contrib.contenttypes", "migration_guard", "clubs", "shop", "lib"]
        return {"INSTALLED_APPS": apps}

    yield receive
    shutil.rmtree(folder, ignore_errors=True)


def test_key_when_a_package_may_use_a_model_is_another_from_the_signals_on(driver, edit, package):
    """As one does that makes a row of AUTH_USER_MODEL by the model's own method."""
    settings = package("**kwargs")
    before = driver.keys(settings=settings)

    edit("clubs/models.py")

    after = driver.keys(settings=settings)
    assert first_difference(before, after) == len(before) - 3  # two files follow


def test_order_when_a_package_looks_at_the_plan_of_migrate_is_refused(driver, package):
    answer = driver.ask(settings=package("plan, **kwargs"), runs_code=True)

    assert answer == {"obstacle": "lib.apps looks at the plan of migrate"}


# What no copy has: no template even if it is asked for

LOSSES = {
    "names what no copy has (attach)": "migrations.RunSQL('attach database x as y')",
    "changes the session": "migrations.RunSQL([('SELECT 1', None), 'PRAGMA cache_size = 5'])",
}


@pytest.mark.parametrize("phrase", LOSSES)
def test_order_when_a_copy_would_lack_something_is_refused(project, driver, phrase):
    text = MIGRATION.format(imports="", operation=LOSSES[phrase]).replace(
        "0001_initial", "0003_doors"
    )
    project.write({"clubs/migrations/0004_lost.py": text})

    answer = driver.ask(runs_code=True)

    (project.path / "clubs/migrations/0004_lost.py").unlink()
    assert answer == {"obstacle": f"clubs.0004_lost {phrase}"}
