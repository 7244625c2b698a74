"""SQLite's reader: pragmas as table-valued functions, once for all tables.

The text of a CREATE TABLE is parsed only where pragmas are blind: checks, names of constraints,
collations, generated expressions. A table that cannot be read (a view on a table that is gone, a
virtual table without its module) is UNKNOWN, and does not hide the others.

Source: SQLite, "PRAGMA Statements" ("PRAGMA functions"), "The Schema Table", "ROWIDs and the
INTEGER PRIMARY KEY", "Foreign Key Support".
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    ForeignKey,
    Generated,
    Index,
    Key,
    Snapshot,
    Table,
    Unknown,
)
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.readers.sqlite_create_table import (
    Named,
    Parsed,
    index_expressions,
    parse_create_table,
)
from migration_guard.schema.search_path import Pair, SearchPath
from migration_guard.schema.types import normalize

Row = tuple[Any, ...]

VENDOR: Final = "sqlite"
MAIN: Final = "main"

_OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
)
_COLUMNS = """
SELECT m.name, x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden
FROM main.sqlite_master m JOIN pragma_table_xinfo(m.name, 'main') x
WHERE m.type IN ('table', 'view') AND {which}
ORDER BY m.name, x.cid
"""
_INDEXES = """
SELECT m.name, l.name, l."unique", l.origin, l.partial, x.cid, x.name, x."desc", x.coll
FROM main.sqlite_master m JOIN pragma_index_list(m.name, 'main') l
    JOIN pragma_index_xinfo(l.name, 'main') x
WHERE m.type = 'table' AND x.key AND {which}
ORDER BY m.name, l.seq, x.seqno
"""
_FOREIGN_KEYS = """
SELECT m.name, f.id, f."from", f."table", f."to", f.on_update, f.on_delete, f."match"
FROM main.sqlite_master m JOIN pragma_foreign_key_list(m.name, 'main') f
WHERE m.type = 'table' AND {which}
ORDER BY m.name, f.id, f.seq
"""
_EVERY: Final = "%s = %s"
_ONE: Final = "m.name = %s AND m.type = %s"
_VIRTUAL_COLUMN, _STORED_COLUMN = 2, 3
_HIDDEN_COLUMN: Final = 1  # of a virtual table
_EXPRESSION: Final = -2  # the column number of an expression in an index
_BACKS: Final = {"pk": "primary key", "u": "unique", "c": ""}


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables and views of the main database, or about those named."""
    source = _Source(connection)
    objects = source.rows(_OBJECTS)
    found = {row[1]: row for row in objects if row[0] in {"table", "view"}}
    everything = _Everything(source, objects)
    asked = _asked(tables)
    chosen = [name for name in sorted(found) if asked is None or name.lower() in asked]
    read_tables = [everything.table(name) for name in chosen]
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(read_tables),
        unknown=tuple(source.unknown),
        search_path=(MAIN,),
        folds_case=True,
    )


def _asked(tables: tuple[str | Pair, ...] | None) -> set[str] | None:
    """Return the tables that may be those named, in lower case; None where all are."""
    if tables is None:
        return None
    pairs = SearchPath((MAIN,)).candidates(tables)
    return {name.lower() for schema, name in pairs if schema.lower() == MAIN}


class _Source:
    """The connection, and what could not be read from it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self.unknown: list[Unknown] = []

    def rows(self, sql: str, params: Sequence[str] | None = None) -> list[Row]:
        """Run a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def by_table(self, sql: str, names: Iterable[Pair], *facts: str) -> dict[str, list[Row]]:
        """Run a query for all tables at once, one by one only where a table makes it fail.

        ``names`` are (type, name) pairs. A table that cannot be read is not in the answer.
        """
        answer: dict[str, list[Row]] = {name: [] for _, name in names}
        try:
            rows = self.rows(sql.format(which=_EVERY), ("all", "all"))
        except DatabaseError:
            rows = []
            for kind, name in names:
                try:
                    rows += self.rows(sql.format(which=_ONE), (name, kind))
                except DatabaseError as error:
                    self.unknown += [Unknown(name, fact, reason(error)) for fact in facts]
                    del answer[name]
        for row in rows:
            answer.get(row[0], []).append(row)
        return answer


