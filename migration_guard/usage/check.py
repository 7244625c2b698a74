"""Which recorded statements a database breaks, as assertions for every report."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.contracts.causes import Background, Cause, Causes, DjangoMigrations
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation
from migration_guard.results import Assertion, Verdict
from migration_guard.sql.classify import show_statement
from migration_guard.sql.excerpt import shorten
from migration_guard.usage.differences import explain_difference
from migration_guard.usage.places import place
from migration_guard.usage.servers import Finding, Undecided, server
from migration_guard.usage.statement import Statement

RULES: Final = {
    "usage-broken": "A statement that code sends fails on this schema.",
    "usage-misses-required": "A statement that code sends leaves a NOT NULL column empty.",
    "usage-parameter": "The server takes a parameter for another category of type.",
    "usage-result": "A result that code reads lacks a column, or has it otherwise.",
    "usage-denied": "The role may not run a statement that code sends.",
}
WARNINGS: Final = frozenset({"usage-parameter", "usage-result"})
WAY_OUT: Final = (
    "Keep what it uses until no running release sends it: add the new form first, and remove the "
    "old one in a later release."
)
_GRANT: Final = "Let a migration give the role that right: GRANT … TO."
# Characters of a statement before which a name is shown with its beginning.
_AROUND: Final = 40


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """What to check: statements, as ``role`` or as the user of the connection.

    Callers are files below ``root``.
    """

    statements: tuple[Statement, ...]
    root: Path
    role: str = ""


class Answer(NamedTuple):
    """A statement, and what a schema does to it."""

    statement: Statement
    result: Sequence[Finding] | Undecided


@dataclass(frozen=True, slots=True)
class Account:
    """How assertions speak of answers.

    Ids begin with ``kind``, ``side`` follows the caller. ``place`` is where a caller is looked at,
    ``explain`` returns the cause of a finding, and the place to look at.
    """

    kind: str
    side: str
    way_out: str
    place: Callable[[str], str]
    explain: Callable[[Statement, Finding], tuple[Cause, str]]


# It gets the statements whose migration no text shows, and returns what names one, "" for none.
TryOut: TypeAlias = Callable[[UsageCheck], Callable[[Statement, Finding], str]]


def examine(
    connection: BaseDatabaseWrapper,
    request: UsageCheck,
    plan: Plan | None,
    try_out: TryOut | None = None,
) -> list[Assertion]:
    """Return an assertion for each statement, and one more for each further finding.

    Raises as ``judge`` does.
    """
    causes = Causes(plan, connection.vendor, Background(database=connection.alias))
    django = DjangoMigrations(connection)
    answers = judge(connection, request)
    shown = {
        (statement.digest, finding): explain_difference(statement, finding, causes, django)
        for statement, result in answers
        for finding in (() if isinstance(result, Undecided) else result)
    }
    unknown = {digest for (digest, finding), cause in shown.items() if _is_unknown(finding, cause)}
    if unknown and try_out is not None:
        statements = tuple(s for s in request.statements if s.digest in unknown)
        find = try_out(replace(request, statements=statements))
    else:
        find = _find_nothing

    def place_here(caller: str) -> str:
        return place(caller, request.root)

    def explain(statement: Statement, finding: Finding) -> tuple[Cause, str]:
        cause = shown[statement.digest, finding]
        if _is_unknown(finding, cause):
            cause = Cause(find(statement, finding))
        return cause, place_here(caller_of(statement))

    return assertions_of(answers, Account("usage", "", WAY_OUT, place_here, explain))


def _is_unknown(finding: Finding, cause: Cause) -> bool:
    """Return True for a finding that a migration may make which is not known."""
    return not cause.text and finding.rule != "usage-denied"


def _find_nothing(_statement: Statement, _finding: Finding) -> str:
    return ""


def judge(connection: BaseDatabaseWrapper, request: UsageCheck) -> list[Answer]:
    """Return what the schema of a connection does to each statement.

    Statements of another vendor, and those that nothing can check, are left out. Raises CannotTell
    where the server is lost, or the role cannot be taken.
    """
    with server(connection.vendor).session(connection, request.role) as session:
        return [
            Answer(statement, session.judge(statement))
            for statement in request.statements
            if statement.can_be_asked(connection.vendor)
        ]


def assertions_of(answers: Iterable[Answer], account: Account) -> list[Assertion]:
    """Return the assertions that answers make. Pure."""
    return [assertion for answer in answers for assertion in _assertions(answer, account)]


def caller_of(statement: Statement) -> str:
    """Return the first function that sends a statement."""
    return statement.callers[0] if statement.callers else statement.digest


def _assertions(answer: Answer, account: Account) -> Iterator[Assertion]:
    statement, result = answer
    subject = f"{caller_of(statement)}{account.side}"
    id_ = f"{account.kind}::{statement.digest}"
    if isinstance(result, Undecided):
        source = account.place(caller_of(statement))
        yield Assertion(id_, subject, "", source, Verdict.UNKNOWN, unknown=result.why)
        return
    if not result:
        yield Assertion(id_, subject, "", account.place(caller_of(statement)), Verdict.KEPT)
    for finding in result:
        quoted = _quote(statement, finding)
        cause, source = account.explain(statement, finding)
        way_out = _GRANT if finding.rule == "usage-denied" else account.way_out
        way_out = "" if cause.is_waiting else way_out
        hint = "\n".join(filter(None, (*_others(statement, account), cause.text, way_out)))
        if finding.rule in WARNINGS:
            text = f"expected {finding.expected}, found {finding.actual}: {quoted}\n{hint}"
            yield Assertion(
                id_, subject, "", source, Verdict.KEPT, warning=text, warning_rule=finding.rule
            )
            continue
        violation = Violation(
            finding.rule, subject, "", f"{finding.expected}: {quoted}", finding.actual, source, hint
        )
        yield Assertion(id_, subject, "", source, Verdict.VIOLATED, violation)


def _others(statement: Statement, account: Account) -> list[str]:
    others = [(caller, account.place(caller)) for caller in statement.callers[1:]]
    names = [caller if place == caller else f"{caller} ({place})" for caller, place in others]
    return [f"Sent also by {', '.join(names)}."] if names else []


def _quote(statement: Statement, finding: Finding) -> str:
    """Return the beginning of a statement, on one line, or what stands around the name."""
    text = " ".join(show_statement(statement.sql, statement.vendor).split())
    if not finding.name:
        return shorten(text)
    match = re.search(rf"\b{re.escape(finding.name[-1])}\b", text, re.IGNORECASE)
    if match is None or match.start() < _AROUND:
        return shorten(text)
    verb = text.partition(" ")[0]
    start = text.find(" ", match.start() - _AROUND // 2, match.start())
    return f"{verb} … {shorten(text[start + 1 if start >= 0 else match.start() :])}"
