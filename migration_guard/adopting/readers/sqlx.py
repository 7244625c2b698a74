"""sqlx: ``<version>_<description>.sql``, and ``_sqlx_migrations``.

Source: sqlx-core/src/migrate (source.rs, migration_type.rs, migrator.rs) and migrate.rs of each
driver.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import (
    list_folder,
    read_source,
    refuse_none,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    is_true,
    read_time,
)

_VERSION: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_MAX_VERSION: Final = 2**63 - 1
_NO_TRANSACTION: Final = "-- no-transaction"


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of a folder, by version. Raises ForeignProblem."""
    downs: set[int] = set()
    ups: list[tuple[int, str, Path]] = []
    for path in list_folder(folder):
        prefix, separator, rest = path.name.partition("_")
        if not separator or not rest.endswith(".sql") or not path.is_file():
            continue
        version = _version(prefix, path)
        if rest.endswith(".down.sql"):
            downs.add(version)
        else:
            ups.append((version, rest.removesuffix(".sql").removesuffix(".up"), path))
    if not ups:
        refuse_none(folder, "sqlx", "<version>_<description>.sql")
    return [
        _read(version, name, path, version in downs)
        for version, name, path in sorted(ups, key=lambda up: up[0])
    ]


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return each version as applied, or as failed where MySQL's driver was interrupted."""
    return [
        ForeignRow(
            str(row["version"]),
            State.APPLIED if is_true(row["success"]) else State.FAILED,
            read_time(str(row["version"]), row["installed_on"]),
            bytes(row["checksum"]).hex(),
        )
        for row in rows
    ]


def _version(prefix: str, path: Path) -> int:
    version = int(prefix) if _VERSION.fullmatch(prefix) else None
    if version is None or not -_MAX_VERSION <= version <= _MAX_VERSION:
        raise ForeignProblem(
            f"{path}: sqlx stops at it, since {prefix!r} is not a version. Rename or remove it."
        )
    return version


def _read(version: int, name: str, path: Path, has_down: bool) -> ForeignFile:
    content, text = read_source(path)
    runs_alone = content.startswith(_NO_TRANSACTION.encode())
    return ForeignFile(
        str(version),
        version if version >= 0 else None,
        name,
        # The line is sqlx's way to say what our directive says.
        text.partition("\n")[2] if runs_alone else text,
        path,
        hashlib.sha384(content).hexdigest(),
        in_transaction=not runs_alone,
        down_parts=int(has_down),
    )


TOOL: Final = ForeignTool("sqlx", "sqlx", read_files, read_rows)
