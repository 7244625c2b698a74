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
    """Return the keys that stand in any column of the table. Other rows do not matter.

    Raises ForeignProblem where the tool was at work, and a key is not there.
    """
    missing = [key for key in keys if not has_key(rows, key)]
    if rows and missing:
        raise ForeignProblem(
            f"no row has the key {missing[0]}, at which the baseline was written, so this database "
            "has another schema."
        )
    believed = "the other tool's table has its key, and the baseline did not run here"
    return [ForeignRow(key, State.APPLIED, believed=believed) for key in keys if rows]


def has_key(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Return whether any column of a table holds a key."""
    return any(str(value) == key for row in rows for value in row.values())


TOOL: Final = ForeignTool("database", "the other tool", read_files, read_rows)
