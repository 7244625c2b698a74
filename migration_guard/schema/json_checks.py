"""MariaDB's JSON is a text with a check, and known by that check's clause. Pure.

Source: MariaDB manual, "JSON Data Type".
"""

from collections.abc import Sequence

from migration_guard.schema.spelling import drop_brackets, words
from migration_guard.sql.cursor import depths


def is_json_check(clause: str, column: str) -> bool:
    """Return whether a check says that a column holds JSON, and nothing more."""
    return _is_valid(drop_brackets(words(clause, "mysql")), _word(column))


def validates_json(clause: str, column: str) -> bool:
    """Return whether a check lets nothing but JSON into a column."""
    name = _word(column)
    parts: list[list[str]] = [[]]
    tokens = words(clause, "mysql")
    for text, depth in zip(tokens, depths(tokens), strict=True):
        if (text, depth) == ("and", 0):
            parts.append([])
        else:
            parts[-1].append(text)
    return any(_is_valid(drop_brackets(part), name) for part in parts)


def _is_valid(tokens: Sequence[str], name: str) -> bool:
    """Return whether these tokens are the call for a column; it is true of NULL as well."""
    call = ["json_valid", "(", name, ")"]
    return [token.lower() for token in tokens] in (call, [name, "is", "null", "or", *call])


def _word(column: str) -> str:
    """Return how the name of a column is spelled in tokens."""
    quoted = column.replace("`", "``")
    return "".join(words(f"`{quoted}`", "mysql")).lower()
