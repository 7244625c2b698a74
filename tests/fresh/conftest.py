"""A temporary folder for each test on SQLite, whose throwaway databases are folders in there."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Database


@pytest.fixture
def sqlite(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Give an empty SQLite database, beside which no other run makes throwaways."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # the module remembers the one before
    return sqlite
