"""One migration to apply, with all that it takes, and what comes of it."""

from datetime import datetime
from typing import NamedTuple

from migration_guard.history import History
from migration_guard.planning.scripts import Script
from migration_guard.running.connection import Connection, Progress
from migration_guard.running.lock_retries import LockRetries


class Task(NamedTuple):
    """One migration to apply; ``after`` is the last time in this run.

    ``out_of_order``: it runs after a higher number because the operator said so, which is audited.
    ``stepwise``: wait for each statement before the next is sent.
    """

    connection: Connection
    history: History
    script: Script
    fingerprint: str
    environment: str
    retries: LockRetries
    after: datetime | None
    out_of_order: bool
    stepwise: bool
    step: Progress


class Done(NamedTuple):
    """A migration is applied; ``cleared`` are the ids whose markers it removed."""

    applied_at: datetime
    duration_ms: int
    cleared: tuple[str, ...] = ()


class HistoryChangedError(Exception):
    """A migration did to the own tables what it may not do.

    It was rolled back, unless ``committed`` says that the statement had committed by itself.
    """

    committed = False


class AppliedByAnotherError(Exception):
    """Another process holds or has the claim of this migration."""
