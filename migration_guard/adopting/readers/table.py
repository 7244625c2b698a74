"""A script of the team's own: whole files, and a table with a column of names and one of times."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import list_files, read_text
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)

COLUMNS: Final = ("id", "applied_at")
_NUMBER: Final = re.compile(r"([0-9]+)[-_. ]*(.*)")


def read_files(folder: Path) -> list[ForeignFile]:
    """Return all files: by their numbers where each has one, else in the order of their names."""
    files = [_read_file(path) for path in list_files(folder)]
    if all(file.number is not None for file in files):
        files.sort(key=lambda file: (file.number or 0, file.key))
    return files


def _read_file(path: Path) -> ForeignFile:
    match = _NUMBER.fullmatch(path.stem)
    number, name = (int(match[1]), match[2]) if match is not None else (None, path.stem)
    return ForeignFile(path.stem, number, name, read_text(path), path)


def read_rows(
    rows: Sequence[Mapping[str, Any]], keys: Sequence[str], columns: Sequence[str] = COLUMNS
) -> list[ForeignRow]:
    """Return a row for each id, with or without .sql. Raises ForeignProblem for all wrong ones."""
    key_column, *rest = (column.casefold() for column in columns)
    applied: dict[str, ForeignRow] = {}
    wrong = []
    for row in rows:
        value = "" if row[key_column] is None else str(row[key_column])
        key = value.rpartition("/")[2]
        key = key[:-4] if key.lower().endswith(".sql") else key
        if key not in keys:
            wrong.append(f'"{value}" is not the name of a file')
        elif key in applied:
            wrong.append(f'"{value}" stands there twice')
        try:
            moment = read_time(f'"{value}"', row[rest[0]]) if rest else None
        except ForeignProblem as problem:
            wrong.append(str(problem).rstrip("."))
            continue
        applied[key] = ForeignRow(key, State.APPLIED, moment)
    if wrong:
        raise ForeignProblem("; ".join(wrong) + ".")
    return [*applied.values()]


def tool_of(columns: Sequence[str]) -> ForeignTool:
    """Return the reader of a table with these columns: that of the id, and that of the time."""
    return ForeignTool("table", "your table", read_files, partial(read_rows, columns=columns))


TOOL: Final = tool_of(COLUMNS)
