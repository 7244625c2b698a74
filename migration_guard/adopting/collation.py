"""The order in which JavaScript's ``localeCompare`` puts names, with its default locale.

It is the root order of Unicode: punctuation, digits, letters without regard to case; where these
are equal, small letters first. https://unicode.org/reports/tr35/tr35-collation.html
"""

import re
from itertools import chain
from typing import Final

# The signs in their order; what is not here comes after the letters by its code point.
_SIGNS: Final = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_ALPHABET: Final = _SIGNS + "0123456789abcdefghijklmnopqrstuvwxyz"
_RANK: Final = {sign: rank for rank, sign in enumerate(_ALPHABET)}
_PUNCTUATION: Final = frozenset(_SIGNS) - frozenset("`^+<=>|~$")

Key = tuple[tuple[int, ...], tuple[bool, ...]]


def locale_key(text: str) -> Key:
    """Return the key that sorts texts as ``a.localeCompare(b)`` does."""
    return tuple(map(_rank, text)), tuple(letter.isupper() for letter in text)


def numeric_locale_key(text: str) -> Key:
    """Return the key for the options ``numeric`` and ``ignorePunctuation``."""
    # A sign between two digits is ignored, but divides their numbers.
    parts = re.split("([0-9]+)", text)
    parts[::2] = [
        "".join(letter for letter in part if letter not in _PUNCTUATION) for part in parts[::2]
    ]
    ranks = chain.from_iterable(
        (_RANK["0"], int(part)) if index % 2 else map(_rank, part)
        for index, part in enumerate(parts)
    )
    return tuple(ranks), locale_key("".join(parts))[1]


def _rank(letter: str) -> int:
    return _RANK.get(letter.lower(), len(_RANK) + ord(letter[0]))
