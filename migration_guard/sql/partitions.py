"""PostgreSQL's ALTER TABLE … DETACH PARTITION … CONCURRENTLY, which commits in two phases.

Source: PostgreSQL manual, "ALTER TABLE"; gram.y, partition_cmd and relation_expr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from migration_guard.sql.cursor import Cursor, Name, read_tokens
from migration_guard.sql.dialects import POSTGRESQL

if TYPE_CHECKING:
    from migration_guard.sql.scanner import Token


class ConcurrentDetach(NamedTuple):
    """A partitioned table and the partition that leaves it, named as the catalogue has them."""

    parent: Name
    partition: Name


def concurrent_detach(text: str) -> ConcurrentDetach | None:
    """Return what a DETACH PARTITION … CONCURRENTLY names, or None for another statement."""
    if "CONCURRENTLY" not in text.upper():
        return None  # without reading the tokens, since this is called for each statement
    cursor = read_tokens(text, POSTGRESQL)
    if not cursor.accept("ALTER", "TABLE"):
        return None
    cursor.accept("IF", "EXISTS")
    parent = _take_table(cursor)
    if not cursor.accept("DETACH", "PARTITION"):
        return None
    partition = cursor.take_name()
    if parent is None or partition is None or not cursor.accept("CONCURRENTLY"):
        return None
    return ConcurrentDetach(parent, partition)


def _take_table(cursor: Cursor) -> Name | None:
    """Go past ``name``, ``name *``, ``ONLY name`` or ``ONLY (name)``."""
    if cursor.accept("ONLY") and cursor.peek() == "(":
        group: list[Token] = cursor.take_group()
        return Cursor(group, cursor.lexis).take_name()
    name = cursor.take_name()
    cursor.accept("*")
    return name
