"""A project whose code sends statements."""

import pytest

from migration_guard.usage.statement import dump
from tests.usage.code import Code


@pytest.fixture
def code(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return Code(root)


@pytest.fixture
def usage(code, monkeypatch, tmp_path):
    """Give `usage(*calls)`: a usage file of what the project sends, and the project's folder."""
    monkeypatch.chdir(code.root)

    def write(*calls):
        path = tmp_path / "usage.jsonl"
        path.write_text(dump(code.record(*calls)))
        return path

    return write
