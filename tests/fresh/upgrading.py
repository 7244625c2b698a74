"""A project in a git repository, for ``checkschema --upgrade-from``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections

from tests.fresh.support import throwaways
from tests.linter.checkout import Checkout
from tests.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.projects import Run
    from tests.servers import Database

BOOKS = "CREATE TABLE books (id integer PRIMARY KEY, author_id integer, title varchar(40));\n"
AUTHORS = "CREATE TABLE authors (id integer PRIMARY KEY, name varchar(40));\n"
MANAGE = """\
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""


@dataclass
class Shop:
    """A project in a repository, whose first release is tagged v1; and where temporary files are."""

    project: Project
    repository: Checkout
    temporary: Path

    @classmethod
    def of(cls, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        root = folder / "repository"
        root.mkdir()
        shop = cls(Project(root, database), Checkout(root, root / "sql_migrations"), temporary)
        shop.commit({".gitignore": "__pycache__/\n", "sql_migrations/0001_books.sql": BOOKS}, "v1")
        return shop

    @property
    def path(self) -> Path:
        """The root of the repository."""
        return self.project.path

    def commit(self, files: dict[str, str], tag: str = "") -> None:
        """Write files, commit all of them, and tag the commit."""
        self.project.write(files)
        self.repository.git("add", "-A")
        self.repository.git("commit", "-q", "--allow-empty", "-m", "x")
        if tag:
            self.repository.git("tag", tag)

    def check(self, *options: str, ref: str = "v1", env: dict[str, str] | None = None) -> Run:
        """Check the upgrade; what a run may leave behind is not there afterwards."""
        run = self.project.manage("checkschema", "--upgrade-from", ref, *options, env=env)
        assert "Traceback" not in run.out
        self.expect_nothing_left()
        return run

    def expect_nothing_left(self) -> None:
        """Fail if there is a throwaway database, or a temporary file."""
        assert throwaways(self.project.database) == []
        assert list(self.temporary.iterdir()) == []

    def tables(self) -> set[str]:
        """Return the tables of the configured database."""
        return set(connections["default"].introspection.table_names())
