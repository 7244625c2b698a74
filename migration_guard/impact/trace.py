"""What each statement of a run did to the tables that it touched."""

from typing import NamedTuple


class Effect(NamedTuple):
    """What a statement did to a table.

    `mode` is the strongest lock in the vendor's own words. `held_ms` is the time from the lock's
    first sight to the commit, in milliseconds; None where it was not measured on data.
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

    `number` counts from 1, `line` is that of the file. A sampled trace was looked at from another
    connection, and may miss what was held between two looks.
    """

    migration: str
    number: int
    line: int
    sql: str
    own_ms: float | None
    effects: tuple[Effect, ...]
    is_sampled: bool = False
