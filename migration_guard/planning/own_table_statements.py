"""Statements of migrations that name the app's own tables.

Pure. What a migration does to them at run time is watched by ``running``.
"""

from collections.abc import Sequence
from typing import Final

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.planning.scripts import excludes_production
from migration_guard.problems import Problem
from migration_guard.sql.classify import mentions, words
from migration_guard.sql.statements import Statement

# First words of statements that empty or redefine the table that they name.
_DEFINING: Final = {"ALTER", "DROP", "RENAME", "TRUNCATE", "REPLACE"}


def own_table_problems(
    file: MigrationFile, statements: Sequence[Statement], vendor: str
) -> list[Problem]:
    """Return a problem for the first statement that names an own table and may not."""
    if "touches-history" in file.directives.allow:
        return []
    # Statement by statement, since a whole long file in lower case would be the peak of memory.
    naming = next(
        (statement for statement in statements if mentions(statement.text, HISTORY_TABLE, vendor)),
        None,
    )
    if naming and not excludes_production(file):
        return [_touches_history_problem(file, naming)]
    return _forbidden_statement_problems(file, statements, vendor)


def _forbidden_statement_problems(
    file: MigrationFile, statements: Sequence[Statement], vendor: str
) -> list[Problem]:
    """Return a problem for the first statement that no environment lets a migration have."""
    for statement in statements:
        for table in OWN_TABLES:
            if not mentions(statement.text, table, vendor):
                continue
            if table != HISTORY_TABLE or _changes_definition(statement, vendor):
                return [_own_table_problem(file, statement, table)]
    return []


def _changes_definition(statement: Statement, vendor: str) -> bool:
    """Return whether a statement empties or redefines the tables that it names, by its words."""
    first, *_rest = [*words(statement.text, vendor, 1), ""]
    if first == "CREATE":
        return bool({"TRIGGER", "RULE", "INDEX"} & set(words(statement.text, vendor, 6)))
    return first in _DEFINING


def _own_table_problem(file: MigrationFile, statement: Statement, table: str) -> Problem:
    what = "a table of the app that no migration may change"
    if table == HISTORY_TABLE:
        what = "whose definition no migration may change, nor empty it as a whole"
    return Problem(
        "touches-history",
        f"the statement names {table}, {what}",
        "Remove the statement: manage.py repairsqlmigrations changes history and stamp by hand, "
        "audited. If it only reads the table: -- guard: allow = touches-history, <reason>.",
        path=file.path,
        line=statement.line,
    )


def _touches_history_problem(file: MigrationFile, naming: Statement) -> Problem:
    return Problem(
        "touches-history",
        f"the file names {HISTORY_TABLE}, and it may run in production",
        "Only a migration whose environments exclude production may change the history: "
        "add -- guard: environments = dev, test. If it only reads the table: "
        "-- guard: allow = touches-history, <reason>.",
        path=file.path,
        line=naming.line,
    )
