"""What a misspelt word probably means."""

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that is most similar to ``word`` without case, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    return next(
        (by_lower[near] for near in difflib.get_close_matches(word.lower(), by_lower, n=1)), ""
    )
