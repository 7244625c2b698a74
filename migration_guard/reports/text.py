"""Results as text for a person. Functions return text and print nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.color import no_style

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.names import list_ids
from migration_guard.planning.one_order import DjangoStep, SQLStep
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.problems import MIGRATION_FAILED, Problem, place
from migration_guard.reports.usage import usage_scope
from migration_guard.results import (
    Action,
    Assertion,
    Change,
    Checked,
    Impact,
    Outcome,
    Repaired,
    Verdict,
)

# A screenful: more applied migrations than this are listed only with --verbosity 2.
ORDER_CAP: Final = 20
# The rule of a clause that is stated after its day.
EXPIRED: Final = "expired"
# The rules of differences that a replay shows begin so.
REPLAY_RULES: Final = "replay-"
# The rules of statements that code sends begin so.
USAGE_RULES: Final = "usage-"
_INDENT: Final = "    "


def moment(value: datetime) -> str:
    """Return a time in UTC with milliseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


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


def stamped(outcome: Outcome) -> str:
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


def skipped(outcome: Outcome) -> str:
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


def repair(repaired: Repaired) -> str:
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


def schema_check(checked: Checked, style: Any = None, *, kept: bool = False) -> str:
    """Return the violations and unknown assertions, grouped by table, and a summary line.

    ``style`` is Django's (``BaseCommand.style``), None for no colour. ``kept`` lists also the
    tables whose assertions are all kept.
    """
    style = style or no_style()
    blocks = table_blocks(checked.assertions, style, kept=kept)
    plan = checked.migrations
    waits = checked.fresh is None and plan is not None and plan.to_run()
    pending = [f"Migrations: {summary(plan)}"] if plan is not None and waits else []
    scope = [usage_scope(checked.usage)] if checked.usage is not None else []
    return "\n".join([*blocks, *pending, tally(checked, style), *scope])


def table_blocks(assertions: Iterable[Assertion], style: Any, *, kept: bool = False) -> list[str]:
    """Return a block for each table in which something deserves a look, or for all if ``kept``."""
    tables: dict[str, list[Assertion]] = {}
    for assertion in assertions:
        tables.setdefault(assertion.table, []).append(assertion)
    return [
        _table(name, of_table, style)
        for name, of_table in tables.items()
        if kept or any(a.verdict is not Verdict.KEPT or a.warning for a in of_table)
    ]


def tally(checked: Checked, style: Any = None) -> str:
    """Return the counts of a check and the time it took, on one line."""
    style = style or no_style()
    counts = {verdict: checked.count_assertions(verdict) for verdict in Verdict}
    parts = [f"{number} {verdict}" for verdict, number in counts.items() if number]
    if not parts:
        parts = ["there is no contract, and no model"]
    if checked.violations:
        parts.append(f"{count(len(checked.violations), 'violation')} in all")
    if checked.warnings:
        parts.append(count(len(checked.warnings), "warning"))
    examination = checked.examination
    seconds = f" in {examination.seconds:.2f} s" if examination is not None else ""
    line = (
        f"{count(sum(counts.values()), 'assertion')} about {checked.subject} "
        f"({checked.vendor}){seconds}: {', '.join(parts)}."
    )
    is_doubtful = checked.unknown or checked.warnings
    paint = style.ERROR if checked.violations else style.WARNING if is_doubtful else None
    return str((paint or style.SUCCESS)(line))


def verdict(checked: Checked) -> str:
    """Return why a check failed, and the next command; empty for a success."""
    if checked.error is not None:
        causes = checked.error.problems if isinstance(checked.error, Refused) else ()
        # The message of the error tells already which migration failed.
        others = [problem for problem in causes if problem.rule != MIGRATION_FAILED]
        return failure(checked.error, others)
    if checked.returncode == 1:
        if checked.impact is not None and not checked.violations:
            return impact_verdict(checked.impact)
        return _broken_usage(checked) or _broken(checked)
    if checked.returncode:
        unknown = count(len(checked.unknown), "assertion")
        return (
            f"{unknown} about {checked.subject} could not be checked.\n"
            "Remove the cause that is named above, or accept it: --allow-unknown."
        )
    return ""


