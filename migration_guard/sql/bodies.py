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

from migration_guard.sql.runs import BLOCKS, body_pattern, closed_pattern
from migration_guard.sql.scanner import Kind, Token, gap, significant, skip_gap

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
    is_new: bool = True

    def end(self, text: str, lexis: Dialect, terminator: int) -> int:
        """Return the offset after the END that closes the body; -1 if not known at this `;`.

        At the first one the whole body is tried in one match. If that fails it takes steps.
        """
        if self.is_new:
            self.is_new = False
            found = body_pattern(lexis).match(text, terminator)
            if found and not self._may_hold_more(text, lexis, found.start(1)):
                return found.end(1)
        return self._end_after(text, lexis, terminator)

    def _may_hold_more(self, text: str, lexis: Dialect, end: int) -> bool:
        """Tell whether what one match cannot know may stand in the body: blocks and DELIMITER."""
        return lexis.vendor == "mysql" and bool(_INNER.search(text, self.segment, end))

    def _end_after(self, text: str, lexis: Dialect, terminator: int) -> int:
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
            self.depth -= not _word(BLOCKS, lexis).match(text, after)
            if self.depth:
                return -1
        return found.end()


def open_body(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Return the body that the statement at `start` opens before its first terminator."""
    if _plain_head(lexis).match(text, start):
        if lexis.vendor == "sqlite":
            return Body("trigger body", start, start)
        if plain := _PLAIN[lexis.vendor](text, lexis, start, terminator):
            return plain
    if lexis.vendor == "postgresql" and not _ATOMIC.search(text, start, terminator):
        return None
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


def _plain_atomic(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Do what `_atomic` does, where nothing but closed content stands before BEGIN ATOMIC."""
    found = _begin_atomic(lexis).search(text, start, terminator)
    if not found or not closed_pattern(lexis).fullmatch(text, start, found.start()):
        return None
    first = skip_gap(text, lexis, found.end())
    is_empty = _word("END", lexis).match(text, first)
    return None if is_empty else Body("BEGIN ATOMIC body", found.start(), first)


def _plain_compound(text: str, lexis: Dialect, start: int, terminator: int) -> Body | None:
    """Do what `_compound` does, where BEGIN follows a word or `)` and no comment is before it."""
    found = _begin(lexis).search(text, start, terminator)
    if not found or not closed_pattern(lexis).fullmatch(text, start, found.start()):
        return None
    head = text[start : found.start()].rstrip(lexis.space)
    last = _LAST_WORD.search(head[-_LONGER:])
    first = skip_gap(text, lexis, found.end())
    is_clear = last and last[0].upper() not in _NAME_FOLLOWS and not _COMMENT.search(head)
    if not is_clear or text.startswith("/*", first) or _word("END", lexis).match(text, first):
        return None
    return Body("BEGIN … END body", start, first)


@lru_cache
def _plain_head(lexis: Dialect) -> re.Pattern[str]:
    """Compile how a statement with a body begins, with no nested comment between the words."""
    then = f"(?!{lexis.name_part}){gap(lexis)}"
    return re.compile(f"(?i:{_PLAIN_HEADS[lexis.vendor].replace(' ', then)})(?!{lexis.name_part})")


@lru_cache
def _begin(lexis: Dialect) -> re.Pattern[str]:
    # It begins with one class of characters, since the engine finds that at a glance.
    part = lexis.name_part
    return re.compile(f"[bB](?i:EGIN)(?<!{part}.{{5}})(?!{part})", re.DOTALL)


@lru_cache
def _begin_atomic(lexis: Dialect) -> re.Pattern[str]:
    atomic = f"(?i:ATOMIC)(?!{lexis.name_part})"
    return re.compile(f"{_begin(lexis).pattern}{gap(lexis)}{atomic}", re.DOTALL)


def _atomic(words: Iterator[Token], _start: int) -> Body | None:
    """PostgreSQL: CREATE [OR REPLACE] FUNCTION|PROCEDURE … BEGIN ATOMIC … END."""
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
    return re.compile(f"(?i:{word})(?!{lexis.name_part})")


_NOTHING = Token(Kind.SPACE, "", 0)
_PLAIN_HEADS = {
    "postgresql": "CREATE (?:OR REPLACE )?+(?:FUNCTION|PROCEDURE)",
    "sqlite": "CREATE (?:TEMP |TEMPORARY )*+TRIGGER",
    "mysql": "CREATE (?:OR REPLACE )?+(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)",
}
_PLAIN = {"postgresql": _plain_atomic, "mysql": _plain_compound}
_ATOMIC = re.compile(r"(?i)\bATOMIC\b")
_BEGIN = re.compile(r"(?i)\bBEGIN\b")
_INNER = re.compile(r"[bBdD](?i:EGIN|ELIMITER)\b")
_LAST_WORD = re.compile(r"(?:\w++|\))\Z")
_COMMENT = re.compile(r"--|#|/\*")
_TRIGGER_WORDS = frozenset({"CREATE", "TEMP", "TEMPORARY", "TRIGGER", "EXPLAIN", "END", ";"})
_PROGRAMS = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"})
_NO_PROGRAMS = frozenset({"TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE"})
_NAME_FOLLOWS = _PROGRAMS | {"EXISTS", ".", "ON", "FOLLOWS", "PRECEDES", "@", "=", "(", ","}
_LONGER = 20  # characters: than any of these words
_STATEMENT_MAY_FOLLOW = frozenset({";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", ":"})
_NO_STATEMENT = frozenset(",)=+-*/.<>;") | {"END", "ELSE", "WHEN", "FROM", "AS", "AND", "OR"}
_OPENERS = {"postgresql": _atomic, "sqlite": _trigger, "mysql": _compound}
