"""A Django project in a folder of its own, whose test suite runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.servers import Database

# A checkout that was installed before it had its entry point does not offer the plugin by itself.
OFFERED = any(
    point.value == "migration_guard.pytest_plugin" for point in entry_points(group="pytest11")
)
# Hypothesis takes a third of the time of so short a run.
PLAIN = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
PLUGIN = (*PLAIN, *(() if OFFERED else ("-p", "migration_guard.pytest_plugin")))

SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "migration_guard",
    "clubs",
    "shop",
]
DATABASES = {databases!r}
MIGRATION_GUARD = {{"DIRS": {{"default": [BASE_DIR / "sql_migrations"]}}, **{guard!r}}}
"""

# An app with a migration of Django's, in place of auth with its twelve.
CLUBS = {
    "clubs/__init__.py": "",
    "clubs/models.py": """\
        from django.db import models

        class Club(models.Model):
            name = models.CharField(max_length=40)
    """,
    "clubs/migrations/__init__.py": "",
    "clubs/migrations/0001_initial.py": """\
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            operations = [
                migrations.CreateModel(
                    "Club",
                    [
                        (
                            "id",
                            models.AutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=40)),
                    ],
                )
            ]
    """,
}

MODELS = """\
from django.db import models

class Author(models.Model):
    name = models.CharField(max_length=40)

class Book(models.Model):
    author = models.ForeignKey(Author, models.DO_NOTHING)
    title = models.CharField(max_length=40)

    class Meta:
        managed = False
        db_table = "books"
"""


@dataclass(frozen=True)
class Run:
    """What a process did: its exit code, and its standard output and error together."""

    code: int
    out: str


class Project:
    """Files of a project below `path`, and its runners."""

    def __init__(self, path: Path, database: Database, *, templates: bool | str = False) -> None:
        self.path = path
        self.database = database
        self.templates = templates
        self.write({**CLUBS, "shop/__init__.py": "", "shop/models.py": MODELS})
        self.configure()

    def configure(self, *, test: Mapping[str, Any] | None = None, **guard: Any) -> None:
        """Write the settings: `TEST` of the database, and keys of `MIGRATION_GUARD`."""
        entry = {
            key: value
            for key, value in self.database.settings.items()
            if key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
        }
        databases = {"default": {**entry, "NAME": str(entry["NAME"]), "TEST": dict(test or {})}}
        guard = {"TEMPLATES_IN_TESTS": self.templates, **guard}
        self.write({"site_settings.py": SETTINGS.format(databases=databases, guard=guard)})

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, their paths relative to the project."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content), encoding="utf-8")

    def migrations(self, files: Mapping[str, str]) -> None:
        """Write SQL migrations."""
        self.write({f"sql_migrations/{name}": content for name, content in files.items()})

    def manage(self, *args: str, env: Mapping[str, str] | None = None) -> Run:
        """Run a management command."""
        return self.python("-m", "django", *args, env=env)

    def pytest(self, *args: str, env: Mapping[str, str] | None = None) -> Run:
        """Run pytest with the plugins that are installed."""
        return self.python("-m", "pytest", *PLUGIN, *args, env=env)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start a management command, and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "django", *args],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a process of the project."""
        inherited = {key: os.environ[key] for key in os.environ if not key.startswith("PYTEST")}
        paths = filter(None, (str(self.path), os.environ.get("PYTHONPATH")))
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": os.pathsep.join(paths),
        }

    def python(self, *args: str, env: Mapping[str, str] | None = None) -> Run:
        """Run Python in the project's folder."""
        process = subprocess.run(
            [sys.executable, *args],
            cwd=self.path,
            env={**self.environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(process.returncode, process.stdout)

    def drop_test_databases(self) -> None:
        """Drop what kept test databases, and templates, the runs left on the server."""
        patterns = [f"test\\_{self.database.settings['NAME']}%"]
        patterns += ["migration\\_guard\\_template\\_%"] if self.templates else []
        listing = {
            "postgresql": "SELECT datname FROM pg_database WHERE datname LIKE %s",
            "mysql": "SELECT schema_name FROM information_schema.schemata "
            "WHERE schema_name LIKE %s",
        }
        quote = {"postgresql": '"', "mysql": "`"}.get(self.database.vendor)
        if quote is not None:
            for pattern in patterns:
                for (name,) in self.database.execute(listing[self.database.vendor], (pattern,)):
                    self.database.execute(f"DROP DATABASE {quote}{name}{quote}")
