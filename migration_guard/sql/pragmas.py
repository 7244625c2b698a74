"""What a SQLite PRAGMA sets. Source: sqlite.org, "PRAGMA"."""

from __future__ import annotations

from typing import NamedTuple

from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.dialects import SQLITE


class Pragma(NamedTuple):
    """A pragma's name in lower case, its value and its schema; "" where they are not written."""

    name: str
    value: str = ""
    schema: str = ""

    @property
    def qualified(self) -> str:
        """The words that read the value back."""
        schema = self.schema.replace('"', '""')
        return f'PRAGMA "{schema}".{self.name}' if schema else f"PRAGMA {self.name}"


def read_pragma(text: str) -> Pragma | None:
    """Return what a statement sets or asks, None if it is no PRAGMA."""
    # Of an INSERT with many rows, no more than the first word is read.
    if text[: len("PRAGMA")].upper() != "PRAGMA":
        return None
    cursor = read_tokens(text, SQLITE)
    if not cursor.accept("PRAGMA") or (name := cursor.take_name()) is None:
        return None
    values = cursor.take_group() if cursor.peek() == "(" else cursor.rest[1:]
    value = "".join(token.text for token in values).strip("'\"`[]")
    return Pragma(name.name.lower(), value, name.schema)
