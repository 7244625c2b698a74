"""Results as text for a person; every function returns text and prints nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from migration_guard.exceptions import GuardError
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.planning.recorded import HistoryRow
from migration_guard.problems import Problem
from migration_guard.results import Action, Change, Outcome, Repaired

# How many applied migrations the order report lists before it needs --verbosity 2.
ORDER_CAP = 100
_INDENT = "    "


def moment(value: datetime) -> str:
    """Return a time in UTC with milliseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def order(rows: Sequence[HistoryRow], cap: int | None = ORDER_CAP) -> str:
    """Return the applied migrations in the order in which they were applied; the last ``cap``."""
    if not rows:
        return "Applied migrations in order: none."
    first = 0 if cap is None else max(0, len(rows) - cap)
    lines = ["Applied migrations in order:"]
    if first:
        lines.append(f"  … {first} earlier ones (--verbosity 2 lists all)")
    lines += [
        f"{place:3}. {row.id} @ {moment(row.applied_at)}"
        for place, row in enumerate(rows[first:], first + 1)
    ]
    return "\n".join(lines)


def plan(outcome: Outcome) -> str:
    """Return the plan, a line for each migration, and the count of each state."""
    migrations = outcome.plan.migrations
    width = max((len(migration.state) for migration in migrations), default=0)
    head = f"Plan for {outcome.database} ({outcome.vendor}, environment {outcome.environment}):"
    lines = [f"  {migration.state:<{width}}  {_described(migration)}" for migration in migrations]
    return "\n".join([head, *lines, summary(outcome.plan)])


def summary(found: Plan) -> str:
    """Return the count of each state on one line."""
    counts = Counter(migration.state for migration in found.migrations)
    return ", ".join(f"{counts[state]} {state}" for state in State if counts[state]) + "."


def repaired(done: Repaired) -> str:
    """Return what a repair changed, what is true now, and what comes next."""
    if done.action is Action.STAMP:
        lines = [
            f"{done.database} is stamped {done.environment} now "
            f"(before: {done.was or 'not stamped'}).",
            "A migration with environments runs only where this stamp and "
            'MIGRATION_GUARD["ENVIRONMENT"] both allow it.',
        ]
    else:
        lines = [_changed(done.action, change) for change in done.changes]
    return "\n".join([*lines, "It is in the audit. Next: manage.py runsqlmigrations --plan"])


def problems(found: Iterable[Problem]) -> str:
    """Return each problem: what it is, where, the remedy, and its detail."""
    return "\n".join(_problem(problem) for problem in found)


def failure(error: GuardError, found: Sequence[Problem]) -> str:
    """Return the one message that a command ends with."""
    told = [problem for problem in found if problem.message != error.message]
    return "\n".join(filter(None, (problems(told), str(error))))


def _described(migration: Planned) -> str:
    if migration.row is not None:
        return f"{migration.id} @ {moment(migration.row.applied_at)}"
    if migration.entry is not None:
        return f"{migration.id} ({migration.entry.done} of {migration.entry.total} statements done)"
    return migration.id


_REPAIRED = {
    Action.ACCEPT_EDIT: "the file as it is now is the text of record",
    Action.MARK_APPLIED: "recorded as applied, not run",
    Action.FORGET: "removed from history and journal",
}
_FOLLOWS = {
    State.PENDING: "; the next run applies it",
    State.OUT_OF_ORDER: "; a higher number is applied, so only --allow-out-of-order applies it",
    State.SKIPPED: "; it does not run in this environment",
}


def _changed(action: Action, change: Change) -> str:
    now = f"now {change.after}" if change.after is not None else "it has no file, so it is gone"
    follows = _FOLLOWS.get(change.after, "") if change.after is not None else ""
    return f"{change.id}: {_REPAIRED[action]} (it was {change.before}); {now}{follows}."


def _problem(problem: Problem) -> str:
    place = f"{problem.place}: " if problem.path is not None else ""
    lines = [f"{problem.severity}[{problem.rule}] {place}{problem.message}"]
    if problem.hint:
        lines.append(f"{_INDENT}{problem.hint}")
    lines += [f"{_INDENT}{line}" for line in problem.detail.splitlines()]
    return "\n".join(lines)
