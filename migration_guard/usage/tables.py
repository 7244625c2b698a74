"""The tables that a statement names, by the names that the rest of it calls them. Pure."""

from typing import Final

from migration_guard.sql.cursor import Cursor, read_tokens
from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind

_BEFORE_TABLE: Final = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "USING"})
# Functions whose arguments have a FROM between them.
_WITH_FROM: Final = frozenset({"EXTRACT", "SUBSTRING", "TRIM", "OVERLAY"})
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
    before, calls = "", [""]
    while not cursor.is_at_end:
        word = cursor.take()
        if word == "(":
            calls.append(before)
        elif word == ")" and len(calls) > 1:
            calls.pop()
        if (word in _BEFORE_TABLE and _names_table(word, before, calls[-1])) or (
            is_list and word == ","
        ):
            cursor.accept("ONLY")
            name = cursor.take_name()
            is_list = name is not None and word in {"FROM", ","}
            if name is not None:
                _note(tables, name.name, cursor)
        elif word not in {")", ","}:
            is_list = False
        before = word
    return tables


def _names_table(word: str, before: str, call: str) -> bool:
    """Return False where a table's keyword is a part of another clause or of a call."""
    if word == "UPDATE":  # FOR UPDATE OF, ON CONFLICT DO UPDATE SET
        return before not in {"FOR", "DO", "KEY", "ON"}
    return word != "FROM" or (before != "DISTINCT" and call not in _WITH_FROM)


def _note(tables: dict[str, str], name: str, cursor: Cursor) -> None:
    tables[name] = name
    cursor.accept("AS")
    rest = cursor.rest
    if rest and rest[0].kind in {Kind.WORD, Kind.QUOTED} and cursor.peek() not in _AFTER_TABLE:
        alias = cursor.take_name()
        tables[alias.name if alias is not None else name] = name
