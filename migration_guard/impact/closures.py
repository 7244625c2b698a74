"""Tables that a statement shuts others out of for long."""

from typing import Final, NamedTuple

from migration_guard.impact.trace import Effect, StatementTrace

READERS: Final = "shuts-out-readers"
WRITERS: Final = "shuts-out-writers"


class Cause(NamedTuple):
    """A statement that reads or rewrites a table while others are shut out."""

    trace: StatementTrace
    effect: Effect


class Closure(NamedTuple):
    """Tables that one statement shuts others out of, to the end of its transaction.

    ``rule`` says whom. ``causes`` are what is read or rewritten meanwhile; without any, only
    the measured time can be a problem. ``end`` is the last statement.
    """

    rule: str
    start: StatementTrace
    end: StatementTrace
    tables: tuple[str, ...]
    causes: tuple[Cause, ...]
    held_ms: float | None

    @property
    def all_tables(self) -> set[str]:
        """The tables that are shut, and those that are read or rewritten meanwhile."""
        return {*self.tables, *(cause.effect.table for cause in self.causes)}
