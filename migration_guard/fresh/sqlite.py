"""Throwaway SQLite databases: files, each in a throwaway folder of its own."""

import sqlite3
from collections.abc import Collection
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.fresh.folders import ThrowawayFolders
from migration_guard.fresh.host import Host, Missing

# How the messages begin of errors that a missing row can cause.
_ROW_ERRORS: Final = ("FOREIGN KEY", "NOT NULL", "CHECK")


class SQLiteHost(Host):
    """The folder for temporary files."""

    current_database = "SELECT file FROM pragma_database_list WHERE name = 'main'"

    def __init__(self, _alias: str) -> None:
        self._folders = ThrowawayFolders()

    def create(self, name: str, template: str = "") -> str:  # noqa: ARG002 - has no templates
        """Make a folder. The first connection makes the database file."""
        return str(self._folders.create(name) / "db.sqlite3")

    def drop(self, name: str) -> None:
        """Delete the folder."""
        self._folders.drop(name)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Delete the leftovers of killed runs."""
        return self._folders.sweep(keep)

    def close(self) -> None:
        """Give up the folder."""
        self._folders.close()

    def database_of(self, connection: BaseDatabaseWrapper) -> str:
        """Return the file of the settings, which is the one that SQLite opens."""
        return str(connection.settings_dict["NAME"])

    def missing(self, error: BaseException) -> Missing | None:
        """Return ROWS for errors of constraints."""
        is_about_rows = isinstance(error, sqlite3.IntegrityError)
        return Missing.ROWS if is_about_rows and str(error).startswith(_ROW_ERRORS) else None
