"""SQLite's reader: pragmas as table-valued functions, once for all tables.

The text of a CREATE TABLE is parsed only where pragmas are blind: checks, names of constraints,
collations, generated expressions. A table that cannot be read (a view on a table that is gone, a
virtual table without its module) is UNKNOWN, and does not hide the others.

Source: SQLite, "PRAGMA Statements" ("PRAGMA functions"), "The Schema Table", "ROWIDs and the
INTEGER PRIMARY KEY", "Foreign Key Support".
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    ForeignKey,
    Index,
    Key,
    Snapshot,
    Table,
    Unknown,
)
from migration_guard.schema.readers.catalogue import Catalogue, Row
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.readers.sqlite.columns import (
    HIDDEN_COLUMN,
    VENDOR,
    hidden_columns,
    make_column,
    rowid_alias,
)
from migration_guard.schema.readers.sqlite.create_table import (
    Parsed,
    has_rowid,
    is_instead_of_insert,
    is_virtual,
    parse_create_table,
)
from migration_guard.schema.readers.sqlite.indexes import make_index, plain_uniques
from migration_guard.schema.search_path import Pair, SearchPath

MAIN: Final = "main"

_OBJECTS: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
)
_COLUMNS: Final = """
SELECT m.name, x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden
FROM main.sqlite_master m JOIN pragma_table_xinfo(m.name, 'main') x
WHERE m.type IN ('table', 'view') AND {which}
ORDER BY m.name, x.cid
"""
_INDEXES: Final = """
SELECT m.name, l.name, l."unique", l.origin, l.partial, x.cid, x.name, x."desc", x.coll
FROM main.sqlite_master m JOIN pragma_index_list(m.name, 'main') l
    JOIN pragma_index_xinfo(l.name, 'main') x
WHERE m.type = 'table' AND x.key AND {which}
ORDER BY m.name, l.seq, x.seqno
"""
_FOREIGN_KEYS: Final = """
SELECT m.name, f.id, f."from", f."table", f."to", f.on_update, f.on_delete, f."match"
FROM main.sqlite_master m JOIN pragma_foreign_key_list(m.name, 'main') f
WHERE m.type = 'table' AND {which}
ORDER BY m.name, f.id, f.seq
"""
_EVERY: Final = "%s = %s"
_ONE: Final = "m.name = %s AND m.type = %s"
_NO_TRIGGER: Final = "it is a view without an INSTEAD OF INSERT trigger"


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables and views of the main database, or about those named."""
    catalogue = _SQLiteCatalogue(connection)
    objects = catalogue.rows(_OBJECTS)
    pragmas = _Pragmas(catalogue, objects)
    candidates = _candidates(tables)
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(
            pragmas.table(name)
            for name in sorted(pragmas.names)
            if candidates is None or name.lower() in candidates
        ),
        unknown=tuple(catalogue.unknown),
        search_path=(MAIN,),
        folds_case=True,
    )


def _candidates(tables: tuple[str | Pair, ...] | None) -> set[str] | None:
    """Return the tables that may be those named, in lower case; None where all are."""
    if tables is None:
        return None
    pairs = SearchPath((MAIN,)).candidates(tables)
    return {name.lower() for schema, name in pairs if schema.lower() == MAIN}


class _SQLiteCatalogue(Catalogue):
    """A catalogue in which one broken table makes a query over all tables fail."""

    def by_table(self, sql: str, names: Iterable[Pair], *facts: str) -> dict[str, list[Row]]:
        """Run a query for all tables at once, one by one only where a table makes it fail.

        ``names`` are (type, name) pairs. A table that cannot be read is not in the answer.
        """
        rows_of: dict[str, list[Row]] = {name: [] for _, name in names}
        try:
            rows = self.rows(sql.format(which=_EVERY), ("all", "all"))
        except DatabaseError:
            rows = []
            for kind, name in names:
                try:
                    rows += self.rows(sql.format(which=_ONE), (name, kind))
                except DatabaseError as error:
                    self.unknown += [Unknown(name, fact, reason(error)) for fact in facts]
                    del rows_of[name]
        for row in rows:
            rows_of.get(row[0], []).append(row)
        return rows_of


