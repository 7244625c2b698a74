"""Throwaway Django projects, whose `manage.py` is what is measured."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Contestant, run

ROOT = Path(__file__).resolve().parent.parent

_SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = {apps!r}
DATABASES = {{"default": {database!r}}}
MIGRATION_GUARD = {{"DIRS": {{"default": [BASE_DIR / "sql_migrations"]}}, "ENVIRONMENT": "dev"}}
"""
_MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
execute_from_command_line(sys.argv)
"""
_RUN_SQL = """\
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = {dependencies!r}
    operations = [migrations.RunSQL({sql!r})]
"""


class Site:
    """A Django project in `path` on one database."""

    def __init__(
        self, path: Path, database: dict[str, Any], apps: Sequence[str] = ("migration_guard",)
    ) -> None:
        self.path = path
        self.folder = path / "sql_migrations"
        self.folder.mkdir(parents=True, exist_ok=True)
        apps = ["django.contrib.contenttypes", "django.contrib.auth", *apps]
        entry = {key: str(value) for key, value in database.items() if key != "OPTIONS"}
        self.write("site_settings.py", _SETTINGS.format(apps=apps, database=entry))
        self.write("manage.py", _MANAGE)

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def app(self, name: str, migrations: Sequence[tuple[str, str]] = (), models: str = "") -> None:
        """Write an app, with Django migrations that run SQL: pairs of name and SQL."""
        self.write(f"{name}/__init__.py", "")
        self.write(f"{name}/models.py", models)
        self.write(f"{name}/migrations/__init__.py", "")
        before: list[tuple[str, str]] = []
        for migration, sql in migrations:
            text = _RUN_SQL.format(dependencies=before, sql=sql)
            self.write(f"{name}/migrations/{migration}.py", text)
            before = [(name, migration)]

    def manage(self, name: str, *args: str, **more: Any) -> Contestant:
        """Return `manage.py` with these arguments as a contestant."""
        command = [sys.executable, "manage.py", *args]
        return Contestant(name, command, self.path, python_path(self.path), **more)

    def call(self, *args: str) -> None:
        """Run `manage.py` unmeasured."""
        run(self.manage(" ".join(args), *args))


def python_path(*folders: Path) -> dict[str, str]:
    """Return the environment in which Python finds the repository; bytecode is kept, as usual."""
    paths = [*map(str, folders), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": ""}
