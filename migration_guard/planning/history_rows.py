"""The rows of the history and of the journal as plain values, and the names of the app's tables."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from migration_guard.conf import PRODUCTION
from migration_guard.planning.migration_file import MigrationFile

HISTORY_TABLE: Final = "applied_migrations"
# The tables of the app itself. The models have the same names; a test compares them.
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
    """One migration that is running or failed. The fields are those of ``JournalEntry``."""

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
    """The history and the journal of a database by migration id.

    ``cleared`` are ids that were removed from the history, ``stamp`` is the database's own
    environment, and ``schema`` the one in which the stamp says that migrations make tables.
    ``sql`` is the applied SQL, as far as it is stored, of the rows whose file has another checksum.
    ``reordered`` are ids for which the audit says why they may be out of order.
    """

    rows: Mapping[str, HistoryRow]
    journal: Mapping[str, JournalRow]
    cleared: Collection[str] = ()
    stamp: str | None = None
    schema: str | None = None
    sql: Mapping[str, str] = MappingProxyType({})
    reordered: Collection[str] = ()

    @property
    def environment(self) -> str | None:
        """The environment that the database counts as; None where nothing ran yet.

        A history whose stamp is missing counts as production: it may be.
        """
        if self.stamp is None and (self.rows or self.journal or self.cleared):
            return PRODUCTION
        return self.stamp


NOTHING_RECORDED: Final = RecordedHistory({}, {})


def edited_ids(files: Iterable[MigrationFile], rows: Mapping[str, HistoryRow]) -> list[str]:
    """Return the ids of applied migrations whose text is not the one that was applied.

    A renamed file has the text that was applied under a former id.
    """
    return [
        migration_id
        for file in files
        for migration_id in (file.id, *file.directives.formerly)
        if (row := rows.get(migration_id)) is not None and row.checksum not in (None, file.checksum)
    ]
