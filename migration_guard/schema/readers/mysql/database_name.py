"""Texts that the server prints, without the name of their own database. Pure."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, Token, significant

# Words behind which a name of two parts is database and object, not table and column.
_BEFORE_OBJECTS: Final = frozenset({"from", "join", "nextval", "lastval", "setval", "for"})


def without_database(text: str, database: str, tables: Collection[str]) -> str:
    """Return ``text`` without ``database`` before the names of its objects.

    Where one of ``tables`` has the same name, the place tells them apart.
    """
    if database not in text:
        return text
    tokens = list(significant(text, expression_dialect("mysql")))
    kept, position = [], 0
    for start, end in _qualifiers(tokens, database, has_table=database in tables):
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def _qualifiers(
    tokens: Sequence[Token], database: str, *, has_table: bool
) -> Iterator[tuple[int, int]]:
    """Yield the offsets of each ``database.`` that can be left out."""
    for position, token in enumerate(tokens[:-2]):
        texts = [token.text for token in tokens[position - 1 : position + 4] if position]
        texts = texts or ["", *(token.text for token in tokens[:4])]
        before, _name, dot, _object, after = [*texts, "", ""][:5]
        if _name_of(token) != database or dot != "." or before == ".":
            continue
        if not has_table or after == "." or _is_for_objects(tokens[:position]):
            yield token.start, tokens[position + 2].start


def _name_of(token: Token) -> str | None:
    if token.kind is Kind.QUOTED:
        return token.text[1:-1].replace("``", "`")
    return token.text if token.kind is Kind.WORD else None


def _is_for_objects(before: Sequence[Token]) -> bool:
    """Return whether the name of a table, view or sequence comes next."""
    word = next((token.text.lower() for token in reversed(before) if token.text != "("), "")
    return word in _BEFORE_OBJECTS
