"""SQL expressions compared as text: what differs in spelling only is the same.

Pure. Two that differ here may still mean the same to the server: see ``server``.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from migration_guard.sql.cursor import depths
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, Token, significant

_NOW = {
    "postgresql": (["now", "(", ")"], ["transaction_timestamp", "(", ")"], ["current_timestamp"]),
    "mysql": (["now", "(", ")"], ["current_timestamp", "(", ")"], ["current_timestamp"]),
    "sqlite": (["current_timestamp"],),
}
_STANDARD_NOW = (["current_timestamp"],)


# Defaults and checks repeat: most columns that have a default have one of a few.
@lru_cache(maxsize=4096)
def canonical(text: str, vendor: str) -> str:
    """Return ``text`` without what never counts.

    White space, comments, brackets around the whole, the case of words, quotes around a name that
    needs none, and MySQL's character set introducers never count.
    """
    return " ".join(_words(text, vendor))


@lru_cache(maxsize=4096)
def same_default(one: str, other: str, vendor: str) -> bool:
    """Tell whether two defaults are surely the same: as texts, as literals, or as the time now.

    A cast of a literal to the column's type (``'local'::character varying``) does not count,
    neither do trailing zeros of a number (``1`` and ``1.0``).
    """
    left, right = (_without_cast(_words(text, vendor)) for text in (one, other))
    if left == right or all(words in _NOW.get(vendor, _STANDARD_NOW) for words in (left, right)):
        return True
    first, second = _number(left), _number(right)
    unquoted = any(words[-1:] and words[-1][0] != "'" for words in (left, right))
    return first is not None and first == second and unquoted


@lru_cache(maxsize=4096)
def is_null(text: str, vendor: str) -> bool:
    """Tell whether a default is NULL, which is as good as none."""
    return _without_cast(_words(text, vendor)) == ["null"]


def is_sequence(text: str | None) -> bool:
    """Tell whether a default is the next value of a sequence."""
    return text is not None and text.lower().replace("(", "").startswith("nextval")


def is_single(text: str, vendor: str) -> bool:
    """Tell whether ``text`` is one expression, safe to stand in brackets in a statement.

    The closing bracket must stand on a line of its own, for the text may end in a comment.
    """
    tokens = list(significant(text, expression_dialect(vendor)))
    for token in tokens:
        if token.text == ";" or token.kind in {Kind.META, Kind.KEPT_COMMENT}:
            return False
        if token.kind in {Kind.STRING, Kind.QUOTED, Kind.DOLLAR} and not _closes(token):
            return False
    open_brackets = [0, *depths(token.text for token in tokens)]
    return min(open_brackets) == open_brackets[-1] == 0 and bool(text.strip())


def _closes(token: Token) -> bool:
    return len(token.text) > 1 and token.text[-1] in {"'", '"', "`", "]", "$"}


def _words(text: str, vendor: str) -> list[str]:
    words = [_word(token, vendor) for token in significant(text, expression_dialect(vendor))]
    words = [word for word in words if word]
    while _wrapped(words):
        words = words[1:-1]
    return words


def _word(token: Token, vendor: str) -> str:
    if token.kind is Kind.WORD:
        word = token.text.lower()
        if (
            vendor == "mysql"
            and word.startswith("_")
            and word[1:] in {"utf8mb4", "utf8mb3", "latin1"}
        ):
            return ""
        return _TRUTH.get(word, word) if vendor != "postgresql" else word
    if token.kind is Kind.QUOTED:
        name = token.text[1:-1]
        plain = name.isidentifier() and name.isascii()
        if vendor == "postgresql":
            return name if plain and name == name.lower() else token.text
        return name.lower() if plain else f'"{name}"'
    if token.kind is Kind.STRING and vendor == "mysql":
        return token.text.replace("\\'", "''")
    return token.text


_TRUTH = {"true": "1", "false": "0"}


def _wrapped(words: Sequence[str]) -> bool:
    """Tell whether the first bracket closes with the last."""
    if len(words) < 2 or words[0] != "(" or words[-1] != ")":  # noqa: PLR2004 -- two brackets
        return False
    *inside, last = depths(words)
    return 0 not in inside and last == 0


def _without_cast(words: list[str]) -> list[str]:
    """Drop the casts of a literal: ``('a'::character varying(40))::text`` is ``'a'``."""
    inner = words
    while (at := _cast_at(inner)) is not None:
        if not all(one.isidentifier() or one in _OF_TYPES or one.isdigit() for one in inner[at:]):
            return words
        inner = inner[:at]
        while _wrapped(inner):
            inner = inner[1:-1]
    sign, literal = inner[:-1], inner[-1:]
    simple = not sign or sign in (["-"], ["+"])
    is_literal = any(one[0] in "'0123456789." or one in _CONSTANTS for one in literal)
    return inner if simple and is_literal else words


def _cast_at(words: Sequence[str]) -> int | None:
    """Return where the first cast of the whole stands."""
    nested = zip(words, depths(words), strict=True)
    return next((at for at, place in enumerate(nested) if place == ("::", 0)), None)


_CONSTANTS = frozenset({"true", "false", "null"})
_OF_TYPES = frozenset({"::", "(", ")", "[", "]", ".", ",", "[]"})


def _number(words: Sequence[str]) -> Decimal | None:
    text = "".join(words)
    if len(words) == 1 and text[:1] == "'":
        text = text[1:-1]
    try:
        return Decimal(text) if text[:1] in "+-.0123456789" else None
    except InvalidOperation:
        return None
