"""Passwords in SQL, hidden: what is kept or shown of a statement must not hold one.

It hides too much rather than too little: a literal after the word PASSWORD is hidden wherever the
word stands, also in `UPDATE … SET password = '…'`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration_guard.sql.dialects import Dialect, dialect
from migration_guard.sql.scanner import Kind, Token, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "'***'"


def mask_secrets(text: str, vendor: str) -> str:
    """Return `text` with `'***'` for each password literal, and `***` for one inside a literal.

    Known are PASSWORD '…' in all its forms, MySQL's IDENTIFIED BY '…' and WITH/VIA … AS/USING '…',
    `password=…` and `//user:…@` in connection strings, and all these in dollar-quoted bodies,
    comments and the literals of dynamic SQL; variables and settings called password; and
    the literals that dynamic SQL puts behind the word (`format('… PASSWORD %L', '…')`).
    """
    if not _WORTH_A_LOOK.search(text):
        return text
    return "".join(_masked(text, dialect(vendor)))


def has_secret(text: str, vendor: str) -> bool:
    """Tell whether `mask_secrets` finds something to hide."""
    return mask_secrets(text, vendor) != text


def mask_text(text: str) -> str:
    """Return text that is no SQL, such as a message, without passwords and those in URLs."""
    return _hide(text)


def _masked(text: str, lexis: Dialect, depth: int = 0) -> Iterator[str]:
    """Yield the tokens, literals masked."""
    here = _Place()
    for token in scan(text, lexis):
        if token.kind in {Kind.STRING, Kind.DOLLAR}:
            yield HIDDEN if here.is_secret else _inside(token, lexis, depth)
            here.pass_literal(token.text)
        elif token.kind in {Kind.COMMENT, Kind.META}:
            yield _hide(token.text)
        else:
            yield token.text
            here.pass_by(token)


class _Place:
    """Whether a literal would be a secret here; space, comments and literals leave it so."""

    def __init__(self) -> None:
        self.is_secret = False
        self.identified = False  # in a clause that says how a user proves who he is
        self.of_user = False  # in MySQL's SET PASSWORD FOR user = …
        self.named = False  # behind the name of a variable that holds one
        self.announced = False  # a literal said that a later one of the statement is one
        self.word = ""

    def pass_by(self, token: Token) -> None:
        """Take in a token that is no literal."""
        if token.kind in {Kind.WORD, Kind.QUOTED}:
            before, self.word = self.word, token.text.upper().strip('"`')
            self.identified = self.identified or self.word == "IDENTIFIED"
            self.of_user = self.of_user or (before, self.word) == ("PASSWORD", "FOR")
            self.named = self.named or self.word.endswith("PASSWORD")
            self.is_secret = (
                self.announced
                or self.word.endswith("PASSWORD")
                or (self.identified and self.word in {"BY", "AS", "USING", "REPLACE"})
            )
        elif token.kind not in {Kind.SPACE, Kind.KEPT_COMMENT}:
            self.announced = self.announced and token.text != ";"
            opens = token.text in {"=", ":=", "=>", "("}
            self.is_secret = (
                self.announced
                or (self.named and token.text == ":=")
                or (opens and (self.is_secret or (self.of_user and token.text == "=")))
            )
            self.named = self.named and token.text not in {";", ","}

    def pass_literal(self, text: str) -> None:
        """Take in a literal: a query with a place for a password, or a setting's name."""
        if _ANNOUNCES.search(text):
            self.announced = self.is_secret = True


def _inside(token: Token, lexis: Dialect, depth: int) -> str:
    """Mask what a literal that is no secret as a whole holds."""
    text = token.text
    if token.kind is Kind.STRING:
        quote = next((at for at, char in enumerate(text) if char in lexis.string_quotes), 0)
        return (
            text[: quote + 1] + _hide(text[quote + 1 : -1]) + text[max(quote + 1, len(text) - 1) :]
        )
    tag = text[: text.index("$", 1) + 1]
    end = len(text) - len(tag) if text.endswith(tag, len(tag)) else len(text)
    body = text[len(tag) : end]
    if depth == _DEEPEST or _KEYWORDS.fullmatch(body):
        body = _hide(body)
    else:
        body = _URL.sub(r"\1***@", "".join(_masked(body, lexis, depth + 1)))
    return tag + body + text[end:]


def _hide(content: str) -> str:
    """Mask connection strings and dynamic SQL in the content of a literal, quotes as written."""
    content = _ASSIGNED.sub(lambda found: (found[1] or found[2]) + "***", content)
    return _URL.sub(r"\1***@", content)


_WORTH_A_LOOK = re.compile(r"(?i)passw|identified|://")
_DEEPEST = 3  # dollar quotes in dollar quotes that are read as SQL
_QUOTED = (
    r"''(?:[^']|'''')*+(?:''|\Z)"
    r"|\\'(?:(?!\\').)*+(?:\\'|\Z)"
    r"|'[^']*+(?:'|\Z)"
    r'|"[^"]*+(?:"|\Z)'
)
# PASSWORD %L; PASSWORD $1; a query that goes on behind PASSWORD; my.password.
_ANNOUNCES = re.compile(
    r"(?i)passw(?:or)?d['\s=:]*+(?:%[-\w$]|\$[0-9]|\?)|passw(?:or)?d[\s=:]++'*+\Z"
    r"|^[eEnN]?'[\w.]*\.\w*passw(?:or)?d'\Z"
)
_WORD = r"passw(?:or)?d\s*+"
_ASSIGNED = re.compile(
    rf"({_WORD}=\s*+)(?:{_QUOTED}|(?:\\.|[^\s'])++)"
    rf"|((?:{_WORD}\(?+|identified\s++(?:by|as)\s++(?:{_WORD})?+)\s*+)(?:{_QUOTED})",
    re.IGNORECASE | re.DOTALL,
)
_URL = re.compile(r"(://[^\s:/@'\"]*+:)[^\s/@'\"]++@")
_KEYWORDS = re.compile(
    r"\s*+(?:\w++\s*+=\s*+(?:'(?:\\.|[^'\\])*+'|(?:\\.|[^\s'\\])++)\s*+)++", re.DOTALL
)
