"""Reads from the text of SQLite's CREATE TABLE what no pragma has: checks, names, collations.

Pure. The text is SQLite's own, so it is valid. Unknown clauses are passed over. Only definitions
with a word that a clause begins with are read token by token, and most columns have none.

Source: SQLite, "CREATE TABLE" (syntax diagrams column-constraint and table-constraint; the comma
between table constraints may be left out).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from migration_guard.schema.expressions import without_brackets
from migration_guard.sql.cursor import (
    Cursor,
    identifier,
    keyword,
    read_tokens,
    source_of,
    split_at_commas,
)
from migration_guard.sql.dialects import SQLITE
from migration_guard.sql.scanner import Token, significant

_TABLE_CONSTRAINTS: Final = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
# CREATE TRIGGER name INSTEAD OF INSERT ON; SQLite leaves out IF NOT EXISTS and keeps a schema.
_TRIGGER_HEAD: Final = 12
# The pragmas have all of a definition that contains none of these words.
_CLAUSE_WORD: Final = re.compile(
    r"\b(?:constraint|primary|unique|check|foreign|references|collate|as|conflict)\b", re.IGNORECASE
)
# A mark, and all before it that cannot begin one.
_MARK: Final = re.compile(
    rf"[^-/'\"`\[(),]*+"
    rf"({SQLITE.line_comment}|{SQLITE.block_comment}|{SQLITE.string}|{SQLITE.quoted}|[-/(),])",
    re.DOTALL,
)


@dataclass(slots=True)
class Named:
    """A constraint of some columns, with its name or ""."""

    name: str
    columns: tuple[str, ...]


@dataclass(slots=True)
class Reference:
    """A foreign key, in the order of declaration."""

    name: str
    columns: tuple[str, ...]
    deferrable: str = ""


@dataclass(slots=True)
class Parsed:
    """The facts of a CREATE TABLE that no pragma has; names of columns are in lower case.

    ``clauses`` are AUTOINCREMENT and ON CONFLICT, each with the constraint that it belongs to.
    """

    primary_keys: list[Named] = field(default_factory=list)
    uniques: list[Named] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)
    clauses: list[str] = field(default_factory=list)


def parse_create_table(sql: str) -> Parsed:
    """Return the facts that no pragma has; none for a virtual table."""
    parsed = Parsed()
    if not is_virtual(sql):
        for start, end in _definitions(sql):
            if _CLAUSE_WORD.search(sql, start, end):
                _Definition(
                    sql, Cursor(significant(sql, SQLITE, start, end), SQLITE), parsed
                ).read()
    return parsed


def index_expressions(sql: str) -> tuple[list[str], str | None]:
    """Return the terms of CREATE INDEX, without collation and order, and the WHERE or None."""
    cursor = read_tokens(sql, SQLITE)
    while not cursor.is_at_end and cursor.peek() != "(":
        cursor.take()
    terms = [_term(sql, part) for part in split_at_commas(cursor.take_group())]
    if not cursor.accept("WHERE"):
        return terms, None
    return terms, without_brackets(source_of(sql, cursor.rest), "sqlite")


def is_virtual(sql: str) -> bool:
    """Return whether the text is that of a virtual table; SQLite writes its first words itself."""
    return sql[:15].upper() == "CREATE VIRTUAL "


def has_rowid(sql: str) -> bool:
    """Return whether the text of a CREATE TABLE makes a table with rowids."""
    depth = 0
    for token in significant(sql, SQLITE) if "WITHOUT" in sql.upper() else ():
        depth += (token.text == "(") - (token.text == ")")
        if not depth and keyword(token) == "WITHOUT":
            return False
    return True


def is_instead_of_insert(sql: str) -> bool:
    """Return whether the text of a CREATE TRIGGER is that of an INSTEAD OF INSERT trigger."""
    words = [keyword(token) for token in islice(significant(sql, SQLITE), _TRIGGER_HEAD)]
    return "INSTEAD OF INSERT ON " in f"{' '.join(words)} "


def _definitions(sql: str) -> Iterator[tuple[int, int]]:
    """Yield where the definitions in a CREATE TABLE begin and end, split at commas."""
    depth = start = 0
    for mark in _MARK.finditer(sql):
        char = mark[1]
        if char == "(":
            depth += 1
            start = mark.end() if depth == 1 else start
        elif char == "," and depth == 1:
            yield start, mark.start(1)
            start = mark.end()
        elif char == ")":
            depth -= 1
            if depth == 0:
                yield start, mark.start(1)
                return


def _term(sql: str, tokens: list[Token]) -> str:
    """Return one term of an index without its COLLATE and its order."""
    kept = list(tokens)
    while len(kept) > 1:
        if keyword(kept[-1]) in {"ASC", "DESC"}:
            kept = kept[:-1]
        elif keyword(kept[-2]) == "COLLATE":
            kept = kept[:-2]
        else:
            break
    return without_brackets(source_of(sql, kept), "sqlite")


class _Definition:
    """One definition of a column, or table constraints, read from left to right."""

    def __init__(self, sql: str, cursor: Cursor, parsed: Parsed) -> None:
        self._sql = sql
        self._cursor = cursor
        self._parsed = parsed
        self._name = ""
        self._constraint = ""
        is_column = cursor.peek() not in _TABLE_CONSTRAINTS
        self._column = self._take_identifier().lower() if is_column else ""

    def read(self) -> None:
        """Read every clause; what is not one, such as the type, is passed over."""
        while not self._cursor.is_at_end:
            clause = _CLAUSES.get(self._cursor.take())
            if clause is not None:
                clause(self)
            else:
                self._cursor.take_group()

    # Clauses: the keyword is behind.

    def constraint(self) -> None:
        """Read CONSTRAINT name."""
        self._name = self._take_identifier()

    def primary(self) -> None:
        """Read PRIMARY KEY, in a table constraint with its columns."""
        self._cursor.accept("KEY")
        key = Named(self._take_constraint_name(), self._take_columns())
        self._parsed.primary_keys.append(key)
        self._constraint = f"PRIMARY KEY ({', '.join(key.columns)})"

    def unique(self) -> None:
        """Read UNIQUE, likewise."""
        key = Named(self._take_constraint_name(), self._take_columns())
        self._parsed.uniques.append(key)
        self._constraint = f"UNIQUE ({', '.join(key.columns)})"

    def check(self) -> None:
        """Read CHECK (expression)."""
        self._parsed.checks.append((self._take_constraint_name(), self._take_expression()))

    def collate(self) -> None:
        """Read COLLATE name."""
        self._parsed.collations[self._column] = self._take_identifier()

    def generated(self) -> None:
        """Read AS (expression); GENERATED ALWAYS before it may be left out."""
        if self._cursor.peek() == "(":
            self._parsed.generated[self._column] = self._take_expression()

    def default(self) -> None:
        """Pass over DEFAULT value, whatever it looks like; SET DEFAULT has no value."""
        if self._word_before() == "SET":
            return
        if not self._cursor.take_group():
            self._cursor.accept_any({"-", "+"})
            self._cursor.take()

    def foreign(self) -> None:
        """Read FOREIGN KEY (columns) REFERENCES …."""
        self._cursor.accept("KEY")
        columns = self._take_columns()
        self._cursor.accept("REFERENCES")
        self._reference(columns)

    def references(self) -> None:
        """Read REFERENCES table, of a column."""
        self._reference((self._column,))

    def refuse(self) -> None:
        """Read NOT NULL; before another word NOT belongs to that."""
        if self._cursor.accept("NULL"):
            self._constraint = f"NOT NULL ({self._column})"

    def autoincrement(self) -> None:
        """Read AUTOINCREMENT."""
        self._parsed.clauses.append(f"{self._constraint} AUTOINCREMENT")

    def on(self) -> None:
        """Read ON CONFLICT action; ON DELETE and ON UPDATE are passed over."""
        if self._cursor.accept("CONFLICT"):
            action = self._cursor.take()
            if action != "ABORT":
                self._parsed.clauses.append(f"{self._constraint} ON CONFLICT {action}")

    def deferrable(self) -> None:
        """Read [NOT] DEFERRABLE [INITIALLY DEFERRED]."""
        if not self._parsed.references:
            return
        is_not = self._word_before() == "NOT"
        timing = "deferred" if self._cursor.accept("INITIALLY", "DEFERRED") else "immediate"
        self._parsed.references[-1].deferrable = "" if is_not else timing

    def _reference(self, columns: tuple[str, ...]) -> None:
        self._parsed.references.append(Reference(self._take_constraint_name(), columns))
        self._take_identifier()
        self._cursor.take_group()

    # Steps

    def _word_before(self) -> str:
        """Return the word before the keyword that is behind; a definition begins with another."""
        return keyword(self._cursor.tokens[self._cursor.position - 2])

    def _take_identifier(self) -> str:
        name = self._cursor.take_name()
        return name.name if name is not None else ""

    def _take_constraint_name(self) -> str:
        name, self._name = self._name, ""
        return name

    def _take_expression(self) -> str:
        """Go past an expression in brackets and return it without them."""
        start = self._cursor.position
        self._cursor.take_group()
        tokens = self._cursor.tokens[start : self._cursor.position]
        return without_brackets(source_of(self._sql, tokens), "sqlite")

    def _take_columns(self) -> tuple[str, ...]:
        """Return the columns in brackets here, or the column that is being defined."""
        if self._cursor.peek() != "(":
            return (self._column,)
        parts = split_at_commas(self._cursor.take_group())
        return tuple(identifier(part[0], SQLITE).lower() for part in parts)


_CLAUSES: Final[Mapping[str, Callable[[_Definition], None]]] = {
    "CONSTRAINT": _Definition.constraint,
    "PRIMARY": _Definition.primary,
    "UNIQUE": _Definition.unique,
    "CHECK": _Definition.check,
    "COLLATE": _Definition.collate,
    "AS": _Definition.generated,
    "DEFAULT": _Definition.default,
    "FOREIGN": _Definition.foreign,
    "REFERENCES": _Definition.references,
    "DEFERRABLE": _Definition.deferrable,
    "NOT": _Definition.refuse,
    "AUTOINCREMENT": _Definition.autoincrement,
    "ON": _Definition.on,
}
