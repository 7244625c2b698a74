"""partition-scan: a table becomes a partition, and its rows are read under a lock."""

from collections.abc import Iterator, Sequence

from migration_guard.linter.danger.tables import Table
from migration_guard.linter.danger.walk import Step
from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity
from migration_guard.sql.cursor import Cursor, Name, keyword
from migration_guard.sql.scanner import Kind, Token

SLUG = "partition-scan"
SEVERITY = Severity.WARNING
NEEDS = NOTHING

_LITERALS = {Kind.STRING, Kind.NUMBER}


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each table that the server has to read to prove its bounds."""
    for step in source.walk.steps({"PARTITION"}):
        ddl = step.ddl
        if ddl is None or ddl.kind != "TABLE" or not ddl.names or ddl.verb != "ALTER":
            continue
        for clause in step.part.clauses:
            attached = _attached(clause, step)
            if attached is None or step.tables.is_fresh(attached):
                continue
            parent = step.tables.find(ddl.names[0])
            if not _is_proven(clause, step.tables.find(attached), parent, step):
                yield _problem(source, step, attached)


def _attached(clause: Sequence[Token], step: Step) -> Name | None:
    """Return the table that a clause makes a partition."""
    cursor = Cursor(clause, step.lexis)
    if cursor.accept("ATTACH", "PARTITION"):
        return cursor.take_name()
    if cursor.accept("CONVERT", "TABLE"):  # MariaDB 10.7
        return cursor.take_name() if not _is_unchecked(clause) else None
    if cursor.accept("EXCHANGE", "PARTITION"):
        cursor.take_name()
        is_table = cursor.accept("WITH", "TABLE")
        return cursor.take_name() if is_table and not _is_unchecked(clause) else None
    return None


def _is_unchecked(clause: Sequence[Token]) -> bool:
    return [keyword(token) for token in clause[-2:]] == ["WITHOUT", "VALIDATION"]


def _is_proven(
    clause: Sequence[Token], table: Table | None, parent: Table | None, step: Step
) -> bool:
    """Return True if a valid CHECK names the key and each bound."""
    words = [keyword(token) for token in clause]
    if table is None or "VALUES" not in words:
        return False
    bounds = {token.text for token in clause[words.index("VALUES") :] if token.kind in _LITERALS}
    key = {step.tables.fold(word.lower()) for word in parent.partition_key} if parent else set()
    key -= {")", "("}
    return bool(bounds) and any(
        check.is_valid
        and bounds <= set(check.words)
        and (not key or bool(key & {word.lower() for word in check.words}))
        for check in table.checks.values()
    )


def _problem(source: Source, step: Step, attached: Name) -> Problem:
    return source.problem(
        SLUG,
        SEVERITY,
        step.file,
        step.part.offset,
        f"{step.excerpt}: no valid CHECK of {attached.name} proves the bounds, so all its rows "
        "are read while nobody may use it",
        _HINTS[step.lexis.vendor],
    )


_CHECK_HINT = (
    "Add a CHECK with the bounds and NOT NULL as NOT VALID, and validate it in a migration before. "
    "If the table is small: -- guard: allow = partition-scan, <reason>."
)
_HINTS = {
    "postgresql": _CHECK_HINT,
    "mysql": "Do it in a quiet hour. If the table is small: "
    "-- guard: allow = partition-scan, <reason>.",
    "sqlite": "",
}
