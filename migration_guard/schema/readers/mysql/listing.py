"""The rows of information_schema, with the columns that ``catalogue_columns`` marks."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias

from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.readers.mysql.catalogue_columns import CATALOGUE_TABLES

Record: TypeAlias = Mapping[str, Any]

_COLUMNS: Final = """
SELECT LOWER(table_name), LOWER(column_name) FROM information_schema.columns
WHERE table_schema = 'information_schema'
"""
# The column that has the database of an object, where it is not table_schema, and by which the
# server looks at no other database (MariaDB manual, "Optimizations for Information Schema").
_DATABASES: Final = {
    "triggers": "event_object_schema",
    "routines": "routine_schema",
    "parameters": "specific_schema",
    "events": "event_schema",
    "geometry_columns": "f_table_schema",
}
# What a statement says where it is not the name of the column.
_SQL_WORDS: Final = {
    "algorithm": "ALGORITHM",
    "engine": "ENGINE",
    "security_type": "SQL SECURITY",
    "table_collation": "COLLATE",
}


class Listing(Catalogue):
    """What information_schema lists of the selected database."""

    @cached_property
    def _columns(self) -> set[tuple[str, str]]:
        """The tables and columns that this server has."""
        return set(self.rows(_COLUMNS))

    @cached_property
    def tables(self) -> list[Record]:
        """The tables, views and sequences."""
        return self.records("tables")

    def records(self, table: str, *more: str) -> list[Record]:
        """Return identity and compared columns of each row, and ``more`` of them."""
        marked = CATALOGUE_TABLES[table]
        columns = f"{marked.compared} {marked.identity}".split()
        names = [name for name in columns if (table, name) in self._columns]
        if not names:
            return []  # this server has no such table
        names += more
        database = _DATABASES.get(table, "table_schema")
        rows = self.rows(
            f"SELECT {', '.join(names)} FROM information_schema.{table} "
            f"WHERE {database} = DATABASE()"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]


def properties(record: Record, table: str, *apart: str) -> dict[str, str]:
    """Return what a row says, by the name of the column in words; not what is told ``apart``."""
    compared = CATALOGUE_TABLES[table].compared.split()
    return {
        (words := name.replace("_", " ")): f"{_SQL_WORDS.get(name, words)} {record[name]}"
        for name in compared
        if name not in apart and record.get(name) not in {None, ""}
    }


def in_order(records: Sequence[Record], *names: str) -> list[Record]:
    """Return the rows ordered by some columns; NULL comes first."""
    return sorted(records, key=lambda record: [(v is not None, v) for v in map(record.get, names)])
