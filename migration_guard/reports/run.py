"""The plan and the history of a run as text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.names import list_ids
from migration_guard.planning.one_order import DjangoStep, SQLStep
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.reports.text import moment
from migration_guard.results import Outcome

# A screenful: more applied migrations than this are listed only with --verbosity 2.
ORDER_CAP: Final = 20


def order(rows: Sequence[HistoryRow], cap: int | None = ORDER_CAP) -> str:
    """Return the last ``cap`` applied migrations, or all for None, in order of time."""
    if not rows:
        return "Applied migrations in order: none."
    first = 0 if cap is None else max(0, len(rows) - cap)
    lines = ["Applied migrations in order:"]
    if first:
        lines.append(f"  … {first} earlier ones (--verbosity 2 lists all)")
    lines += [
        f"{place:3}. {row.id} @ {moment(row.applied_at)}{_how(row)}"
        for place, row in enumerate(rows[first:], first + 1)
    ]
    return "\n".join(lines)


def no_migration(outcome: Outcome, folders: Iterable[object]) -> str:
    """Return that there is neither a file nor a history, and how to make the first migration."""
    return (
        f"There is no migration in {', '.join(map(str, folders))}, and none is applied to "
        f"{outcome.database}: nothing to do. Next: manage.py makesqlmigration NAME, or correct "
        'MIGRATION_GUARD["DIRS"].'
    )


def plan(outcome: Outcome) -> str:
    """Return the plan, with a line for each migration, and the count of each state."""
    migrations = outcome.plan.migrations
    width = max((len(migration.state) for migration in migrations), default=0)
    head = f"Plan for {outcome.database} ({outcome.vendor}, environment {outcome.environment}):"
    lines = [f"  {migration.state:<{width}}  {_plan_line(migration)}" for migration in migrations]
    return "\n".join([head, *lines, summary(outcome.plan), *_steps(outcome)])


def stamp_note(outcome: Outcome) -> str:
    """Return with what a run stamped the database, and why; empty where it did not."""
    if outcome.stamped is None:
        return ""
    environment, again = outcome.stamped
    if again:
        return (
            f"Stamped the database {environment} again: the stamp was missing beside a history, "
            "which counts as production. It is in the audit."
        )
    return (
        f"Stamped the database {environment}, on its first run "
        "(manage.py repairsqlmigrations --stamp NAME changes that)."
    )


def skipped_migrations(outcome: Outcome) -> str:
    """Return which migrations are not for this environment, and why; empty without any."""
    by_environments: dict[str, list[str]] = {}
    for migration in outcome.plan.migrations:
        if migration.state is State.SKIPPED:
            by_environments.setdefault(_only_for(migration), []).append(migration.id)
    if not by_environments:
        return ""
    stamp = outcome.stamp
    stamped = f" and the database {stamp}" if stamp not in (None, outcome.environment) else ""
    lines = [f"  {only}: {list_ids(ids)}" for only, ids in by_environments.items()]
    return "\n".join([f"Skipped, since this run is {outcome.environment}{stamped}:", *lines])


def summary(plan: Plan) -> str:
    """Return the count of each state on one line."""
    counts = Counter(migration.state for migration in plan.migrations)
    return ", ".join(f"{counts[state]} {state}" for state in State if counts[state]) + "."


def _steps(outcome: Outcome) -> list[str]:
    """Return the steps of a run over both kinds of migrations, a line each."""
    if outcome.steps is None:
        return []
    kinds = {DjangoStep: "Django", SQLStep: "SQL"}
    lines = [
        f"{place:3}. {kinds[type(step)]:<6}  {', '.join(step.names)}"
        for place, step in enumerate(outcome.steps, 1)
    ]
    return [
        "To run, with Django's migrations, in this order:" if lines else "Nothing to run.",
        *lines,
    ]


def _plan_line(migration: Planned) -> str:
    if migration.row is not None:
        how = _how(migration.row) + _applied_as(migration)
        return f"{migration.id} @ {moment(migration.row.applied_at)}{how}"
    if migration.state is State.SKIPPED:
        return f"{migration.id} ({_only_for(migration)})"
    if migration.entry is not None:
        return f"{migration.id} ({migration.entry.done} of {migration.entry.total} statements done)"
    return migration.id


def _how(row: HistoryRow) -> str:
    """Return how a migration was recorded, unless it was run."""
    return "" if row.how == "run" else f" ({row.how})"


def _applied_as(migration: Planned) -> str:
    """Return the ids by which a migration counts as applied, where they are others."""
    if migration.row is None or migration.row.id == migration.id:
        return ""
    return f" (as {list_ids([row.id for row in migration.former])})"


def _only_for(migration: Planned) -> str:
    environments = migration.file.directives.environments if migration.file else None
    return f"only for {', '.join(sorted(environments or ()))}"
