"""What only the text of SQLite's CREATE TABLE says: checks, names, collations, generation.

Pure. The text is SQLite's own, so it is valid; what this reader does not know it passes over. Only
definitions with a word that says something are read token by token: most columns have none.

Source: SQLite, "CREATE TABLE" (syntax diagrams column-constraint and table-constraint; the comma
between table constraints may be left out).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from migration_guard.schema.expressions import unwrapped
from migration_guard.sql.dialects import SQLITE
from migration_guard.sql.scanner import Kind, Token, significant

_TABLE_CONSTRAINTS: Final = frozenset({"constraint", "primary", "unique", "check", "foreign"})
# What a definition without any of these says, the pragmas tell.
_TELLING: Final = re.compile(
    r"\b(?:constraint|primary|unique|check|foreign|references|collate|as)\b", re.IGNORECASE
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
    """What the text of a CREATE TABLE says; names of columns are in lower case."""

    primary_keys: list[Named] = field(default_factory=list)
    uniques: list[Named] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)


def parse_create_table(sql: str) -> Parsed:
    """Return what the text says beyond the pragmas; empty for a virtual table."""
    parsed = Parsed()
    if not _is_virtual(sql):
        for start, end in _definitions(sql):
            if _TELLING.search(sql, start, end):
                _Definition(sql, list(significant(sql, SQLITE, start, end)), parsed).read()
    return parsed


def index_expressions(sql: str) -> tuple[list[str], str | None]:
    """Return the terms of CREATE INDEX, without collation and order, and the WHERE or None."""
    tokens = list(significant(sql, SQLITE))
    start = next(number for number, token in enumerate(tokens) if token.text == "(")
    end = _closing(tokens, start)
    terms = [_term(sql, part) for part in _split(tokens[start + 1 : end])]
    if end + 1 >= len(tokens):
        return terms, None
    return terms, unwrapped(_text(sql, tokens[end + 2 :]), "sqlite")


def _is_virtual(sql: str) -> bool:
    """Return whether the text is that of a virtual table: SQLite writes its first words itself."""
    return sql[:15].upper() == "CREATE VIRTUAL "


def _definitions(sql: str) -> Iterator[tuple[int, int]]:
    """Yield where the definitions in a CREATE TABLE begin and end: its body, split at commas."""
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


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Split at the commas outside parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _closing(tokens: list[Token], start: int) -> int:
    """Return the place of the parenthesis that closes the one at ``start``."""
    depth = 0
    for number in range(start, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[number].text, 0)
        if depth == 0:
            return number
    return len(tokens)


def _text(sql: str, tokens: list[Token]) -> str:
    """Return the text from the first to the last of these tokens."""
    return sql[tokens[0].start : tokens[-1].start + len(tokens[-1].text)] if tokens else ""


def _term(sql: str, tokens: list[Token]) -> str:
    """Return one term of an index without its COLLATE and its order."""
    kept = list(tokens)
    while len(kept) > 1:
        if _word(kept[-1]) in {"asc", "desc"}:
            kept = kept[:-1]
        elif _word(kept[-2]) == "collate":
            kept = kept[:-2]
        else:
            break
    return unwrapped(_text(sql, kept), "sqlite")


def _word(token: Token) -> str:
    """Return an unquoted word in lower case, or ""."""
    return token.text.lower() if token.kind is Kind.WORD else ""


def _name(token: Token) -> str:
    """Return the name that a token writes; SQLite takes string literals for names."""
    text = token.text
    if token.kind is Kind.QUOTED and text[0] == "[":
        return text[1:-1]
    if token.kind in {Kind.QUOTED, Kind.STRING}:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


class _Definition:
    """One definition of a column, or table constraints, read from left to right."""

    def __init__(self, sql: str, tokens: list[Token], parsed: Parsed) -> None:
        self._sql = sql
        self._tokens = tokens
        self._parsed = parsed
        self._at = 0
        self._name = ""
        is_column = _word(tokens[0]) not in _TABLE_CONSTRAINTS
        self._column = _name(tokens[0]).lower() if is_column else ""
        self._at = 1 if is_column else 0

    def read(self) -> None:
        """Read every clause; what is not one, such as the type, is passed over."""
        while self._at < len(self._tokens):
            word = _word(self._tokens[self._at])
            self._at += 1
            clause = _CLAUSES.get(word)
            if clause is not None:
                clause(self)
            elif self._peek("("):
                self._group()

    # Clauses: the keyword is behind.

    def constraint(self) -> None:
        """Read CONSTRAINT name."""
        self._name = _name(self._tokens[self._at])
        self._at += 1

    def primary(self) -> None:
        """Read PRIMARY KEY, in a table constraint with its columns."""
        self._at += 1
        self._parsed.primary_keys.append(Named(self._take_name(), self._columns()))

    def unique(self) -> None:
        """Read UNIQUE, likewise."""
        self._parsed.uniques.append(Named(self._take_name(), self._columns()))

    def check(self) -> None:
        """Read CHECK (expression)."""
        self._parsed.checks.append((self._take_name(), unwrapped(self._group(), "sqlite")))

    def collate(self) -> None:
        """Read COLLATE name."""
        self._parsed.collations[self._column] = _name(self._tokens[self._at])
        self._at += 1

    def generated(self) -> None:
        """Read AS (expression); GENERATED ALWAYS before it says nothing more."""
        if self._peek("("):
            self._parsed.generated[self._column] = unwrapped(self._group(), "sqlite")

    def default(self) -> None:
        """Pass over DEFAULT value, whatever it looks like; SET DEFAULT has no value."""
        if self._at > 1 and _word(self._tokens[self._at - 2]) == "set":
            return
        if self._peek("("):
            self._group()
        else:
            self._at += 2 if self._peek("-") or self._peek("+") else 1

    def foreign(self) -> None:
        """Read FOREIGN KEY (columns) REFERENCES …."""
        self._at += 1
        columns = self._columns()
        self._at += 1
        self._reference(columns)

    def references(self) -> None:
        """Read REFERENCES table, of a column."""
        self._reference((self._column,))

    def deferrable(self) -> None:
        """Read [NOT] DEFERRABLE [INITIALLY DEFERRED]."""
        if not self._parsed.references:
            return
        before = self._tokens[self._at - 2]
        following = [_word(token) for token in self._tokens[self._at : self._at + 2]]
        deferred = following == ["initially", "deferred"]
        wanted = "deferred" if deferred else "immediate"
        self._parsed.references[-1].deferrable = "" if _word(before) == "not" else wanted

    def _reference(self, columns: tuple[str, ...]) -> None:
        self._parsed.references.append(Reference(self._take_name(), columns))
        self._at += 1
        if self._peek("("):
            self._group()

    # Steps

    def _peek(self, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].text == text

    def _take_name(self) -> str:
        name, self._name = self._name, ""
        return name

    def _group(self) -> str:
        """Pass over a group in parentheses; return its text with them."""
        end = _closing(self._tokens, self._at)
        text = _text(self._sql, self._tokens[self._at : end + 1])
        self._at = end + 1
        return text

    def _columns(self) -> tuple[str, ...]:
        """Return the columns in parentheses here, or the column that is being defined."""
        if not self._peek("("):
            return (self._column,)
        end = _closing(self._tokens, self._at)
        parts = _split(self._tokens[self._at + 1 : end])
        self._at = end + 1
        return tuple(_name(part[0]).lower() for part in parts)


_CLAUSES: Final[Mapping[str, Callable[[_Definition], None]]] = {
    "constraint": _Definition.constraint,
    "primary": _Definition.primary,
    "unique": _Definition.unique,
    "check": _Definition.check,
    "collate": _Definition.collate,
    "as": _Definition.generated,
    "default": _Definition.default,
    "foreign": _Definition.foreign,
    "references": _Definition.references,
    "deferrable": _Definition.deferrable,
}
