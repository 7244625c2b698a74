"""An app whose migrations are written for a test, in a package that no other test has."""

import sys
import textwrap
from importlib import reload
from itertools import count
from pathlib import Path

import pytest
from django.db import connection

from migration_guard import conf
from migration_guard.adopting.runsql.conversion import carrying_out, plan_conversion

HEAD = """\
from django.db import migrations, models


class Migration(migrations.Migration):
"""
_numbers = count()


class App:
    """The app, and what the conversion makes of it."""

    def __init__(self, path: Path) -> None:
        self.label = f"app{next(_numbers)}"
        self.folder = path / self.label / "migrations"
        self.folder.mkdir(parents=True)
        for folder in (self.folder, self.folder.parent):
            (folder / "__init__.py").touch()

    def write(self, name, body, head=HEAD):
        """Write a migration whose class has this body."""
        text = head + textwrap.indent(textwrap.dedent(body), "    ")
        self.write_raw(name, text.replace("APP", self.label).encode())

    def write_raw(self, name, content):
        (self.folder / f"{name}.py").write_bytes(content)

    def plan(self, *others):
        folder = conf.load().folders(connection.alias)[0]
        return plan_conversion([self.label, *others], connection.alias, folder)

    def convert(self, *others):
        conversion = self.plan(*others)
        with carrying_out(conversion):
            pass
        return conversion

    def reload(self, name):
        reload(sys.modules[f"{self.label}.migrations.{name}"])

    def source(self, name):
        return (self.folder / f"{name}.py").read_text()


@pytest.fixture
def app(tmp_path, monkeypatch, install_apps, migrations):
    """Give an installed app without migrations, and an empty folder for SQL."""
    migrations({})
    app = App(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    install_apps("django.contrib.contenttypes", "migration_guard", app.label)
    yield app
    for name in [name for name in sys.modules if name.partition(".")[0] == app.label]:
        del sys.modules[name]
