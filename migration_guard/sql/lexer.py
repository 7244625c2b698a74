"""The tokens of a whole file, and the texts that a fingerprint hashes.

Both follow `statements.split`: they read COPY data, lines for the client and
standard_conforming_strings as it does, and raise the same errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, normal_texts, scan
from migration_guard.sql.statements import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.sql.dialects import Dialect

__all__ = ["Kind", "Token", "fingerprint_tokens", "tokens"]


def tokens(text: str, vendor: str) -> Iterator[Token]:
    """Yield every token of a file; their texts join to `text`.

    Lines for the client have the kind META: psql's meta-commands, the end of COPY data, and mysql's
    DELIMITER. Raises UnterminatedError as `split` does.
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


def fingerprint_tokens(text: str, vendor: str) -> Iterator[str]:
    """Yield the texts that a fingerprint hashes: each statement's tokens, `;`, and its COPY data.

    Comments, white space, written terminators and lines for the client are left out. Unquoted words
    are in lower case; everything else is verbatim, also the content of `/*! … */`. Raises
    UnterminatedError as `split` does.
    """
    for statement, lexis in read(text, vendor):
        yield from normal_texts(text, lexis, statement.start, statement.end)
        yield ";"
        if statement.data:
            yield text[slice(*statement.data)]


def _between(text: str, lexis: Dialect, start: int, end: int) -> Iterator[Token]:
    """Yield the tokens between statements, where a word only begins a line for the client."""
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
