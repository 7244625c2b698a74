"""Migrations ready to run: their statements, grouped by what commits together."""

from bisect import bisect_right
from operator import attrgetter
from typing import Final, NamedTuple

from migration_guard.planning.files import MigrationFile
from migration_guard.sql.statements import Statement

# In characters. Above it, sending without waiting gains nothing and costs memory on both sides.
SMALL: Final = 64 * 1024
# Elsewhere a DDL statement commits by itself.
_TRANSACTIONAL_DDL: Final = {"postgresql": True, "sqlite": True, "mysql": False}


class Unit(NamedTuple):
    """Statements that commit together: a single one, or those between BEGIN and COMMIT.

    ``first`` and ``last`` count the statements of the file from 1, BEGIN and COMMIT included.
    ``modes`` is None where the transaction is as the runner's own. Else the file says how it is:
    ``modes`` holds what opens it, as far as that is not among ``statements``, and no statement of
    the runner's may stand before them. ``exclusive``: SQLite shuts out readers too.
    """

    statements: tuple[Statement, ...]
    first: int
    last: int
    modes: tuple[Statement, ...] | None = None
    exclusive: bool = False

    @property
    def all_statements(self) -> tuple[Statement, ...]:
        """What opens the transaction, and the statements."""
        return (*(self.modes or ()), *self.statements)


class Script(NamedTuple):
    """A migration ready to run, with its statements grouped into units.

    If the file runs as one transaction, all statements form one unit, but for those that stand
    before its own BEGIN: ``session`` holds them, and they run before the runner's BEGIN. ``source``
    is all that the file holds, transaction control included.
    """

    file: MigrationFile
    units: tuple[Unit, ...]
    session: Unit | None = None
    source: tuple[Statement, ...] = ()

    @property
    def parts(self) -> tuple[Unit, ...]:
        """All units in the order in which they run."""
        return (self.session, *self.units) if self.session else self.units

    @property
    def statements(self) -> list[Statement]:
        """The statements to run, in order and without transaction control."""
        return [statement for unit in self.parts for statement in unit.all_statements]

    @property
    def small(self) -> bool:
        """True if the whole file may be sent before the first answer is read."""
        is_short = len(self.file.text) <= SMALL
        return is_short and not any(statement.data for statement in self.statements)

    def number_of(self, statement: Statement) -> int:
        """Return the number of a statement in the file, counted from 1 as the journal counts."""
        # A statement that was made of a BEGIN stands where that stands.
        return bisect_right(self.source, statement.start, key=attrgetter("start"))

    @property
    def total(self) -> int:
        """The number of the last statement, as the journal counts them."""
        return self.units[-1].last if self.units else 0


def has_transactional_ddl(vendor: str) -> bool:
    """Return True if a transaction of this vendor may hold DDL statements."""
    return _TRANSACTIONAL_DDL[vendor]


def in_one_transaction(file: MigrationFile, vendor: str) -> bool:
    """Return True if the file runs as one transaction, False if through the journal."""
    return has_transactional_ddl(vendor) and file.directives.transaction


def is_journaled(script: Script, vendor: str) -> bool:
    """Return True if a committed row of the journal claims the file.

    That is so for what is no single transaction, and for one whose snapshot the claim would take.
    """
    has_modes = any(unit.modes is not None for unit in script.units)
    return has_modes or not in_one_transaction(script.file, vendor)


def excludes_production(file: MigrationFile) -> bool:
    """Return True if the file never runs in production. Only then may it change the history."""
    environments = file.directives.environments
    return environments is not None and "production" not in environments
