"""What the executor tells while it works; a command turns it into lines."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another run holds the lock; ``holder`` describes it, as far as the database tells."""

    holder: str


@dataclass(frozen=True, slots=True)
class Started:
    """A migration starts (or goes on behind the first ``done`` of ``total`` statements)."""

    id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """Statement ``number`` of ``total`` is sent."""

    id: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration is applied and recorded."""

    id: str
    applied_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class AppliedElsewhere:
    """Another process applied the migration first."""

    id: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A migration was recorded without being run; ``how`` is fake, baseline or adopted."""

    id: str
    how: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A lock was not granted; the migration was rolled back and runs again in ``delay`` seconds."""

    id: str
    attempt: int
    attempts: int
    delay: float
    message: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """Migration ``id`` cleared the markers ``ids``; they are pending again."""

    id: str
    ids: tuple[str, ...]


Event = Waiting | Started | Step | Applied | AppliedElsewhere | Recorded | Retrying | Cleared
Observer = Callable[[Event], None]