def impact_verdict(impact: Impact) -> str:
    """Return why a trace fails."""
    return (
        f"{count(impact.failing, 'problem')} of impact, from the limits of "
        'MIGRATION_GUARD["IMPACT"] on: each is named above, with what to do.'
    )


def _broken_usage(checked: Checked) -> str:
    """Return that statements fail, "" where there are other violations, or a rolling deploy."""
    rules = {violation.rule for violation in checked.violations}
    if checked.matrix is not None or not all(rule.startswith(USAGE_RULES) for rule in rules):
        return ""
    broken = count(len(checked.violations), "violation")
    return (
        f"Statements that the code sends fail on {checked.subject}: {broken}.\n"
        "Each is named above, with who sends it and the way out."
    )


def _broken(checked: Checked) -> str:
    """Return what the violations of a check are about, and the next command."""
    broken = count(len(checked.violations), "violation")
    if all(violation.rule == EXPIRED for violation in checked.violations):
        return (
            f'Clauses of the contract of "{checked.database}" have expired: {broken}.\n'
            "Remove each where the contract says so, or give it a later day."
        )
    if checked.drift:
        return (
            f'The database "{checked.database}" and what the files make differ: {broken}.\n'
            "Each is named above, with the migration that names it and what to do."
        )
    if checked.upgrade is not None:
        return (
            f"A database that upgrades from {checked.upgrade.ref} does not end where a fresh one "
            f"begins: {broken}.\n"
            "Each is named above, with what to do."
        )
    if any(violation.rule.startswith(REPLAY_RULES) for violation in checked.violations):
        return (
            f'The database "{checked.database}", its history and the files differ: {broken}.\n'
            "Each is named above, with what made it as far as that is known."
        )
    if checked.fresh is not None:
        return _broken_fresh(checked, broken)
    return (
        f'The database "{checked.database}" does not keep its contract: {broken}.\n'
        "Apply what is pending (manage.py runsqlmigrations), or write a migration that keeps it. "
        "If the contract is wrong, correct it at the place that is named above."
    )


def _broken_fresh(checked: Checked, broken: str) -> str:
    lived = checked.matrix.lived if checked.matrix is not None else ()
    statements = sum(cell.counts[Verdict.VIOLATED] for cell in lived)
    if checked.matrix is not None and statements:
        return (
            f"A rolling deploy from {checked.matrix.ref} breaks {count(statements, 'statement')}: "
            f"{broken} in all.\n"
            "Each is named above, with what makes the difference and the way out."
        )
    return (
        f"A database that is built from the files does not keep the contract: {broken}.\n"
        "Write a migration that keeps it (manage.py makesqlmigration). If the contract is wrong, "
        "correct it at the place that is named above."
    )


def problems(problems: Iterable[Problem]) -> str:
    """Return each problem with its place, remedy and detail."""
    return "\n".join(map(_problem, problems))


def failure(error: GuardError, causes: Iterable[Problem]) -> str:
    """Return the message that a command ends with."""
    others = [problem for problem in causes if problem.message != error.message]
    return "\n".join(filter(None, (problems(others), str(error))))


def warning(assertion: Assertion) -> str:
    """Return what a kept assertion warns of, and who relies on it."""
    who = f" ({assertion.owner})" if assertion.owner else ""
    return f"{assertion.id}{who}: {assertion.warning}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _table(name: str, assertions: Sequence[Assertion], style: Any) -> str:
    violations = dict.fromkeys(filter(None, (assertion.violation for assertion in assertions)))
    lines = [style.MIGRATE_HEADING(name or "the database")]
    for violation in violations:
        subject = f"{violation.object}: " if violation.object else ""
        lines.append(f"  {style.ERROR(f'[{violation.rule}]')} {subject}{violation.message}")
        source = _source(violation.rule, violation.source)
        lines += [f"{_INDENT}{line}" for line in (source, violation.reliance) if line]
        lines += [f"{_INDENT}{line}" for line in violation.hint.splitlines()]
    for assertion in assertions:
        if assertion.verdict is Verdict.UNKNOWN:
            lines.append(f"  {style.WARNING('[unknown]')} {assertion.id}: {assertion.unknown}")
        if assertion.warning:
            rule = style.WARNING(f"[{assertion.warning_rule}]")
            fact, *hints = assertion.warning.splitlines()
            lines.append(f"  {rule} {assertion.id}: {fact}")
            source = _source(assertion.warning_rule, assertion.source)
            owner = f"{assertion.owner} relies on it" if assertion.owner else ""
            lines += [f"{_INDENT}{line}" for line in (source, owner, *hints) if line]
    if all(assertion.verdict is Verdict.KEPT for assertion in assertions) and len(lines) == 1:
        lines.append(f"  {count(len(assertions), 'assertion')} kept")
    return "\n".join(lines)


