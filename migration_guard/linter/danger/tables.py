"""The tables of the migrations at one point in their order, as far as a danger depends on them.

A table is fresh while nobody outside this set of new migrations can have put rows into it. What is
not known is not fresh. Pure, by tokens, for all vendors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from migration_guard.sql.cursor import Name

TEMPORARY: Final = "pg_temp"


class Check(NamedTuple):
    """A CHECK of a table by its words, and whether all rows are known to keep it.

    ``not_null`` are the columns that it proves to be NOT NULL.
    """

    words: tuple[str, ...]
    not_null: frozenset[str]
    is_valid: bool

    @property
    def says_only_not_null(self) -> bool:
        """True if it says nothing but that its columns are NOT NULL."""
        plain = {*self.not_null, "(", ")", "IS", "NOT", "NULL", "AND"}
        return (
            bool(self.not_null)
            and {word if word in plain else word.upper() for word in self.words} <= plain
        )


@dataclass(slots=True)
class Column:
    """A column of a table. ``release`` made it, and ``was_added`` after the table."""

    release: str
    type: tuple[str, ...] = ()
    was_added: bool = False
    is_generated: bool = False
    is_not_null: bool = False
    was_filled: bool = False


@dataclass(slots=True, eq=False)
class Table:
    """A table. ``release`` made it; "" if that is not known.

    ``copy`` is the table that all rows were copied into, and ``names`` are those it had. ``moved``
    maps columns to those that have their values now.
    """

    name: Name
    release: str = ""
    columns: dict[str, Column] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    partition_key: tuple[str, ...] = ()
    has_all_columns: bool = False
    is_view: bool = False
    copy: Table | None = None
    names: set[Name] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)


class Tables:
    """All tables by their name. ``release`` is that of the migration that runs.

    ``made`` are the names that any migration makes, and ``replaced`` the drops, by place and name,
    of tables whose rows live on under their name; both are known after a first pass.
    """

    def __init__(self, default_schema: str, *, folds_case: bool) -> None:
        self.default_schema = default_schema
        self.current_schema = default_schema
        self.release = ""
        self.schemas: dict[str, str] = {}
        self.made: set[Name] = set()
        self.made_schemas: set[str] = set()
        self.has_unknown_releases = True
        self.replaced: set[tuple[str, int, Name]] = set()
        self._folds_case = folds_case
        self._tables: dict[Name, Table] = {}
        self._dropped: list[tuple[tuple[str, int, Name], Table]] = []
        self._gone: set[Name] = set()

    def begin_file(self, release: str) -> None:
        """Begin a file, in a session of its own."""
        self.release, self.current_schema = release, self.default_schema
        self._dropped.clear()

    def end_file(self) -> None:
        """Find the dropped tables whose rows live on under one of their names."""
        for place, table in self._dropped:
            copy, seen = table.copy, {id(table)}
            while copy is not None and id(copy) not in seen:
                if self._tables.get(copy.name) is copy and copy.name in table.names:
                    self.replaced.add(place)
                seen.add(id(copy))
                copy = copy.copy

    def full(self, name: Name) -> Name:
        """Return the name with its schema, folded as the vendor compares names."""
        schema, plain = name.schema, name.name
        if self._folds_case:
            schema, plain = schema.lower(), plain.lower()
        if schema == "temp" or (not schema and Name(plain, TEMPORARY) in self._tables):
            schema = TEMPORARY
        return Name(plain, schema or self.current_schema)

    def find(self, name: Name) -> Table | None:
        """Return the table of a name, None if no migration spoke of it."""
        return self._tables.get(self.full(name))

    def is_fresh(self, name: Name) -> bool:
        """Return True if the table was made since the last release."""
        table = self.find(name)
        return table is not None and bool(table.release) and table.release == self.release

    def is_gone(self, name: Name) -> bool:
        """Return True if nothing has this name: it was dropped, or is first made later."""
        full = self.full(name)
        if full in self._tables:
            return False
        return full in self._gone or full in self.made

    def is_new_schema(self, name: str) -> bool:
        """Return True if the schema was made since the last release."""
        return self.schemas.get(name, "") == self.release != ""

    def has_old_tables(self, schema: str) -> bool:
        """Return True if a schema may hold tables from before the last release."""
        return schema == self.default_schema or any(
            table.release != self.release
            for table in self._tables.values()
            if table.name.schema == schema
        )

    def is_new_column(self, table: Name, name: str) -> bool:
        """Return True if the column was made since the last release, or its table was."""
        column = self.column(table, name)
        return self.is_fresh(table) or (column is not None and column.release == self.release)

    def column(self, table: Name, name: str) -> Column | None:
        """Return what is known of a column."""
        known = self.find(table)
        return known.columns.get(self._fold(name)) if known is not None else None

    def make(self, name: Name, *, temporary: bool = False, sure: bool = True) -> Table:
        """Make a table; one that is there already stays, unless it was surely made anew."""
        full = Name(self._fold(name.name), TEMPORARY) if temporary else self.full(name)
        existing = self._tables.get(full)
        if existing is not None and not sure:
            return existing
        is_sure = sure or full in self._gone
        table = Table(full, self.release if is_sure else "", names={full})
        self._tables[full] = table
        self.made.add(full)
        self._gone.discard(full)
        return table

    def assume(self, name: Name) -> Table:
        """Return the table of a name; one that no migration made comes from elsewhere."""
        full = self.full(name)
        return self._tables.setdefault(full, Table(full, names={full}))

    def drop(self, name: Name, file_id: str, offset: int) -> None:
        """Drop a table at a place."""
        full = self.full(name)
        table = self._tables.pop(full, None)
        if table is not None:
            self._dropped.append(((file_id, offset, full), table))
        self._gone.add(full)

    def drop_schema(self, schema: str) -> None:
        """Drop all tables of a schema."""
        self.schemas.pop(schema, None)
        for name in [name for name in self._tables if name.schema == schema]:
            del self._tables[name]
            self._gone.add(name)

    def rename(self, old: Name, new: Name) -> None:
        """Rename a table; a new name without a schema keeps the schema."""
        table = self.assume(old)
        self._tables.pop(table.name, None)
        self._gone.add(table.name)
        full = Name(self._fold(new.name), self._fold(new.schema) or table.name.schema)
        table.name = full
        table.names.add(full)
        self._tables[full] = table
        self._gone.discard(full)

    def tables_with(self, type_name: str) -> Iterator[tuple[Table, str]]:
        """Yield each table and column of a type."""
        for table in self._tables.values():
            for name, column in table.columns.items():
                if type_name in column.type:
                    yield table, name

    def add_column(self, table: Table, name: str, column: Column) -> None:
        """Add a column, unless the table has it."""
        table.columns.setdefault(self._fold(name), column)

    def fold(self, name: str) -> str:
        """Return a column's name as the vendor compares it."""
        return self._fold(name)

    def _fold(self, name: str) -> str:
        return name.lower() if self._folds_case else name
