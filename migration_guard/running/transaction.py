"""One transaction that applies and records one migration; only ``transactional`` uses it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from migration_guard.history import History
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import Script, Unit
from migration_guard.running.connection import Connection, Progress
from migration_guard.running.errors import StatementError
from migration_guard.running.limits import Limits
from migration_guard.vendors import VENDORS, load


class HistoryChanges(NamedTuple):
    """Row counts of the changes to the history, or statement counts where there are no rows.

    ``tables`` are the own tables that were changed otherwise: the three others, whatever was done
    to them, and the history where its definition was.
    """

    inserted: int
    updated: int
    deleted: int
    tables: tuple[str, ...] = ()


class MigrationTransaction(ABC):
    """The transaction of one migration, from BEGIN to COMMIT; it may be opened again."""

    def __init__(self, connection: Connection, history: History) -> None:
        self._connection = connection
        self._history = history

    def set_up_session(self, script: Script, limits: Limits, step: Progress) -> Limits | None:
        """Run what stands before the file's own BEGIN; return the limits that ``open`` sets.

        None where the file may have set other ones.
        """
        if script.session is None:
            return limits
        with self._connection.failing():
            self._connection.limit(limits)
        self._run_units([script.session], script, step)
        return None

    @abstractmethod
    def open(self, limits: Limits | None, *, together: bool) -> None:
        """Start the transaction; ``together`` lets the driver send statements without waiting.

        None keeps the limits that were set last.
        """

    @abstractmethod
    def claim(self, file: MigrationFile, fingerprint: str, environment: str) -> None:
        """Insert the history row of ``file``, and count what happens to the history from then on.

        A unique violation means that another process applied the migration.
        """

    @abstractmethod
    def run(self, script: Script, step: Progress) -> None:
        """Run all statements, and check what waits for the commit."""

    def _run_units(self, units: Sequence[Unit], script: Script, step: Progress) -> None:
        for unit in units:
            self._connection.run(unit, script.file.text, step)

    @abstractmethod
    def complete(self, migration_id: str, after: datetime | None) -> tuple[datetime, int] | None:
        """Give the claimed row its time, later than ``after``, and its duration in milliseconds.

        Returns both, or None where the claim is gone or the transaction has ended.
        """

    @abstractmethod
    def changes(self) -> HistoryChanges:
        """Return what the statements did to the own tables."""

    @abstractmethod
    def commit(self) -> None:
        """Commit, and clean the session.

        An error may come before the commit or after it; the history tells which.
        """

    def rollback(self) -> None:
        """Roll back, and clean the session."""
        self._connection.rollback()
        self._connection.clean()

    def is_ours_to_retry(self, error: StatementError) -> bool:  # noqa: ARG002
        """Return whether the runner itself caused the error, and a second try avoids it."""
        return False


def transaction_on(connection: Connection, history: History) -> MigrationTransaction:
    """Return the transaction of this vendor, not yet open."""
    transaction: MigrationTransaction = load(VENDORS[connection.vendor].transaction)(
        connection, history
    )
    return transaction
