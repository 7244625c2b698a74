"""Why a clean install failed, in the words of someone who looks at the whole set of files."""

from collections.abc import Iterator
from contextlib import suppress

from django.db import DatabaseError, connections

from migration_guard import conf
from migration_guard.fresh.building import BuildFailed
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem
from migration_guard.rules import alter_before_create, grammar
from migration_guard.rules.source import Context, read
from migration_guard.running.session import StatementError
from migration_guard.sql.classify import mentions, words
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, significant
from migration_guard.sql.statements import SQLError, split

_STATE = (
    "The throwaway database is dropped, and nothing else was touched. A new installation, a new "
    "colleague and every test run would stop here."
)
_ROWS = (
    "A fresh database has no rows but those that migrations insert: this one relies on rows that "
    "other databases happen to have. Insert them in a migration, or write it so that it works "
    "without them."
)
FAILED = "migration-failed"
_CREATE_TABLE = {"CREATE", "TABLE", "IF", "NOT", "EXISTS"}
_EDIT = (
    "Correct the order or the file. One that is applied anywhere must not be edited: add what is "
    "missing under a lower free number, or in a new migration."
)


def explained(error: BuildFailed, alias: str) -> BuildFailed:
    """Return the error with the cause, as far as the files tell, and the state that is left."""
    failed = next((one for one in error.problems if one.rule == FAILED), None)
    hints = [error.hint, _STATE]
    if failed is not None:
        rows = [_ROWS] if _lacks_rows(error) else []
        hints = [*_order(failed, alias), *rows, _EDIT, _STATE]
    hint = "\n".join(filter(None, hints))
    return BuildFailed(error, error.django, error.rows, hint)


def _order(failed: Problem, alias: str) -> Iterator[str]:
    """Yield what the files say of the one that failed: they know what comes later."""
    settings, vendor = conf.load(), connections[alias].vendor
    if vendor == "postgresql" and grammar.available():
        source = read(settings.folders(alias), Context(vendor, settings.environments))
        for problem in alter_before_create.check(source):
            if problem.path == failed.path:
                yield f"{problem.message[0].upper()}{problem.message[1:]}. {problem.hint}"
    else:
        yield from _created_later(failed, alias, vendor)


def _created_later(failed: Problem, alias: str, vendor: str) -> Iterator[str]:
    """Yield the tables that the failed file speaks of and a later one creates."""
    settings = conf.load()
    files = planning_files.read(settings.folders(alias), vendor, settings.environments).files
    text = next((file.text for file in files if file.path == failed.path), "")
    created: set[str] = set()
    behind = False
    for file in files:
        for table in _tables_made(file, vendor):
            if behind and table not in created and mentions(text, table, vendor):
                yield (
                    f"The table {table} is needed here, and {file.id} creates it later: give this "
                    f"file a number above {file.number}, or that one a number below."
                )
            created.add(table)
        behind = behind or file.path == failed.path


def _tables_made(file: MigrationFile, vendor: str) -> Iterator[str]:
    with suppress(SQLError):
        for statement in split(file.text, vendor):
            if words(statement.text, vendor, 2) == ("CREATE", "TABLE"):
                tokens = significant(statement.text, dialect(vendor))
                found = (one for one in tokens if one.text.upper() not in _CREATE_TABLE)
                if (name := next(found, None)) is not None:
                    quoted = name.kind is Kind.QUOTED
                    yield name.text[1:-1] if quoted else name.text


def _lacks_rows(error: BuildFailed) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StatementError):
            return _is_integrity(cause.error)
        cause = cause.__cause__
    return False


def _is_integrity(error: BaseException) -> bool:
    """Tell whether a constraint between rows was broken, by SQLSTATE 23 or the driver's class."""
    if (getattr(error, "sqlstate", None) or "").startswith("23"):
        return True
    named = {kind.__name__ for kind in type(error).__mro__}
    return "IntegrityError" in named and not isinstance(error, DatabaseError)
