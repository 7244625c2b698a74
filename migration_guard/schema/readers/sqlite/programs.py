"""SQLite's triggers and virtual tables, and the options of its tables.

Sources: SQLite, "The Schema Table", "PRAGMA table_list".
"""

from collections.abc import Iterator
from sqlite3 import sqlite_version_info
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import Program, Snapshot
from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.readers.sqlite.create_table import is_virtual

_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_OPTIONS: Final = "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main'"


def read_programs(connection: BaseDatabaseWrapper, _snapshot: Snapshot) -> Iterator[Program]:
    """Yield the triggers of the main database, and the options of its tables."""
    catalogue = Catalogue(connection)
    for kind, name, table, sql in catalogue.rows(_OBJECTS):
        if kind == "trigger":
            yield Program("trigger", name, table, sql)
        elif kind == "table" and is_virtual(sql):
            yield Program("module", "", name, sql)
    # SQLite lists such options since 3.37.
    if sqlite_version_info >= (3, 37):
        for name, has_no_rowid, is_strict in catalogue.rows(_OPTIONS):
            if has_no_rowid:
                yield Program("rowid", "", name, "WITHOUT ROWID")
            if is_strict:
                yield Program("strict", "", name, "STRICT")
