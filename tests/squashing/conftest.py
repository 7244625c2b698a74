"""The programs of the server's own version, in PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.laws.dumps import postgresql_program


@pytest.fixture
def pg_dump(postgres, monkeypatch) -> None:
    folder = Path(postgresql_program(postgres, "pg_dump")).parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
