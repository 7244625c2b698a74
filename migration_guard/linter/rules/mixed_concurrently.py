"""mixed-concurrently: an index is built CONCURRENTLY inside a transaction or beside other work."""

from collections.abc import Iterator

from migration_guard.linter.needs import POSTGRESQL
from migration_guard.linter.source import Source
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity
from migration_guard.sql.classify import concurrent_index, is_session
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.statements import Statement

SLUG = "mixed-concurrently"
SEVERITY = Severity.ERROR
NEEDS = POSTGRESQL


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each file where a concurrent index command is not alone."""
    for file in source.files:
        if "concurrently" not in file.text.lower():
            continue
        statements = source.statements(file)
        concurrent = [s for s in statements if concurrent_index(s.text) is not None]
        others = [s for s in statements if not _may_stand_beside(s, source.vendor)]
        if concurrent and file.directives.transaction:
            yield _in_transaction_problem(source, file, concurrent[0])
        elif concurrent and others:
            yield _beside_problem(source, file, others[0])


def _may_stand_beside(statement: Statement, vendor: str) -> bool:
    return concurrent_index(statement.text) is not None or is_session(statement.text, vendor)


def _in_transaction_problem(source: Source, file: MigrationFile, statement: Statement) -> Problem:
    return source.problem(
        SLUG,
        SEVERITY,
        file,
        statement.start,
        f"{shorten(statement.text)}: PostgreSQL refuses it in a transaction, so the deploy stops "
        "here",
        "Give it a migration of its own, with -- guard: transaction = off above it.",
    )


def _beside_problem(source: Source, file: MigrationFile, statement: Statement) -> Problem:
    return source.problem(
        SLUG,
        Severity.WARNING,
        file,
        statement.start,
        f"{shorten(statement.text)} stands beside a concurrent index command: each commits by "
        "itself, so a failure leaves the file half applied",
        "Give the index a migration of its own.",
    )
