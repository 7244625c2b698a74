"""Public packages whose migrations have RunSQL, taken over whole: the schema stays the same.

The command itself builds both databases and compares them. A package's migrations lie in the
project, as `MIGRATION_MODULES` lets them, since those of an installed package are left alone.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.projects import Project

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("wagtail") is None,
    reason="Packages: they are not installed (`uv sync --group packages`)",
)
MORE = """
INSTALLED_APPS += {apps!r}
MIGRATION_MODULES = {modules!r}
"""


@pytest.fixture
def site(tmp_path):
    """Give `site(database, module, *apps)`: a project that has the migrations of a package."""

    def make(database, module, *apps, label=""):
        project = Project(tmp_path / "site", database)
        project.migrations({"_keep": ""})
        spec = importlib.util.find_spec(f"{module}.migrations")
        for path in Path(spec.origin).parent.glob("*.py"):
            text = path.read_text().replace("from .. import", f"from {module} import")
            project.write({f"taken/{path.name}": text})
        modules = {label: "taken"} if label else {}
        settings = (project.path / "site_settings.py").read_text()
        settings += MORE.format(apps=[*apps, module], modules=modules)
        project.write({"site_settings.py": settings})
        return project

    return make


def test_procrastinate_when_taken_over_whole_makes_the_same_database(postgres, site):
    module = "procrastinate.contrib.django"
    project = site(postgres, module, label="procrastinate")

    taken = project.manage("makesqlmigration", "--from", "django:procrastinate")
    checked = project.manage("makemigrations", "--check", "--dry-run")
    files = sorted((project.path / "sql_migrations").glob("*.sql"))
    built = project.manage("runsqlmigrations", "--with-django")
    drift = project.manage("checkschema", "--drift", "--no-models")

    assert [run.code for run in (taken, checked, built, drift)] == [0, 0, 0, 0], taken.out
    sources = [path.read_text() for path in project.path.glob("taken/*.py")]
    assert sum("RequiresSQL(" in source for source in sources) == len(files) > 30
    left = sum("RunProcrastinateSQL(" in source for source in sources)
    assert left == taken.out.count("stays with Django: it also has")


def test_procrastinate_when_its_database_has_run_it_is_adopted_without_drift(postgres, site):
    project = site(postgres, "procrastinate.contrib.django", label="procrastinate")
    runs = [
        project.manage(*command)
        for command in (
            ("migrate", "procrastinate", "0033"),
            ("makesqlmigration", "--from", "django:procrastinate"),
            ("runsqlmigrations", "--adopt"),
            ("runsqlmigrations", "--with-django"),
            ("checkschema", "--drift", "--no-models"),
        )
    ]

    assert [run.code for run in runs] == [0] * 5, [run.out for run in runs]


def test_migrations_when_the_package_is_installed_stay_as_they_are(postgres, site):
    project = site(postgres, "procrastinate.contrib.django")

    refused = project.manage("makesqlmigration", "--from", "django:procrastinate")

    assert refused.code == 1, refused.out
    assert "belongs to an installed package" in refused.out


def test_modelsearch_when_a_condition_makes_its_operations_stays_with_django(database, site):
    project = site(database, "modelsearch", label="modelsearch")
    before = {path.name: path.read_text() for path in project.path.glob("taken/*.py")}

    refused = project.manage("makesqlmigration", "--from", "django:modelsearch")

    assert refused.code == 1, refused.out
    assert "stays with Django" in refused.out
    assert {path.name: path.read_text() for path in project.path.glob("taken/*.py")} == before
