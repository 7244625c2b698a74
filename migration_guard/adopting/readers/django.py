"""Django: which migrations of its own table were applied, and when."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)


def read_files(folder: Path) -> Sequence[ForeignFile]:
    """Raise ForeignProblem: an app is named by its label, not by a folder."""
    raise ForeignProblem(f"{folder} is a folder; write --from django:APP, with the app's label.")


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Sequence[ForeignRow]:
    """Return the rows of the migrations that were taken, in the order of the table."""
    taken = set(keys)
    return [
        ForeignRow(key, State.APPLIED, read_time(key, row["applied"]))
        for row in rows
        if (key := f"{row['app']}.{row['name']}") in taken
    ]


TOOL: Final = ForeignTool("django", "Django", read_files, read_rows)
