"""SQL texts in one spelling: two that differ only in white space, case or quotes are the same.

Pure. Two texts that differ here may still mean the same: see ``normal_form``.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from migration_guard.sql.cursor import depths
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, Token, significant


class Spelling(NamedTuple):
    """What a vendor writes in more than one way; words are in lower case.

    ``now`` are the calls for the current time, ``literals`` the words for another literal,
    ``introducers`` the character sets before a string. With ``has_escapes`` a backslash in a string
    escapes what follows, and ``x'41'``, 0x41 and 'A' are the same bytes.
    """

    now: tuple[list[str], ...]
    folds_quoted_names: bool
    literals: Mapping[str, str] = {}
    introducers: frozenset[str] = frozenset()
    has_escapes: bool = False


_TRUTH: Final = {"true": "1", "false": "0"}
_SPELLINGS: Final[Mapping[str, Spelling]] = {
    # The time now is one in ``normal_form``.
    "postgresql": Spelling((), folds_quoted_names=False),
    "mysql": Spelling(
        (["now", "(", ")"], ["current_timestamp", "(", ")"], ["current_timestamp"]),
        folds_quoted_names=True,
        literals=_TRUTH,
        introducers=frozenset({"_utf8mb4", "_utf8mb3", "_latin1", "_binary"}),
        has_escapes=True,
    ),
    "sqlite": Spelling((["current_timestamp"],), folds_quoted_names=True, literals=_TRUTH),
}


# Words that are values or operators, so that a column of this name stays in quotes.
_NO_NAMES: Final = frozenset(
    {"user", "current_user", "session_user", "system_user", "current_role", "current_catalog"}
    | {"current_schema", "current_date", "current_time", "current_timestamp", "localtime"}
    | {"localtimestamp", "true", "false", "null", "default", "array", "row", "case", "end"}
    | {"not", "and", "or", "is", "in", "between", "from", "for"}
)
# Operators with two names; only SQLite takes the second.
_OPERATORS: Final = {"!=": "<>", "==": "="}
# What standard SQL says, for vendors that are not in the table.
_STANDARD: Final = _SPELLINGS["sqlite"]


def spelling(vendor: str) -> Spelling:
    """Return the spelling of a vendor, standard SQL's for one without its own."""
    return _SPELLINGS.get(vendor, _STANDARD)


# Defaults and checks repeat: most columns that have a default have one of a few.
@lru_cache(maxsize=4096)
def canonical(text: str, vendor: str) -> str:
    """Return ``text`` without differences that have no meaning.

    These are white space, comments, brackets around the whole, the case of words, quotes around a
    name that needs none, and MySQL's character set introducers.
    """
    return " ".join(drop_brackets(words(text, vendor)))


def words(text: str, vendor: str) -> list[str]:
    """Return the tokens of ``text`` in their one spelling."""
    rules = spelling(vendor)
    spelled = [_word(token, rules) for token in significant(text, expression_dialect(vendor))]
    return [word for word in spelled if word]


def _word(token: Token, rules: Spelling) -> str:
    if token.kind is Kind.WORD:
        word = token.text.lower()
        return "" if word in rules.introducers else rules.literals.get(word, word)
    if token.kind is Kind.QUOTED:
        name = token.text[1:-1]
        is_simple = name.isidentifier() and name.isascii() and name.lower() not in _NO_NAMES
        if rules.folds_quoted_names:
            return name.lower() if is_simple else f'"{name}"'
        return name if is_simple and name == name.lower() else token.text
    if rules.has_escapes and token.kind is Kind.STRING:
        return _without_escapes(token.text)
    if rules.has_escapes and token.text[:2].lower() == "0x":
        return f"x'{token.text[2:].lower()}'"
    return _OPERATORS.get(token.text, token.text)


# MySQL manual, "String Literals"; a pattern keeps the backslash before % and _.
_ESCAPES: Final = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"} | {
    # Of patterns.
    "%": "\\%",
    "_": "\\_",
}


def _without_escapes(literal: str) -> str:
    """Return MySQL's literal with its quotes doubled and nothing else escaped."""
    if literal[0] in "bBxX":
        return literal.lower()
    text = literal.lstrip("nN")
    quote, inside = text[0], text[1:-1]
    value = re.sub(
        rf"\\(.)|{quote}{quote}",
        lambda escape: _ESCAPES.get(escape[1], escape[1]) if escape[1] else quote,
        inside,
        flags=re.DOTALL,
    )
    return quote + value.replace(quote, quote * 2) + quote


def literal_bytes(words: list[str], vendor: str) -> bytes | None:
    """Return the bytes of one string or hexadecimal literal, where the two mean the same."""
    if not spelling(vendor).has_escapes or len(words) != 1:
        return None
    if words[0].startswith("x'") and len(words[0]) % 2:
        return bytes.fromhex(words[0][2:-1])
    return words[0][1:-1].replace("''", "'").encode() if words[0].startswith("'") else None


def drop_brackets(words: list[str]) -> list[str]:
    """Drop the brackets around the whole."""
    while words[:1] == ["("] and words[-1] == ")":
        *inside, last = depths(words)
        if 0 in inside or last != 0:
            break
        words = words[1:-1]
    return words
