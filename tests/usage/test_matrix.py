"""``checkschema --matrix``: which statements a rolling deploy breaks, on which side, and by what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from migration_guard.usage.statement import dump
from tests.fresh.upgrading import BOOKS, Shop
from tests.usage.code import Code

if TYPE_CHECKING:
    from pathlib import Path

    from tests.projects import Run
    from tests.servers import Database

DROP = "ALTER TABLE books DROP COLUMN title;\n"
ADD = "ALTER TABLE books ADD COLUMN isbn varchar(20);\n"
OLD = ("SELECT title FROM books WHERE id = %s", [1])
BOTH = ("SELECT author_id FROM books", None)
NEW = ("SELECT isbn FROM books", None)


class Rolling(Shop):
    """A shop whose release v1 runs while this branch is deployed."""

    def record(self, name: str, *calls: tuple, changes: str = "", first: str = BOOKS) -> Path:
        """Write what code sends on a schema, recorded in the configured database."""
        database = self.project.database
        for sql in filter(str.strip, (first + changes).split(";")):
            database.execute(sql)
        code = Code(self.path)
        path = self.temporary.parent / f"{name}.jsonl"
        path.write_text(dump(code.record(*calls)))
        database.execute("DROP TABLE books")
        return path

    def matrix(self, *options: str, env: dict[str, str] | None = None, ref: str = "v1") -> Run:
        """Check the rolling deploy; nothing is left behind."""
        parent = self.temporary.parent
        files = ("--usage", f"{parent}/new.jsonl", "--usage-of-ref", f"{parent}/old.jsonl")
        run = self.project.manage(
            "checkschema", "--no-models", "--fresh", *files, "--matrix", ref, *options, env=env
        )
        assert "Traceback" not in run.out
        self.expect_nothing_left()
        return run


@pytest.fixture
def shop(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rolling:
    """Give a shop on each vendor."""
    return Rolling.of(database, tmp_path, monkeypatch)


@pytest.fixture
def small(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rolling:
    """Give a shop on SQLite."""
    return Rolling.of(sqlite, tmp_path, monkeypatch)


@pytest.fixture
def big(postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rolling:
    """Give a shop on PostgreSQL."""
    return Rolling.of(postgres, tmp_path, monkeypatch)


def changed(shop: Rolling, **guard: str) -> None:
    """Let this branch drop a column that v1 reads, and add one that its own code reads."""
    shop.record("old", OLD, BOTH)
    shop.record("new", NEW, BOTH, changes=DROP + ADD)
    if guard:
        shop.project.configure(**guard)
    shop.commit(
        {"sql_migrations/0002_drop.sql": f"-- gone\n{DROP}", "sql_migrations/0003_add.sql": ADD}
    )


def test_matrix_when_both_sides_break_shows_both_and_fails_for_the_old_code(shop):
    changed(shop)

    run = shop.matrix()

    assert run.code == 1, run.out
    assert (
        "code of v1 on the schema of this branch       1 kept    1 broken   <- while pods roll\n"
        "code of this branch on the schema of v1       1 kept    1 broken   <- if the code goes "
        "first\n"
    ) in run.out
    assert "shop/view_0.py:ask (code of v1, schema of this branch)\n" in run.out
    assert "0002_drop makes the difference." in run.out
    assert "at sql_migrations/0002_drop.sql:2\n" in run.out
    assert "shop/view_0.py:ask (code of this branch, schema of v1)\n" in run.out
    assert "0003_add makes the difference." in run.out
    assert "A rolling deploy from v1 breaks statements: 1 violation." in run.out
