"""Writes a SQLite database as statements, from a copy in memory.

Source: sqlite.org, "The sqlite_sequence table", "PRAGMA user_version", "quote(X)".
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from migration_guard.exceptions import CannotTell
from migration_guard.running.sqlite.parameters import write_float
from migration_guard.sql.dialects import SQLITE
from migration_guard.squashing.contents import Contents, Rows
from migration_guard.squashing.writer import Writer

_quote: Final = SQLITE.quote
_RELATIONS: Final = (
    "SELECT name, type, sql FROM sqlite_master "
    "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
_DEFINITIONS: Final = (
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'table') = ? "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
)
# ``quote()``, and so Python's ``iterdump``, ends a text at its first NUL, writes Inf, and
# writes some numbers so that their neighbours are read. A file is read with LF line ends, so that a
# carriage return in it is none in the database.
_LITERAL: Final = """
    CASE WHEN typeof({0}) = 'text' AND (instr({0}, char(0)) OR instr({0}, char(13)))
        THEN 'CAST(X''' || hex({0}) || ''' AS TEXT)'
    WHEN typeof({0}) = 'real' THEN write_float({0})
    ELSE quote({0}) END
"""
_SEQUENCES: Final = "sqlite_sequence"
_HEADER_FIELDS: Final = ("user_version", "application_id")


class SQLiteWriter(Writer):
    """Writes from a copy, in which what is left out was dropped."""

    def require_program(self) -> None:
        """Do nothing: Python has all that is needed."""

    def relations(self) -> dict[str, str]:
        """Return the tables and views."""
        with _copy(self._source) as copy:
            return {name: name for name, _, _ in copy.execute(_RELATIONS)}

    def dump(self, without: Collection[str], *, rows: bool, access: bool = True) -> list[str]:  # noqa: ARG002
        """Return tables, then rows, then counters, then indexes, triggers and views."""
        with _copy(self._source, without) as copy:
            _refuse_virtual_tables(copy)
            return [
                *_definitions(copy, tables=True),
                *(_inserts(copy) if rows else ()),
                *(_counters(copy) if rows else ()),
                *_definitions(copy, tables=False),
                *(["ANALYZE;"] if _has_rows(copy, "sqlite_stat1") else []),
                *(
                    f"PRAGMA {name} = {value};"
                    for name in _HEADER_FIELDS
                    if (value := _pragma(copy, name))
                ),
            ]

    def access(self, statements: Iterable[str]) -> list[str]:  # noqa: ARG002
        """Return nothing: a file has no roles."""
        return []

    def contents(self, without: Collection[str]) -> Contents:
        """Return the rows of tables, and what AUTOINCREMENT and the file's header count."""
        with _copy(self._source, without) as copy:
            counters = {name: str(_pragma(copy, name)) for name in _HEADER_FIELDS}
            if _has_rows(copy, _SEQUENCES):
                values = copy.execute(f"SELECT name, seq FROM {_SEQUENCES}")
                counters |= {f"{_SEQUENCES} of {name}": str(seq) for name, seq in values}
            tables = {name: _rows(copy, name) for name in _tables(copy)}
        return Contents(tables, counters)

    @property
    def _source(self) -> sqlite3.Connection:
        self.connection.ensure_connection()
        source: sqlite3.Connection = self.connection.connection
        return source


@contextmanager
def _copy(
    source: sqlite3.Connection, without: Collection[str] = ()
) -> Iterator[sqlite3.Connection]:
    """Yield a copy in memory, without some tables and views."""
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as copy,
        closing(sqlite3.connect(":memory:")) as reader,
    ):
        source.backup(copy)
        copy.create_function("write_float", 1, lambda value: write_float(value, reader))
        for name, kind, _sql in copy.execute(_RELATIONS).fetchall():
            if name in without:
                copy.execute(f"DROP {kind} {_quote(name)}")
        yield copy


def _tables(copy: sqlite3.Connection) -> list[str]:
    return [name for name, kind, _sql in copy.execute(_RELATIONS).fetchall() if kind == "table"]


def _has_rows(copy: sqlite3.Connection, table: str) -> bool:
    """Return whether one of SQLite's own tables is there, with a row."""
    is_there = copy.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return bool(is_there and copy.execute(f"SELECT 1 FROM {table}").fetchone())


def _definitions(copy: sqlite3.Connection, *, tables: bool) -> Iterator[str]:
    """Yield what made tables, or what made indexes, triggers and views."""
    for (sql,) in copy.execute(_DEFINITIONS, (tables,)):
        yield f"{sql};"


def _inserts(copy: sqlite3.Connection) -> Iterator[str]:
    for name in _tables(copy):
        rows = _rows(copy, name)
        columns = ", ".join(map(_quote, rows.columns))
        for row in rows.rows:
            values = ", ".join(map(str, row))
            yield f"INSERT INTO {_quote(name)} ({columns}) VALUES ({values});"


def _counters(copy: sqlite3.Connection) -> Iterator[str]:
    """Yield statements that set the counters of AUTOINCREMENT and leave those of other tables."""
    if _has_rows(copy, _SEQUENCES):
        for name, seq in copy.execute(f"SELECT quote(name), seq FROM {_SEQUENCES}"):
            yield f"DELETE FROM {_SEQUENCES} WHERE name = {name};"
            yield f"INSERT INTO {_SEQUENCES} (name, seq) VALUES ({name}, {seq});"


def _refuse_virtual_tables(copy: sqlite3.Connection) -> None:
    virtual = [
        name
        for name, _kind, sql in copy.execute(_RELATIONS)
        if (sql or "").upper().split()[1:2] == ["VIRTUAL"]
    ]
    if virtual:
        raise CannotTell(
            f"{virtual[0]} is a virtual table, whose content lies in tables of its module; such a "
            "database is not written as a migration. Nothing was written.",
            "Let the range end before the file that makes it.",
        )


def _rows(copy: sqlite3.Connection, table: str) -> Rows:
    # Generated columns are left out (their hidden is 2 or 3).
    columns = [
        (name, kind)
        for _, name, kind, _, _, _, hidden in copy.execute(f"PRAGMA table_xinfo({_quote(table)})")
        if not hidden
    ]
    listed = ", ".join(_LITERAL.format(_quote(name)) for name, _ in columns)
    return Rows(
        tuple(name for name, _ in columns),
        frozenset(
            name for name, kind in columns if "DATE" in kind.upper() or "TIME" in kind.upper()
        ),
        tuple(copy.execute(f"SELECT {listed} FROM {_quote(table)}").fetchall()),
    )


def _pragma(copy: sqlite3.Connection, name: str) -> int:
    row: tuple[Any, ...] = copy.execute(f"PRAGMA {name}").fetchone()
    return int(row[0])
