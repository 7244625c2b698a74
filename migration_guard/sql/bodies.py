"""Statements with a body whose own statements end in `;`.

A body ends at an END that stands where a statement begins. No grammar lets a statement of a body
begin with END, so neither CASE … END nor a column called `end` is mistaken for the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from migration_guard.sql.runs import body_pattern, closed_pattern, end_pattern
from migration_guard.sql.scanner import Kind, Token, gap, significant, skip_gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.sql.dialects import Dialect


@dataclass(slots=True)
class Body:
    """An open body. `what` and `start` name it; its current statement begins at `segment`."""

    what: str
    start: int
    segment: int
    depth: int = 1
    is_new: bool = True

    def end(self, text: str, lexis: Dialect, terminator: int) -> int:
        """Return the offset after the END that closes the body; -1 if it is not at this `;`."""
        if self.is_new:
            # The first time the whole body is tried in one match.
            self.is_new = False
            body = body_pattern(lexis).match(text, terminator)
            # One match cannot see inner blocks and DELIMITER.
            if body and not (lexis.blocks and _INNER.search(text, self.segment, body.start(1))):
                return body.end(1)
        return self._end_after(text, lexis, terminator)

    def _end_after(self, text: str, lexis: Dialect, terminator: int) -> int:
        """Return the offset after the END that follows a `;` and closes the body; -1 if none."""
        if lexis.blocks:
            self.depth += _count_inner_begins(text, lexis, self.segment, terminator)
        self.segment = skip_gap(text, lexis, terminator + 1)
        end = end_pattern(lexis).match(text, self.segment)
        if not end:
            return -1
        self.depth -= 1
        return -1 if self.depth else end.end()


def open_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return the body that the statement at `start` opens before its first terminator."""
    body = None
    if _plain_head(lexis).match(text, start):
        body = _PLAIN[lexis.vendor](text, lexis, start, terminator)
    return body or _OPENERS[lexis.vendor](text, lexis, start, terminator)


def _words(text: str, lexis: Dialect, start: int, stop: int) -> Iterator[Token]:
    """Yield the significant tokens up to `stop` and the next, unquoted words in upper case."""
    for token in significant(text, lexis, start):
        if token.kind is Kind.WORD:
            yield Token(token.kind, token.text.upper(), token.start)
        elif token.kind is not Kind.KEPT_COMMENT:
            yield token
        if token.start >= stop:
            return


