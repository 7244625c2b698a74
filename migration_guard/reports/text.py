"""Results as text for a person; every function returns text and prints nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.color import no_style

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.problems import Problem
from migration_guard.results import (
    Action,
    Assertion,
    Change,
    Checked,
    Outcome,
    Repaired,
    Verdict,
)

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
        f"{place:3}. {row.id} @ {moment(row.applied_at)}{_came_in(row)}"
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


def repair(done: Repaired) -> str:
    """Return what a repair changed, what is true now, and what comes next."""
    if done.action is Action.STAMP:
        lines = [
            f"{done.database} is stamped {done.environment} now "
            f"(before: {done.previous_stamp or 'not stamped'}).",
            "A migration with environments runs only where this stamp and "
            'MIGRATION_GUARD["ENVIRONMENT"] both allow it.',
        ]
    else:
        lines = [_changed(done.action, change) for change in done.changes]
    return "\n".join([*lines, "It is in the audit. Next: manage.py runsqlmigrations --plan"])


def schema_check(checked: Checked, style: Any = None, *, kept: bool = False) -> str:
    """Return what a check found, grouped by table, and a summary line.

    ``style`` is Django's (``BaseCommand.style``), None for no colour; ``kept`` lists the tables
    that are as they should be too.
    """
    style = style or no_style()
    bad = {one.table for one in checked.assertions if one.verdict is not Verdict.KEPT}
    tables: dict[str, list[Assertion]] = {}
    for assertion in checked.assertions:
        if kept or assertion.table in bad:
            tables.setdefault(assertion.table, []).append(assertion)
    blocks = [_table(name, found, style) for name, found in tables.items()]
    pending = _not_run(checked) if checked.fresh is None else []
    return "\n".join([*blocks, *pending, tally(checked, style)])


def tally(checked: Checked, style: Any = None) -> str:
    """Return the counts of a check and the time it took, on one line."""
    style = style or no_style()
    # A Counter would ask each of the verdicts for its hash, which is slow.
    counts = {
        verdict: sum(one.verdict is verdict for one in checked.assertions) for verdict in Verdict
    }
    said = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    if not said:
        said = ["there is no contract, and no model"]
    if checked.violations:
        said.append(f"{_count(len(checked.violations), 'violation')} in all")
    examination = checked.examination
    seconds = f" in {examination.seconds:.2f} s" if examination is not None else ""
    line = (
        f"{_count(len(checked.assertions), 'assertion')} about {checked.subject} "
        f"({checked.vendor}){seconds}: {', '.join(said)}."
    )
    paint = style.ERROR if checked.violations else style.WARNING if checked.unknown else None
    return str((paint or style.SUCCESS)(line))


def verdict(checked: Checked) -> str:
    """Return why a check did not end well, and what comes next; empty where it did."""
    if checked.error is not None:
        found = checked.error.problems if isinstance(checked.error, Refused) else ()
        # What failed is the message itself.
        return failure(checked.error, [one for one in found if one.rule != "migration-failed"])
    if checked.returncode == 1:
        broken = _count(len(checked.violations), "violation")
        if checked.drift:
            return (
                f'The database "{checked.database}" and what the files make differ: {broken}.\n'
                "Each is named above, with the migration that speaks of it and what to do."
            )
        if checked.fresh is not None:
            return (
                f"A database that is built from the files does not keep the contract: {broken}.\n"
                "Add a migration that makes it so (manage.py makesqlmigration); or, if the "
                "contract is wrong, correct it where it says so."
            )
        return (
            f'The database "{checked.database}" does not keep its contract: {broken}.\n'
            "Apply what is pending (manage.py runsqlmigrations), or add a migration that makes it "
            "so; or, if the contract is wrong, correct it where it says so."
        )
    if checked.returncode:
        unknown = _count(len(checked.unknown), "assertion")
        return (
            f"{unknown} about {checked.subject} could not be checked.\n"
            "Remove the cause that is named above, or accept it: --allow-unknown."
        )
    return ""


def problems(found: Iterable[Problem]) -> str:
    """Return each problem: what it is, where, the remedy, and its detail."""
    return "\n".join(_problem(problem) for problem in found)


def failure(error: GuardError, found: Sequence[Problem]) -> str:
    """Return the one message that a command ends with."""
    told = [problem for problem in found if problem.message != error.message]
    return "\n".join(filter(None, (problems(told), str(error))))


def _table(name: str, found: Sequence[Assertion], style: Any) -> str:
    violations = dict.fromkeys(one.violation for one in found if one.violation is not None)
    lines = [style.MIGRATE_HEADING(name or "the database")]
    for violation in violations:
        what = f"{violation.object}: " if violation.object else ""
        lines.append(f"  {style.ERROR(f'[{violation.rule}]')} {what}{violation.message}")
        said = f"stated by {violation.source}" if violation.source else ""
        lines += [f"{_INDENT}{line}" for line in (said, violation.reliance) if line]
        lines += [f"{_INDENT}{line}" for line in violation.hint.splitlines()]
    for one in found:
        if one.verdict is Verdict.UNKNOWN:
            lines.append(f"  {style.WARNING('[unknown]')} {one.id}: {one.unknown}")
    if all(one.verdict is Verdict.KEPT for one in found):
        lines.append(f"  {_count(len(found), 'assertion')} kept")
    return "\n".join(lines)


def _not_run(checked: Checked) -> list[str]:
    if checked.migrations is None or not checked.migrations.to_run():
        return []
    return [f"Migrations: {summary(checked.migrations)}"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _came_in(row: HistoryRow) -> str:
    """Mark what was recorded without being run."""
    return "" if row.how == "run" else f" ({row.how})"


def _described(migration: Planned) -> str:
    if migration.row is not None:
        return f"{migration.id} @ {moment(migration.row.applied_at)}{_came_in(migration.row)}"
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
