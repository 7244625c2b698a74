"""The tokens of one statement, and the gaps between tokens.

The scanner knows a vendor's lexical rules and no statements: `lexer.tokens` reads COPY data,
DELIMITER lines and psql's commands. A token that never closes reaches to the end. Scanning takes
linear time, since no alternative of the one regular expression gives characters back.
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
    """What a token is. A literal or identifier that never closes has the same kind as others."""

    SPACE = "space"
    COMMENT = "comment"
    KEPT_COMMENT = "kept comment"  # MySQL's whole /*+ hint */, or the mark that opens /*!50000
    STRING = "string"
    QUOTED = "quoted identifier"
    DOLLAR = "dollar string"
    WORD = "word"
    NUMBER = "number"  # also a parameter, $1
    META = "meta-command"
    OPERATOR = "operator"  # also punctuation
    DATA = "copy data"

    # That of Enum is a function in Python, which each look-up of a token's kind would call.
    __hash__ = object.__hash__


class Token(NamedTuple):
    """One token. `start` is its offset, in characters, in the scanned text."""

    kind: Kind
    text: str
    start: int


def scan(text: str, lexis: Dialect, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield the tokens between two offsets; their texts join to `text[start:end]`."""
    return _tokens(_token_pattern(lexis), text, lexis, start, len(text) if end is None else end)


def significant(
    text: str, lexis: Dialect, start: int = 0, end: int | None = None
) -> Iterator[Token]:
    """Yield the tokens between two offsets that are neither white space nor comments."""
    pattern = _significant_pattern(lexis)
    tokens = _tokens(pattern, text, lexis, start, len(text) if end is None else end)
    return (token for token in tokens if token.kind is not Kind.COMMENT)


def normal_texts(text: str, lexis: Dialect, start: int, end: int) -> list[str]:
    """Return the texts of the significant tokens, those of words in lower case."""
    if text.find("$", start, end) < 0 and text.find("/*", start, end) < 0:
        pairs = _simple_pattern(lexis).findall(text, start, end)
        return [word.lower() or other for word, other in pairs if word or other]
    return [
        token.text.lower() if token.kind is Kind.WORD else token.text
        for token in significant(text, lexis, start, end)
    ]


def skip_gap(text: str, lexis: Dialect, start: int) -> int:
    """Return the offset of the first significant token at or after `start`."""
    position = start
    match = gap_pattern(lexis).match
    while True:
        if space := match(text, position):
            position = space.end()
        if not (lexis.nested_comments and text.startswith("/*", position)):
            return position
        stop = comment_end(text, position)
        if stop < 0:
            return position
        position = stop


def closed_end(text: str, lexis: Dialect, start: int) -> int | None:
    """Return the end of the literal or quoted identifier at `start`; None if it never closes."""
    token = _token_pattern(lexis).match(text, start)
    return token.end() if token and token.lastindex in _CLOSED else None


def comment_end(text: str, start: int) -> int:
    """Return the end of the comment at `start`, which may hold others; -1 if it never ends."""
    depth = 0
    for mark in _COMMENT_MARKS.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def dollar_tag(text: str, start: int) -> str | None:
    """Return the delimiter, such as `$body$`, of a dollar quote that opens at `start`, or None."""
    tag = _DOLLAR_TAG.match(text, start)
    return tag[0] if tag else None


@lru_cache
def gap_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern of white space and comments without inner ones; it may match nothing."""
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
    """Return the pattern of a gap and the token after it. A nested comment is a token."""
    # `\Z` is an alternative: else each character of the space at the end would be tried.
    return re.compile(rf"{gap(lexis)}(?:{_token(lexis)}|\Z)", re.DOTALL)


@lru_cache
def _simple_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern of a gap and a word (group 1) or another token (group 2).

    It serves text without `$` and `/*`. With only two groups `findall` needs no Python per token.
    """
    word, *others = _alternatives(lexis)
    return re.compile(rf"{gap(lexis)}(?:({word})|({'|'.join(others)})|\Z)", re.DOTALL)


def _token(lexis: Dialect) -> str:
    return "|".join(f"({alternative})" for alternative in _alternatives(lexis))


def _alternatives(lexis: Dialect) -> tuple[str, ...]:
    """Return the alternatives in the order of `_KINDS`, the most frequent ones first.

    The last ones are literals that never close, the openings of a dollar quote and of a nested
    comment, whose ends no regular expression finds, and any other character.
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
        for match in pattern.finditer(text, position, end):
            group = match.lastindex
            if group is None:  # only a gap up to the end
                return
            position = match.start(group)
            if group < _DOLLAR_OPENED:
                yield Token(_KINDS[group], match[group], position)
                continue
            kind, stop = _close(text, match, end, lexis)
            yield Token(kind, text[position:stop], position)
            position = stop
            if stop != match.end():
                break
        else:
            return


def _close(text: str, opening: re.Match[str], end: int, lexis: Dialect) -> tuple[Kind, int]:
    """Return kind and end of a token whose end the regular expression cannot find."""
    group = opening.lastindex or 0
    start, stop = opening.span(group)
    if group == _DOLLAR_OPENED:
        close = text.find(opening[group], stop, end)
        return Kind.DOLLAR, end if close < 0 else close + stop - start
    if group == _COMMENT_OPENED:
        close = comment_end(text, start) if lexis.nested_comments else -1
        return Kind.COMMENT, end if close < 0 else min(close, end)
    return Kind.OPERATOR, stop
