"""Expressions as the server writes them: which parentheses are only a wrapping.

Pure; the lexical rules are those of ``sql.dialects``.
"""

from functools import lru_cache

from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import significant


# Checks repeat: many tables have one of a few.
@lru_cache(maxsize=4096)
def unwrapped(expression: str, vendor: str) -> str:
    """Return the expression without white space and parentheses around the whole of it."""
    text = expression.strip()
    while text.startswith("(") and _closes_at_end(text, vendor):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str, vendor: str) -> bool:
    """Return whether the parenthesis that opens the text is closed by its last character."""
    depth = 0
    for token in significant(text, dialect(vendor)):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return token.start == len(text) - 1
    return False
