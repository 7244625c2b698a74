"""What each statement of a run did to the tables that it touched."""

from typing import NamedTuple


class Effect(NamedTuple):
    """What a statement did to a table.

    `mode` is the strongest lock held by then, in the vendor's own words. `held_ms` is the time from
    the start of the statement that took it to the commit, in milliseconds, and so holds the wait
    for the lock too; None where it was not measured on data.
    """

    table: str
    mode: str
    shuts_out_readers: bool
    shuts_out_writers: bool
    reads: bool
    rewrites: bool
    held_ms: float | None = None


class StatementTrace(NamedTuple):
    """A statement as it ran: its place, its text's head, its own time and its effects.

    `number` counts from 1, `line` is that of the file, 0 for one of Django's. A sampled trace was
    looked at from another connection, and may miss what was held between two looks. `commits` is
    True for the last statement of its transaction, which gives its locks back. `unknown` says what
    of it was not seen, and why: nothing may be concluded from an effect that is missing then.
    """

    migration: str
    number: int
    line: int
    sql: str
    own_ms: float | None
    effects: tuple[Effect, ...]
    is_sampled: bool = False
    commits: bool = False
    unknown: str = ""
