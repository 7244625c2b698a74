"""The rows that a statement writes, as far as its text shows that they hold nothing.

Pure. A plan shows neither the values of UPDATE and MERGE by their columns, nor those of several
rows. Source: PostgreSQL manual, "INSERT", "UPDATE", "MERGE".
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from migration_guard.sql.cursor import (
    Cursor,
    identifier,
    keyword,
    outside_brackets,
    read_tokens,
    split_at_commas,
)
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Token

_LEXIS: Final = dialect("postgresql")
_NOTHING: Final = frozenset({"NULL", "DEFAULT"})
_AFTER_SET: Final = frozenset({"FROM", "WHERE", "RETURNING", "WHEN"})


class Row(NamedTuple):
    """Values for a table: NULL, DEFAULT, or "" for any other.

    Without ``columns`` they stand in the table's order. The columns that a new row of MERGE leaves
    out get their defaults; those of INSERT are in its plan.
    """

    table: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    is_new: bool = True
    is_merged: bool = False


def read_rows(sql: str) -> Iterator[Row]:
    """Yield the rows that a statement writes, as its VALUES and SET lists have them."""
    cursor = read_tokens(sql, _LEXIS)
    table, is_merge, before = "", False, ""
    while not cursor.is_at_end:
        word = cursor.take()
        if word in {"INTO", "UPDATE"} and before in _TARGETS:
            is_merge = before == "MERGE"
            cursor.accept("ONLY")
            name = cursor.take_name()
            table = name.name if name is not None else ""
            if before == "INSERT":
                yield from _inserted(cursor, table)
        elif word == "INSERT" and before == "THEN" and is_merge:
            yield from (row._replace(is_merged=True) for row in _inserted(cursor, table))
        elif word == "SET" and table:
            yield _updated(cursor, table)
        before = word


# What stands before INTO or UPDATE where a table follows; FOR UPDATE and DO UPDATE name none.
_TARGETS: Final = frozenset({"", "INSERT", "MERGE", "(", ")", "AS", "MATERIALIZED"})


def _inserted(cursor: Cursor, table: str) -> Iterator[Row]:
    if cursor.accept("AS"):
        cursor.take_name()
    columns = tuple(
        identifier(part[0], _LEXIS) for part in split_at_commas(cursor.take_group()) if part
    )
    if cursor.accept("OVERRIDING"):
        cursor.take()
        cursor.take()
    if cursor.accept("DEFAULT", "VALUES"):
        yield Row(table, columns, ())
        return
    is_row = cursor.accept("VALUES")
    while is_row:
        yield Row(table, columns, tuple(map(_value, split_at_commas(cursor.take_group()))))
        is_row = cursor.accept(",")


def _updated(cursor: Cursor, table: str) -> Row:
    outer = list(_up_to_end(cursor.rest))
    end = outer[-1].start if outer else -1
    tokens = [token for token in cursor.rest if token.start <= end]
    columns: list[str] = []
    values: list[str] = []
    for part in split_at_commas(tokens):
        item = Cursor(part, _LEXIS)
        group = item.take_group()
        name = None if group else item.take_name()
        item.accept("=")
        item.accept("ROW")
        if name is not None:
            columns.append(name.name)
            values.append(_value(item.rest))
            continue
        columns += [identifier(column[0], _LEXIS) for column in split_at_commas(group) if column]
        given = [_value(value) for value in split_at_commas(item.take_group())]
        values += given + [""] * (len(columns) - len(values) - len(given))
    return Row(table, tuple(columns), tuple(values), is_new=False)


def _up_to_end(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a SET list that stand outside brackets."""
    cases, before = 0, ""
    for token in outside_brackets(tokens):
        word = keyword(token)
        cases += (word == "CASE") - (word == "END")
        if word in _AFTER_SET and not cases and before != "DISTINCT":
            return
        yield token
        before = word


def _value(tokens: Sequence[Token]) -> str:
    """Return NULL or DEFAULT where a value is just that, perhaps behind a cast."""
    first = keyword(tokens[0]) if tokens else ""
    is_alone = len(tokens) == 1 or (len(tokens) > 1 and tokens[1].text.startswith(":"))
    return first if first in _NOTHING and is_alone else ""
