"""A whole file as tokens: all of them, or those that a fingerprint hashes.

Both follow `statements.split`, so that COPY data, lines for the client and
standard_conforming_strings are read as they are there, and raise what it raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, normal_texts, scan
from migration_guard.sql.statements import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.sql.dialects import Dialect

__all__ = ["Kind", "Token", "normalized", "tokens"]


def tokens(text: str, vendor: str) -> Iterator[Token]:
    """Yield every token of a file; joined, their texts are `text`.

    Lines for the client (psql's meta-commands and the end of COPY data, mysql's DELIMITER) are of
    kind META. Raises UnterminatedError as `split` does.
    """
    position = 0
    for statement, lexis in read(text, vendor):
        yield from _between(text, lexis, position, statement.start)
        position = statement.end
        yield from scan(text, lexis, statement.start, position)
        if statement.data:
            start, end = statement.data
            yield from _between(text, lexis, position, start)
            if start < end:
                yield Token(Kind.DATA, text[start:end], start)
            position = end
    yield from _between(text, dialect(vendor), position, len(text))


def normalized(text: str, vendor: str) -> Iterator[str]:
    """Yield what a fingerprint hashes: the tokens of each statement, `;`, and its COPY data.

    Comments, white space, terminators as they were written and lines for the client do not count;
    unquoted words are in lower case, all else is verbatim, also the content of `/*! … */`. Raises
    UnterminatedError as `split` does.
    """
    for statement, lexis in read(text, vendor):
        yield from normal_texts(text, lexis, statement.start, statement.end)
        yield ";"
        if statement.data:
            yield text[slice(*statement.data)]


def _between(text: str, lexis: Dialect, start: int, end: int) -> Iterator[Token]:
    """Yield the tokens outside statements, where a word can only begin a line for the client."""
    position = start
    while position < end:
        for token in scan(text, lexis, position, end):
            if token.kind is Kind.WORD and token.text.lower() == "delimiter":
                line_end = text.find("\n", token.start, end)
                position = end if line_end < 0 else line_end
                yield Token(Kind.META, text[token.start : position], token.start)
                break
            yield token
        else:
            return
