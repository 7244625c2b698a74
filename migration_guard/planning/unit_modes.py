"""Which modes a file gives each of its transactions.

Pure. ``modes`` reads them from single statements; this follows them through a file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.modes import Modes, as_statement, mode_problem, read_modes
from migration_guard.problems import Problem
from migration_guard.sql.classify import Control, control, is_session, words
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import Statement

# What opens a transaction beside the runner's BEGIN, or instead of it; None for one of its own.
Opening = tuple[Statement, ...] | None


class UnitModes:
    """The modes that hold for the next transaction, while the statements of a file go by.

    PostgreSQL: those of BEGIN, of SET TRANSACTION in the transaction, and the session's. MySQL: a
    SET TRANSACTION counts for the transaction that begins next, and stands before its BEGIN.
    """

    def __init__(self, file: MigrationFile, vendor: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._vendor = vendor
        self._session: list[Statement] = []
        self._next: list[Statement] = []

    def pass_alone(self, statement: Statement) -> bool:
        """Follow a statement outside BEGIN … COMMIT; return True if it is no unit by itself."""
        modes = _read(statement, self._vendor)
        if modes is None:
            return False
        if modes.for_session:
            self._follow(statement, modes)
            return False
        if self._vendor == "mysql":
            self._next.append(statement)
            return True
        if modes.differ:
            self._refuse(statement, "write it behind BEGIN, with COMMIT behind what it is for")
        return False

    def take_leading(self, statements: Sequence[Statement]) -> None:
        """Follow what a file without BEGIN first says of the session: it is one transaction.

        READ ONLY is left out, since it could hold for later transactions only.
        """
        for statement in takewhile(lambda one: is_session(one.text, self._vendor), statements):
            modes = _read(statement, self._vendor)
            if modes is not None and modes.for_session and "READ ONLY" not in modes.modes:
                self._follow(statement, modes)

    def of_group(self, begin: Statement | None, inner: Sequence[Statement]) -> Opening:
        """Return what opens the transaction of these statements; without BEGIN, the runner's."""
        modes = _read(begin, self._vendor) if begin is not None else None
        opening = self._take_next() if self._vendor == "mysql" else [*self._session]
        self.problems += mode_problems(self._file, opening, self._vendor)
        if begin is not None and modes is not None and modes.text and (modes.differ or opening):
            opening.append(begin if self._vendor == "mysql" else as_statement(begin, modes))
        is_other = bool(opening or (self._vendor == "mysql" and self._session))
        for statement in inner:
            own = _read(statement, self._vendor)
            is_other = is_other or (own is not None and own.differ and not own.for_session)
            if own is not None and own.for_session:
                self._follow(statement, own)
        return tuple(opening) if is_other else None

    def of_single(self, statement: Statement) -> Opening:
        """Return what opens the transaction of a statement that stands alone."""
        is_set = words(statement.text, self._vendor, 1) == ("SET",)
        if self._vendor != "mysql" or is_set or not (self._next or self._session):
            return None
        if implicit_commit(statement.text) is not Commit.NO:
            self.end()
            return None
        return tuple(self._take_next())

    def end(self) -> None:
        """Refuse what no transaction follows that it could be for."""
        for statement in self._take_next():
            self._refuse(statement, "write it directly above START TRANSACTION")

    def _follow(self, statement: Statement, modes: Modes) -> None:
        if self._vendor == "mysql":
            self._session = [statement] if modes.differ else []
        elif modes.differ or self._session:
            self._session.append(as_statement(statement, modes))

    def _take_next(self) -> list[Statement]:
        following, self._next = self._next, []
        return following

    def _refuse(self, statement: Statement, cure: str) -> None:
        self.problems.append(
            Problem(
                "transaction-control",
                "the modes of a transaction, and none follows that they are for: "
                f"{excerpt(statement.text, self._vendor)}",
                f"{cure[0].upper()}{cure[1:]}.",
                path=self._file.path,
                line=statement.line,
            )
        )


def is_exclusive(begin: Statement, vendor: str) -> bool:
    """Return whether a BEGIN of SQLite shuts out readers too."""
    return vendor == "sqlite" and words(begin.text, vendor, 2)[1:] == ("EXCLUSIVE",)


def mode_problems(
    file: MigrationFile, statements: Sequence[Statement], vendor: str
) -> Iterator[Problem]:
    """Yield a problem for each transaction in which a migration could not be recorded."""
    for statement in statements:
        modes = _read(statement, vendor)
        # In PostgreSQL, the runner's own BEGIN stands above what holds for the session.
        if modes is None or (modes.for_session and vendor == "postgresql"):
            continue
        problem = mode_problem(statement, modes, vendor)
        if problem is not None:
            yield replace(problem, path=file.path)


def _read(statement: Statement, vendor: str) -> Modes | None:
    if vendor == "sqlite":
        return None
    if statement.text[:3].upper() != "SET" and control(statement.text, vendor) != Control.BEGIN:
        return None
    return read_modes(statement.text, vendor)
