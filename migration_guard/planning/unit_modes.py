"""Which modes a file gives each of its transactions.

Pure. ``modes`` reads them from single statements; this follows them through a file.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Final, TypeAlias

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.modes import Modes, as_statement, mode_problem, read_modes
from migration_guard.problems import Problem
from migration_guard.sql.classify import Control, control, is_session, words
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import Statement

# What opens a transaction beside the runner's BEGIN, or in its place; None where nothing does.
Opening: TypeAlias = tuple[Statement, ...] | None


class UnitModes:
    """The modes of the next transaction, while the statements of a file go by.

    This one is for SQLite, whose transactions have none.
    """

    def __init__(self, file: MigrationFile, vendor: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._vendor = vendor

    def take_leading(self, statements: Sequence[Statement]) -> None:
        """Follow what a file without BEGIN first says of the session: it is one transaction."""

    def pass_alone(self, statement: Statement) -> bool:  # noqa: ARG002
        """Follow a statement outside BEGIN … COMMIT; return True if it is no unit by itself."""
        return False

    def of_group(self, begin: Statement | None, inner: Sequence[Statement]) -> Opening:  # noqa: ARG002
        """Return what opens the transaction of these statements; without BEGIN, the runner's."""
        return None

    def of_single(self, statement: Statement) -> Opening:  # noqa: ARG002
        """Return what opens the transaction of a statement that stands alone."""
        return None

    def end(self) -> None:
        """Refuse modes that no transaction follows for."""

    def refuse(self, statements: Sequence[Statement]) -> None:
        """Note a problem for each transaction in which a migration could not be recorded."""
        for statement in statements:
            modes = self._read(statement)
            problem = mode_problem(statement, modes, self._vendor) if modes is not None else None
            if problem is not None:
                self.problems.append(replace(problem, path=self._file.path))

    def _read(self, statement: Statement) -> Modes | None:
        is_set = statement.text[:3].upper() == "SET"
        if not is_set and control(statement.text, self._vendor) is not Control.BEGIN:
            return None
        return read_modes(statement.text, self._vendor)

    def _refuse_unused(self, statement: Statement, cure: str) -> None:
        self.problems.append(
            Problem(
                "transaction-control",
                "the modes of a transaction, and none follows that they are for: "
                f"{excerpt(statement.text, self._vendor)}",
                cure,
                path=self._file.path,
                line=statement.line,
            )
        )


class PostgreSQLModes(UnitModes):
    """Those of BEGIN, of SET TRANSACTION inside, and of the session, as SET TRANSACTION."""

    def __init__(self, file: MigrationFile, vendor: str) -> None:
        super().__init__(file, vendor)
        self._session: list[Statement] = []

    def take_leading(self, statements: Sequence[Statement]) -> None:
        """Follow what a file without BEGIN first says of the session: it is one transaction.

        READ ONLY is left out, since it could hold for later transactions only.
        """
        for statement in takewhile(lambda one: is_session(one.text, self._vendor), statements):
            modes = self._read(statement)
            if modes is not None and modes.for_session and "READ ONLY" not in modes.modes:
                self._follow(statement, modes)

    def pass_alone(self, statement: Statement) -> bool:
        """Follow what holds for the session; what holds for one transaction is lost here."""
        modes = self._read(statement)
        if modes is not None and modes.for_session:
            self._follow(statement, modes)
        elif modes is not None and modes.differ:
            self._refuse_unused(
                statement, "Write it behind BEGIN, with COMMIT behind what it is for."
            )
        return False

    def of_group(self, begin: Statement | None, inner: Sequence[Statement]) -> Opening:
        """Return the session's modes and those of BEGIN, for the runner's BEGIN knows neither."""
        opening = [*self._session]
        super().refuse(opening)
        modes = self._read(begin) if begin is not None else None
        if begin is not None and modes is not None and modes.text and (modes.differ or opening):
            opening.append(as_statement(begin, modes))
        read = [(statement, self._read(statement)) for statement in inner]
        is_other = any(own and own.differ and not own.for_session for _statement, own in read)
        for statement, own in read:
            if begin is not None and own is not None and own.for_session:
                self._follow(statement, own)
        return tuple(opening) if opening or is_other else None

    def refuse(self, statements: Sequence[Statement]) -> None:
        """Leave out what holds for the session: the runner's own BEGIN stands above it."""
        super().refuse(
            [
                statement
                for statement in statements
                if not ((modes := self._read(statement)) and modes.for_session)
            ]
        )

    def _follow(self, statement: Statement, modes: Modes) -> None:
        if modes.differ or self._session:
            self._session.append(as_statement(statement, modes))


class MySQLModes(UnitModes):
    """SET TRANSACTION counts for the transaction that begins next, and stands before its BEGIN."""

    def __init__(self, file: MigrationFile, vendor: str) -> None:
        super().__init__(file, vendor)
        self._is_set = False  # for the session, which START TRANSACTION follows by itself
        self._next: list[Statement] = []

    def pass_alone(self, statement: Statement) -> bool:
        """Keep a SET TRANSACTION for what follows; follow what holds for the session."""
        modes = self._read(statement)
        if modes is None:
            return False
        if modes.for_session:
            self._is_set = modes.differ
            return False
        self._next.append(statement)
        return True

    def of_group(self, begin: Statement | None, inner: Sequence[Statement]) -> Opening:
        """Return what stands before BEGIN, and BEGIN itself if it says more than the runner's."""
        opening = self._take_next()
        modes = self._read(begin) if begin is not None else None
        if begin is not None and modes is not None and modes.differ:
            opening.append(begin)
        is_other = bool(opening) or self._is_set
        for statement in inner:
            own = self._read(statement)
            if own is not None and own.for_session:
                self._is_set = own.differ
        return tuple(opening) if is_other else None

    def of_single(self, statement: Statement) -> Opening:
        """Return what stands before a statement that a transaction of its own may hold."""
        is_set = words(statement.text, self._vendor, 1) == ("SET",)
        if is_set or not (self._next or self._is_set):
            return None
        if implicit_commit(statement.text) is not Commit.NO:
            self.end()
            return None
        return tuple(self._take_next())

    def end(self) -> None:
        """Refuse a SET TRANSACTION that no transaction follows."""
        for statement in self._take_next():
            self._refuse_unused(statement, "Write it directly above START TRANSACTION.")

    def _take_next(self) -> list[Statement]:
        following, self._next = self._next, []
        return following


_OF_VENDOR: Final[dict[str, type[UnitModes]]] = {
    "postgresql": PostgreSQLModes,
    "mysql": MySQLModes,
    "sqlite": UnitModes,
}


def unit_modes(file: MigrationFile, vendor: str) -> UnitModes:
    """Return what follows the modes through this file."""
    return _OF_VENDOR[vendor](file, vendor)


def is_exclusive(begin: Statement, vendor: str) -> bool:
    """Return whether a BEGIN shuts out readers too, as SQLite's may."""
    return words(begin.text, vendor, 2)[1:] == ("EXCLUSIVE",)
