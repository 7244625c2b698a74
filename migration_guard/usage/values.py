"""Finds the values that were formatted into a text of SQL."""

from typing import Final

from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind, Token, scan
from migration_guard.usage.sources import Sources

_MASK: Final = "'*'"
_GAPS: Final = frozenset({Kind.SPACE, Kind.COMMENT})
_COUNTS: Final = frozenset({"LIMIT", "OFFSET"})
_LITERALS: Final = frozenset({Kind.STRING, Kind.DOLLAR, Kind.KEPT_COMMENT})
_NAMES: Final = frozenset({Kind.WORD, Kind.QUOTED, Kind.NUMBER})
# A quoted literal of one character tells nothing.
_SHORT: Final = 3


def mask_values(text: str, lexis: Dialect, sources: Sources) -> str:
    """Return a text with `'*'` for each literal and name that stands in no code.

    A number behind LIMIT or OFFSET is none, since Django writes it there.
    """
    masked = []
    before: Token | None = None
    for token in scan(text, lexis):
        start = before.start if before else 0
        is_value = _is_value(token, before, text[start : token.start + len(token.text)], sources)
        masked.append(_MASK if is_value else token.text)
        if token.kind not in _GAPS:
            before = token
    return "".join(masked)


def _is_value(token: Token, before: Token | None, context: str, sources: Sources) -> bool:
    if token.kind in _LITERALS:
        return len(token.text) > _SHORT and not sources.have_literal(token.text, context)
    if token.kind not in _NAMES or token.text.startswith("$"):  # a parameter
        return False
    is_count = token.kind is Kind.NUMBER and before and before.text.upper() in _COUNTS
    return not is_count and not sources.have_pieces(token.text)
