"""What a reader of another migration tool gives: its files and its rows, as frozen values.

Pure. Each tool has one module in ``readers/``; ``readers/__init__.py`` lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.utils.dateparse import parse_datetime


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
    ``side_table``, as ``schema.table``, which holds work in progress. ``describe_rest`` returns a
    sentence for each part of a folder that the reader leaves out.
    """

    name: str
    title: str
    read_files: Callable[[Path], Sequence[ForeignFile]]
    read_rows: Callable[[Sequence[Mapping[str, Any]], Sequence[str]], Sequence[ForeignRow]]
    lets_edits_pass: bool = False
    side_table: str = ""
    check_side_rows: Callable[[Sequence[Mapping[str, Any]]], None] | None = None
    describe_rest: Callable[[Path], Sequence[str]] | None = None


def read_time(key: str, value: Any) -> datetime:
    """Return a time as the driver gives it. Raises ForeignProblem for any other value."""
    moment: Any = value
    if isinstance(value, str):
        with suppress(ValueError):
            moment = parse_datetime(value)
    if not isinstance(moment, datetime):
        raise ForeignProblem(f"{key} has a time that cannot be read: {value!r}.")
    return moment


def is_true(value: Any) -> bool:
    """Return a boolean as the driver gives it: a bool, a number, a bit or text."""
    if isinstance(value, bytes):
        return value.strip(b"\0") not in (b"", b"0")
    if isinstance(value, str):
        return value.strip().lower() in ("1", "t", "true", "y", "yes")
    return bool(value)
