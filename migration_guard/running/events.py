"""What the executor reports while it works; a command turns it into lines.

Tuples, which are quicker to define than dataclasses: every deploy imports them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from migration_guard.impact.trace import StatementTrace
from migration_guard.planning.files import MigrationFile


class Waiting(NamedTuple):
    """Another run, or a program that is none, holds a lock.

    ``ending`` is the SQL that ends its session, where known.
    """

    holder: str
    ending: str = ""
    is_run: bool = True


class Started(NamedTuple):
    """A migration starts (or goes on behind the first ``done`` of ``total`` statements)."""

    id: str
    done: int
    total: int


class Step(NamedTuple):
    """Statement ``number`` of ``total`` is sent."""

    id: str
    number: int
    total: int


class Applied(NamedTuple):
    """A migration is applied and recorded; ``file`` is what was read of it."""

    id: str
    applied_at: datetime
    duration_ms: int
    file: MigrationFile


class DjangoStarted(NamedTuple):
    """A migration of Django's starts; ``id`` is ``app.name``."""

    id: str


class DjangoApplied(NamedTuple):
    """A migration of Django's is applied and recorded."""

    id: str


class AppliedElsewhere(NamedTuple):
    """Another process applied the migration first."""

    id: str


class Recorded(NamedTuple):
    """A migration was recorded without being run; ``how`` is fake, baseline or adopted."""

    id: str
    how: str


class Retrying(NamedTuple):
    """A lock was not granted; the migration was rolled back and runs again in ``delay`` seconds."""

    id: str
    attempt: int
    attempts: int
    delay: float
    message: str


class Cleared(NamedTuple):
    """Migration ``id`` cleared the markers ``ids``; they are pending again."""

    id: str
    ids: tuple[str, ...]


class Traced(NamedTuple):
    """What the statements of a migration that was applied did to tables."""

    id: str
    traces: tuple[StatementTrace, ...]


Event = (
    Waiting
    | Started
    | Step
    | Applied
    | DjangoStarted
    | DjangoApplied
    | AppliedElsewhere
    | Recorded
    | Retrying
    | Cleared
    | Traced
)
Observer = Callable[[Event], None]
