"""Hide the passwords in SQL that is stored or printed.

It hides too much rather than too little. A literal behind the word PASSWORD is hidden everywhere,
also in `UPDATE … SET password = '…'`.
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

    It finds PASSWORD '…' in all its forms, MySQL's IDENTIFIED BY '…' and WITH/VIA … AS/USING '…',
    and `password=…` and `//user:…@` in connection strings, also in dollar-quoted bodies, comments
    and the literals of dynamic SQL. It finds variables and settings called password, and literals
    that dynamic SQL puts behind the word (`format('… PASSWORD %L', '…')`).
    """
    if not _WORTH_A_LOOK.search(text):
        return text
    return "".join(_mask_tokens(text, dialect(vendor)))


def has_secret(text: str, vendor: str) -> bool:
    """Return whether `mask_secrets` hides anything."""
    return mask_secrets(text, vendor) != text


def mask_text(text: str) -> str:
    """Return text that is no SQL, such as a message, without passwords, also those in URLs."""
    text = _ASSIGNED.sub(lambda match: (match[1] or match[2]) + "***", text)
    return _URL.sub(r"\1***@", text)


def _mask_tokens(text: str, lexis: Dialect, depth: int = 0) -> Iterator[str]:
    """Yield the texts of the tokens with their secrets hidden."""
    context = _Context()
    for token in scan(text, lexis):
        if token.kind in {Kind.STRING, Kind.DOLLAR}:
            yield HIDDEN if context.is_secret else _mask_literal(token, lexis, depth)
            context.pass_literal(token.text)
        elif token.kind in {Kind.COMMENT, Kind.META}:
            yield mask_text(token.text)
        else:
            yield token.text
            context.pass_token(token)


class _Context:
    """Whether the next literal is a secret. Space, comments and most literals do not change it."""

    def __init__(self) -> None:
        self.is_secret = False
        self.identified = False  # in MySQL's IDENTIFIED BY or IDENTIFIED WITH … AS
        self.of_user = False  # in MySQL's SET PASSWORD FOR user = …
        self.named = False  # behind the name of a variable that holds a password
        self.announced = False  # an earlier literal has a place for a password
        self.word = ""

    def pass_token(self, token: Token) -> None:
        """Apply a token that is no literal."""
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
        """Apply a literal, which may be a query with a place for a password."""
        if _ANNOUNCES.search(text):
            self.announced = self.is_secret = True


def _mask_literal(token: Token, lexis: Dialect, depth: int) -> str:
    """Return a literal with the secrets inside it hidden."""
    text = token.text
    if token.kind is Kind.STRING:
        quote = next((at for at, char in enumerate(text) if char in lexis.string_quotes), 0)
        start, end = quote + 1, max(quote + 1, len(text) - 1)
        return text[:start] + mask_text(text[start:-1]) + text[end:]
    tag = text[: text.index("$", 1) + 1]
    end = len(text) - len(tag) if text.endswith(tag, len(tag)) else len(text)
    body = text[len(tag) : end]
    if depth == _DEEPEST or _KEYWORDS.fullmatch(body):
        body = mask_text(body)
    else:
        body = _URL.sub(r"\1***@", "".join(_mask_tokens(body, lexis, depth + 1)))
    return tag + body + text[end:]


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
