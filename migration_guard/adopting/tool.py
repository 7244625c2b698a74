"""What a reader of another migration tool gives: its files and its rows, as frozen values.

Pure. Each tool has one module in ``readers/``; ``readers/__init__.py`` lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """What the last word of a tool's table on a migration means."""

    APPLIED = "applied"
    UNDONE = "undone"  # it is pending again
    FAILED = "failed"  # dirty, half-applied or failed: adoption stops


@dataclass(frozen=True)
class ForeignFile:
    """One migration of a tool's folder, in the order in which the tool runs them.

    ``key`` is what the tool's table calls it. ``text`` is the up part alone. ``checksum`` is as
    the tool computes it from the original bytes, "" for a tool that keeps none. ``requires`` are
    Django migrations that must be applied first, as ``app_label.migration_name``.
    """

    key: str
    number: int | None  # None where the tool's names have none, or none that we can keep
    name: str
    text: str
    path: Path
    checksum: str = ""
    in_transaction: bool = True
    down_parts: int = 0
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForeignRow:
    """The last word of a tool's table on one migration.

    ``applied_at`` is None for a tool that records no time. ``believed`` says why the row is no
    proof that the SQL ran, "" where it is one.
    """

    key: str
    state: State
    applied_at: datetime | None = None
    checksum: str = ""
    believed: str = ""


class ForeignProblem(Exception):
    """A file or a row that a reader refuses; the text names it and the reason."""


@dataclass(frozen=True)
class ForeignTool:
    """One tool: the two functions of its reader.

    ``name`` is what ``--from`` takes. Its tables are those of ``title`` in
    ``planning.foreign_tables``. ``read_files`` takes the folder. ``read_rows`` takes all rows of
    the table as mappings, in the table's own order, and the keys of the files in the tool's order:
    a one-row tool says by them what is applied. Both raise ForeignProblem. ``lets_edits_pass`` is
    True for a tool that goes on where a checksum differs. ``check_side_rows`` takes the rows of
    ``side_table``, as ``schema.table``, which holds work in progress.
    """

    name: str
    title: str
    read_files: Callable[[Path], Sequence[ForeignFile]]
    read_rows: Callable[[Sequence[Mapping[str, Any]], Sequence[str]], Sequence[ForeignRow]]
    lets_edits_pass: bool = False
    side_table: str = ""
    check_side_rows: Callable[[Sequence[Mapping[str, Any]]], None] | None = None
