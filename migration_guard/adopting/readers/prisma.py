"""Prisma Migrate: a folder for each migration, and ``_prisma_migrations``.

Source: prisma-engines, schema-engine (checksum.rs, apply_migrations.rs, mark_migration_applied.rs),
and listMigrations of the command line.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.collation import locale_key
from migration_guard.adopting.source_text import (
    list_folder,
    read_source,
    read_text,
    refuse_none,
    sha256_of_line_ends,
    split_number,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)

_SCRIPT: Final = "migration.sql"
_LOCK: Final = "migration_lock.toml"
_SUPPORTED: Final = frozenset({"postgresql", "postgres", "mysql", "sqlite"})
_BELIEVED: Final = "prisma migrate resolve --applied recorded it without running it"
_MILLISECONDS: Final = 1000


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of ``prisma/migrations``. Raises ForeignProblem."""
    # Prisma passes over a link to a folder.
    folders = [path for path in list_folder(folder) if path.is_dir() and not path.is_symlink()]
    if not any((path / _SCRIPT).is_file() for path in folders):
        refuse_none(folder, "Prisma", f"a folder with {_SCRIPT}")
    _check_provider(folder / _LOCK)
    return [_read(path) for path in sorted(folders, key=lambda path: locale_key(path.name))]


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return what the rows of a name say together, since Prisma adds one for each try."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=_started):
        by_name.setdefault(row["migration_name"], []).append(row)
    return [_judge(name, tries) for name, tries in by_name.items()]


def _started(row: Mapping[str, Any]) -> datetime:
    return _time(row["migration_name"], row["started_at"])


def _time(name: str, value: Any) -> datetime:
    """Return a time, which Prisma writes as milliseconds since 1970 where SQLite has no type."""
    if str(value).isdecimal():
        return datetime.fromtimestamp(int(value) / _MILLISECONDS, UTC)
    return read_time(name, value)


def _read(folder: Path) -> ForeignFile:
    path = folder / _SCRIPT
    if not path.is_file():
        raise ForeignProblem(
            f"{folder} has no {_SCRIPT}, and Prisma stops at such a folder. Restore the file, or "
            "remove the folder."
        )
    content, text = read_source(path)
    number, name = split_number(folder.name)
    return ForeignFile(folder.name, number, name, text, path, checksum=_checksums(content))


def _checksums(content: bytes) -> str:
    """Return the checksums that Prisma takes for equal: of each line end, and of old versions."""
    digests = sha256_of_line_ends(content)
    padded = [digest.hex() for digest in digests]
    # Old versions wrote each byte without its leading zero.
    old = ["".join(f"{byte:x}" for byte in digest) for digest in digests]
    return " ".join(dict.fromkeys(padded + old))


def _check_provider(path: Path) -> None:
    if not path.is_file():
        return
    match = re.search(r'^provider\s*=\s*"([^"]*)"', read_text(path), re.MULTILINE)
    if match and match[1] not in _SUPPORTED:
        raise ForeignProblem(f"{path} says {match[1]}, which migration_guard cannot run.")


def _judge(name: str, tries: Sequence[Mapping[str, Any]]) -> ForeignRow:
    live = [row for row in tries if row["rolled_back_at"] is None]
    if not live:
        return ForeignRow(name, State.UNDONE)
    if any(row["finished_at"] is None for row in live):
        return ForeignRow(name, State.FAILED)
    row = live[-1]
    return ForeignRow(
        name,
        State.APPLIED,
        _time(name, row["finished_at"]),
        row["checksum"],
        "" if row["applied_steps_count"] else _BELIEVED,
    )


TOOL: Final = ForeignTool("prisma", "Prisma", read_files, read_rows, lets_edits_pass=True)
