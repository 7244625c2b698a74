"""SQL expressions compared as text: two that differ only in spelling are the same.

Pure. Two expressions that differ here may still mean the same to the server: see ``deparse``.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, NamedTuple

from migration_guard.sql.cursor import depths
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, Token, significant


class _Spelling(NamedTuple):
    """What a vendor writes in more than one way; words are in lower case.

    ``now`` are the calls for the current time, ``literals`` the words for another literal,
    ``introducers`` the character sets before a string.
    """

    now: tuple[list[str], ...]
    folds_quoted_names: bool
    literals: Mapping[str, str] = {}
    introducers: frozenset[str] = frozenset()
    has_backslash_quotes: bool = False


_TRUTH: Final = {"true": "1", "false": "0"}
_SPELLINGS: Final[Mapping[str, _Spelling]] = {
    "postgresql": _Spelling(
        (["now", "(", ")"], ["transaction_timestamp", "(", ")"], ["current_timestamp"]),
        folds_quoted_names=False,
    ),
    "mysql": _Spelling(
        (["now", "(", ")"], ["current_timestamp", "(", ")"], ["current_timestamp"]),
        folds_quoted_names=True,
        literals=_TRUTH,
        introducers=frozenset({"_utf8mb4", "_utf8mb3", "_latin1"}),
        has_backslash_quotes=True,
    ),
    "sqlite": _Spelling((["current_timestamp"],), folds_quoted_names=True, literals=_TRUTH),
}


# What standard SQL says, for vendors that are not in the table.
_STANDARD: Final = _SPELLINGS["sqlite"]


# Defaults and checks repeat: most columns that have a default have one of a few.
@lru_cache(maxsize=4096)
def canonical(text: str, vendor: str) -> str:
    """Return ``text`` without differences that have no meaning.

    These are white space, comments, brackets around the whole, the case of words, quotes around a
    name that needs none, and MySQL's character set introducers.
    """
    return " ".join(_words(text, vendor))


@lru_cache(maxsize=4096)
def same_default(a: str, b: str, vendor: str) -> bool:
    """Return whether two defaults surely are the same: as texts, as literals, or as the time now.

    A cast of a literal to the column's type (``'local'::character varying``) does not count, nor do
    trailing zeros of a number (``1`` and ``1.0``).
    """
    words_a, words_b = (_drop_cast(_words(text, vendor)) for text in (a, b))
    now = _SPELLINGS.get(vendor, _STANDARD).now
    if words_a == words_b or (words_a in now and words_b in now):
        return True
    number_a, number_b = _number(words_a), _number(words_b)
    is_any_unquoted = any(words[-1:] and words[-1][0] != "'" for words in (words_a, words_b))
    return number_a is not None and number_a == number_b and is_any_unquoted


@lru_cache(maxsize=4096)
def is_null(text: str, vendor: str) -> bool:
    """Return whether a default is NULL, which is the same as no default."""
    return _drop_cast(_words(text, vendor)) == ["null"]


def is_sequence(text: str | None) -> bool:
    """Return whether a default is the next value of a sequence."""
    return text is not None and text.lower().replace("(", "").startswith("nextval")


def is_single(text: str, vendor: str) -> bool:
    """Return whether ``text`` is one expression, safe to stand in brackets in a statement.

    The closing bracket must stand on a line of its own, for the text may end in a comment.
    """
    tokens = list(significant(text, expression_dialect(vendor)))
    for token in tokens:
        if token.text == ";" or token.kind in {Kind.META, Kind.KEPT_COMMENT}:
            return False
        if token.kind in {Kind.STRING, Kind.QUOTED, Kind.DOLLAR} and not _is_closed(token):
            return False
    open_brackets = [0, *depths(token.text for token in tokens)]
    return min(open_brackets) == open_brackets[-1] == 0 and bool(text.strip())


def _is_closed(token: Token) -> bool:
    return len(token.text) > 1 and token.text[-1] in {"'", '"', "`", "]", "$"}


def _words(text: str, vendor: str) -> list[str]:
    """Return the tokens of ``text`` in their one spelling, without brackets around the whole."""
    spelling = _SPELLINGS.get(vendor, _STANDARD)
    words = [_word(token, spelling) for token in significant(text, expression_dialect(vendor))]
    return _drop_brackets([word for word in words if word])


def _word(token: Token, spelling: _Spelling) -> str:
    if token.kind is Kind.WORD:
        word = token.text.lower()
        return "" if word in spelling.introducers else spelling.literals.get(word, word)
    if token.kind is Kind.QUOTED:
        name = token.text[1:-1]
        is_simple = name.isidentifier() and name.isascii()
        if spelling.folds_quoted_names:
            return name.lower() if is_simple else f'"{name}"'
        return name if is_simple and name == name.lower() else token.text
    if token.kind is Kind.STRING and spelling.has_backslash_quotes:
        return token.text.replace("\\'", "''")
    return token.text


def _drop_brackets(words: list[str]) -> list[str]:
    """Drop the brackets around the whole."""
    while words[:1] == ["("] and words[-1] == ")":
        *inside, last = depths(words)
        if 0 in inside or last != 0:
            break
        words = words[1:-1]
    return words


def _drop_cast(words: list[str]) -> list[str]:
    """Drop the casts of a literal: ``('a'::character varying(40))::text`` is ``'a'``."""
    inner = words
    while (position := _cast_position(inner)) is not None:
        if not all(
            word.isidentifier() or word in _IN_TYPES or word.isdigit() for word in inner[position:]
        ):
            return words
        inner = _drop_brackets(inner[:position])
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
