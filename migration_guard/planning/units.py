"""Group the statements of a file into units, and find transaction control that breaks them.

Pure.
"""

from collections.abc import Iterable

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import (
    Script,
    Unit,
    has_transactional_ddl,
    in_one_transaction,
)
from migration_guard.planning.unit_modes import is_exclusive, unit_modes
from migration_guard.problems import Problem
from migration_guard.sql.classify import Control, control, is_session
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.pragmas import read_pragma
from migration_guard.sql.statements import Statement


def group_statements(
    file: MigrationFile, statements: list[Statement], vendor: str
) -> tuple[Script, list[Problem]]:
    """Return the units in which ``statements`` commit, and problems of transaction control."""
    if in_one_transaction(file, vendor):
        script, problems = _one_unit(file, statements, vendor)
    else:
        units, problems = _many_units(file, statements, vendor)
        script = Script(file, units)
    return script._replace(source=tuple(statements)), problems


def _one_unit(
    file: MigrationFile, statements: list[Statement], vendor: str
) -> tuple[Script, list[Problem]]:
    """Return all statements as one unit, without an outer BEGIN … COMMIT.

    Session statements before that BEGIN are a part of their own. Behind the COMMIT nothing depends
    on them any more, so there they run with the others.
    """
    # The runner opens and commits a transaction itself.
    opening, closing = _find_outer_pair(statements, vendor)
    inner = [
        (number, statement)
        for number, statement in enumerate(statements, 1)
        if number > opening
        and number != closing
        and not (0 < closing < number and _ends_with_session(statement, vendor))
    ]
    problems = [
        _transaction_control_problem(file, statement, vendor)
        for _number, statement in inner
        if control(statement.text, vendor) not in (None, Control.SAVEPOINT)
    ]
    session = None
    if opening > 1:
        session = Unit(tuple(statements[: opening - 1]), 1, opening - 1)
    if not inner:
        return Script(file, (), session), problems
    statements_of_unit = tuple(statement for _number, statement in inner)
    modes = unit_modes(file, vendor)
    modes.refuse(statements)
    for statement in session.statements if session else ():
        modes.pass_alone(statement)
    begin = statements[opening - 1] if opening else None
    if begin is None:
        modes.take_leading(statements_of_unit)
    unit = Unit(
        statements_of_unit,
        opening or inner[0][0],
        max(closing, inner[-1][0]),
        modes.of_group(begin, statements_of_unit),
        begin is not None and is_exclusive(begin, vendor),
    )
    return Script(file, (unit,), session), [*problems, *modes.problems]


def _ends_with_session(statement: Statement, vendor: str) -> bool:
    """Return whether a statement behind the COMMIT only concerns the session, which ends there."""
    pragma = read_pragma(statement.text) if vendor == "sqlite" else None
    return pragma is not None and pragma.name == "foreign_keys"


def _find_outer_pair(statements: list[Statement], vendor: str) -> tuple[int, int]:
    """Return the numbers of BEGIN and COMMIT around all but session statements; 0 without them."""
    numbers = range(1, len(statements) + 1)
    opening = _find_control(statements, numbers, Control.BEGIN, vendor)
    closing = opening and _find_control(
        statements, reversed(numbers[opening:]), Control.COMMIT, vendor
    )
    return (opening, closing) if closing else (0, 0)


def _find_control(
    statements: list[Statement], numbers: Iterable[int], kind: Control, vendor: str
) -> int:
    """Return the first number of no session statement if that one is ``kind``, else 0."""
    for number in numbers:
        text = statements[number - 1].text
        if not is_session(text, vendor):
            return number if control(text, vendor) is kind else 0
    return 0


def _many_units(
    file: MigrationFile, statements: list[Statement], vendor: str
) -> tuple[tuple[Unit, ...], list[Problem]]:
    """Return each BEGIN … COMMIT group as one unit, and every other statement as its own."""
    units: list[Unit] = []
    problems: list[Problem] = []
    commits_ddl = not has_transactional_ddl(vendor)
    modes = unit_modes(file, vendor)
    modes.refuse(statements)
    group: list[Statement] | None = None
    opened = 0
    for number, statement in enumerate(statements, 1):
        kind = control(statement.text, vendor)
        if kind is Control.BEGIN and group is None:
            group, opened = [], number
        elif kind is Control.COMMIT and group is not None:
            begin = statements[opened - 1]
            if group:
                opening = modes.of_group(begin, group)
                exclusive = is_exclusive(begin, vendor)
                units.append(Unit(tuple(group), opened, number, opening, exclusive))
            group = None
        elif kind is not None and not (kind is Control.SAVEPOINT and group is not None):
            problems.append(_transaction_control_problem(file, statement, vendor))
        elif group is not None:
            group.append(statement)
            commit = implicit_commit(statement.text) if commits_ddl else Commit.NO
            if commit is not Commit.NO:
                problems.append(_implicit_commit_problem(file, statement, commit))
        elif not modes.pass_alone(statement):
            units.append(Unit((statement,), number, number, modes.of_single(statement)))
    if group is not None:
        problems.append(_transaction_control_problem(file, statements[opened - 1], vendor))
    modes.end()
    return tuple(units), [*problems, *modes.problems]


def _transaction_control_problem(file: MigrationFile, statement: Statement, vendor: str) -> Problem:
    is_off = not file.directives.transaction
    return Problem(
        "transaction-control",
        f"transaction control in the middle of the file: {excerpt(statement.text, vendor)}",
        "Close each BEGIN with a COMMIT; ROLLBACK, PREPARE TRANSACTION and autocommit are not "
        "for a migration."
        if is_off
        else "Remove it: the runner wraps the file in one transaction with its history row. If "
        "the file must commit in between, write -- guard: transaction = off.",
        path=file.path,
        line=statement.line,
    )


def _implicit_commit_problem(file: MigrationFile, statement: Statement, commit: Commit) -> Problem:
    if commit is Commit.YES:
        fact = "a statement that commits by itself"
        hint = "MySQL and MariaDB commit at every DDL statement: move it out of the group."
    else:
        fact = "a statement that may commit by itself, since it runs code,"
        hint = "Move it out of the group: what it runs is not known from here."
    return Problem(
        "transaction-control",
        f"{fact} inside BEGIN … COMMIT: {excerpt(statement.text, 'mysql')}",
        hint,
        path=file.path,
        line=statement.line,
    )
