"""What a copy of a database loses, or shares with the original: then no template is used.

CREATE DATABASE … TEMPLATE copies what is in a database, and nothing of the database itself: its
privileges, settings, comment, owner. Roles, tablespaces, subscriptions, replication slots and the
server's configuration belong to no database. Source: PostgreSQL manual, "Template Databases".
"""

import re
from collections.abc import Mapping
from typing import Final

from migration_guard.sql.classify import is_session, makes_temporary
from migration_guard.sql.lexer import Kind, tokens
from migration_guard.sql.statements import SQLError, split

# Comments may stand between two words, in the body of a function too.
_GAP: Final = r"(?:\s|--[^\n]*|/\*.*?\*/)+"


def _pattern(*alternatives: str) -> re.Pattern[str]:
    text = "|".join(alternatives).replace("_GAP_", _GAP)
    return re.compile(text, re.DOTALL)


# They are looked for in strings and bodies too, which EXECUTE may run. In lower case: to ignore the
# case takes twice as long.
_LOSSES: Final[Mapping[str, re.Pattern[str]]] = {
    "postgresql": _pattern(
        r"\bdatabase\b",
        r"\bcurrent_(?:database|catalog)\b",
        r"\bpg_(?:database|db_role_setting|auth_members|authid|reload_conf)\b",
        r"\b(?:create|alter|drop)_GAP_(?:role|group|tablespace|subscription|system)\b",
        r"\b(?:create|alter|drop)_GAP_user\b(?!_GAP_mapping\b)",
        r"\bon_GAP_(?:role|tablespace|subscription)\b",
        r"\b(?:reassign|drop)_GAP_owned\b",
        r"\bprepare_GAP_transaction\b",
        r"\bpg_\w*replication_(?:slot|origin)\w*",
        r"\bdblink\w*",
        r"\bcron\s*\.",
    ),
    "sqlite": _pattern(r"\b(?:at|de)tach\b", r"\bload_extension\b", r"\bvacuum_GAP_into\b"),
    "mysql": re.compile(r"(?!)"),
}


def find_loss(text: str, vendor: str) -> str | None:
    """Return the words of an SQL text that name what a copy would lose or share."""
    pattern = _LOSSES[vendor]
    match = pattern.search(text.lower())
    if match is None:
        return None
    try:
        code = " ".join(t.text for t in tokens(text, vendor) if t.kind is not Kind.COMMENT)
    except SQLError:
        return match[0]
    match = pattern.search(code.lower())
    return " ".join(match[0].split()) if match is not None else None


def changes_session(text: str, vendor: str) -> bool:
    """Return whether an SQL text changes the session that runs it, or cannot be read."""
    try:
        return any(
            is_session(statement.text, vendor) or makes_temporary(statement.text, vendor)
            for statement in split(text, vendor)
        )
    except SQLError:
        return True
