"""Expressions as the server writes them, without brackets around the whole.

Pure; the lexical rules are those of ``sql.dialects``.
"""

from functools import lru_cache

from migration_guard.sql.cursor import closing_bracket
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import significant


# Cached, since many tables have the same few checks.
@lru_cache(maxsize=4096)
def without_brackets(expression: str, vendor: str) -> str:
    """Return the expression without white space and parentheses around the whole of it."""
    text = expression.strip()
    while text.startswith("("):
        tokens = list(significant(text, expression_dialect(vendor)))
        end = closing_bracket(tokens, 0)
        if end == len(tokens) or tokens[end].start != len(text) - 1:
            break
        text = text[1:-1].strip()
    return text
