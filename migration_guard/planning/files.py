"""Read the migration files of some folders, in numeric order.

Names, bytes and directives are read here, the SQL in ``planning.preflight``. The order of folders,
and the order in which the file system lists files, never matter.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.planning.digests import checksum
from migration_guard.planning.directives import parse as parse_directives
from migration_guard.planning.lineage import lineage_problems, without_replaced
from migration_guard.planning.migration_file import MigrationFile
from migration_guard.planning.names import FileName, scan
from migration_guard.planning.regular_files import read_bytes
from migration_guard.problems import Problem

__all__ = ["FileSet", "MigrationFile", "parse", "read"]


class FileSet(NamedTuple):
    """All migrations of one database in the order in which they run, and their problems."""

    files: tuple[MigrationFile, ...]
    problems: tuple[Problem, ...]


def read(
    folders: Sequence[Path],
    vendor: str,
    environments: Collection[str],
    only: Collection[str] | None = None,
) -> FileSet:
    """Return the migrations for ``vendor`` in ``folders``, and what is wrong with them.

    A file that another one replaces is left out. ``environments`` are the names that exist. With
    ``only``, just the files with these ids are opened. Raises CannotTell for a folder or a file
    that cannot be opened.
    """
    names, problems = scan(folders)
    files = []
    for name in names:
        if only is not None and name.id not in only:
            continue
        file, file_problems = _read_file(name, environments)
        problems += file_problems
        if file is not None:
            files.append(file)
    variants, variant_problems = _choose_variants(files, vendor)
    problems += variant_problems
    variants.sort(key=lambda file: file.key)
    variants, circle_problems = without_replaced(variants)
    problems += circle_problems
    problems += lineage_problems(variants)
    problems += _duplicate_number_problems(variants)
    return FileSet(tuple(variants), tuple(problems))


def parse(
    name: FileName, raw: bytes, environments: Collection[str]
) -> tuple[MigrationFile | None, list[Problem]]:
    """Return the file with the content ``raw``, None if it is not text, and its problems."""
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return None, [_not_utf8_problem(name.path, raw, error.start)]
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return None, [
            Problem(
                "nul-byte",
                "the file contains a NUL byte",
                "Remove it: no database accepts a NUL byte in SQL.",
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
        raw = read_bytes(name.file)
    except OSError as error:
        raise CannotTell(
            f"{name.file} cannot be opened: {error.strerror or error}.",
            "Make the file readable for the user who runs the migrations.",
        ) from error
    return parse(name, raw, environments)


def _not_utf8_problem(path: Path, raw: bytes, offset: int) -> Problem:
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
                "if there is nothing to do on that vendor).",
                path=next(iter(by_vendor.values())).path,
            )
        )
    return chosen, problems


def _duplicate_number_problems(files: Sequence[MigrationFile]) -> list[Problem]:
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
