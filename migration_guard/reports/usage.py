"""What a check of recorded statements left out, on one line."""

from typing import Final

from migration_guard.results import UsageScope

_MOST: Final = 5  # reasons on the line


def usage_scope(scope: UsageScope) -> str:
    """Return how many statements were asked about, why not all, and what nobody tells."""
    reasons = [f"{reason} ({number})" for reason, number in scope.left_out[:_MOST]]
    others = sum(number for _reason, number in scope.left_out[_MOST:])
    if others:
        reasons.append(f"other reasons ({others})")
    left_out = f" Left out: {'; '.join(reasons)}." if reasons else ""
    return (
        f"Usage: {scope.asked} of {scope.statements} statements checked.{left_out} {scope.untold}."
    )
