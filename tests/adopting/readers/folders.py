"""A folder of another tool, and what its reader makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration_guard.adopting.tool import ForeignProblem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from migration_guard.adopting.tool import ForeignFile, ForeignTool

SQL = "SELECT 1;\n"


def write(folder: Path, *names: str) -> Path:
    """Write files that hold one statement."""
    return write_texts(folder, dict.fromkeys(names, SQL))


def write_texts(folder: Path, texts: Mapping[str, str | bytes]) -> Path:
    """Write files by their names; text is written as it stands."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def read_only_file(tool: ForeignTool, folder: Path) -> ForeignFile:
    """Return the only file of a folder."""
    (file,) = tool.read_files(folder)
    return file


def keys(tool: ForeignTool, folder: Path) -> list[str]:
    """Return the keys of a folder in the tool's order."""
    return [file.key for file in tool.read_files(folder)]


def refusal(tool: ForeignTool, folder: Path) -> str:
    """Return why a folder is refused."""
    with pytest.raises(ForeignProblem) as caught:
        tool.read_files(folder)
    return str(caught.value)
