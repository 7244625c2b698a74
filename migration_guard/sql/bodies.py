"""Statements with a body whose own statements end in `;`.

A body ends at an END that stands where a statement begins. No grammar lets a statement of a body
begin with END, so neither CASE … END nor a column called `end` is mistaken for the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from migration_guard.sql.programs import find_program
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
    is_new: bool = True

    def end(self, text: str, lexis: Dialect, terminator: int) -> int:
        """Return the offset after the END that closes the body; -1 if it is not at this `;`."""
        if self.is_new:
            # The first time the whole body is tried in one match.
            self.is_new = False
            if body := body_pattern(lexis).match(text, terminator):
                return body.end(1)
        self.segment = skip_gap(text, lexis, terminator + 1)
        end = end_pattern(lexis).match(text, self.segment)
        return end.end() if end else -1


@dataclass(slots=True)
class ProgramBody(Body):
    """The body of a MySQL program, whose blocks were followed to its end."""

    closes_at: int = -1

    def end(self, text: str, lexis: Dialect, terminator: int) -> int:  # noqa: ARG002
        """Return the offset after the END that closes the body, -1 if it never closes."""
        return self.closes_at


def open_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return the body that the statement at `start` opens before its first terminator."""
    return _OPENERS[lexis.vendor](text, lexis, start, terminator)


def _postgresql_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    body = None
    if _plain_head(lexis, _ATOMIC_HEAD).match(text, start):
        body = _plain_atomic(text, lexis, start, terminator)
    return body or _atomic(text, lexis, start, terminator)


def _sqlite_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    if _plain_head(lexis, _TRIGGER_HEAD).match(text, start):
        return Body("trigger body", start, start)
    return _trigger(text, lexis, start, terminator)


def _mysql_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    program = find_program(text, lexis, start)
    if program is None or 0 <= program.end <= terminator:
        return None
    return ProgramBody(program.what, program.start, program.start, closes_at=program.end)


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


@lru_cache
def _plain_head(lexis: Dialect, head: str) -> re.Pattern[str]:
    """Return the pattern of a statement with a body, without nested comments between words."""
    then = f"(?!{lexis.name_part}){gap(lexis)}"
    return re.compile(f"(?i:{head.replace(' ', then)})(?!{lexis.name_part})")


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


def _next(words: Iterator[Token]) -> str:
    return next(words, _NOTHING).text


@lru_cache
def _word(word: str, lexis: Dialect) -> re.Pattern[str]:
    return re.compile(f"(?i:{word})(?!{lexis.name_part})")


_NOTHING = Token(Kind.SPACE, "", 0)
_ATOMIC_HEAD = "CREATE (?:OR REPLACE )?+(?:FUNCTION|PROCEDURE)"
_TRIGGER_HEAD = "CREATE (?:TEMP |TEMPORARY )*+TRIGGER"
_ATOMIC = re.compile(r"(?i)\bATOMIC\b")
_TRIGGER_WORDS = frozenset({"CREATE", "TEMP", "TEMPORARY", "TRIGGER", "EXPLAIN", "END", ";"})
_OPENERS = {"postgresql": _postgresql_body, "sqlite": _sqlite_body, "mysql": _mysql_body}