def _source(rule: str, source: str) -> str:
    """Return the place of a rule's finding: code sends a statement, and a contract states."""
    word = "at" if rule.startswith(USAGE_RULES) else "stated by"
    return f"{word} {source}" if source else ""


def squash_notes(times: Sequence[str], replaced: Sequence[Path], shared: Sequence[Path]) -> str:
    """Return what to know and to do after a squash was written."""
    lines = []
    if times:
        lines.append(
            f"These columns hold the time of a build, and new databases get that of this one: "
            f"{list_ids(times)}."
        )
    if shared:
        lines.append(
            f"Databases of other vendors still read these files; keep them: {_list_paths(shared)}"
        )
    if replaced:
        lines.append(
            "No command reads the replaced files any more. Delete them in the same commit, and "
            "deploy the squash only where the release before it was deployed: git rm "
            f"{_list_paths(replaced)}"
        )
    else:
        lines.append("Deploy the squash only where the release before it was deployed.")
    return "\n".join(lines)


def _list_paths(paths: Sequence[Path]) -> str:
    return " ".join(place(path) for path in paths)


def baseline_notes(filled: Sequence[str], key: str = "") -> str:
    """Return what to know and to do after a baseline was written."""
    rows = ""
    if filled:
        rows = (
            f"Rows are not written; these tables have some: {list_ids(filled)}. Put those that "
            "every installation needs into the file, or into the next migration.\n"
        )
    option = "--adopt" if key else "--baseline 1"
    following = f"Where this schema is there already: manage.py runsqlmigrations {option}"
    return f"{rows}{following}"


def _how(row: HistoryRow) -> str:
    """Return how a migration was recorded, unless it was run."""
    return "" if row.how == "run" else f" ({row.how})"


def _applied_as(migration: Planned) -> str:
    """Return the ids by which a migration counts as applied, where they are others."""
    if migration.row is None or migration.row.id == migration.id:
        return ""
    return f" (as {list_ids([row.id for row in migration.former])})"


def _plan_line(migration: Planned) -> str:
    if migration.row is not None:
        how = _how(migration.row) + _applied_as(migration)
        return f"{migration.id} @ {moment(migration.row.applied_at)}{how}"
    if migration.state is State.SKIPPED:
        return f"{migration.id} ({_only_for(migration)})"
    if migration.entry is not None:
        return f"{migration.id} ({migration.entry.done} of {migration.entry.total} statements done)"
    return migration.id


def _only_for(migration: Planned) -> str:
    environments = migration.file.directives.environments if migration.file else None
    return f"only for {', '.join(sorted(environments or ()))}"


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


def _change(action: Action, change: Change) -> str:
    now = f"now {change.after}" if change.after is not None else "it has no file, so it is gone"
    follows = _FOLLOWS.get(change.after, "") if change.after is not None else ""
    return f"{change.id}: {_REPAIRS[action]} (it was {change.before}); {now}{follows}."


def _problem(problem: Problem) -> str:
    place = f"{problem.place}: " if problem.path is not None else ""
    lines = [f"{problem.severity}[{problem.rule}] {place}{problem.message}"]
    if problem.hint:
        lines.append(f"{_INDENT}{problem.hint}")
    lines += [f"{_INDENT}{line}" for line in problem.detail.splitlines()]
    return "\n".join(lines)
