"""Read the clauses of single statements, by tokens: ALTER TABLE, UPDATE, SELECT, CHECK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from migration_guard.linter.danger.conditions import without_casts
from migration_guard.sql.cursor import (
    Cursor,
    Name,
    closing_bracket,
    depths,
    identifier,
    keyword,
    split_at_commas,
)
from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind, Token

_NAMES: Final = frozenset({Kind.WORD, Kind.QUOTED})
# What makes a query return other rows than those of the one table that it reads.
_NARROW: Final = frozenset(
    """WHERE JOIN LIMIT OFFSET FETCH GROUP HAVING DISTINCT UNION INTERSECT EXCEPT TABLESAMPLE ON
    VALUES COUNT SUM MIN MAX AVG STRING_AGG ARRAY_AGG JSON_AGG JSONB_AGG GROUP_CONCAT""".split()  # noqa: SIM905
)
_TARGET_OPTIONS: Final = ("ONLY", "LOW_PRIORITY", "QUICK", "IGNORE")


class Update(NamedTuple):
    """An UPDATE: its table, and each column with the column that it copies, "" for none.

    ``is_whole`` is True without a condition; ``only_not_null`` where it leaves out NULL alone.
    """

    table: Name | None
    assignments: tuple[tuple[str, str], ...] = ()
    is_whole: bool = False
    only_not_null: bool = False


def elements(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return what stands between commas, without empty pieces."""
    return [piece for piece in split_at_commas(tokens) if piece]


def alter_clauses(tokens: Sequence[Token], lexis: Dialect) -> list[list[Token]]:
    """Return the actions of an ALTER TABLE."""
    cursor = Cursor(tokens, lexis)
    while not cursor.is_at_end and cursor.take() not in {"TABLE", "VIEW"}:
        pass
    _ = cursor.accept("IF", "EXISTS")
    _ = cursor.accept("ONLY")
    cursor.take_name()
    _ = cursor.accept("*")
    return elements(cursor.rest)


def take_target(cursor: Cursor) -> Name | None:
    """Go past ONLY, OR REPLACE and the like, and the name of the table that is written."""
    while cursor.accept_any(_TARGET_OPTIONS):
        pass
    if cursor.accept("OR"):  # SQLite: UPDATE OR IGNORE
        cursor.take()
    name = cursor.take_name()
    _ = cursor.accept("*")
    return name


def read_update(tokens: Sequence[Token], lexis: Dialect) -> Update:
    """Return what an UPDATE, or a part of tokens that begins with one, writes."""
    cursor = Cursor(tokens, lexis)
    cursor.take()
    table = take_target(cursor)
    while not cursor.is_at_end and not cursor.accept("SET"):
        cursor.take()
    body, condition = _split_at_where(cursor.rest)
    assignments = []
    for piece in split_at_commas(body):
        equals = next((at for at, token in enumerate(piece) if token.text in {"=", ":="}), None)
        if equals is None:
            continue
        names = [t for t in piece[:equals] if t.kind in _NAMES]
        if piece[0].text == "(":
            assignments += [(identifier(name, lexis), "") for name in names]
        elif names:
            value = without_casts(piece[equals + 1 :])
            is_column = len(value) in {1, 3} and value[-1].kind in _NAMES
            copied = identifier(value[-1], lexis) if is_column else ""
            assignments.append((identifier(names[-1], lexis), copied))
    words = [keyword(token) for token in condition]
    only_not_null = len(words) == 4 and words[1:] == ["IS", "NOT", "NULL"]  # noqa: PLR2004
    return Update(table, tuple(assignments), not condition, only_not_null)


def select_source(tokens: Sequence[Token], lexis: Dialect) -> Name | None:
    """Return the table all of whose rows a plain SELECT returns, None for another query."""
    depth_of = list(depths(token.text for token in tokens))
    outer = [t for t, depth in zip(tokens, depth_of, strict=True) if depth == 0]
    words = [keyword(token) for token in outer]
    if "FROM" not in words or _NARROW & set(words):
        return None
    cursor = Cursor(outer[words.index("FROM") + 1 :], lexis)
    _ = cursor.accept("ONLY")
    name = cursor.take_name()
    return None if "," in [token.text for token in cursor.rest] else name


def columns_proven(condition: Sequence[Token], lexis: Dialect) -> frozenset[str]:
    """Return the columns that a condition proves to be NOT NULL: ``a IS NOT NULL [AND …]``."""
    tokens = list(condition)
    while tokens and tokens[0].text == "(" and closing_bracket(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    proven: set[str] = set()
    piece: list[Token] = []
    pieces: list[list[Token]] = []
    for token, depth in zip(tokens, depths(t.text for t in tokens), strict=True):
        word = keyword(token)
        if depth == 0 and word == "OR":
            return frozenset()
        if depth == 0 and word == "AND":
            pieces.append(piece)
            piece = []
        else:
            piece.append(token)
    if not pieces:
        words = [keyword(token) for token in tokens]
        is_proof = words[-3:] == ["IS", "NOT", "NULL"]
        names = [t for t in tokens[:-3] if t.text not in {"(", ")"}]
        is_column = is_proof and len(names) == 1 and names[0].kind in _NAMES
        return frozenset({identifier(names[0], lexis)} if is_column else ())
    for part in [*pieces, piece]:
        proven |= columns_proven(part, lexis)
    return frozenset(proven)


def check_words(condition: Sequence[Token], lexis: Dialect) -> tuple[str, ...]:
    """Return the words of a condition; names as the catalogue keeps them."""
    return tuple(
        identifier(token, lexis) if token.kind in _NAMES else token.text for token in condition
    )


def _split_at_where(tokens: Sequence[Token]) -> tuple[list[Token], list[Token]]:
    """Return what stands before FROM, WHERE or RETURNING, and the condition."""
    body: list[Token] = []
    condition: list[Token] = []
    current: list[Token] | None = body
    for token, depth in zip(tokens, depths(token.text for token in tokens), strict=True):
        word = keyword(token) if depth == 0 else ""
        if word in {"FROM", "RETURNING", "ORDER", "LIMIT"} and current is body:
            current = None
        elif word == "WHERE":
            current = condition
            continue
        elif word == "RETURNING":
            current = None
        if depth < 0:
            break
        if current is not None:
            current.append(token)
    return body, condition
