"""What a one-off script did, as values for its report and its audit entry."""

from typing import NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.problems import Problem


class StatementRows(NamedTuple):
    """One statement of a one-off script, and its rows.

    ``rows`` are those that it wrote; ``answered`` is what the server answered, also for a
    statement that only read, None without a number. ``writes`` says that it is an INSERT or the
    like. ``sql`` is its beginning, masked.
    """

    number: int
    line: int
    sql: str
    writes: bool
    rows: int
    answered: int | None


class TableRows(NamedTuple):
    """The rows of one table that a script wrote, for whatever reason."""

    table: str
    inserted: int
    updated: int
    deleted: int


class ScriptOutcome(NamedTuple):
    """What a one-off script did; unless ``committed``, nothing of it stays.

    ``place`` describes the database, ``name`` is what a person types to commit. ``everything``
    counts also what triggers and cascades wrote, None where the server does not count; so do
    ``tables`` (PostgreSQL alone). ``uncounted`` are tables that were emptied, rewritten or dropped
    without a number of rows. ``expected`` is the total that was asked for, if one was.
    """

    database: str
    file: str
    vendor: str = ""
    environment: str = ""
    stamp: str | None = None
    place: str = ""
    name: str = ""
    checksum: str = ""
    expected: int | None = None
    statements: tuple[StatementRows, ...] = ()
    everything: int | None = None
    tables: tuple[TableRows, ...] = ()
    uncounted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    committed: bool = False
    problems: tuple[Problem, ...] = ()
    error: GuardError | None = None

    @property
    def rows(self) -> int:
        """The rows that the statements themselves wrote: the number that is confirmed."""
        return sum(statement.rows for statement in self.statements)
