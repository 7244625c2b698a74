"""dbmate: files with ``-- migrate:up`` and ``-- migrate:down``, and a table of versions.

Source: dbmate, pkg/dbmate/migration.go, pkg/dbmate/db.go.
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
)

_NAME: Final = re.compile(r"([0-9]+)(.*)\.sql")
_UP: Final = re.compile(r"^--\s*migrate:up(?:\s*$|\s+\S+)", re.MULTILINE)
_DOWN: Final = re.compile(r"^--\s*migrate:down(?:\s*$|\s+\S+)", re.MULTILINE)


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the files in the order of their names, as dbmate sorts them."""
    matches = ((path, _NAME.fullmatch(path.name)) for path in list_files(folder))
    return [_read_file(path, match) for path, match in matches if match is not None]


def _read_file(path: Path, match: re.Match[str]) -> ForeignFile:
    text = read_text(path)
    starts = [found.start() for found in _UP.finditer(text)]
    if not starts:
        raise ForeignProblem(f"{path} has no -- migrate:up.")
    head = text[: starts[0]].splitlines()
    if any(line.strip() and not line.lstrip().startswith("--") for line in head):
        raise ForeignProblem(f"{path} has a statement above its -- migrate:up.")
    parts = []
    in_transaction = True
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        section = text[start:end]
        down = _DOWN.search(section)
        if down is None:
            raise ForeignProblem(f"{path} has a -- migrate:up without its -- migrate:down.")
        first, _newline, body = section[: down.start()].partition("\n")
        in_transaction = in_transaction and "transaction:false" not in first.split()
        parts.append(body.strip("\n"))
    return ForeignFile(
        match[1],
        int(match[1]),
        match[2],
        "\n\n".join([*_comments(text, starts[0]), *parts]),
        path,
        in_transaction=in_transaction,
        down_parts=len(parts),
    )


def _comments(text: str, end: int) -> list[str]:
    """Return the comments above the first part, which say what the file is for."""
    comments = text[:end].strip()
    return [comments] if comments else []


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return a row for each version; the table has no times."""
    return [ForeignRow(str(row["version"]), State.APPLIED) for row in rows]


TOOL: Final = ForeignTool("dbmate", "dbmate", read_files, read_rows)
