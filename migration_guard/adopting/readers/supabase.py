"""Supabase: files of its command line, and ``supabase_migrations.schema_migrations``.

The table keeps the statements that ran, without the semicolon and the space around each. So the
checksum is of the text without semicolons and space.

Source: supabase/cli, pkg/migration (file.go, list.go, history.go) and pkg/parser/token.go.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import (
    list_folder,
    read_text,
    refuse_none,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignRow,
    ForeignTool,
    State,
)
from migration_guard.planning.names import MAX_DIGITS

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.sql")
_OLD_INIT: Final = re.compile(r"([0-9]{14})_init\.sql")
_END_OF_OLD_INIT: Final = 20211209000000


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of ``supabase/migrations``. Raises ForeignProblem."""
    entries = list_folder(folder)
    # The first entry, where an old version wrote it, is the schema that Supabase itself makes.
    if entries and not entries[0].is_dir() and _is_old_init(entries[0].name):
        entries = entries[1:]
    files = []
    for path in entries:
        match = _NAME.fullmatch(path.name)
        if match is None or (path.is_dir() and not path.is_symlink()):
            continue
        version, name = match.groups()
        text = read_text(path)
        number = int(version) if len(version) <= MAX_DIGITS else None
        files.append(ForeignFile(version, number, name, text, path, checksum=_checksum(text)))
    if not files:
        refuse_none(folder, "Supabase", "<timestamp>_<name>.sql")
    return files


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return each version as applied, with the checksum of what ran where the table keeps it."""
    return [
        ForeignRow(
            row["version"],
            State.APPLIED,
            checksum=_checksum(";".join(row["statements"])) if row.get("statements") else "",
        )
        for row in rows
    ]


def _is_old_init(name: str) -> bool:
    match = _OLD_INIT.search(name)
    return match is not None and int(match[1]) < _END_OF_OLD_INIT


def _checksum(text: str) -> str:
    return hashlib.sha256("".join(text.replace(";", "").split()).encode()).hexdigest()


TOOL: Final = ForeignTool("supabase", "Supabase", read_files, read_rows, lets_edits_pass=True)
