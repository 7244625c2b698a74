"""What a repair did as text."""

from typing import Final

from migration_guard.planning.plan import State
from migration_guard.results import Action, Change, Repaired

_REPAIRS: Final = {
    Action.ACCEPT_EDIT: "the text of the file now counts as the applied one",
    Action.MARK_APPLIED: "recorded as applied, not run",
    Action.FORGET: "removed from history and journal",
}
_FOLLOWS: Final = {
    State.PENDING: "; the next run applies it",
    State.OUT_OF_ORDER: "; a higher number is applied, so only --allow-out-of-order applies it",
    State.SKIPPED: "; it does not run in this environment",
}


def repair_report(repaired: Repaired) -> str:
    """Return the changes of a repair, the state now, and the next command."""
    if repaired.action is Action.STAMP:
        lines = [
            f"{repaired.database} is stamped {repaired.environment} now "
            f"(before: {repaired.previous_stamp or 'not stamped'}).",
            "A migration with environments runs only where this stamp and "
            'MIGRATION_GUARD["ENVIRONMENT"] both allow it.',
        ]
    else:
        lines = [_change(repaired.action, change) for change in repaired.changes]
    return "\n".join([*lines, "It is in the audit. Next: manage.py runsqlmigrations --plan"])


def _change(action: Action, change: Change) -> str:
    now = f"now {change.after}" if change.after is not None else "it has no file, so it is gone"
    follows = _FOLLOWS.get(change.after, "") if change.after is not None else ""
    return f"{change.id}: {_REPAIRS[action]} (it was {change.before}); {now}{follows}."
