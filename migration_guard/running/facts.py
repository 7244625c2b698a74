"""What is known of a database and of the own tables in it before anything runs."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What one query at the start says about a database.

    ``name`` is what a person calls it: on SQLite the file without its folder. ``schema`` holds the
    own tables, or will: a schema (PostgreSQL), the database (MySQL), ``main`` (SQLite).
    ``new_tables`` is the schema in which an unqualified CREATE TABLE makes a table, "" where there
    is none. ``search_path`` is None where the vendor has none.
    """

    database: str
    name: str
    user: str
    schema: str
    new_tables: str
    read_only: bool
    standby: bool
    search_path: str | None = None


class TableShape(NamedTuple):
    """What the catalogue says of a relation by the name of an own table.

    ``columns`` holds the longest text of each column, None for no limit. ``is_table`` is false for
    a view and the like.
    """

    columns: Mapping[str, int | None]
    is_table: bool


def to_shapes(rows: Iterable[tuple[Any, ...]]) -> dict[str, TableShape]:
    """Return the shapes by table of rows (table, column, longest text or None, is a table)."""
    columns: dict[str, dict[str, int | None]] = {}
    kinds: dict[str, bool] = {}
    for table, column, length, is_table in rows:
        columns.setdefault(table, {})[column] = length
        kinds[table] = is_table
    return {table: TableShape(columns[table], kinds[table]) for table in columns}


class OtherHistory(NamedTuple):
    """A history in another schema, and a migration of this project that it holds.

    ``migration_id`` is None where ``user``, or the role that it has taken, may not read it.
    """

    schema: str
    migration_id: str | None
    user: str