class _Everything:
    """The answers to all questions, put together table by table."""

    def __init__(self, source: _Source, objects: list[Row]) -> None:
        names = [(row[0], row[1]) for row in objects if row[0] in {"table", "view"}]
        self._objects = {row[1]: row for row in objects if row[0] in {"table", "view"}}
        self._spellings: dict[str, str] = {name.lower(): name for name in self._objects}
        self._index_sql = {row[1]: row[3] for row in objects if row[0] == "index"}
        self._columns = source.by_table(_COLUMNS, names, "columns")
        real = [one for one in names if one[0] == "table" and one[1] in self._columns]
        self._indexes = source.by_table(_INDEXES, real, "indexes", "uniques")
        self._foreign_keys = source.by_table(_FOREIGN_KEYS, real, "foreign_keys")

    def table(self, name: str) -> Table:
        """Put one table together."""
        kind, _, _, sql = self._objects[name]
        if name not in self._columns:
            return Table(MAIN, name, name, kind, comment=None, folds_case=True)
        parsed = parse_create_table(sql) if kind == "table" else Parsed()
        indexes = self._table_indexes(name, parsed)
        return Table(
            schema=MAIN,
            name=name,
            label=name,
            kind=kind,
            columns=self._table_columns(name, parsed, indexes),
            primary_key=self._primary_key(name, parsed),
            uniques=_uniques(indexes, parsed),
            indexes=indexes,
            foreign_keys=self._table_foreign_keys(name, parsed),
            checks=tuple(Check(*one) for one in sorted(parsed.checks)),
            exclusions=(),
            comment=None,
            definition=sql if kind == "view" else None,
            folds_case=True,
        )

    def _table_columns(
        self, table: str, parsed: Parsed, indexes: Fact[tuple[Index, ...]]
    ) -> tuple[Column, ...]:
        rows = [row for row in self._columns[table] if row[6] != _HIDDEN_COLUMN]
        alias = _rowid_alias(rows, indexes)
        return tuple(_column(row, parsed, alias.get(row[1], False)) for row in rows)

    def _primary_key(self, table: str, parsed: Parsed) -> Key | None:
        """Return the key in its own order, which need not be that of the columns."""
        columns = sorted((row[5], row[1]) for row in self._columns[table] if row[5])
        if not columns:
            return None
        names = [one.name for one in parsed.primary_keys]
        return Key(names[0] if names else "", tuple(name for _, name in columns))

    def _table_indexes(self, table: str, parsed: Parsed) -> Fact[tuple[Index, ...]]:
        if self._objects[table][0] == "view":
            return ()
        if table not in self._indexes:
            return UNKNOWN
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self._indexes[table]:
            rows[row[1]].append(row)
        indexes = [_index(rows[name], parsed, self._index_sql.get(name)) for name in rows]
        return tuple(sorted(indexes, key=lambda index: index.name))

    def _table_foreign_keys(self, table: str, parsed: Parsed) -> Fact[tuple[ForeignKey, ...]]:
        if self._objects[table][0] == "view":
            return ()
        if table not in self._foreign_keys:
            return UNKNOWN
        rows: dict[int, list[Row]] = defaultdict(list)
        for row in self._foreign_keys[table]:
            rows[row[1]].append(row)
        keys = [self._foreign_key(rows[number], parsed, len(rows) - 1 - number) for number in rows]
        return tuple(sorted(keys, key=lambda key: (key.name, key.columns, key.target)))

    def _foreign_key(self, rows: list[Row], parsed: Parsed, declared: int) -> ForeignKey:
        """Put a foreign key together: SQLite numbers them from the last declared to the first."""
        _, _, _, target, to, on_update, on_delete, match = rows[0]
        columns = tuple(row[2] for row in rows)
        folded = tuple(column.lower() for column in columns)
        known = declared < len(parsed.references)
        reference = parsed.references[declared] if known else None
        if reference is not None and reference.columns != folded:
            reference = None
        return ForeignKey(
            name=reference.name if reference is not None else "",
            columns=columns,
            target=self._spelling(target),
            target_columns=tuple(row[4] for row in rows) if to else self._target_key(target),
            on_delete=on_delete.lower(),
            on_update=on_update.lower(),
            deferrable=reference.deferrable if reference is not None else UNKNOWN,
            validated=True,
            match="simple" if match == "NONE" else match.lower(),
        )

    def _spelling(self, target: str) -> str:
        """Return the name of a table as it was made; references may write it in another case."""
        return self._spellings.get(target.lower(), target)

    def _target_key(self, target: str) -> Fact[tuple[str, ...]]:
        """Return the columns that REFERENCES without columns means: the target's primary key."""
        name = self._spelling(target)
        if name not in self._columns:
            return UNKNOWN
        key = self._primary_key(name, Parsed())
        return key.columns if key is not None else UNKNOWN


