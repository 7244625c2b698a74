"""The names of migration files: folders -> names in numeric order, and what is wrong with them.

No file is opened: the system checks, which run with every command, need no more than this. The
order of folders, and the order in which the file system lists files, never matter.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.problems import Problem
from migration_guard.vendors import VENDORS

MAX_ID = 200
MAX_DIGITS = 40

_NAME = re.compile(r"(?P<id>(?P<number>[0-9]+)_[A-Za-z0-9_-]+)(?:\.(?P<vendor>[a-z]+))?\.sql")
_NAME_HINT = (
    "Name it <number>_<name>.sql, with letters, digits, _ and - in the name "
    "(a vendor variant ends in .postgresql.sql, .sqlite.sql or .mysql.sql)."
)


class FileName(NamedTuple):
    """A file name that fits the grammar; ``vendor`` is None for the general file.

    ``file`` is the path as text: to make a ``Path`` takes as long as to read a small file.
    """

    id: str
    number: int
    vendor: str | None
    file: str

    @property
    def path(self) -> Path:
        """The path of the file."""
        return Path(self.file)

    @property
    def folder(self) -> str:
        """The path of its folder, as text."""
        return os.path.dirname(self.file)  # noqa: PTH120 - as ``file``


def scan(folders: Iterable[Path]) -> tuple[list[FileName], list[Problem]]:
    """Return the names of all migration files and the problems with names; opens no file."""
    names: list[FileName] = []
    problems: list[Problem] = []
    # A folder named twice, or through a link, is one folder.
    for folder in {_resolve(folder): None for folder in folders}:
        for entry in _entries(folder):
            if entry.name.startswith((".", "_")) or not entry.name.lower().endswith(".sql"):
                continue
            found = _parse_name(entry, folder)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                names.append(found)
    names.sort(key=lambda name: (name.number, name.id, name.vendor or "", name.file))
    return names, [*problems, *_same_ids(names)]


def number_of(migration_id: str) -> int | None:
    """Return the number in an id, or None where a file could not have that id."""
    match = _NAME.fullmatch(f"{migration_id}.sql")
    if match is None or match["id"] != migration_id or len(migration_id) > MAX_ID:
        return None
    return int(match["number"]) if len(match["number"]) <= MAX_DIGITS else None


def _resolve(folder: Path) -> Path:
    try:
        # Not Path.resolve: before Python 3.13 a loop of links makes it raise RuntimeError.
        return Path(os.path.realpath(folder, strict=True))
    except OSError as error:
        raise CannotTell(
            f"The migration folder {folder} cannot be opened: {error.strerror or error}.",
            'Make the folder, or correct MIGRATION_GUARD["DIRS"].',
        ) from error


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise CannotTell(
            f"The migration folder {folder} cannot be opened: {error.strerror or error}.",
            'Make the folder readable, or correct MIGRATION_GUARD["DIRS"].',
        ) from error


def _parse_name(entry: os.DirEntry[str], folder: Path) -> FileName | Problem:
    match = _NAME.fullmatch(entry.name)
    fault = ""
    if match is None:
        fault = "the file name is not that of a migration"
    elif match["vendor"] is not None and match["vendor"] not in VENDORS:
        fault = f'"{match["vendor"]}" is not a vendor'
    elif len(match["number"]) > MAX_DIGITS:
        fault = f"the number has {len(match['number'])} digits, at most {MAX_DIGITS} are allowed"
    elif len(match["id"]) > MAX_ID:
        fault = f"the id has {len(match['id'])} characters, at most {MAX_ID} are allowed"
    elif entry.is_symlink() and not _stays_inside(entry.path, folder):
        fault = "the file is a symbolic link that leads out of the migration folder"
    if match is None or fault:
        return Problem("bad-name", fault, _NAME_HINT, path=folder / _printable(entry.name))
    return FileName(match["id"], int(match["number"]), match["vendor"], entry.path)


def _printable(name: str) -> str:
    """Return a file name that every report can hold: control characters, stray bytes escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )


def _stays_inside(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _same_ids(names: list[FileName]) -> list[Problem]:
    first: dict[tuple[str, str | None], FileName] = {}
    problems = []
    for name in names:
        other = first.setdefault((name.id, name.vendor), name)
        if other is not name:
            problems.append(
                Problem(
                    "duplicate-id",
                    f"{name.id} exists twice, also as {other.file}",
                    "Delete one, or give it the next free number.",
                    path=name.path,
                )
            )
    return problems
