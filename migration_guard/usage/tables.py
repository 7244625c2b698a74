"""The tables that a statement names, by the names that the rest of it calls them. Pure."""

from typing import Final

from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind

_BEFORE_TABLE: Final = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "USING"})
# Words that stand behind a table and are no alias of it.
_AFTER_TABLE: Final = frozenset(
    {
        "SET",
        "WHERE",
        "ON",
        "USING",
        "INNER",
        "LEFT",
        "RIGHT",
        "FULL",
        "CROSS",
        "JOIN",
        "GROUP",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "VALUES",
        "SELECT",
        "DEFAULT",
        "RETURNING",
        "UNION",
        "HAVING",
        "FOR",
        "NATURAL",
        "WINDOW",
        "FETCH",
        "EXCEPT",
        "INTERSECT",
    }
)


def tables_of(sql: str, lexis: Dialect) -> dict[str, str]:
    """Return the table of each alias and of each table's own name."""
    cursor = read_tokens(sql, lexis)
    tables: dict[str, str] = {}
    is_list = False
    while not cursor.is_at_end:
        word = cursor.take()
        if word in _BEFORE_TABLE or (is_list and word == ","):
            cursor.accept("ONLY")
            name = cursor.take_name()
            is_list = name is not None and word in {"FROM", ","}
            if name is not None:
                tables[name.name] = name.name
                cursor.accept("AS")
                rest = cursor.rest
                if (
                    rest
                    and rest[0].kind in {Kind.WORD, Kind.QUOTED}
                    and cursor.peek() not in _AFTER_TABLE
                ):
                    alias = cursor.take_name()
                    tables[alias.name if alias is not None else name.name] = name.name
        elif word not in {")", ","}:
            is_list = False
    return tables
