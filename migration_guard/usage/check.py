"""Which recorded statements a database breaks, as assertions for every report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.contracts.causes import Causes
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation
from migration_guard.results import Assertion, Verdict
from migration_guard.sql.dialects import dialect
from migration_guard.sql.excerpt import excerpt
from migration_guard.usage.places import place
from migration_guard.usage.servers import Finding, Undecided, server
from migration_guard.usage.statement import Statement
from migration_guard.usage.tables import tables_of

RULES: Final = {
    "usage-broken": "A statement that code sends fails on this schema.",
    "usage-misses-required": "An INSERT that code sends leaves a NOT NULL column without a value.",
    "usage-parameter": "The server takes a parameter for another category of type.",
    "usage-result": "A result that code reads lacks a column, or has it otherwise.",
    "usage-denied": "The role may not run a statement that code sends.",
}
_WARNINGS: Final = frozenset({"usage-parameter", "usage-result"})
_WAY_OUT: Final = (
    "Keep what it uses until no running release sends it: add the new form first, and remove the "
    "old one in a later release."
)


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """What to check: statements, as ``role`` or as the user of the connection.

    Callers are files below ``root``.
    """

    statements: tuple[Statement, ...]
    root: Path
    role: str = ""


def examine(
    connection: BaseDatabaseWrapper, request: UsageCheck, plan: Plan | None
) -> list[Assertion]:
    """Return an assertion for each statement, and one more for each further finding.

    Statements of another vendor, and those that nothing can check, make none. Raises CannotTell
    where the server is lost, or the role cannot be taken.
    """
    statements = [
        statement
        for statement in request.statements
        if statement.vendor == connection.vendor and not statement.unchecked
    ]
    causes = Causes(plan, connection.vendor)
    with server(connection.vendor).session(connection, request.role) as session:
        return [
            assertion
            for statement in statements
            for assertion in _assertions(statement, session.judge(statement), request.root, causes)
        ]


def _assertions(
    statement: Statement, answer: Sequence[Finding] | Undecided, root: Path, causes: Causes
) -> Iterator[Assertion]:
    caller = statement.callers[0] if statement.callers else statement.digest
    id_ = f"usage::{statement.digest}"
    source = place(caller, root)
    if isinstance(answer, Undecided):
        yield Assertion(id_, caller, "", source, Verdict.UNKNOWN, unknown=answer.why)
        return
    if not answer:
        yield Assertion(id_, caller, "", source, Verdict.KEPT)
    for finding in answer:
        quoted = excerpt(statement.sql, statement.vendor)
        if finding.rule in _WARNINGS:
            text = f"expected {finding.expected}, found {finding.actual}: {quoted}"
            yield Assertion(
                id_, caller, "", source, Verdict.KEPT, warning=text, warning_rule=finding.rule
            )
            continue
        hint = "\n".join(
            filter(None, (*_others(statement), _cause(statement, finding, causes), _WAY_OUT))
        )
        violation = Violation(
            finding.rule, caller, "", f"{finding.expected}: {quoted}", finding.actual, source, hint
        )
        yield Assertion(id_, caller, "", source, Verdict.VIOLATED, violation)


def _others(statement: Statement) -> list[str]:
    others = statement.callers[1:]
    return [f"Sent also by {', '.join(others)}."] if others else []


def _cause(statement: Statement, finding: Finding, causes: Causes) -> str:
    """Return which migration speaks of the name at which a statement fails."""
    if not finding.name:
        return ""
    tables = tables_of(statement.sql, dialect(statement.vendor))
    if len(finding.name) > 1:
        qualifier, name = finding.name
        return causes.hint(tables.get(qualifier, qualifier), name)
    if finding.name[0] in tables.values():
        return causes.hint(*finding.name)
    hints = (causes.hint(table, finding.name[0]) for table in dict.fromkeys(tables.values()))
    return next((hint for hint in hints if hint and not hint.startswith("No migration")), "")