def _plain_atomic(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return what `_atomic` returns, if only closed content stands before BEGIN ATOMIC."""
    begin = _begin_atomic(lexis).search(text, start, terminator)
    if not begin or not closed_pattern(lexis).fullmatch(text, start, begin.start()):
        return None
    first = skip_gap(text, lexis, begin.end())
    is_empty = _word("END", lexis).match(text, first)
    return None if is_empty else Body("BEGIN ATOMIC body", begin.start(), first)


def _plain_trigger(_text: str, _lexis: Dialect, start: int, _terminator: int) -> Body:
    """Return the body of a trigger whose head is plain."""
    return Body("trigger body", start, start)


def _plain_compound(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return what `_compound` returns, if BEGIN follows a word or `)` without a comment."""
    begin = _begin(lexis).search(text, start, terminator)
    if not begin or not closed_pattern(lexis).fullmatch(text, start, begin.start()):
        return None
    head = text[start : begin.start()].rstrip(lexis.space)
    last = _LAST_WORD.search(head[-_LONGER:])
    first = skip_gap(text, lexis, begin.end())
    is_clear = last and last[0].upper() not in _NAME_FOLLOWS and not _COMMENT.search(head)
    if not is_clear or text.startswith("/*", first) or _word("END", lexis).match(text, first):
        return None
    return Body("BEGIN … END body", start, first)


@lru_cache
def _plain_head(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern of a statement with a body, without nested comments between words."""
    then = f"(?!{lexis.name_part}){gap(lexis)}"
    return re.compile(f"(?i:{_PLAIN_HEADS[lexis.vendor].replace(' ', then)})(?!{lexis.name_part})")


@lru_cache
def _begin(lexis: Dialect) -> re.Pattern[str]:
    # The pattern begins with a class of characters, which the engine finds fastest.
    part = lexis.name_part
    return re.compile(f"[bB](?i:EGIN)(?<!{part}.{{5}})(?!{part})", re.DOTALL)


@lru_cache
def _begin_atomic(lexis: Dialect) -> re.Pattern[str]:
    atomic = f"(?i:ATOMIC)(?!{lexis.name_part})"
    return re.compile(f"{_begin(lexis).pattern}{gap(lexis)}{atomic}", re.DOTALL)


def _atomic(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return PostgreSQL's body: CREATE [OR REPLACE] FUNCTION|PROCEDURE … BEGIN ATOMIC … END."""
    if not _ATOMIC.search(text, start, terminator):
        return None
    words = _words(text, lexis, start, terminator)
    is_create, what = _next(words) == "CREATE", _next(words)
    if what == "OR":
        what = (_next(words), _next(words))[1]
    if not is_create or what not in {"FUNCTION", "PROCEDURE"}:
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


def _trigger(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return SQLite's body: [EXPLAIN …] CREATE [TEMP|TEMPORARY] TRIGGER … ; END before `;`."""
    words = _words(text, lexis, start, terminator)
    word = _next(words)
    if word == "EXPLAIN":
        # As in `sqlite3_complete()`, any other words may follow.
        word = next((token.text for token in words if token.text in _TRIGGER_WORDS), "")
    if word != "CREATE":
        return None
    word = _next(words)
    while word in {"TEMP", "TEMPORARY"}:
        word = _next(words)
    return Body("trigger body", start, start) if word == "TRIGGER" else None


def _compound(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return MySQL's body: BEGIN in a stored program, or BEGIN NOT ATOMIC of MariaDB."""
    words = _words(text, lexis, start, terminator)
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


def _count_inner_begins(text: str, lexis: Dialect, start: int, stop: int) -> int:
    """Return how many BEGINs between two terminators open an inner block that is not empty."""
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
    return re.compile(f"(?i:{word})(?!{lexis.name_part})")


_NOTHING = Token(Kind.SPACE, "", 0)
_PLAIN_HEADS = {
    "postgresql": "CREATE (?:OR REPLACE )?+(?:FUNCTION|PROCEDURE)",
    "sqlite": "CREATE (?:TEMP |TEMPORARY )*+TRIGGER",
    "mysql": "CREATE (?:OR REPLACE )?+(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)",
}
_PLAIN = {"postgresql": _plain_atomic, "sqlite": _plain_trigger, "mysql": _plain_compound}
_ATOMIC = re.compile(r"(?i)\bATOMIC\b")
_BEGIN = re.compile(r"(?i)\bBEGIN\b")
_INNER = re.compile(r"[bBdD](?i:EGIN|ELIMITER)\b")
_LAST_WORD = re.compile(r"(?:\w++|\))\Z")
_COMMENT = re.compile(r"--|#|/\*")
_TRIGGER_WORDS = frozenset({"CREATE", "TEMP", "TEMPORARY", "TRIGGER", "EXPLAIN", "END", ";"})
_PROGRAMS = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"})
_NO_PROGRAMS = frozenset({"TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE"})
_NAME_FOLLOWS = _PROGRAMS | {"EXISTS", ".", "ON", "FOLLOWS", "PRECEDES", "@", "=", "(", ","}
_LONGER = 20  # characters, more than any of these words has
_STATEMENT_MAY_FOLLOW = frozenset({";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", ":"})
_NO_STATEMENT = frozenset(",)=+-*/.<>;") | {"END", "ELSE", "WHEN", "FROM", "AS", "AND", "OR"}
_OPENERS = {"postgresql": _atomic, "sqlite": _trigger, "mysql": _compound}
