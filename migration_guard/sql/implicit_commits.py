"""Which statements of MySQL and MariaDB commit the transaction that they stand in.

Sources: MariaDB knowledge base, "SQL statements That Cause an Implicit Commit"; MySQL manual
15.3.3. What only one of the two lists counts for both.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from migration_guard.sql.cursor import Cursor, read_tokens
from migration_guard.sql.dialects import MYSQL


class Commit(Enum):
    """Whether a statement commits; MAY is code, which nobody can see from here."""

    NO = "no"
    YES = "yes"
    MAY = "may"


def implicit_commit(text: str) -> Commit:
    """Return whether a statement that is no transaction control commits by itself."""
    # Of an INSERT with many rows, no more than the first word is read.
    word = _FIRST_WORD.match(text)
    if word is not None and word[0].upper() not in _DECIDING:
        return Commit.NO
    return _read(read_tokens(text, MYSQL))


def _read(cursor: Cursor) -> Commit:
    while cursor.accept("("):
        pass
    first = cursor.take()
    if first in CODE:
        return Commit.MAY
    if first == "SET":
        return _read_set(cursor)
    if first == "ANALYZE":
        cursor.accept_any(("NO_WRITE_TO_BINLOG", "LOCAL"))
        return _yes(cursor.peek() in {"TABLE", "TABLES"})
    if first in {"CREATE", "DROP"}:
        if cursor.accept("OR"):
            cursor.take()
        is_temporary = cursor.accept("TEMPORARY") and cursor.peek() != "SEQUENCE"
        return _yes(not is_temporary and cursor.peek() != "PREPARE")
    return _yes(first in _COMMITTING or (first == "LOAD" and cursor.peek() == "INDEX"))


def _read_set(cursor: Cursor) -> Commit:
    if cursor.accept("STATEMENT"):
        while not cursor.is_at_end:
            if cursor.take() == "FOR":
                return _read(cursor)
    return _yes(cursor.peek() == "PASSWORD" or cursor.accept("DEFAULT", "ROLE"))


def _yes(commits: bool) -> Commit:
    return Commit.YES if commits else Commit.NO


# Of two letters at least, so that no prefix of a string or number counts.
_FIRST_WORD: Final = re.compile(r"[A-Za-z]{2,}+")
# First words of code.
CODE: Final = frozenset(
    {"CALL", "EXECUTE", "BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"}
)
_COMMITTING = frozenset(
    {
        *("ALTER", "BACKUP", "CACHE", "CHANGE", "CHECK", "CLONE", "FLUSH", "GRANT", "IMPORT"),
        *("INSTALL", "LOCK", "OPTIMIZE", "RENAME", "REPAIR", "RESET", "RESTART", "REVOKE"),
        *("SHUTDOWN", "START", "STOP", "TRUNCATE", "UNINSTALL"),
    }
)
# Other first words commit nothing, whatever follows.
_DECIDING: Final = CODE | _COMMITTING | {"SET", "ANALYZE", "CREATE", "DROP", "LOAD"}
