"""Defaults of columns compared as text: literals, NULL, the time now and sequences.

Pure. Two that differ here may still mean the same to the server: see ``deparse``.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from migration_guard.schema.meaning import has_same_meaning
from migration_guard.schema.spelling import drop_brackets, literal_bytes, spelling, words
from migration_guard.sql.cursor import depths


@lru_cache(maxsize=4096)
def same_default(a: str, b: str, vendor: str) -> bool:
    """Return whether two defaults surely are the same: as texts, as literals, or as the time now.

    A cast of a literal to the column's type (``'local'::character varying``) does not count, nor do
    trailing zeros of a number (``1`` and ``1.0``).
    """
    words_a, words_b = (_drop_cast(_whole(text, vendor)) for text in (a, b))
    now = spelling(vendor).now
    if words_a == words_b or (words_a in now and words_b in now):
        return True
    bytes_a, bytes_b = (literal_bytes(words, vendor) for words in (words_a, words_b))
    if bytes_a is not None and bytes_a == bytes_b:
        return True
    number_a, number_b = _number(words_a), _number(words_b)
    is_any_unquoted = any(words[-1:] and words[-1][0] != "'" for words in (words_a, words_b))
    is_same_number = number_a is not None and number_a == number_b and is_any_unquoted
    return is_same_number or has_same_meaning(a, b, vendor)


@lru_cache(maxsize=4096)
def is_null(text: str, vendor: str) -> bool:
    """Return whether a default is NULL, which is the same as no default."""
    return _drop_cast(_whole(text, vendor)) == ["null"]


def is_sequence(text: str | None) -> bool:
    """Return whether a default is the next value of a sequence."""
    return text is not None and text.lower().replace("(", "").startswith("nextval")


def _whole(text: str, vendor: str) -> list[str]:
    """Return the tokens of an expression without brackets around the whole."""
    return drop_brackets(words(text, vendor))


def _drop_cast(words: list[str]) -> list[str]:
    """Drop the casts of a literal: ``('a'::character varying(40))::text`` is ``'a'``."""
    inner = words
    while (position := _cast_position(inner)) is not None:
        if not all(
            word.isidentifier() or word in _IN_TYPES or word.isdigit() for word in inner[position:]
        ):
            return words
        inner = drop_brackets(inner[:position])
    sign, literal = inner[:-1], inner[-1:]
    has_simple_sign = not sign or sign in (["-"], ["+"])
    is_literal = any(word[0] in "'0123456789." or word in _CONSTANTS for word in literal)
    return inner if has_simple_sign and is_literal else words


def _cast_position(words: Sequence[str]) -> int | None:
    """Return the position of the first cast outside brackets."""
    nested = zip(words, depths(words), strict=True)
    return next((position for position, word in enumerate(nested) if word == ("::", 0)), None)


_CONSTANTS: Final = frozenset({"true", "false", "null"})
_IN_TYPES: Final = frozenset({"::", "(", ")", "[", "]", ".", ",", "[]"})


def _number(words: Sequence[str]) -> Decimal | None:
    text = "".join(words)
    if len(words) == 1 and text[:1] == "'":
        text = text[1:-1]
    try:
        return Decimal(text) if text[:1] in "+-.0123456789" else None
    except InvalidOperation:
        return None
