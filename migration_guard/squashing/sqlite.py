"""Writes a SQLite database with Python's ``iterdump``, from a copy in memory.

Source: sqlite.org, "The sqlite_sequence table", "PRAGMA user_version".
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from migration_guard.exceptions import CannotTell
from migration_guard.squashing.contents import Contents, Rows
from migration_guard.squashing.writer import Writer

_RELATIONS: Final = (
    "SELECT name, type, sql FROM sqlite_master "
    "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
_SEQUENCE: Final = 'INSERT INTO "sqlite_sequence" VALUES('
_LEFT_OUT: Final = ("BEGIN TRANSACTION;", "COMMIT;", 'DELETE FROM "sqlite_sequence";')
_HEADER_FIELDS: Final = ("user_version", "application_id")


class SQLiteWriter(Writer):
    """Writes from a copy, in which what is left out was dropped."""

    def require_program(self) -> None:
        """Do nothing: Python has all that is needed."""

    def relations(self) -> dict[str, str]:
        """Return the tables and views."""
        with _copy(self._source) as copy:
            return {name: name for name, _, _ in copy.execute(_RELATIONS)}

    def dump(self, without: Collection[str], *, rows: bool) -> list[str]:
        """Return tables, then rows, then counters, then indexes, triggers and views."""
        with _copy(self._source, without) as copy:
            _refuse_virtual_tables(copy)
            statements = [s for s in copy.iterdump() if s not in _LEFT_OUT]
            fields = [_pragma(copy, name) for name in _HEADER_FIELDS]
        tables = [s for s in statements if s.startswith("CREATE TABLE")]
        inserts = [s for s in statements if s.startswith("INSERT INTO ")]
        rest = [
            s for s in statements if not s.startswith(("CREATE TABLE", "INSERT INTO ", "ANALYZE "))
        ]
        if not rows:
            inserts = []
        return [
            *tables,
            *(s for s in inserts if not s.startswith(_SEQUENCE)),
            *(line for s in inserts if s.startswith(_SEQUENCE) for line in _counter(s)),
            *rest,
            *(
                f"PRAGMA {name} = {value};"
                for name, value in zip(_HEADER_FIELDS, fields, strict=True)
                if value
            ),
        ]

    def contents(self, without: Collection[str]) -> Contents:
        """Return the rows of tables, and what AUTOINCREMENT and the file's header count."""
        with _copy(self._source, without) as copy:
            counters = {name: str(_pragma(copy, name)) for name in _HEADER_FIELDS}
            if copy.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
            ).fetchone():
                rows = copy.execute("SELECT name, seq FROM sqlite_sequence")
                counters |= {f"sqlite_sequence of {name}": str(seq) for name, seq in rows}
            tables = {
                name: _rows(copy, name)
                for name, kind, _sql in copy.execute(_RELATIONS).fetchall()
                if kind == "table"
            }
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
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        source.backup(copy)
        for name, kind, _sql in copy.execute(_RELATIONS).fetchall():
            if name in without:
                copy.execute(f"DROP {kind} {_quote(name)}")
        yield copy


def _counter(statement: str) -> Iterator[str]:
    """Yield statements that set one counter of AUTOINCREMENT and leave those of other tables."""
    values = statement.removeprefix(_SEQUENCE).removesuffix(");")
    name = values[: values.rindex(",")]
    yield f"DELETE FROM sqlite_sequence WHERE name = {name};"
    yield f"INSERT INTO sqlite_sequence (name, seq) VALUES ({values});"


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
    listed = ", ".join(f"quote({_quote(name)})" for name, _ in columns)
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


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
