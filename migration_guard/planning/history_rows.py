"""What a database says of its own migrations, as values for a plan."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple

HISTORY_TABLE: Final = "applied_migrations"
# The tables of the app itself. The models say the same; a test compares.
OWN_TABLES: Final = (
    HISTORY_TABLE,
    "migration_guard_journal",
    "migration_guard_audit",
    "migration_guard_environment",
)


class HistoryRow(NamedTuple):
    """One applied migration, without its SQL; ``applied_at`` is aware."""

    id: str
    number: int
    checksum: str | None
    fingerprint: str | None
    applied_at: datetime
    duration_ms: int | None
    how: str


class JournalRow(NamedTuple):
    """One migration that is running or failed; the fields are those of ``JournalEntry``."""

    id: str
    number: int
    failed: bool
    done: int
    total: int
    done_digest: str
    doubt: int
    note: str
    statement: str
    error: str


class RecordedHistory(NamedTuple):
    """History and journal by id, the ids cleared from the history, and the environment stamp."""

    rows: Mapping[str, HistoryRow]
    journal: Mapping[str, JournalRow]
    cleared: Collection[str] = ()
    stamp: str | None = None
