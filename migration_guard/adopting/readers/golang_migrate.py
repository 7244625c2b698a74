"""golang-migrate: ``000001_name.up.sql``, and a table with one row.

Sources: golang-migrate, source/parse.go, database/postgres/postgres.go (SetVersion).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import list_files, read_text
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    is_true,
)

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.(up|down)\.(.*)")
_BELIEVED: Final = "golang-migrate records the last version alone"


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the up files in the order of their versions."""
    matches = [(path, _NAME.fullmatch(path.name)) for path in list_files(folder)]
    names = [(path, match) for path, match in matches if match is not None]
    downs = {int(match[1]) for _path, match in names if match[3] == "down"}
    files = [
        ForeignFile(
            str(int(match[1])),
            int(match[1]),
            match[2],
            read_text(path),
            path,
            down_parts=int(int(match[1]) in downs),
        )
        for path, match in names
        if match[3] == "up"
    ]
    return sorted(files, key=lambda file: file.number or 0)


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[ForeignRow]:
    """Return all versions up to the one of the row. A dirty one is failed."""
    if not rows:
        return []
    if len(rows) > 1:
        raise ForeignProblem(f"It has {len(rows)} rows, and golang-migrate keeps one.")
    version = str(int(rows[0]["version"]))
    is_dirty = is_true(rows[0]["dirty"])
    if version == "-1":  # a first migration that failed on its way down
        return [ForeignRow(key, State.FAILED) for key in keys[:1]]
    if version not in keys:
        raise ForeignProblem(f"It is at version {version}, and no file has that version.")
    last = keys.index(version)
    applied = [ForeignRow(key, State.APPLIED, believed=_BELIEVED) for key in keys[:last]]
    if is_dirty:
        return [*applied, ForeignRow(version, State.FAILED)]
    return [*applied, ForeignRow(version, State.APPLIED)]


TOOL: Final = ForeignTool("golang-migrate", "golang-migrate", read_files, read_rows)
