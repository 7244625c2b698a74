"""PostgreSQL's index commands that run CONCURRENTLY, taken apart.

An interrupted one leaves an INVALID index; who cleans up must know its name or its table.
"""

from __future__ import annotations

import re
import string
from typing import Literal, NamedTuple

from migration_guard.sql.dialects import POSTGRESQL
from migration_guard.sql.scanner import Kind, Token, significant


class ConcurrentIndex(NamedTuple):
    """One command. Names are as the catalogue has them: unquoted, folded, cut to 63 bytes.

    `name` is the index, None if the server names it or all of a table, a schema or a database is
    rebuilt; `schema` is the one written, None if none was. `if_exists` stands for IF EXISTS and for
    IF NOT EXISTS.
    """

    action: Literal["create", "drop", "reindex"]
    name: str | None = None
    table: str | None = None
    schema: str | None = None
    if_exists: bool = False


def concurrent_index(text: str) -> ConcurrentIndex | None:
    """Return what a CREATE INDEX, DROP INDEX or REINDEX … CONCURRENTLY does, or None."""
    tokens = _Tokens(text)
    if tokens.take("CREATE"):
        tokens.take("UNIQUE")
        return _create(tokens) if tokens.take("INDEX", "CONCURRENTLY") else None
    if tokens.take("DROP", "INDEX", "CONCURRENTLY"):
        if_exists = tokens.take("IF", "EXISTS")
        schema, name = tokens.name()
        return ConcurrentIndex("drop", name=name, schema=schema, if_exists=if_exists)
    return _reindex(tokens) if tokens.take("REINDEX") else None


def index_if_missing(text: str) -> ConcurrentIndex | None:
    """Return what a CREATE INDEX IF NOT EXISTS makes if it is missing, or None."""
    if text[:6].upper() != "CREATE" or "EXISTS" not in text.upper():
        return None  # before it is taken to pieces, for the runner asks this of each statement
    tokens = _Tokens(text)
    tokens.take("CREATE")
    tokens.take("UNIQUE")
    if not tokens.take("INDEX"):
        return None
    tokens.take("CONCURRENTLY")
    index = _create(tokens)
    return index if index.if_exists else None


class _Tokens:
    """A cursor over the significant tokens."""

    def __init__(self, text: str) -> None:
        self.rest = list(significant(text, POSTGRESQL))

    def peek(self) -> str:
        """Return the next token, a word in upper case; empty at the end."""
        if not self.rest:
            return ""
        token = self.rest[0]
        return token.text.upper() if token.kind is Kind.WORD else token.text

    def take(self, *words: str) -> bool:
        """Go past these words if they are next."""
        if [t.text.upper() for t in self.rest[: len(words)] if t.kind is Kind.WORD] != list(words):
            return False
        del self.rest[: len(words)]
        return True

    def name(self) -> tuple[str | None, str | None]:
        """Go past a name with its qualifiers; return the schema and the name."""
        parts = [_identifier(self.rest.pop(0))] if self.rest else []
        while self.peek() == "." and len(self.rest) > 1:
            parts.append(_identifier(self.rest[1]))
            del self.rest[:2]
        return (parts[-2] if parts[1:] else None), (parts[-1] if parts else None)


def _create(tokens: _Tokens) -> ConcurrentIndex:
    if_exists = tokens.take("IF", "NOT", "EXISTS")
    name = None if tokens.peek() == "ON" else tokens.name()[1]
    tokens.take("ON")
    tokens.take("ONLY")
    schema, table = tokens.name()
    return ConcurrentIndex("create", name, table, schema, if_exists)


def _reindex(tokens: _Tokens) -> ConcurrentIndex | None:
    """Read both REINDEX INDEX CONCURRENTLY name and REINDEX (CONCURRENTLY) INDEX name."""
    concurrently = False
    if tokens.peek() == "(":
        option = [""]
        while tokens.rest and tokens.peek() != ")":
            word = tokens.peek()
            option = [] if word in {"(", ","} else [*option, word.strip("'").upper()]
            if option[:1] == ["CONCURRENTLY"]:
                concurrently = option[1:] not in (["FALSE"], ["OFF"], ["0"])
            del tokens.rest[0]
        del tokens.rest[:1]
    kind = tokens.peek()
    del tokens.rest[:1]
    if not (tokens.take("CONCURRENTLY") or concurrently):
        return None
    schema, name = tokens.name()
    if kind == "INDEX":
        return ConcurrentIndex("reindex", name=name, schema=schema)
    if kind == "TABLE":
        return ConcurrentIndex("reindex", table=name, schema=schema)
    return ConcurrentIndex("reindex", schema=name if kind == "SCHEMA" else None)


def _identifier(token: Token) -> str:
    """Return a name as the server keeps it (manual, 4.1.1)."""
    text = token.text
    if text[:1] in {"U", "u"} and text[1:2] == "&":
        text = _UNICODE.sub(_unicode, text[2:])
    quoted = text.startswith('"')
    text = text[1:-1].replace('""', '"') if quoted else text.translate(_FOLD)
    return text.encode()[:_LONGEST].decode(errors="ignore")


def _unicode(found: re.Match[str]) -> str:
    if found[0] == "\\\\":
        return "\\"
    code = int(found[1] or found[2], 16)
    return chr(code) if code in _CODES else found[0]


_LONGEST = 63  # bytes: NAMEDATALEN - 1
_CODES = range(0x110000)
_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UNICODE = re.compile(r"\\\\|\\([0-9A-Fa-f]{4})|\\\+([0-9A-Fa-f]{6})")
