"""Raw tokens of one statement, and the gaps between tokens.

The scanner knows a vendor's lexical rules and nothing of statements: COPY data, DELIMITER lines
and psql's key lines are `lexer.tokens`' affair. It is lenient: what never closes reaches to the
end. It is linear: no alternative of its one regular expression gives back what it has eaten.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from migration_guard.sql.dialects import letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.sql.dialects import Dialect


class Kind(Enum):
    """What a token is. An opening quote that never closes has the kind it would have had."""

    SPACE = "space"
    COMMENT = "comment"
    KEPT_COMMENT = "kept comment"  # MySQL: a whole /*+ hint */, or the mark that opens /*!50000
    STRING = "string"
    QUOTED = "quoted identifier"
    DOLLAR = "dollar string"
    WORD = "word"
    NUMBER = "number"  # also a parameter, $1
    META = "meta-command"
    OPERATOR = "operator"  # also punctuation
    DATA = "copy data"


class Token(NamedTuple):
    """One token; `start` is its offset in characters in the text that was scanned."""

    kind: Kind
    text: str
    start: int


def scan(text: str, lexis: Dialect, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield the tokens between two offsets; joined, they are `text[start:end]`."""
    return _tokens(_token_pattern(lexis), text, lexis, start, len(text) if end is None else end)


def significant(
    text: str, lexis: Dialect, start: int = 0, end: int | None = None
) -> Iterator[Token]:
    """Yield the tokens between two offsets that are neither white space nor comments."""
    pattern = _significant_pattern(lexis)
    found = _tokens(pattern, text, lexis, start, len(text) if end is None else end)
    return (token for token in found if token.kind is not Kind.COMMENT)


def normal_texts(text: str, lexis: Dialect, start: int, end: int) -> list[str]:
    """Return the texts of the significant tokens, those of words in lower case."""
    if text.find("$", start, end) < 0 and text.find("/*", start, end) < 0:
        found = _simple_pattern(lexis).findall(text, start, end)
        return [word.lower() or other for word, other in found if word or other]
    return [
        token.text.lower() if token.kind is Kind.WORD else token.text
        for token in significant(text, lexis, start, end)
    ]


def skip_gap(text: str, lexis: Dialect, start: int) -> int:
    """Return the offset of the first significant token at or after `start`."""
    position = start
    match = gap_pattern(lexis).match
    while True:
        if found := match(text, position):
            position = found.end()
        if not (lexis.nested_comments and text.startswith("/*", position)):
            return position
        stop = comment_end(text, position)
        if stop < 0:
            return position
        position = stop


def closed_end(text: str, lexis: Dialect, start: int) -> int | None:
    """Return the end of the literal or quoted identifier at `start`; None if it never closes."""
    found = _token_pattern(lexis).match(text, start)
    return found.end() if found and found.lastindex in _CLOSED else None


def comment_end(text: str, start: int) -> int:
    """Return where the comment that opens at `start` and may hold others ends; -1 if never."""
    depth = 0
    for mark in _COMMENT_MARKS.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def dollar_tag(text: str, start: int) -> str | None:
    """Return the delimiter, such as `$body$`, if a dollar quote opens at `start`."""
    found = _DOLLAR_TAG.match(text, start)
    return found[0] if found else None


