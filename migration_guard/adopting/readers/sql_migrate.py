"""sql-migrate: files with up and down parts, and ``gorp_migrations``.

Source: rubenv/sql-migrate, migrate.go and sqlparse/sqlparse.go.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import (
    end_statement,
    ends_with_semicolon,
    list_folder,
    read_source,
    refuse_none,
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

_COMMAND: Final = "-- +migrate "
_MAX_VERSION: Final = 2**63 - 1


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the migrations of a folder: by number, then those without. Raises ForeignProblem."""
    paths = [path for path in list_folder(folder) if path.name.endswith(".sql")]
    if not paths:
        refuse_none(folder, "sql-migrate", "files that end in .sql")
    return [_read(path) for path in sorted(paths, key=_order)]


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return each file as applied; sql-migrate removes the row of one that is undone."""
    return [
        ForeignRow(row["id"], State.APPLIED, read_time(row["id"], row["applied_at"]))
        for row in rows
    ]


def _order(path: Path) -> tuple[bool, int, str]:
    match = re.match("[0-9]+", path.name)
    if match is None:
        return True, 0, path.name
    if int(match[0]) > _MAX_VERSION:
        raise ForeignProblem(f"{path}: sql-migrate stops at it, since {match[0]} is too large.")
    return False, int(match[0]), path.name


def _read(path: Path) -> ForeignFile:
    content, _ = read_source(path)
    parts = _Parts(path)
    # With a byte order mark, the first line is no command for sql-migrate.
    for line in content.decode().removesuffix("\n").split("\n"):
        parts.add(line.removesuffix("\r"))
    parts.close()
    number, name = split_number(path.name.removesuffix(".sql"))
    return ForeignFile(
        path.name,
        number,
        name,
        "".join(parts.up),
        path,
        in_transaction=not parts.runs_alone,
        down_parts=int(parts.has_down),
    )


class _Parts:
    """The up part of a file, from its lines in order, as sql-migrate reads them."""

    def __init__(self, path: Path) -> None:
        self.up: list[str] = []
        self.runs_alone = False
        self.has_down = False
        self._path = path
        self._direction = ""
        self._pending = ""
        self._is_block = False  # a semicolon ends no statement there

    def add(self, line: str) -> None:
        """Read the next line."""
        if line.startswith("-- ") and not line.startswith("-- +"):
            # sql-migrate drops it everywhere; between statements it cannot change what runs.
            if self._direction == "Up" and not self._pending.strip():
                self.up.append(f"{line}\n")
            return
        ends_block = line.startswith(_COMMAND) and self._obey(line)
        if not self._direction:
            return
        if not line.startswith("-- +"):
            self._pending += f"{line}\n"
        if ends_block or (not self._is_block and ends_with_semicolon(line)):
            self._end_statement()

    def close(self) -> None:
        """Check the end of the file. Raises ForeignProblem where sql-migrate stops."""
        if self._is_block:
            raise self._problem("has a StatementBegin without a StatementEnd")
        if not self._direction:
            raise self._problem("has no line -- +migrate Up")
        self._check_end()

    def _obey(self, line: str) -> bool:
        """Carry out a command; return True if it ends a block."""
        command, *options = line.removeprefix(_COMMAND).split() or [""]
        if command in {"Up", "Down"}:
            self._check_end()
            self._direction = command
            self.runs_alone |= command == "Up" and "notransaction" in options
        elif not command:
            raise self._problem("has -- +migrate without a command")
        elif not self._direction:
            return False
        elif command == "StatementBegin":
            self._is_block = True
        elif command == "StatementEnd":
            is_end, self._is_block = self._is_block, False
            return is_end
        return False

    def _end_statement(self) -> None:
        if self._direction == "Up":
            self.up.append(end_statement(self._pending))
        elif self._pending.strip():
            self.has_down = True
        self._pending = ""

    def _check_end(self) -> None:
        if self._pending.strip():
            raise self._problem("has a statement without a semicolon at its end")
        self._pending = ""

    def _problem(self, fact: str) -> ForeignProblem:
        return ForeignProblem(
            f"{self._path} {fact}, and sql-migrate stops at it. Correct the file."
        )


TOOL: Final = ForeignTool("sql-migrate", "sql-migrate", read_files, read_rows)
