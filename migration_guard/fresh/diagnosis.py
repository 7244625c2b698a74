"""Why a clean install failed, in the words of someone who looks at the whole set of files."""

from collections.abc import Iterator
from contextlib import suppress

from django.db import connections

from migration_guard import conf
from migration_guard.fresh.building import BuildFailed
from migration_guard.linter import grammar
from migration_guard.linter.rules import alter_before_create
from migration_guard.linter.source import Context, read
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import MIGRATION_FAILED, Problem
from migration_guard.running.connection import StatementError
from migration_guard.sql.classify import mentions
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.statements import SQLError, Statement, split

_STATE = (
    "The throwaway database is dropped, and nothing else was touched. A new installation, a new "
    "colleague and every test run would stop here."
)
_ROWS = (
    "A fresh database has no rows but those that migrations insert: this one relies on rows that "
    "other databases happen to have. Insert them in a migration, or write it so that it works "
    "without them."
)
_MADE_BEFORE = (
    "A fresh database has no schemas and no extensions but those that migrations make (CREATE "
    "SCHEMA, CREATE EXTENSION). Where an administrator makes them before the first deploy, name a "
    'database that has them and nothing else: "TEST": {{"TEMPLATE": NAME}} in DATABASES["{alias}"].'
)
# Unknown schema, type, operator class or the like, function.
_NOT_MADE = {"3F000", "42704", "42883"}
# Errors that a row which is not there can cause: a reference, a null, a check, a division by it, a
# query that finds none or finds that something is wrong.
_STATES = {"23502", "23503", "23514", "22012", "21000", "P0001", "P0002", "P0004"}
_MYSQL_NUMBERS = {1048, 1364, 1365, 1452, 1644, 4025}
_SQLITE_WORDS = ("FOREIGN KEY", "NOT NULL", "CHECK")
_EDIT = (
    "Correct the order or the file. One that is applied anywhere must not be edited: add what is "
    "missing under a lower free number, or in a new migration."
)


def explain(error: BuildFailed, alias: str) -> BuildFailed:
    """Return the error with the cause, as far as the files tell, and the state that is left."""
    failed = next((one for one in error.problems if one.rule == MIGRATION_FAILED), None)
    cause = _cause(error)
    before = [_MADE_BEFORE.format(alias=alias)] if _sqlstate(cause) in _NOT_MADE else []
    hints = [*before, "" if before else error.hint, _STATE]
    if failed is not None:
        rows = [_ROWS] if _speaks_of_rows(cause) else []
        order = list(_order(failed, alias))
        hints = [*order, *rows, *([] if order else before), _EDIT, _STATE]
    hint = "\n".join(filter(None, hints))
    return BuildFailed(error, error.django, error.rows, hint)


def _order(failed: Problem, alias: str) -> Iterator[str]:
    """Yield what the files say of the one that failed: they know what comes later."""
    settings, vendor = conf.load(), connections[alias].vendor
    if vendor == "postgresql" and grammar.is_installed():
        source = read(settings.folders(alias), Context(vendor, settings.environments))
        for problem in alter_before_create.check(source):
            if problem.path == failed.path:
                yield f"{problem.message[0].upper()}{problem.message[1:]}. {problem.hint}"
    else:
        yield from _created_later(failed, alias, vendor)


def _created_later(failed: Problem, alias: str, vendor: str) -> Iterator[str]:
    """Yield the tables and columns that the failed statement speaks of and a later one makes."""
    settings = conf.load()
    files = planning_files.read(settings.folders(alias), vendor, settings.environments).files
    place = next((at for at, file in enumerate(files) if file.path == failed.path), len(files))
    before = set().union(*(_made(file, vendor) for file in files[:place]))
    needed = "\n".join(
        one.text for file in files[place : place + 1] for one in _failed_in(file, failed, vendor)
    )
    for file in files[place + 1 :]:
        for table, column in sorted(_made(file, vendor) - before):
            names = filter(None, (table, column))
            if all(mentions(needed, name, vendor) for name in names):
                what = f"column {table}.{column}" if column else f"table {table}"
                yield (
                    f"The {what} is needed here, and {file.id} creates it later: give this "
                    f"file a number above {file.number}, or that one a number below."
                )


def _failed_in(file: MigrationFile, failed: Problem, vendor: str) -> list[Statement]:
    """Return the statement that failed, or all where that is not known."""
    statements = _statements(file, vendor)
    return [one for one in statements if one.line == failed.line] or statements


def _made(file: MigrationFile, vendor: str) -> set[tuple[str, str]]:
    """Return what a file makes: (table or view, ""), and (table, column) for what it adds."""
    made = set()
    for statement in _statements(file, vendor):
        change = read_ddl(statement.text, vendor)
        if change is not None and change.kind in {"TABLE", "VIEW"}:
            columns = [""] if change.verb == "CREATE" else change.columns_added
            made |= {(change.name, column) for column in columns}
    return made


def _statements(file: MigrationFile, vendor: str) -> list[Statement]:
    with suppress(SQLError):
        return split(file.text, vendor)
    return []


def _cause(error: BaseException) -> BaseException:
    """Return what the driver said, or the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StatementError):
            return cause.error
        if _sqlstate(cause):
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


def _sqlstate(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _speaks_of_rows(error: BaseException) -> bool:
    """Tell whether a row that is not there may be the cause, by what each driver says."""
    if state := _sqlstate(error):
        return state in _STATES
    kinds = {kind.__name__ for kind in type(error).__mro__}
    first = error.args[0] if error.args else None
    if isinstance(first, int):
        return first in _MYSQL_NUMBERS
    return "IntegrityError" in kinds and str(first).startswith(_SQLITE_WORDS)