def _column(row: Row, parsed: Parsed, is_alias: Fact[bool]) -> Column:
    """Put a column together; the alias of the rowid is never null, whatever the pragma says."""
    _, name, type_text, not_null, default, _, hidden = row
    folded = name.lower()
    generated = None
    if hidden in {_VIRTUAL_COLUMN, _STORED_COLUMN}:
        expression = parsed.generated.get(folded)
        generated = Generated(
            UNKNOWN if expression is None else expression, stored=hidden == _STORED_COLUMN
        )
    return Column(
        name=name,
        type=_declared(type_text),
        nullable=False if not_null else UNKNOWN if is_alias is UNKNOWN else not is_alias,
        default=None if default is None or default.upper() == "NULL" else default,
        identity=UNKNOWN if is_alias is UNKNOWN else "by default" if is_alias else "",
        generated=generated,
        collation=parsed.collations.get(folded),
        comment=None,
    )


@lru_cache(maxsize=4096)
def _declared(type_text: str) -> str:
    """Return a declared type; before 3.42 GENERATED ALWAYS is part of it."""
    return normalize(type_text, VENDOR).removesuffix("generated always").strip()


def _rowid_alias(columns: list[Row], indexes: Fact[tuple[Index, ...]]) -> dict[str, Fact[bool]]:
    """Return the column that is another name of the rowid: INTEGER PRIMARY KEY, without an index.

    With an index it is WITHOUT ROWID, or the historical INTEGER PRIMARY KEY DESC.
    """
    key = [row for row in columns if row[5]]
    if len(key) != 1 or key[0][2].upper() != "INTEGER":
        return {}
    if indexes is UNKNOWN:
        return {key[0][1]: UNKNOWN}
    return {key[0][1]: not any(index.backs == "primary key" for index in indexes)}


def _index(rows: list[Row], parsed: Parsed, sql: str | None) -> Index:
    """Put an index together."""
    _, name, unique, origin, partial = rows[0][:5]
    columns = tuple(row[6] if row[5] != _EXPRESSION else None for row in rows)
    told_by_text = sql and (partial or None in columns)
    terms, predicate = index_expressions(sql) if told_by_text and sql else ([], None)
    return Index(
        name=name,
        columns=columns,
        expressions=tuple(
            term for term, column in zip(terms, columns, strict=False) if column is None
        ),
        unique=bool(unique),
        predicate=predicate if partial else None,
        method="btree",
        orders=tuple("desc" if row[7] else "asc" for row in rows),
        collations=tuple(
            row[8] if row[8].upper() != _own_collation(row[6], parsed) else None for row in rows
        ),
        backs=_BACKS[origin],
    )


def _own_collation(column: str | None, parsed: Parsed) -> str:
    """Return the collation that a column has by itself; of an expression, that of SQLite."""
    stated = None if column is None else parsed.collations.get(column.lower())
    return "BINARY" if stated is None else stated.upper()


def _uniques(indexes: Fact[tuple[Index, ...]], parsed: Parsed) -> Fact[tuple[Key, ...]]:
    """Return the plain unique indexes, with the names of the constraints that made them."""
    if indexes is UNKNOWN:
        return UNKNOWN
    named = [one for one in parsed.uniques if one.name]
    keys = [
        Key(_key_name(index, named), tuple(name for name in index.columns if name is not None))
        for index in indexes
        if index.unique is True and index.is_plain is True and index.backs != "primary key"
    ]
    return tuple(sorted(keys, key=lambda key: (key.name, key.columns)))


def _key_name(index: Index, named: list[Named]) -> str:
    """Return the index's name, or that of the constraint: an automatic name says nothing."""
    if index.backs != "unique":
        return index.name
    columns = tuple(name.lower() for name in index.columns if name is not None)
    return next((one.name for one in named if one.columns == columns), "")
