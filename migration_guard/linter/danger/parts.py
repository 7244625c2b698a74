"""The statements that a statement runs: itself, and those in its DO block, EXECUTE or PREPARE.

Pure, by tokens, for all vendors. A part that may not run (behind IF, in a loop, before an
EXCEPTION) counts as one that runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from migration_guard.linter.danger.clauses import alter_clauses
from migration_guard.sql.cursor import keyword
from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind, Token, significant

# What begins a piece of a program's body that ends with another word than a semicolon.
_OPENERS: Final = frozenset(
    [
        "IF",
        "ELSIF",
        "ELSEIF",
        "ELSE",
        "WHILE",
        "FOR",
        "FOREACH",
        "LOOP",
        "WHEN",
        "CASE",
        "BEGIN",
        "DECLARE",
        "EXCEPTION",
        "REPEAT",
        "NOT",
        "ATOMIC",
        "EXIT",
        "CONTINUE",
        "UNTIL",
    ]
)
_BREAKS: Final = frozenset({"BEGIN", "THEN", "ELSE", "LOOP", "DO", "ATOMIC", "REPEAT"})
_COMPOUND: Final = frozenset({"IF", "CASE", "WHILE", "LOOP", "FOR", "REPEAT"})
_PLACEHOLDER: Final = re.compile(r"%(?:\d+\$)?-?[Is]")  # of format()
_UNKNOWN: Final = ' "?" '  # a name that only the server will know
_STATEMENT_LIMIT: Final = 4000  # tokens; what is longer is data


@dataclass(frozen=True, eq=False)
class Part:
    """The tokens of one statement, and where it begins in the file's text.

    ``is_nested`` is True for a part of a program, which may be skipped when it runs. What is read
    of it is read once, since each rule walks through all of them.
    """

    tokens: tuple[Token, ...]
    offset: int
    lexis: Dialect
    is_nested: bool = False

    @cached_property
    def words(self) -> list[str]:
        """The tokens as keywords."""
        return [keyword(token) for token in self.tokens]

    @cached_property
    def clauses(self) -> list[list[Token]]:
        """The actions of an ALTER TABLE."""
        return alter_clauses(self.tokens, self.lexis)

    @cached_property
    def clause_words(self) -> list[list[str]]:
        """The actions of an ALTER TABLE as keywords."""
        return [[keyword(token) for token in clause] for clause in self.clauses]


def read_parts(text: str, start: int, lexis: Dialect) -> Iterator[Part]:
    """Yield the statement at ``start`` of a file, then each statement that it runs."""
    tokens = tuple(_limited(significant(text, lexis)))
    if not tokens:
        return
    yield Part(tokens, start, lexis)
    yield from nested_parts(tokens, start, lexis)


def nested_parts(tokens: Sequence[Token], start: int, lexis: Dialect) -> Iterator[Part]:
    """Yield the statements that a block, EXECUTE or PREPARE runs."""
    first = keyword(tokens[0])
    words = [keyword(token) for token in tokens[:3]]
    if first == "DO" and lexis.dollar_quotes:
        for token in tokens[1:]:
            if token.kind in {Kind.DOLLAR, Kind.STRING}:
                yield from body_parts(*inner_text(token), start, lexis)
    elif lexis.blocks and (words == ["BEGIN", "NOT", "ATOMIC"] or first in _COMPOUND):
        yield from _split_body(tokens, start, lexis)
    elif first == "EXECUTE" or (first == "PREPARE" and words[2:] == ["FROM"]):
        yield from _parts_of_texts(tokens, start, lexis)


def body_parts(text: str, inner: int, start: int, lexis: Dialect) -> Iterator[Part]:
    """Yield the statements in a program's body, which begins ``inner`` behind ``start``."""
    yield from _split_body(tuple(significant(text, lexis)), start + inner, lexis)


def inner_text(token: Token) -> tuple[str, int]:
    """Return the text in a string's quotes, and the offset of its beginning."""
    if token.kind is Kind.DOLLAR:
        width = token.text.index("$", 1) + 1
        return token.text[width:-width], token.start + width
    opening = token.text.index("'") + 1 if "'" in token.text else 1
    return token.text[opening:-1].replace("''", "'"), token.start + opening


def _split_body(tokens: Sequence[Token], start: int, lexis: Dialect) -> Iterator[Part]:
    piece: list[Token] = []
    for token in tokens:
        word = keyword(token)
        is_open = not piece or keyword(piece[0]) in _OPENERS or piece[0].text == "<<"
        if token.text == ";" or (is_open and word in _BREAKS):
            yield from _parts_of(piece, start, lexis)
            piece = []
        else:
            piece.append(token)
    yield from _parts_of(piece, start, lexis)


def _parts_of(piece: Sequence[Token], start: int, lexis: Dialect) -> Iterator[Part]:
    if piece:
        yield Part(tuple(piece), start + piece[0].start, lexis, is_nested=True)
        if keyword(piece[0]) in {"EXECUTE", "PREPARE"}:
            yield from _parts_of_texts(piece, start, lexis)


def _parts_of_texts(tokens: Sequence[Token], start: int, lexis: Dialect) -> Iterator[Part]:
    """Yield the statements in the strings that EXECUTE puts together."""
    strings = []
    for token in tokens[1:]:
        if keyword(token) in {"USING", "INTO"}:
            break
        if token.kind in {Kind.STRING, Kind.DOLLAR}:
            strings.append(token)
    text = _UNKNOWN.join(inner_text(token)[0] for token in strings)
    text = _PLACEHOLDER.sub(_UNKNOWN, text)
    for part in _split_body(tuple(significant(text, lexis)), 0, lexis):
        yield replace(part, offset=start + tokens[0].start)


def _limited(tokens: Iterator[Token]) -> Iterator[Token]:
    for number, token in enumerate(tokens):
        if number >= _STATEMENT_LIMIT:
            return
        yield token
