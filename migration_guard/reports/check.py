"""The assertions of a check as text."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.management.color import no_style

from migration_guard.reports.run import summary
from migration_guard.reports.text import INDENT, count
from migration_guard.reports.usage import usage_scope
from migration_guard.results import Assertion, Checked, Verdict

# The rules of statements that code sends begin so.
USAGE_RULES: Final = "usage-"


def check_report(checked: Checked, style: Any = None, *, kept: bool = False) -> str:
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


def _table(name: str, assertions: Sequence[Assertion], style: Any) -> str:
    violations = dict.fromkeys(filter(None, (assertion.violation for assertion in assertions)))
    lines = [style.MIGRATE_HEADING(name or "the database")]
    for violation in violations:
        subject = f"{violation.object}: " if violation.object else ""
        lines.append(f"  {style.ERROR(f'[{violation.rule}]')} {subject}{violation.message}")
        source = _source(violation.rule, violation.source)
        lines += [f"{INDENT}{line}" for line in (source, violation.reliance) if line]
        lines += [f"{INDENT}{line}" for line in violation.hint.splitlines()]
    for assertion in assertions:
        if assertion.verdict is Verdict.UNKNOWN:
            lines.append(f"  {style.WARNING('[unknown]')} {assertion.id}: {assertion.unknown}")
        if assertion.warning:
            rule = style.WARNING(f"[{assertion.warning_rule}]")
            fact, *hints = assertion.warning.splitlines()
            lines.append(f"  {rule} {assertion.id}: {fact}")
            source = _source(assertion.warning_rule, assertion.source)
            owner = f"{assertion.owner} relies on it" if assertion.owner else ""
            lines += [f"{INDENT}{line}" for line in (source, owner, *hints) if line]
    if all(assertion.verdict is Verdict.KEPT for assertion in assertions) and len(lines) == 1:
        lines.append(f"  {count(len(assertions), 'assertion')} kept")
    return "\n".join(lines)


def _source(rule: str, source: str) -> str:
    """Return the place of a rule's finding: code sends a statement, and a contract states."""
    word = "at" if rule.startswith(USAGE_RULES) else "stated by"
    return f"{word} {source}" if source else ""
