"""Migration files: folders -> files in numeric order, and what is wrong with them.

Reads names, bytes and directives; the SQL itself is read by ``planning.preflight``. Pure but for
reading files. The order of folders, and the order in which the file system lists files, never
matter.
"""

import itertools
import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.planning.digests import checksum
from migration_guard.planning.directives import Directives
from migration_guard.planning.directives import parse as parse_directives
from migration_guard.planning.names import FileName, scan
from migration_guard.problems import Problem

_CHUNK = 64 * 1024  # bytes


class MigrationFile(NamedTuple):
    """One migration as its file says it; ``text`` has LF line ends and no byte order mark."""

    name: FileName
    text: str
    checksum: str
    directives: Directives

    @property
    def id(self) -> str:
        """The id, by which the history knows it."""
        return self.name.id

    @property
    def number(self) -> int:
        """The number, as an integer."""
        return self.name.number

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.name.path

    @property
    def key(self) -> tuple[int, str]:
        """What migrations are ordered by: the number as an integer, then the full name."""
        return self.number, self.id


class FileSet(NamedTuple):
    """All migrations of one database in the order in which they run, with their problems."""

    files: tuple[MigrationFile, ...]
    problems: tuple[Problem, ...]


def read(
    folders: Sequence[Path],
    vendor: str,
    environments: Collection[str],
    only: Collection[str] | None = None,
) -> FileSet:
    """Read the migrations for ``vendor`` from ``folders``; ``environments`` are the known names.

    With ``only``, no file is opened but those with these ids. Raises CannotTell for a folder or a
    file that cannot be opened.
    """
    names, problems = scan(folders)
    files = []
    for name in names:
        if only is not None and name.id not in only:
            continue
        file, found = _read_file(name, environments)
        problems += found
        if file is not None:
            files.append(file)
    chosen, found = _choose_variants(files, vendor)
    problems += found
    chosen.sort(key=lambda file: file.key)
    problems += _duplicate_numbers(chosen)
    return FileSet(tuple(chosen), tuple(problems))


def parse(
    name: FileName, raw: bytes, environments: Collection[str]
) -> tuple[MigrationFile | None, list[Problem]]:
    """Return the file whose content is ``raw``, None where it is no text, and what is wrong."""
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return None, [_not_utf8(name.path, raw, error.start)]
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return None, [
            Problem(
                "nul-byte",
                "the file contains a NUL byte",
                "Remove it: no database accepts one in SQL text.",
                path=name.path,
                line=line,
            )
        ]
    directives, problems = parse_directives(text, environments)
    file = MigrationFile(name, text, checksum(text), directives)
    return file, [replace(problem, path=name.path) for problem in problems]


def _read_file(
    name: FileName, environments: Collection[str]
) -> tuple[MigrationFile | None, list[Problem]]:
    try:
        raw = _bytes(name.file)
    except OSError as error:
        raise CannotTell(
            f"{name.file} cannot be opened: {error.strerror or error}.",
            "Make the file readable for the user who runs the migrations.",
        ) from error
    return parse(name, raw, environments)


def _bytes(file: str) -> bytes:
    """Return what is in the file; of thousands, file objects would make the reading slower."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        parts = [os.read(descriptor, os.fstat(descriptor).st_size + 1)]
        while more := os.read(descriptor, _CHUNK):  # it grew, or the system gives less at a time
            parts.append(more)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _not_utf8(path: Path, raw: bytes, offset: int) -> Problem:
    return Problem(
        "not-utf8",
        f"the file is not UTF-8: byte 0x{raw[offset]:02x} at offset {offset}",
        "Save it as UTF-8.",
        path=path,
        line=raw.count(b"\n", 0, offset) + 1,
    )


def _choose_variants(
    files: Sequence[MigrationFile], vendor: str
) -> tuple[list[MigrationFile], list[Problem]]:
    variants: dict[str, dict[str | None, MigrationFile]] = defaultdict(dict)
    for file in files:
        variants[file.name.id].setdefault(file.name.vendor, file)
    chosen: list[MigrationFile] = []
    problems: list[Problem] = []
    for migration_id, by_vendor in variants.items():
        variant = by_vendor.get(vendor) or by_vendor.get(None)
        if variant is not None:
            chosen.append(variant)
            continue
        problems.append(
            Problem(
                "no-variant",
                f"{migration_id} has files for {', '.join(sorted(map(str, by_vendor)))} only, "
                f"and this database is {vendor}",
                f"Add {migration_id}.{vendor}.sql (with -- guard: allow = empty, "
                "if there is nothing to do there).",
                path=next(iter(by_vendor.values())).path,
            )
        )
    return chosen, problems


def _duplicate_numbers(files: Sequence[MigrationFile]) -> list[Problem]:
    problems = []
    for earlier, later in itertools.pairwise(files):
        if earlier.number == later.number and "duplicate-number" not in later.directives.allow:
            problems.append(
                Problem(
                    "duplicate-number",
                    f"{later.id} and {earlier.id} have the same number",
                    f"Give {later.id} the next free number (if it is applied nowhere yet), or "
                    "let it say -- guard: allow = duplicate-number, <reason>.",
                    path=later.path,
                )
            )
    return problems
