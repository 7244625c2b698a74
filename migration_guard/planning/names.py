"""The names of migration files, in numeric order.

No file is opened, since the system checks run with every command and need no more than this. The
order of folders, and the order in which the file system lists files, never matter.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.planning.foreign_formats import FOLDER_FILES, takeover, tool_of_name
from migration_guard.planning.regular_files import irregularity
from migration_guard.problems import Problem
from migration_guard.vendors import VENDORS

MAX_ID: Final = 200
MAX_DIGITS: Final = 40

_NAME: Final = re.compile(
    r"(?P<id>(?P<number>[0-9]+)_[A-Za-z0-9_-]+)(?:\.(?P<vendor>[a-z]+))?\.sql"
)
_LISTED: Final = 3  # names in one message
_LISTED_IDS: Final = 12
_NAME_HINT: Final = (
    "Name it <number>_<name>.sql, with letters, digits, _ and - in the name "
    "(a vendor variant ends in .postgresql.sql, .sqlite.sql or .mysql.sql)."
)


class FileName(NamedTuple):
    """A valid file name. ``vendor`` is None for the file of all vendors.

    ``file`` is the path as text, since making a ``Path`` takes as long as reading a small file.
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
        """The path of the folder, as text."""
        return os.path.dirname(self.file)  # noqa: PTH120 - as ``file``


def pad(number: int) -> str:
    """Return ``number`` padded with zeros, so that text sorts like the integer."""
    return str(number).zfill(MAX_DIGITS)


def list_ids(ids: Sequence[str]) -> str:
    """Return ids on one line: all of a few, else the first, the last and the number."""
    if len(ids) <= _LISTED_IDS:
        return ", ".join(ids)
    return f"{ids[0]} … {ids[-1]} ({len(ids)} migrations)"


def scan(folders: Iterable[Path]) -> tuple[list[FileName], list[Problem]]:
    """Return the names of all migration files in order, and the problems with names."""
    names: list[FileName] = []
    problems: list[Problem] = []
    # A folder named twice, or through a link, is one folder.
    for folder in {_resolve(folder): None for folder in folders}:
        foreign: dict[str, list[str]] = {}
        for entry in _entries(folder):
            if entry.name.startswith((".", "_")):
                continue
            if not entry.name.lower().endswith(".sql"):
                _note_foreign_folder(entry, foreign)
                continue
            name = _parse_name(entry, folder)
            if isinstance(name, FileName):
                names.append(name)
            elif (tool := tool_of_name(entry.name)) is not None:
                foreign.setdefault(tool, []).append(entry.name)
            else:
                problems.append(name)
        problems += [_foreign_problem(folder, *item) for item in foreign.items()]
    names.sort(key=lambda name: (name.number, name.id, name.vendor or "", name.file))
    return names, [*problems, *_duplicate_id_problems(names)]


def number_of(migration_id: str) -> int | None:
    """Return the number in an id, None if no file could have that id."""
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
        return Problem("bad-name", fault, _NAME_HINT, path=folder / _escape(entry.name))
    # What is no link needs no look at the disk.
    if not entry.is_file(follow_symlinks=False) and (other := irregularity(entry.path)):
        return Problem(
            "not-a-file",
            f"it is {other}, not a file",
            "Put a regular file in its place, or take it away.",
            path=folder / entry.name,
        )
    return FileName(match["id"], int(match["number"]), match["vendor"], entry.path)


def _note_foreign_folder(entry: os.DirEntry[str], foreign: dict[str, list[str]]) -> None:
    """Note the file of a tool that keeps each migration in a folder of its own."""
    try:
        if not entry.name[0].isdecimal() or not entry.is_dir():
            return
        present = [name for name in FOLDER_FILES if Path(entry.path, name).is_file()]
    except OSError:
        return
    for name in present[:1]:
        path = f"{entry.name}/{name}"
        foreign.setdefault(str(tool_of_name(path)), []).append(path)


def _foreign_problem(folder: Path, tool: str, names: list[str]) -> Problem:
    listed = ", ".join(map(_escape, names[:_LISTED])) + ", …" * (len(names) > _LISTED)
    files = "1 file has a name" if len(names) == 1 else f"{len(names)} files have names"
    return Problem(
        "bad-name",
        f"{files} of {tool}, not of this app: {listed}",
        f"{_NAME_HINT} Take over the statements that must run, not those that take them back; a "
        f"file that must stay beside them gets a name that begins with _.{takeover(tool)}",
        path=folder / _escape(names[0]),
    )


def _escape(name: str) -> str:
    """Return a file name for reports, with control characters and stray bytes escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )


def _stays_inside(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _duplicate_id_problems(names: list[FileName]) -> list[Problem]:
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
