"""What kind a statement is that MySQL commits by itself, and how one that is half done goes on.

Pure: it reads the statement alone. Sources: MariaDB knowledge base, "DROP TABLE", "Atomic DDL",
"ANALYZE Statement", "Using Compound Statements Outside of Stored Programs".
"""

from collections.abc import Sequence
from typing import Final

from migration_guard.running.mysql.ddl_targets import quote
from migration_guard.sql.classify import makes_temporary
from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import MYSQL
from migration_guard.sql.implicit_commits import CODE

# Interrupted, they may simply be run again: only the session knows of them, or the effect is one.
_REPEATABLE: Final = frozenset(
    {
        *("OPTIMIZE", "CHECK", "REPAIR", "FLUSH", "GRANT", "USE", "LOCK", "UNLOCK"),
        *("PREPARE", "DEALLOCATE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"),
    }
)
# ANALYZE of anything else runs it.
_ANALYZES_TABLE: Final = frozenset({"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"})
_CODE: Final = CODE | {"ANALYZE"}
_ACCOUNTS: Final = frozenset({"USER", "ROLE"})


def innermost(sql: str) -> str:
    """Return the statement behind ``SET STATEMENT … FOR``, else the statement itself."""
    cursor = read_tokens(sql, MYSQL)
    if not cursor.accept("SET", "STATEMENT"):
        return sql
    while not cursor.is_at_end:
        if cursor.take() == "FOR" and cursor.rest:
            return innermost(sql[cursor.rest[0].start :])
    return sql


def is_repeatable(sql: str) -> bool:
    """Return whether an interrupted statement may simply be run again."""
    cursor = read_tokens(sql, MYSQL)
    word = cursor.take()
    if word == "ANALYZE":
        return cursor.peek() in _ANALYZES_TABLE
    return word in _REPEATABLE or makes_temporary(sql, "mysql")


def is_code(sql: str) -> bool:
    """Return whether a statement is code, which may commit on its way before it fails."""
    cursor = read_tokens(sql, MYSQL)
    is_labelled = [token.text for token in cursor.tokens[1:2]] == [":"]
    return is_labelled or (cursor.take() in _CODE and not is_repeatable(sql))


def remainder(sql: str, is_done: Sequence[bool]) -> str:
    """Return the statement that does the rest of a DROP or RENAME of several, or nothing."""
    change = read_ddl(sql, "mysql")
    if change is None or len(is_done) != len(change.names):
        return ""
    names = [quote(name) for name in change.names]
    if change.verb == "DROP":
        left = [name for name, done in zip(names, is_done, strict=True) if not done]
        return f"DROP {change.kind} IF EXISTS {', '.join(left)}"
    if change.verb != "RENAME" or len(change.new_names) != len(names):
        return ""
    pairs = zip(names, map(quote, change.new_names), is_done, strict=True)
    return "RENAME TABLE " + ", ".join(f"{old} TO {new}" for old, new, done in pairs if not done)


def names_accounts(sql: str) -> bool:
    """Return whether a statement makes, changes or drops several users or roles, one by one."""
    cursor = read_tokens(sql, MYSQL)
    verb, kind = cursor.take(), cursor.take()
    if verb in ("GRANT", "REVOKE"):  # what is granted may be several things too
        while not cursor.is_at_end and cursor.take() not in ("TO", "FROM"):
            pass
    elif verb not in ("CREATE", "ALTER", "DROP", "RENAME") or kind not in _ACCOUNTS:
        return False
    return any(token.text == "," for token in cursor.rest)
