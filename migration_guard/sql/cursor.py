"""The tokens of one statement, read from left to right: words, names, and groups in brackets.

For readers of single statements. Whole files are split by `statements`, `bodies` and `scanner`,
which count brackets themselves, for speed.
"""

from __future__ import annotations

import re
import string
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.sql.scanner import Kind, Token, significant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from migration_guard.sql.dialects import Dialect


class Name(NamedTuple):
    """A name as the vendor's catalogue keeps it; `schema` is the one written, "" without one."""

    name: str
    schema: str = ""


class Cursor:
    """A position among tokens. The marks of MySQL's kept comments are left out."""

    __slots__ = ("lexis", "position", "tokens")

    def __init__(self, tokens: Iterable[Token], lexis: Dialect) -> None:
        self.tokens = [token for token in tokens if token.kind is not Kind.KEPT_COMMENT]
        self.lexis = lexis
        self.position = 0

    @property
    def rest(self) -> list[Token]:
        """The tokens that are not taken yet."""
        return self.tokens[self.position :]

    @property
    def is_at_end(self) -> bool:
        """Whether every token is taken."""
        return self.position >= len(self.tokens)

    def peek(self) -> str:
        """Return the `keyword` of the next token, "" at the end."""
        return "" if self.is_at_end else keyword(self.tokens[self.position])

    def take(self) -> str:
        """Go past the next token and return its `keyword`, "" at the end."""
        word = self.peek()
        self.position += 1
        return word

    def accept(self, *words: str) -> bool:
        """Go past these keywords if they are next; return whether they were."""
        end = self.position + len(words)
        if [keyword(token) for token in self.tokens[self.position : end]] != list(words):
            return False
        self.position = end
        return True

    def accept_any(self, words: Iterable[str]) -> str:
        """Go past the next token if it is one of these keywords; return it, or ""."""
        return self.take() if self.peek() in words else ""

    def take_group(self) -> list[Token]:
        """Go past the brackets that open here; return what stands in them, [] without brackets."""
        if self.peek() != "(":
            return []
        start, end = self.position, closing_bracket(self.tokens, self.position)
        self.position = end + 1
        return self.tokens[start + 1 : end]

    def take_name(self) -> Name | None:
        """Go past a name with its qualifiers; return None, and stay, where none is next."""
        names: list[str] = []
        while not self.is_at_end and self.tokens[self.position].kind in _NAMES:
            names.append(identifier(self.tokens[self.position], self.lexis))
            self.position += 1
            if not self.accept("."):
                break
        return Name(names[-1], names[-2] if names[1:] else "") if names else None


def read_tokens(text: str, lexis: Dialect) -> Cursor:
    """Return a cursor before the first token of a statement."""
    return Cursor(significant(text, lexis), lexis)


def keyword(token: Token) -> str:
    """Return the text of a token, that of an unquoted word in upper case."""
    return token.text.upper() if token.kind is Kind.WORD else token.text


def identifier(token: Token, lexis: Dialect) -> str:
    """Return a name as the vendor's catalogue keeps it.

    PostgreSQL folds unquoted words to lower case and cuts names to 63 bytes (manual, 4.1.1).
    """
    text = token.text
    if lexis.folds_names and text[:2] in {"U&", "u&"}:
        text = _UNICODE.sub(_unicode, text[2:])
    if text[0] in "\"'`[" and len(text) > 1:
        text = text[1:-1].replace(text[-1] * 2, text[-1])
    elif lexis.folds_names:
        text = text.translate(_FOLD)
    return stored_name(text, lexis)


def stored_name(name: str, lexis: Dialect) -> str:
    """Return a name as the server keeps it: PostgreSQL cuts a long one."""
    return name.encode()[:_LONGEST].decode(errors="ignore") if lexis.folds_names else name


def depths(texts: Iterable[str]) -> Iterator[int]:
    """Yield for each text of a token how many brackets are open after it."""
    return accumulate((text == "(") - (text == ")") for text in texts)


def closing_bracket(tokens: Sequence[Token], start: int) -> int:
    """Return the position of the bracket that closes the one at `start`, else their number."""
    following = (token.text for token in islice(tokens, start, None))
    return next(
        (at for at, depth in enumerate(depths(following), start) if depth == 0), len(tokens)
    )


def outside_brackets(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the tokens outside brackets and those that close a group.

    A bracket that closes nothing ends them.
    """
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            return
        if depth == 0:
            yield token


def split_at_commas(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return what stands between the commas outside brackets; [[]] of no tokens."""
    parts: list[list[Token]] = [[]]
    for token, depth in zip(tokens, depths(token.text for token in tokens), strict=True):
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def source_of(text: str, tokens: Sequence[Token]) -> str:
    """Return the part of `text` from the first to the last of its `tokens`."""
    return text[tokens[0].start : tokens[-1].start + len(tokens[-1].text)] if tokens else ""


def _unicode(escape: re.Match[str]) -> str:
    if escape[0] == "\\\\":
        return "\\"
    code = int(escape[1] or escape[2], 16)
    return chr(code) if code in _CODES else escape[0]


_NAMES: Final = frozenset({Kind.WORD, Kind.QUOTED, Kind.STRING})  # SQLite takes strings for names
_LONGEST: Final = 63  # bytes: NAMEDATALEN - 1
_CODES: Final = range(0x110000)
_FOLD: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UNICODE: Final = re.compile(r"\\\\|\\([0-9A-Fa-f]{4})|\\\+([0-9A-Fa-f]{6})")