@lru_cache
def gap_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Compile what matches white space and comments that nothing is nested in; perhaps empty."""
    return re.compile(gap(lexis), re.DOTALL)


def gap(lexis: Dialect) -> str:
    """Return the source of `gap_pattern`."""
    return f"(?:[{lexis.space}]++|{lexis.line_comment}|{lexis.block_comment})*+"


_COMMENT_MARKS = re.compile(r"/\*|\*/")
_DOLLAR = rf"\$(?:{letters()}{letters('0-9')}*+)?+\$"
_DOLLAR_TAG = re.compile(_DOLLAR)
_NUMBER = (
    r"0[xXoObB][0-9A-Fa-f_]++"
    r"|(?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?+|\.[0-9][0-9_]*+)(?:[eE][+-]?+[0-9]++)?+"
)
_NEVER = "(?!)"
_KINDS = (
    Kind.OPERATOR,  # no group has the number 0
    Kind.WORD,
    Kind.SPACE,
    Kind.OPERATOR,
    Kind.NUMBER,
    Kind.COMMENT,
    Kind.KEPT_COMMENT,
    Kind.STRING,
    Kind.QUOTED,
    Kind.META,
    Kind.OPERATOR,
    Kind.STRING,
    Kind.QUOTED,
)
_CLOSED = {7, 8}
_DOLLAR_OPENED, _COMMENT_OPENED = 13, 14


@lru_cache
def _token_pattern(lexis: Dialect) -> re.Pattern[str]:
    return re.compile(_token(lexis), re.DOTALL)


@lru_cache
def _significant_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Compile: a gap, and the token after it. What is no gap alone, a nested comment, is a token.

    Without the end of the input as an alternative, space there would be tried from each character.
    """
    return re.compile(rf"{gap(lexis)}(?:{_token(lexis)}|\Z)", re.DOTALL)


@lru_cache
def _simple_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Compile: a gap, and a word or (group 2) another token, for closed text without `$` and `/*`.

    With no more than these groups, `findall` does what else is a step of Python for each token.
    """
    word, *others = _alternatives(lexis)
    return re.compile(rf"{gap(lexis)}(?:({word})|({'|'.join(others)})|\Z)", re.DOTALL)


def _token(lexis: Dialect) -> str:
    return "|".join(f"({each})" for each in _alternatives(lexis))


def _alternatives(lexis: Dialect) -> tuple[str, ...]:
    """Return the alternatives in the order of `_KINDS`, those that are met most first.

    After these come what opens and never closes, a dollar quote and a nested comment, whose ends
    this cannot find, and any other character.
    """
    string_quotes, name_quotes = re.escape(lexis.string_quotes), re.escape(lexis.name_quotes)
    prefix = f"(?:{lexis.prefix})?+"
    return (
        f"(?!{lexis.prefix}){lexis.name_start}{lexis.name_part}*+",
        f"[{lexis.space}]++",
        r"[(),;\]]",
        _NUMBER + (r"|\$[0-9]++" if lexis.dollar_quotes else ""),
        f"{lexis.line_comment}|{lexis.block_comment}",
        lexis.kept_comment or _NEVER,
        lexis.string,
        lexis.quoted,
        r"\\[^\n\r]*+" if lexis.backslash_commands else _NEVER,
        lexis.operator,
        f"{prefix}[{string_quotes}].*+",
        f"{prefix}[{name_quotes}].*+",
        _DOLLAR if lexis.dollar_quotes else _NEVER,
        r"/\*",
        ".",
    )


def _tokens(
    pattern: re.Pattern[str], text: str, lexis: Dialect, start: int, end: int
) -> Iterator[Token]:
    position = start
    while position < end:
        for found in pattern.finditer(text, position, end):
            group = found.lastindex
            if group is None:  # nothing but a gap up to the end
                return
            position = found.start(group)
            if group < _DOLLAR_OPENED:
                yield Token(_KINDS[group], found[group], position)
                continue
            kind, stop = _close(text, found, end, lexis)
            yield Token(kind, text[position:stop], position)
            position = stop
            if stop != found.end():
                break
        else:
            return


def _close(text: str, found: re.Match[str], end: int, lexis: Dialect) -> tuple[Kind, int]:
    """Return kind and end of a token whose end the regular expression cannot find."""
    group = found.lastindex or 0
    start, stop = found.span(group)
    if group == _DOLLAR_OPENED:
        close = text.find(found[group], stop, end)
        return Kind.DOLLAR, end if close < 0 else close + stop - start
    if group == _COMMENT_OPENED:
        close = comment_end(text, start) if lexis.nested_comments else -1
        return Kind.COMMENT, end if close < 0 else min(close, end)
    return Kind.OPERATOR, stop
