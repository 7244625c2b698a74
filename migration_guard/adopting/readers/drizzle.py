"""Drizzle: files listed in ``meta/_journal.json``, since 1.0 a folder for each migration.

Source: drizzle-orm, migrator.ts and up-migrations/ of 0.45 and 1.0.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.collation import locale_key
from migration_guard.adopting.source_text import (
    end_statement,
    list_folder,
    read_source,
    read_text,
    refuse_none,
    sha256_of_line_ends,
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

_JOURNAL: Final = "meta/_journal.json"
_BREAKPOINT: Final = "--> statement-breakpoint"
_SUPPORTED: Final = frozenset({"postgresql", "pg", "mysql", "sqlite", "turso"})
_MILLISECONDS: Final = 1000


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of a folder in Drizzle's order. Raises ForeignProblem."""
    if (folder / _JOURNAL).is_file():
        files = _read_journal(folder)
    else:
        entries = sorted(list_folder(folder), key=lambda path: locale_key(path.name))
        scripts = [path / "migration.sql" for path in entries]
        files = [
            _read(script.parent.name, script.parent.name, script)
            for script in scripts
            if script.is_file()
        ]
    if not files:
        refuse_none(folder, "Drizzle", f"{_JOURNAL}, or folders with migration.sql")
    return files


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[ForeignRow]:
    """Return a row for each migration that the table names, or whose time it has.

    Raises ForeignProblem for a time that two migrations share.
    """
    return [_read_row(row, _key_of(row, keys)) for row in rows]


def _read_journal(folder: Path) -> list[ForeignFile]:
    path = folder / _JOURNAL
    try:
        journal = json.loads(read_text(path))
        entries = [(str(int(entry["when"])), str(entry["tag"])) for entry in journal["entries"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ForeignProblem(f"{path} is not a journal of Drizzle: {error!r}.") from error
    if (dialect := journal.get("dialect", "pg")) not in _SUPPORTED:
        raise ForeignProblem(f"{path} says {dialect}, which migration_guard cannot run.")
    return [_read(when, tag, folder / f"{tag}.sql") for when, tag in entries]


def _read(key: str, tag: str, path: Path) -> ForeignFile:
    content, text = read_source(path)
    # Each part is sent by itself, so that it needs no semicolon.
    parts = text.split(_BREAKPOINT)
    text = _BREAKPOINT.join([*map(end_statement, parts[:-1]), parts[-1]])
    number, name = split_number(tag)
    checksums = [digest.hex() for digest in sha256_of_line_ends(content)]
    return ForeignFile(key, number, name, text, path, checksum=" ".join(checksums))


def _read_row(row: Mapping[str, Any], key: str) -> ForeignRow:
    # Since 1.0; empty in the rows of earlier versions.
    applied_at = row.get("applied_at")
    moment = None if applied_at is None else read_time(key, applied_at)
    return ForeignRow(key, State.APPLIED, moment, row["hash"])


def _key_of(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the key that a row means: the name that 1.0 adds, else the migration of its time."""
    name, when = row.get("name"), row["created_at"]
    if name in keys or str(when) in keys:
        return str(name if name in keys else when)
    if name is not None:
        return str(name)
    if when is None:
        raise ForeignProblem(f"The row with the hash {row['hash']} has no created_at.")
    # `drizzle-kit up` names a folder by the second of its time.
    second = int(when) // _MILLISECONDS
    same_second = [
        key for key in keys if (time := time_of_digits(key)) and time.timestamp() == second
    ]
    if len(same_second) > 1:
        raise ForeignProblem(
            f"The row {row['id']} of Drizzle's table may be {' or '.join(same_second)}. "
            "Run drizzle-kit migrate once, which writes the names into its table."
        )
    return same_second[0] if same_second else str(when)


TOOL: Final = ForeignTool("drizzle", "Drizzle", read_files, read_rows, lets_edits_pass=True)
