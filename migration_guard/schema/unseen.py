"""Two texts whose difference no reader sees: white space, line ends, letters that look the same.

Pure. Only the characters that differ are escaped, so that the texts stay readable.
"""

import unicodedata
from itertools import zip_longest
from typing import Final

_BEFORE: Final = 40  # characters that are kept before the first difference
# Letters of other scripts that look like Latin ones, with those.
_LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
    "aeopcyxijs" + "ABEKMHOPCTXIJS" + "ABEZHIKMNOPTYXo",
)
# Control characters, those without width, and all kinds of spaces.
_BLANKS: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_NAMES: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escape_unseen(first: str, second: str) -> tuple[str, str]:
    """Return the texts, with escapes where they differ in nothing that a reader sees.

    Then a long beginning that they have in common is left out.
    """
    if first == second or _look(first) != _look(second):
        return first, second
    parts: tuple[list[str], list[str]] = ([], [])
    start = -1
    for pieces in zip_longest(_pieces(first), _pieces(second), fillvalue=""):
        is_same = pieces[0] == pieces[1]
        if not is_same and start < 0:
            start = len("".join(parts[0]))
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece if is_same else "".join(map(_escape, piece)))
    texts = "".join(parts[0]), "".join(parts[1])
    if start <= 2 * _BEFORE:
        return texts
    return f"…{texts[0][start - _BEFORE :]}", f"…{texts[1][start - _BEFORE :]}"


def _pieces(text: str) -> list[str]:
    """Return the runs of blanks, and what is between them by characters with their marks."""
    pieces = [""]
    was_blank = True
    for char in text:
        is_blank = _is_blank(char)
        joins = is_blank if was_blank else unicodedata.combining(char) != 0
        if is_blank == was_blank and joins:
            pieces[-1] += char
        else:
            # Between two characters there is always a run of blanks, if an empty one.
            pieces += [char] if is_blank != was_blank else ["", char]
        was_blank = is_blank
    return pieces


def _look(text: str) -> str:
    """Return a text as a reader sees it, without white space."""
    normal = unicodedata.normalize("NFKC", text).translate(_LOOK_ALIKES)
    return "".join(char for char in normal if not _is_blank(char))


def _is_blank(char: str) -> bool:
    return unicodedata.category(char) in _BLANKS


def _escape(char: str) -> str:
    if char in _NAMES or "!" <= char <= "~":
        return _NAMES.get(char, char)
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004
