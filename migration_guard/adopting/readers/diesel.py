"""Diesel: a folder with ``up.sql`` for each migration, and ``__diesel_schema_migrations``.

Source: diesel_migrations/migrations_internals/src/lib.rs and file_based_migrations.rs.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import (
    WAY_OUT,
    list_folder,
    read_text,
    refuse_none,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)
from migration_guard.planning.names import MAX_DIGITS

_DIGITS: Final = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of a folder, by version. Raises ForeignProblem."""
    folders = [path for path in list_folder(folder) if _is_migration(path)]
    if not any((path / "up.sql").exists() for path in folders):
        refuse_none(folder, "Diesel", "a folder with up.sql")
    return [_read(path) for path in sorted(folders, key=_version)]


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return each version as applied; Diesel removes the row of one that is reverted."""
    return [
        ForeignRow(row["version"], State.APPLIED, read_time(row["version"], row["run_on"]))
        for row in rows
    ]


def _is_migration(path: Path) -> bool:
    """Return True for what Diesel takes for a migration: any folder that is not empty."""
    if path.name.startswith("."):
        return False
    # Diesel does not look behind a link here, so it counts whatever it leads to.
    return path.is_symlink() or (path.is_dir() and bool(list_folder(path)))


def _version(folder: Path) -> str:
    return folder.name.partition("_")[0].replace("-", "")


def _read(folder: Path) -> ForeignFile:
    path = folder / "up.sql"
    if not path.exists():
        raise ForeignProblem(
            f"{folder} has no up.sql. If it is a migration in Rust, only SQL can be taken over: "
            f"{WAY_OUT[0].lower()}{WAY_OUT[1:]}. Otherwise move it elsewhere."
        )
    version = _version(folder)
    return ForeignFile(
        version,
        int(version) if _DIGITS.fullmatch(version) else None,
        folder.name.partition("_")[2],
        read_text(path),
        path,
        in_transaction=_runs_in_transaction(folder / "metadata.toml"),
        down_parts=int((folder / "down.sql").exists()),
    )


def _runs_in_transaction(path: Path) -> bool:
    """Return what ``metadata.toml`` says: False where it lacks the key, True if it is no TOML."""
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8")).get("run_in_transaction", False)
    except (OSError, ValueError):
        return True
    return value if isinstance(value, bool) else True


TOOL: Final = ForeignTool("diesel", "Diesel", read_files, read_rows)