class _Pragmas:
    """The rows of all pragmas, put together table by table."""

    def __init__(self, catalogue: _SQLiteCatalogue, objects: list[Row]) -> None:
        names = [(row[0], row[1]) for row in objects if row[0] in {"table", "view"}]
        self._objects = {row[1]: row for row in objects if row[0] in {"table", "view"}}
        self._names: dict[str, str] = {name.lower(): name for name in self._objects}
        triggers = [row for row in objects if row[0] == "trigger"]
        self._insertable_views = {
            row[2].lower() for row in triggers if is_instead_of_insert(row[3])
        }
        self._index_sql = {row[1]: row[3] for row in objects if row[0] == "index"}
        self._columns = catalogue.by_table(_COLUMNS, names, "columns")
        tables = [pair for pair in names if pair[0] == "table" and pair[1] in self._columns]
        self._indexes = catalogue.by_table(_INDEXES, tables, "indexes", "uniques")
        self._foreign_keys = catalogue.by_table(_FOREIGN_KEYS, tables, "foreign_keys")

    @property
    def names(self) -> Iterable[str]:
        """The names of all tables and views."""
        return self._objects

    def table(self, name: str) -> Table:
        """Return one table."""
        kind, _, _, sql = self._objects[name]
        if name not in self._columns:
            return Table(MAIN, name, name, kind, comment=None, folds_case=True)
        parsed = parse_create_table(sql) if kind == "table" else Parsed()
        indexes = self._table_indexes(name, parsed)
        return Table(
            schema=MAIN,
            name=name,
            label=name,
            kind="virtual table" if kind == "table" and is_virtual(sql) else kind,
            columns=self._table_columns(name, parsed, indexes),
            primary_key=self._primary_key(name, parsed),
            uniques=plain_uniques(indexes, parsed),
            indexes=indexes,
            foreign_keys=self._table_foreign_keys(name, parsed),
            checks=tuple(Check(*check) for check in sorted(parsed.checks)),
            exclusions=(),
            comment=None,
            definition=sql if kind == "view" else None,
            folds_case=True,
            insert_obstacle=_NO_TRIGGER
            if kind == "view" and name.lower() not in self._insertable_views
            else "",
            clauses=tuple(sorted(parsed.clauses)),
            hidden=hidden_columns(self._columns[name], parsed, has_rowid=has_rowid(sql))
            if kind == "table"
            else (),
        )

    def _table_columns(
        self, table: str, parsed: Parsed, indexes: Fact[tuple[Index, ...]]
    ) -> tuple[Column, ...]:
        rows = [row for row in self._columns[table] if row[6] != HIDDEN_COLUMN]
        alias = rowid_alias(rows, indexes)
        return tuple(make_column(row, parsed, alias.get(row[1], False)) for row in rows)

    def _primary_key(self, table: str, parsed: Parsed) -> Key | None:
        """Return the key in its own order, which need not be that of the columns."""
        columns = sorted((row[5], row[1]) for row in self._columns[table] if row[5])
        if not columns:
            return None
        names = [key.name for key in parsed.primary_keys]
        return Key(names[0] if names else "", tuple(name for _, name in columns))

    def _table_indexes(self, table: str, parsed: Parsed) -> Fact[tuple[Index, ...]]:
        if self._objects[table][0] == "view":
            return ()
        if table not in self._indexes:
            return UNKNOWN
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self._indexes[table]:
            rows[row[1]].append(row)
        indexes = [make_index(rows[name], parsed, self._index_sql.get(name)) for name in rows]
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
        """Return a foreign key; SQLite numbers them from the last declared to the first."""
        _, _, _, target, to, on_update, on_delete, match = rows[0]
        columns = tuple(row[2] for row in rows)
        folded = tuple(name.lower() for name in columns)
        reference = None
        if declared < len(parsed.references):
            reference = parsed.references[declared]
        if reference is not None and reference.columns != folded:
            reference = None
        return ForeignKey(
            name=reference.name if reference is not None else "",
            columns=columns,
            target=self._name(target),
            target_columns=tuple(row[4] for row in rows) if to else self._target_key(target),
            on_delete=on_delete.lower(),
            on_update=on_update.lower(),
            deferrable=reference.deferrable if reference is not None else UNKNOWN,
            validated=True,
            match="simple" if match == "NONE" else match.lower(),
        )

    def _name(self, target: str) -> str:
        """Return the name of a table as it was made; references may write it in another case."""
        return self._names.get(target.lower(), target)

    def _target_key(self, target: str) -> Fact[tuple[str, ...]]:
        """Return the target's primary key, which REFERENCES without columns means."""
        name = self._name(target)
        if name not in self._columns:
            return UNKNOWN
        key = self._primary_key(name, Parsed())
        return key.columns if key is not None else UNKNOWN
