"""Values that ALTER TYPE adds to an enum, and the statements that surely use them.

PostgreSQL manual, "ALTER TYPE": a new value cannot be used until its transaction has ended, unless
the type is new as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.linter.danger.clauses import elements
from migration_guard.sql.cursor import Cursor, closing_bracket, identifier, keyword
from migration_guard.sql.scanner import Kind, Token

if TYPE_CHECKING:
    from migration_guard.linter.danger.walk import Step

_COMPARISONS: Final = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
_NAMES: Final = frozenset({Kind.WORD, Kind.QUOTED})
# These store the text of a program or a comment, and do not run it.
_NOT_RUN: Final = frozenset({"COMMENT", "DO"})


class AddedValue(NamedTuple):
    """A value, as a literal, and its type."""

    type: str
    literal: str


def read_added_value(step: Step) -> AddedValue | None:
    """Return what ``ALTER TYPE … ADD VALUE`` adds, None for another statement."""
    if step.ddl is None or (step.ddl.verb, step.ddl.kind) != ("ALTER", "TYPE"):
        return None
    words = step.part.words
    at = next((n for n in range(len(words)) if words[n : n + 2] == ["ADD", "VALUE"]), None)
    literal = next((t for t in step.part.tokens[at or 0 :] if t.kind is Kind.STRING), None)
    if at is None or literal is None:
        return None
    return AddedValue(step.ddl.name, literal.text)


def uses_value(step: Step, value: AddedValue) -> bool:
    """Return True if a statement surely reads the literal as a value of the type."""
    tokens = step.part.tokens
    places = [at for at, token in enumerate(tokens) if token.text == value.literal]
    if not places or keyword(tokens[0]) in _NOT_RUN:
        return False
    if any(_is_cast(tokens, at, value, step) for at in places):
        return True
    columns = set(_columns_of(step, value))
    if keyword(tokens[0]) == "INSERT" and _is_inserted(step, value, columns):
        return True
    return any(_is_beside_column(tokens, at, columns, value, step) for at in places)


def _is_cast(tokens: Sequence[Token], at: int, value: AddedValue, step: Step) -> bool:
    following = tokens[at + 1 : at + 5]
    is_cast = bool(following) and (following[0].text == "::" or keyword(following[0]) == "AS")
    before = tokens[at - 1 : at]
    names = [*(following[1:] if is_cast else ()), *before]
    return any(
        token.kind in _NAMES and identifier(token, step.lexis) == value.type for token in names
    )


def _columns_of(step: Step, value: AddedValue) -> Iterator[str]:
    """Yield the columns of the type in the tables that the statement names."""
    names = {identifier(token, step.lexis) for token in step.part.tokens if token.kind in _NAMES}
    for table, column in step.tables.tables_with(value.type):
        if table.name.name in names:
            yield column


def _is_beside_column(
    tokens: Sequence[Token], at: int, columns: set[str], value: AddedValue, step: Step
) -> bool:
    """Return True for ``column = 'x'``, ``column IN (…, 'x')`` and ``column … DEFAULT 'x'``."""
    before = at - 1
    while before > 0 and (tokens[before].kind is Kind.STRING or tokens[before].text in {",", "("}):
        before -= 1
    word = keyword(tokens[before])
    if word in {"DEFAULT", "IN", "TO"} or word in _COMPARISONS:
        left = [t for t in tokens[max(before - 4, 0) : before] if t.kind in _NAMES]
        names = [identifier(token, step.lexis) for token in left]
        if word == "DEFAULT":
            return value.type in names or bool(columns & set(names))
        names = [name for name in names if name != "not"]
        return bool(names) and names[-1] in columns
    if word in {"THEN", "ELSE"}:
        return _assigned_column(tokens, before, step) in columns
    return False


def _assigned_column(tokens: Sequence[Token], at: int, step: Step) -> str:
    """Return the column that the CASE at this place is assigned to."""
    case = next((n for n in range(at, 1, -1) if keyword(tokens[n]) == "CASE"), 0)
    if case > 1 and tokens[case - 1].text == "=" and tokens[case - 2].kind in _NAMES:
        return identifier(tokens[case - 2], step.lexis)
    return ""


def _is_inserted(step: Step, value: AddedValue, columns: set[str]) -> bool:
    """Return True if a VALUES row of an INSERT has the literal where such a column stands."""
    cursor = Cursor(step.part.tokens, step.lexis)
    cursor.take()
    _ = cursor.accept("INTO")
    name = cursor.take_name()
    if cursor.accept("AS"):
        cursor.take_name()
    targets = [identifier(part[0], step.lexis) for part in elements(cursor.take_group())]
    table = step.tables.find(name) if name is not None else None
    if not targets and table is not None and table.has_all_columns:
        targets = list(table.columns)
    if not cursor.accept("VALUES"):
        return False
    rest = cursor.rest
    at = 0
    while at < len(rest) and rest[at].text == "(":
        end = closing_bracket(rest, at)
        for target, part in zip(targets, elements(rest[at + 1 : end]), strict=False):
            if target in columns and [token.text for token in part] == [value.literal]:
                return True
        at = end + 2
    return False
