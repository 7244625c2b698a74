"""Statements that no transaction can hold.

Sources: PostgreSQL manual, the page of each statement; sqlite.org, "VACUUM", "ATTACH DATABASE".
"""

from __future__ import annotations

from typing import Final

from migration_guard.sql.classify import words
from migration_guard.sql.cursor import outside_brackets
from migration_guard.sql.dialects import dialect
from migration_guard.sql.indexes import concurrent_index
from migration_guard.sql.scanner import Kind, significant

# MySQL refuses none: it commits before them.
_FIRST_WORDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "postgresql": (
        *(("VACUUM",), ("ALTER", "SYSTEM"), ("CREATE", "DATABASE"), ("DROP", "DATABASE")),
        *(("CREATE", "TABLESPACE"), ("DROP", "TABLESPACE"), ("CREATE", "SUBSCRIPTION")),
        *(("REINDEX", "DATABASE"), ("REINDEX", "SYSTEM")),
    ),
    "sqlite": (("VACUUM",), ("ATTACH",), ("DETACH",)),
    "mysql": (),
}


def refuses_transaction(sql: str, vendor: str) -> bool:
    """Return whether the server refuses a statement inside a transaction."""
    head = words(sql, vendor, 2)
    if any(head[: len(beginning)] == beginning for beginning in _FIRST_WORDS[vendor]):
        return True
    if not _FIRST_WORDS[vendor] or "CONCURRENTLY" not in sql.upper():
        return False
    outer = outside_brackets(significant(sql, dialect(vendor)))
    is_said = any(
        token.kind is Kind.WORD and token.text.upper() == "CONCURRENTLY" for token in outer
    )
    return concurrent_index(sql) is not None or (is_said and head[:1] != ("REFRESH",))
