"""The tokens of a whole file, and the texts that a fingerprint hashes.

Both follow `statements.split`: they read COPY data, lines for the client and
standard_conforming_strings as it does, and raise the same errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, normal_texts, scan
from migration_guard.sql.statements import UnterminatedError, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration_guard.sql.dialects import Dialect

__all__ = ["Kind", "Token", "fingerprint_tokens", "line_comments", "tokens"]


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
    are in lower case; everything else is verbatim, also the content of `/*! … */`, and all of the
    last statement where a literal in it never ends by the vendor's default rules: a session may
    have others.
    """
    position = 0
    try:
        for statement, lexis in read(text, vendor):
            yield from normal_texts(text, lexis, statement.start, statement.end)
            yield ";"
            position = statement.end
            if statement.data:
                yield text[slice(*statement.data)]
                position = statement.data[1]
    except UnterminatedError:
        yield text[position:]


def line_comments(text: str, vendor: str, string_setting: str | None = None) -> Iterator[Token]:
    """Yield the line comments of a file, but for those in a body that holds statements.

    A line that begins with `--` or `#` and is no comment in this vendor's SQL counts as one, since
    it has no other meaning. Raises UnterminatedError as `split` does.
    """
    position = 0
    for statement, lexis in read(text, vendor, string_setting):
        yield from _comments(text, _between(text, lexis, position, statement.start))
        position = statement.end
        yield from _comments(
            text, _without_body(list(scan(text, lexis, statement.start, position)))
        )
        if statement.data:
            start, end = statement.data
            yield from _comments(text, _between(text, lexis, position, start))
            position = end
    yield from _comments(text, _between(text, dialect(vendor), position, len(text)))


def _comments(text: str, parts: Iterator[Token]) -> Iterator[Token]:
    line_end = 0
    for token in parts:
        if token.start < line_end or not token.text.startswith(("--", "-", "#")):
            continue
        line_start = text.rfind("\n", 0, token.start) + 1
        begins_line = not text[line_start : token.start].strip()
        looks_so = begins_line and text.startswith(("--", "#"), token.start)
        if token.kind is Kind.COMMENT or (token.kind is Kind.OPERATOR and looks_so):
            stop = text.find("\n", token.start)
            line_end = len(text) if stop < 0 else stop
            yield Token(Kind.COMMENT, text[token.start : line_end], token.start)


def _without_body(parts: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a statement outside its body, from BEGIN to the last END.

    A statement without an inner `;` has no body. A body without these words is what stands between
    the first and the last `;`.
    """
    ends = [place for place, token in enumerate(parts) if token.text == ";"]
    if ends:
        words = [
            (place, token.text.upper())
            for place, token in enumerate(parts)
            if token.kind is Kind.WORD and token.text.upper() in ("BEGIN", "END")
        ]
        first = min([ends[0], *(place for place, word in words if word == "BEGIN")])
        last = max([ends[-1], *(place for place, word in words if word == "END")])
        parts = [*parts[:first], *parts[last:]]
    yield from parts


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
