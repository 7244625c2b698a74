"""Rows without their parent, which SQLite lets a migration leave while foreign keys are off.

Source: sqlite.org, "PRAGMA foreign_key_check".
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from migration_guard.history import Rows
from migration_guard.running.sqlite.connection import SQLiteConnection
from migration_guard.sql.dialects import SQLITE


class Orphan(NamedTuple):
    """A row without its parent; ``root`` is the page where its table begins."""

    table: str
    root: int
    rowid: int | None
    parent: str


class Orphans(NamedTuple):
    """All orphans at one time, and all tables as (name, root page)."""

    tables: frozenset[tuple[object, ...]] = frozenset()
    rows: tuple[Orphan, ...] = ()

    def of_existing_parents(self) -> "Orphans":
        """Return these without the rows of which the parent's table does not exist."""
        names = {str(name).lower() for name, _root in self.tables}
        return self._replace(
            rows=tuple(row for row in self.rows if str(row.parent).lower() in names)
        )


def find(connection: SQLiteConnection) -> Orphans:
    """Return the orphans of the whole database, as ``PRAGMA foreign_key_check`` finds them."""
    tables = connection.fetch("SELECT name, rootpage FROM main.sqlite_master WHERE type = 'table'")
    try:
        rows = connection.fetch("PRAGMA main.foreign_key_check")
    except sqlite3.OperationalError:
        # One table refers to columns that are not unique; the others can be checked.
        rows = [row for name, _root in tables for row in _find_in(connection, name)]
    roots: dict[str, int] = {row[0]: row[1] for row in tables}
    return Orphans(
        frozenset(tables),
        tuple(Orphan(row[0], roots.get(row[0], 0), row[1], row[2]) for row in rows),
    )


@contextmanager
def refuse_orphans(connection: SQLiteConnection, *, is_part: bool = False) -> Iterator[None]:
    """Raise StatementError if the block leaves rows without their parent.

    Those that had none before do not count, nor do any where the file or the project itself turned
    foreign keys off. ``is_part`` passes over tables whose parent does not exist, as between the
    DROP and the RENAME of a rebuild; the end of the file judges these.
    """
    if not connection.may_leave_orphans:
        yield
        return
    with connection.failing():
        before = find(connection)
    yield
    with connection.failing():
        after = find(connection)
        refuse_new(before, after.of_existing_parents() if is_part else after)


def refuse_new(before: Orphans, after: Orphans) -> None:
    """Raise IntegrityError if rows lost their parent; those that had none before do not count.

    In a table that was rebuilt or renamed the rowids say nothing, so there the number decides.
    """
    same = before.tables & after.tables
    old = Counter(row for row in before.rows if row[:2] in same)
    new = list((Counter(row for row in after.rows if row[:2] in same) - old).elements())
    moved = [row for row in after.rows if row[:2] not in same]
    if len(moved) > sum(row[:2] not in same for row in before.rows):
        new += moved
    if new:
        table, _root, rowid, parent = new[0]
        place = table if rowid is None else f"{table} rowid {rowid}"
        raise sqlite3.IntegrityError(
            f"FOREIGN KEY constraint failed: {len(new)} row{'s' if len(new) > 1 else ''} without "
            f"the parent, such as {place} (references {parent}). Foreign keys are off while a "
            "migration runs, so ON DELETE does nothing: change the children in the migration too."
        )


def _find_in(connection: SQLiteConnection, table: str) -> Rows:
    try:
        return connection.fetch(f"PRAGMA main.foreign_key_check({SQLITE.quote(table)})")
    except sqlite3.OperationalError as error:
        return [(table, None, str(error), 0)]
