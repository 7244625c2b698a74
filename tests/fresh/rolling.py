"""A project in a git repository whose release runs while a branch is deployed: ``--matrix``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.usage.statement import dump
from tests.fresh.upgrading import BOOKS, Shop
from tests.usage.code import Code

if TYPE_CHECKING:
    from pathlib import Path

    from tests.projects import Run

DROP = "ALTER TABLE books DROP COLUMN title;\n"
ADD = "ALTER TABLE books ADD COLUMN isbn varchar(20);\n"
CHANGE = {"sql_migrations/0002_drop.sql": f"-- gone\n{DROP}", "sql_migrations/0003_add.sql": ADD}
OLD = ("SELECT title FROM books WHERE id = %s", [1])
NEW = ("SELECT isbn FROM books", None)
BOTH = ("SELECT author_id FROM books", None)


class RollingShop(Shop):
    """A shop whose release v1 is what production runs."""

    def record(self, name: str, *calls: tuple[str, Any], schema: str = BOOKS) -> Path:
        """Write what code sends on a schema with the table books.

        It is recorded in the configured database, which is empty again afterwards.
        """
        database = self.project.database
        for sql in filter(str.strip, schema.split(";")):
            database.execute(sql)
        path = self.usage(name)
        path.write_text(dump(Code(self.path).record(*calls)))
        database.execute("DROP TABLE books")
        return path

    def usage(self, name: str) -> Path:
        """Return where the recording of a name is."""
        return self.temporary.parent / f"{name}.jsonl"

    def record_both(self) -> None:
        """Record v1, which reads a column that goes, and this branch, which reads a new one."""
        self.record("old", OLD, BOTH)
        self.record("new", NEW, BOTH, schema=BOOKS + DROP + ADD)

    def options(self, *options: str, ref: str = "v1") -> list[str]:
        """Return the command that checks the rolling deploy, with the recordings of both."""
        files = ["--usage", str(self.usage("new")), "--usage-of-ref", str(self.usage("old"))]
        return ["checkschema", "--no-models", "--fresh", *files, "--matrix", ref, *options]

    def matrix(self, *options: str, ref: str = "v1") -> Run:
        """Check the rolling deploy; what a run may leave behind is not there afterwards."""
        run = self.project.manage(*self.options(*options, ref=ref))
        assert "Traceback" not in run.out
        self.expect_nothing_left()
        assert self.tables() == set()
        return run
