"""node-pg-migrate: SQL files with a number, and ``pgmigrations``.

Source: salsita/node-pg-migrate, migration.ts, migrationLoader.ts, sqlMigration.ts and utils/.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.collation import Key, numeric_locale_key
from migration_guard.adopting.source_text import (
    list_folder,
    read_text,
    refuse_code,
    refuse_none,
    split_number,
    time_of_digits,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)

_CODE: Final = frozenset({".js", ".ts", ".cjs", ".mjs", ".cts", ".mts"})
_UTC_DIGITS: Final = 17
_UP: Final = re.compile(r"^\s*--[\s-]*up\s+migration", re.IGNORECASE | re.MULTILINE)
_DOWN: Final = re.compile(r"^\s*--[\s-]*down\s+migration", re.IGNORECASE | re.MULTILINE)
_TITLE: Final = "node-pg-migrate"


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of a folder in node-pg-migrate's order. Raises ForeignProblem."""
    paths = [
        path for path in list_folder(folder) if path.is_file() and not path.name.startswith(".")
    ]
    refuse_code([path for path in paths if path.suffix.lower() in _CODE], _TITLE)
    # What has another suffix is left out by a project's ignore pattern.
    scripts = [path for path in paths if path.suffix.lower() == ".sql"]
    ups = [path for path in scripts if not path.stem.endswith(".down")]
    downs = {_key(path) for path in scripts if path.stem.endswith(".down")}
    if not ups:
        refuse_none(folder, _TITLE, "<number>_<name>.sql")
    if lonely := sorted(downs - {_key(path) for path in ups}):
        raise ForeignProblem(f"{folder / lonely[0]}.down.sql has no .up.sql beside it.")
    return [_read(path, downs) for path in sorted(ups, key=_order)]


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[ForeignRow]:
    """Return each name as applied; node-pg-migrate removes the row of one that is undone."""
    return [
        ForeignRow(
            _row_key(row["name"], keys), State.APPLIED, read_time(row["name"], row["run_on"])
        )
        for row in sorted(rows, key=lambda row: row["id"])
    ]


def _key(path: Path) -> str:
    """Return the name in the table, without the word of a pair of files."""
    return path.stem.removesuffix(".up").removesuffix(".down")


def _row_key(name: str, keys: Sequence[str]) -> str:
    """Return the key of a row; the loader of single files writes ``.up`` into the name."""
    short = name.removesuffix(".up")
    return short if name not in keys and short in keys else name


def _order(path: Path) -> tuple[float, Key]:
    match = re.match("[0-9]+", path.name)
    if match is None:
        raise ForeignProblem(
            f"{path}: node-pg-migrate stops at it, since its name begins with no number. If its "
            "ignore pattern leaves the file out, move it elsewhere."
        )
    digits = match[0]
    number = _milliseconds(digits, path) if len(digits) == _UTC_DIGITS else float(digits)
    return number, numeric_locale_key(path.name)


def _milliseconds(digits: str, path: Path) -> float:
    time = time_of_digits(digits)
    if time is None:
        raise ForeignProblem(
            f"{path}: node-pg-migrate reads 17 digits as a time, and {digits} is not a time."
        )
    return time.timestamp() * 1000 + int(digits[14:])


def _read(path: Path, downs: set[str]) -> ForeignFile:
    key = _key(path)
    text = read_text(path)
    is_pair = path.stem.endswith(".up")
    has_down = key in downs if is_pair else _DOWN.search(text) is not None
    number, name = split_number(key)
    return ForeignFile(
        key,
        number,
        name,
        text if is_pair else _up_part(text, path),
        path,
        down_parts=int(has_down),
    )


def _up_part(text: str, path: Path) -> str:
    """Return the up part without the line of its marker."""
    up, down = _UP.search(text), _DOWN.search(text)
    if up is None and down is None:
        return text
    if up is None:
        raise ForeignProblem(
            f'{path} has "Down Migration" and no "Up Migration", so node-pg-migrate ran all of it '
            "as its up part. Write -- Up Migration above what is to stay."
        )
    end = down.start() if down and down.start() > up.start() else len(text)
    return text[up.end() : end].partition("\n")[2]


TOOL: Final = ForeignTool("node-pg-migrate", _TITLE, read_files, read_rows)
