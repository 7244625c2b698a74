"""SQL expressions as text: where one ends, and the brackets around the whole.

Pure; the lexical rules are those of ``sql.dialects``.
"""

from functools import lru_cache

from migration_guard.sql.cursor import closing_bracket, depths
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, Token, significant


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


def is_single(text: str, vendor: str) -> bool:
    """Return whether ``text`` is one expression, safe to stand in brackets in a statement.

    The closing bracket must stand on a line of its own, for the text may end in a comment.
    """
    tokens = list(significant(text, expression_dialect(vendor)))
    for token in tokens:
        if token.text == ";" or token.kind in {Kind.META, Kind.KEPT_COMMENT}:
            return False
        if token.kind in {Kind.STRING, Kind.QUOTED, Kind.DOLLAR} and not _is_closed(token):
            return False
    open_brackets = [0, *depths(token.text for token in tokens)]
    return min(open_brackets) == open_brackets[-1] == 0 and bool(text.strip())


def _is_closed(token: Token) -> bool:
    return len(token.text) > 1 and token.text[-1] in {"'", '"', "`", "]", "$"}
