"""Why a fresh database could not be built, as far as the set of files tells."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from django.db import connections

from migration_guard import conf
from migration_guard.fresh.building import BuildFailed
from migration_guard.fresh.host import Host, Missing
from migration_guard.linter import grammar
from migration_guard.linter.rules import alter_before_create
from migration_guard.linter.source import Context, read
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import MIGRATION_FAILED, Problem
from migration_guard.running.errors import StatementError
from migration_guard.sql.classify import mentions
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.statements import SQLError, Statement, split

_STATE: Final = (
    "The throwaway database is dropped, and nothing else was touched. A new installation, a new "
    "colleague and every test run would stop here."
)
_ROWS: Final = (
    "A fresh database has no rows but those that migrations insert: this one relies on rows that "
    "other databases happen to have. Insert them in a migration, or write it so that it works "
    "without them."
)
_MADE_BEFORE: Final = (
    "A fresh database has no schemas and no extensions but those that migrations make (CREATE "
    "SCHEMA, CREATE EXTENSION). Where an administrator makes them before the first deploy, name a "
    'database that has them and nothing else: "TEST": {{"TEMPLATE": NAME}} in DATABASES["{alias}"].'
)
_EDIT: Final = (
    "Correct the order or the file. Do not edit a file that is applied anywhere: add what is "
    "missing in a file with a lower free number, or in a new migration."
)


def explain(error: BuildFailed, alias: str, host: Host) -> BuildFailed:
    """Return the error with hints at its cause, and with the state that is left."""
    failed = next((problem for problem in error.problems if problem.rule == MIGRATION_FAILED), None)
    missing = host.missing(_driver_error(error))
    before = [_MADE_BEFORE.format(alias=alias)] if missing is Missing.OBJECTS else []
    hints = [*before, "" if before else error.hint, _STATE]
    if failed is not None:
        rows = [_ROWS] if missing is Missing.ROWS else []
        order = list(_order(failed, alias))
        hints = [*order, *rows, *([] if order else before), _EDIT, _STATE]
    hint = "\n".join(filter(None, hints))
    return BuildFailed(error, error.django, error.rows, hint)


def _order(failed: Problem, alias: str) -> Iterator[str]:
    """Yield hints at a wrong order of the files, if that explains the failure."""
    settings, vendor = conf.load(), connections[alias].vendor
    if vendor == "postgresql" and grammar.is_installed():
        source = read(settings.folders(alias), Context(vendor, settings.environments))
        for problem in alter_before_create.check(source):
            if problem.path == failed.path:
                yield f"{problem.message[0].upper()}{problem.message[1:]}. {problem.hint}"
    else:
        yield from _created_later(failed, alias, vendor)


def _created_later(failed: Problem, alias: str, vendor: str) -> Iterator[str]:
    """Yield the tables and columns that the failed statement needs and a later file makes."""
    settings = conf.load()
    files = planning_files.read(settings.folders(alias), vendor, settings.environments).files
    place = next((at for at, file in enumerate(files) if file.path == failed.path), len(files))
    before = set().union(*(_created_names(file, vendor) for file in files[:place]))
    text = "\n".join(
        statement.text
        for file in files[place : place + 1]
        for statement in _failed_statements(file, failed, vendor)
    )
    for file in files[place + 1 :]:
        for table, column in sorted(_created_names(file, vendor) - before):
            names = filter(None, (table, column))
            if all(mentions(text, name, vendor) for name in names):
                label = f"column {table}.{column}" if column else f"table {table}"
                yield (
                    f"The {label} is needed here, and {file.id} creates it later: give this "
                    f"file a number above {file.number}, or that one a number below {file.number}."
                )


def _failed_statements(file: MigrationFile, failed: Problem, vendor: str) -> list[Statement]:
    """Return the statement that failed, or all if that is not known."""
    statements = _statements(file, vendor)
    return [statement for statement in statements if statement.line == failed.line] or statements


def _created_names(file: MigrationFile, vendor: str) -> set[tuple[str, str]]:
    """Return (table or view, "") for each that a file creates, and (table, column) it adds.

    A new name that an existing one gets counts too.
    """
    names = set()
    for statement in _statements(file, vendor):
        change = read_ddl(statement.text, vendor)
        if change is None or change.kind not in {"TABLE", "VIEW"}:
            continue
        if change.verb == "CREATE":
            names.add((change.name, ""))
        names |= {(change.name, column) for column in change.columns_added}
        names |= {(new.name, "") for new in change.new_names}
        names |= {
            (change.name, clause.new_name) if clause.kind else (clause.new_name, "")
            for clause in change.clauses
            if clause.new_name and clause.verb in {"RENAME", "CHANGE"}
        }
    return names


def _statements(file: MigrationFile, vendor: str) -> list[Statement]:
    with suppress(SQLError):
        return split(file.text, vendor)
    return []


def _driver_error(error: BaseException) -> BaseException:
    """Return the driver's error that caused this one, or the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StatementError):
            return cause.error
        if getattr(cause, "sqlstate", None):
            return cause
        cause = cause.__cause__ or cause.__context__
    return error
