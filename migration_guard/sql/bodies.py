"""Statements with a body whose own statements end in `;`.

A body ends at an END in the place of a statement, so that neither CASE … END nor a column called
`end` is mistaken for it: no grammar lets a statement begin with END inside such a body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from migration_guard.sql.scanner import Kind, Token, significant, skip_gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.sql.dialects import Dialect


@dataclass(slots=True)
class Body:
    """A body that is open: `what` and `start` name it, `segment` is where its statement begins."""

    what: str
    start: int
    segment: int
    depth: int = 1

    def end(self, text: str, lexis: Dialect, terminator: int) -> int:
        """Return the offset after the END that follows a `;` and closes the body; -1 if none."""
        if lexis.vendor == "mysql":
            self.depth += _blocks_opened(text, lexis, self.segment, terminator)
        self.segment = skip_gap(text, lexis, terminator + 1)
        found = _word("END", lexis).match(text, self.segment)
        if not found:
            return -1
        after = skip_gap(text, lexis, found.end())
        if lexis.vendor == "sqlite" and text[after : after + 1] not in {"", ";"}:
            return -1
        if lexis.vendor == "mysql":
            self.depth -= not _word(_BLOCKS, lexis).match(text, after)
            if self.depth:
                return -1
        return found.end()


def open_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return the body that the statement at `start` opens before its first terminator."""
    return _OPENERS[lexis.vendor](_words(text, lexis, start, terminator), start)


def _words(text: str, lexis: Dialect, start: int, stop: int) -> Iterator[Token]:
    """Yield the significant tokens up to `stop` and one more, unquoted words in upper case."""
    for token in significant(text, lexis, start):
        if token.kind is Kind.WORD:
            yield Token(token.kind, token.text.upper(), token.start)
        elif token.kind is not Kind.KEPT_COMMENT:
            yield token
        if token.start >= stop:
            return


def _atomic(words: Iterator[Token], _start: int) -> Body | None:
    """PostgreSQL: CREATE [OR REPLACE] FUNCTION|PROCEDURE … BEGIN ATOMIC … END."""
    head = _next(words), _next(words)
    if head == ("CREATE", "OR"):
        head = _next(words), _next(words)
    if head[1] not in {"FUNCTION", "PROCEDURE"}:
        return None
    depth, before = 0, _NOTHING
    for word in words:
        if depth == 0 and word.text == "ATOMIC" and before.text == "BEGIN":
            first = next(words, _NOTHING)
            is_empty = first.text == "END"
            return None if is_empty else Body("BEGIN ATOMIC body", before.start, first.start)
        depth += (word.text == "(") - (word.text == ")")
        before = word
    return None


def _trigger(words: Iterator[Token], start: int) -> Body | None:
    """SQLite: [EXPLAIN …] CREATE [TEMP|TEMPORARY] TRIGGER … ; END, and then `;` or nothing.

    As in `sqlite3_complete()`, EXPLAIN may be followed by any words that are not of these.
    """
    word = _next(words)
    if word == "EXPLAIN":
        word = next((each.text for each in words if each.text in _TRIGGER_WORDS), "")
    if word != "CREATE":
        return None
    word = _next(words)
    while word in {"TEMP", "TEMPORARY"}:
        word = _next(words)
    return Body("trigger body", start, start) if word == "TRIGGER" else None


def _compound(words: Iterator[Token], start: int) -> Body | None:
    """MySQL, MariaDB: what begins with BEGIN in a stored program, or with BEGIN NOT ATOMIC."""
    before, is_program = _next(words), False
    if before == "BEGIN" and (_next(words), _next(words)) != ("NOT", "ATOMIC"):
        return None
    if before == "CREATE":
        for word in words:
            if is_program and word.text == "BEGIN" and before not in _NAME_FOLLOWS:
                break
            if not is_program and word.text in _NO_PROGRAMS:
                return None
            is_program = is_program or word.text in _PROGRAMS
            before = word.text
        else:
            return None
    elif before != "BEGIN":
        return None
    first = next(words, _NOTHING)
    return None if first.text == "END" else Body("BEGIN … END body", start, first.start)


def _blocks_opened(text: str, lexis: Dialect, start: int, stop: int) -> int:
    """Count the BEGINs of nested blocks between two terminators; not those of `BEGIN END`."""
    if not _BEGIN.search(text, start, stop):
        return 0
    count, before, is_handler = 0, ";", False
    for word, after in pairwise(_words(text, lexis, start, stop)):
        if word.text == "BEGIN" and (is_handler or before in _STATEMENT_MAY_FOLLOW):
            count += after.text not in _NO_STATEMENT
        is_handler = is_handler or word.text == "HANDLER"
        before = word.text
    return count


def _next(words: Iterator[Token]) -> str:
    return next(words, _NOTHING).text


@lru_cache
def _word(word: str, lexis: Dialect) -> re.Pattern[str]:
    return re.compile(f"(?i:{word})(?![{lexis.name_part}])")


_NOTHING = Token(Kind.SPACE, "", 0)
_BEGIN = re.compile(r"(?i)\bBEGIN\b")
_TRIGGER_WORDS = frozenset({"CREATE", "TEMP", "TEMPORARY", "TRIGGER", "EXPLAIN", "END", ";"})
_BLOCKS = "(?:IF|CASE|LOOP|WHILE|REPEAT|FOR)"
_PROGRAMS = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"})
_NO_PROGRAMS = frozenset({"TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE"})
_NAME_FOLLOWS = _PROGRAMS | {"EXISTS", ".", "ON", "FOLLOWS", "PRECEDES", "@", "=", "(", ","}
_STATEMENT_MAY_FOLLOW = frozenset({";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", ":"})
_NO_STATEMENT = frozenset(",)=+-*/.<>;") | {"END", "ELSE", "WHEN", "FROM", "AS", "AND", "OR"}
_OPENERS = {"postgresql": _atomic, "sqlite": _trigger, "mysql": _compound}
