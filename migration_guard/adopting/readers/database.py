"""A tool that has no reader: one key of its table says whether a database has the baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
)


def read_files(folder: Path) -> list[ForeignFile]:
    """Raise ForeignProblem: the files are not read."""
    raise ForeignProblem(f"--from database takes no folder, and {folder} is one.")


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[ForeignRow]:
    """Return the keys that stand in any column of the table. Other rows do not matter."""
    values = {str(value) for row in rows for value in row.values()}
    believed = "the other tool's table has its key, and the baseline did not run here"
    return [ForeignRow(key, State.APPLIED, believed=believed) for key in keys if key in values]


TOOL: Final = ForeignTool("database", "the other tool", read_files, read_rows)
