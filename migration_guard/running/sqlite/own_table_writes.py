"""What SQLite's authorizer sees, and denies, of the own tables.

Source: sqlite.org, "Compile-Time Authorization Callbacks", "Authorizer Action Codes".
"""

import sqlite3
from typing import Final

from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.running.transaction import HistoryChanges

_WRITES: Final = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
# What defines a table, and where the authorizer gets the table as its second argument.
_NAMING_SECOND: Final = {
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_DROP_TRIGGER,
}
_DEFINES: Final = {*_NAMING_SECOND, sqlite3.SQLITE_DROP_TABLE}


class OwnTableWrites:
    """The writes to the own tables that SQLite's authorizer saw, as (table, action).

    Once it guards, it denies them, but for DELETE on the history; ``denied`` says what it denied.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, int]] = set()
        self._guards = False
        self.denied = ""

    def forget(self) -> None:
        """Begin anew, and deny nothing."""
        self._seen.clear()
        self._guards, self.denied = False, ""

    def guard(self) -> None:
        """Begin anew, and deny from now on what no migration may do."""
        self.forget()
        self._guards = True

    def authorize(
        self, action: int, table: str | None, second: str | None, database: str | None, *_: object
    ) -> int:
        """Note an access to an own table, or deny it; SQLite calls this for each statement."""
        if self._guards and (change := _forbidden_change(action, table, second, database)):
            self.denied = change
            return sqlite3.SQLITE_DENY
        # VACUUM copies the history into a database of its own, which has another name.
        if database == "main" and table is not None and table.lower() in OWN_TABLES:
            self._seen.add((table.lower(), action))
        return sqlite3.SQLITE_OK

    def of_history(self) -> HistoryChanges:
        """Return how the history was written to; the numbers are those of statements."""
        inserted, updated, deleted = (
            int((HISTORY_TABLE, action) in self._seen) for action in _WRITES
        )
        return HistoryChanges(inserted, updated, deleted)

    def all(self) -> set[tuple[str, int]]:
        """Return the writes, without the reads."""
        return {(table, action) for table, action in self._seen if action in _WRITES}


def _forbidden_change(
    action: int, first: str | None, second: str | None, database: str | None
) -> str:
    """Return in words what no migration may do, or nothing; the arguments are the authorizer's."""
    if action == sqlite3.SQLITE_PRAGMA:
        is_set = second is not None and (first or "").lower() == "writable_schema"
        return "set writable_schema, which redefines any table" if is_set else ""
    table = ((second if action in _NAMING_SECOND else first) or "").lower()
    if table not in OWN_TABLES:
        return ""
    if action in _WRITES:
        may_delete = table == HISTORY_TABLE and action == sqlite3.SQLITE_DELETE
        return "" if database != "main" or may_delete else f"changed {table}"
    # VACUUM defines all tables again in a database of its own.
    is_ours = database in (None, "main", "temp")
    return f"changed {table}" if is_ours and action in _DEFINES else ""
