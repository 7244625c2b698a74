"""MySQL's and MariaDB's reader: seven questions to information_schema, for all tables at once.

Invariant: ``information_schema`` shows what the role has a privilege on, so that a table without
privileges looks like one that does not exist; the names asked for are told apart by trying them.

MariaDB writes defaults as expressions (``'NULL'`` is none), MySQL as bare literals; here they are
expressions on both. MariaDB's JSON is ``longtext`` with a check; here its type is ``json``.

Sources: MariaDB manual, "Information Schema Tables"; MySQL manual, "INFORMATION_SCHEMA Tables".
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.expressions import unwrapped
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
    primary_key,
)
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.search_path import Pair, SearchPath
from migration_guard.schema.types import normalize

Row = tuple[Any, ...]

VENDOR: Final = "mysql"

_PLACE = "SELECT DATABASE(), @@lower_case_table_names"
_TABLES = """
SELECT table_name, table_type, table_comment, table_collation
FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type <> 'SEQUENCE'
"""
_COLUMNS = """
SELECT table_name, column_name, column_default, is_nullable, column_type, data_type, extra,
       column_comment, collation_name, generation_expression
FROM information_schema.columns
WHERE table_schema = DATABASE()
ORDER BY table_name, ordinal_position
"""
# {expression}: MySQL 8.0.13; {ignored}: is_visible of MySQL 8, ignored of MariaDB 10.6.
_INDEXES = """
SELECT table_name, index_name, non_unique, column_name, sub_part, collation, index_type,
       {expression}, {ignored}
FROM information_schema.statistics
WHERE table_schema = DATABASE()
ORDER BY table_name, index_name, seq_in_index
"""
_STATISTICS_COLUMNS = """
SELECT LOWER(column_name) FROM information_schema.columns
WHERE table_schema = 'information_schema' AND LOWER(table_name) = 'statistics'
"""
# Two questions: the server would join these by comparing every row with every other.
_FOREIGN_KEYS = """
SELECT table_name, constraint_name, column_name, referenced_table_schema,
       referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
_ACTIONS = """
SELECT table_name, constraint_name, delete_rule, update_rule
FROM information_schema.referential_constraints
WHERE constraint_schema = DATABASE()
"""
_MARIADB_CHECKS = """
SELECT table_name, constraint_name, check_clause, 'YES'
FROM information_schema.check_constraints
WHERE constraint_schema = DATABASE()
"""
_MYSQL_CHECKS = """
SELECT t.table_name, c.constraint_name, c.check_clause, t.enforced
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
    AND t.constraint_type = 'CHECK'
WHERE c.constraint_schema = DATABASE()
"""
_VIEWS = """
SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE()
"""
# Tables of which the role sees only the columns that it was granted.
_GRANTED_COLUMNS = """
SELECT DISTINCT c.table_name FROM information_schema.column_privileges c
WHERE c.table_schema = DATABASE()
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.table_privileges t
        WHERE t.table_schema = c.table_schema AND t.table_name = c.table_name
            AND t.privilege_type = 'SELECT'
    )
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.schema_privileges s
        WHERE s.table_schema = c.table_schema AND s.privilege_type = 'SELECT'
    )
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.user_privileges u WHERE u.privilege_type = 'SELECT'
    )
"""
_NO_SUCH_TABLE: Final = 1146
_NOT_GRANTED: Final = "the role may read none of its columns"
_PARTLY_GRANTED: Final = "the role may read some of its columns only"
_KINDS: Final = {"VIEW": "view", "SYSTEM VIEW": "view"}
_NUMBERS: Final = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit"}
)


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables and views of the database, or about those named."""
    source = _Source(connection)
    database, folding = source.rows(_PLACE)[0]
    found = source.rows(_TABLES)
    path = SearchPath((database,)).knowing((database, row[0]) for row in found)
    if tables is not None:
        asked = path.candidates(tables)
        if folding:
            asked = {(schema.lower(), name.lower()) for schema, name in asked}
        there = {(database, row[0].lower() if folding else row[0]) for row in found}
        found = [row for row in found if (database, row[0].lower() if folding else row[0]) in asked]
        source.probe(sorted(name for schema, name in asked - there if schema == database))
    everything = _Everything(source, database, views=any(row[1] in _KINDS for row in found))
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(everything.table(row) for row in sorted(found, key=lambda row: str(row[0]))),
        unknown=tuple(source.unknown),
        search_path=(database,),
        folds_case=bool(folding),
    )


class _Source:
    """The connection, and what it would not tell."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self.is_mariadb = bool(getattr(connection, "mysql_is_mariadb", False))
        self.unknown: list[Unknown] = []

    def rows(self, sql: str) -> list[Row]:
        """Run a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def told(self, facts: Sequence[str], sql: str) -> list[Row] | None:
        """Run a query; None, with a note of the facts it would tell, where that fails."""
        try:
            return self.rows(sql)
        except DatabaseError as error:
            self.unknown += [Unknown("", fact, reason(error)) for fact in facts]
            return None

    def probe(self, names: Iterable[str]) -> None:
        """Note those tables that may exist after all: the role may not look."""
        for name in names:
            if why := self.refusal(name):
                self.unknown.append(Unknown(name, "", why))

    def refusal(self, name: str) -> str:
        """Return why a table cannot be read; "" if it can, or if there is no such table."""
        try:
            self.rows(f"SELECT 1 FROM {self._connection.ops.quote_name(name)} LIMIT 0")
        except DatabaseError as error:
            return "" if error.args and error.args[0] == _NO_SUCH_TABLE else reason(error)
        return ""


class _Everything:
    """The answers to all questions, put together table by table."""

    def __init__(self, source: _Source, database: str, *, views: bool) -> None:
        self._database = database
        self._source = source
        self._columns = _by_table(source.told(("columns",), _COLUMNS))
        granted = source.told(("columns",), _GRANTED_COLUMNS)
        self._partly_granted = {row[0] for row in granted or ()}
        self._indexes = _by_table(
            source.told(("indexes", "primary_key", "uniques"), _index_query(source))
        )
        self._foreign_keys = _by_table(source.told(("foreign_keys",), _FOREIGN_KEYS))
        # By table as well as by name: a key of another table may have the name of a foreign key.
        actions = source.told(("foreign_keys",), _ACTIONS) if self._foreign_keys else None
        self._actions = {row[:2]: row[2:] for row in actions or ()}
        self._checks = _by_table(
            source.told(("checks",), _MARIADB_CHECKS if source.is_mariadb else _MYSQL_CHECKS)
        )
        queries = source.told(("definition",), _VIEWS) if views else None
        self._views = {row[0]: row[1] for row in queries or ()}

    def table(self, row: Row) -> Table:
        """Put one table together."""
        name, kind, comment, collation = row
        is_view = kind in _KINDS
        indexes = self._table_indexes(name)
        return Table(
            schema=self._database,
            name=name,
            label=name,
            kind=_KINDS.get(kind, "table"),
            columns=self._table_columns(name, collation),
            primary_key=primary_key(indexes),
            uniques=_uniques(indexes),
            indexes=indexes,
            foreign_keys=self._table_foreign_keys(name),
            checks=self._table_checks(name),
            exclusions=(),
            comment=None if is_view else comment or None,
            definition=self._view(name) if is_view else None,
            folds_case=True,
        )

    def _view(self, name: str) -> Fact[str | None]:
        """Return the query of a view, without the name of the database that it stands in."""
        text = self._views.get(name)
        return text.replace(f"`{self._database}`.", "") if text else UNKNOWN

    def _table_columns(self, table: str, collation: str | None) -> Fact[tuple[Column, ...]]:
        rows = self._columns[table] if self._columns is not None else []
        if not rows or table in self._partly_granted:
            # A view on a table that is gone has no columns.
            why = _PARTLY_GRANTED if rows else self._source.refusal(table) or _NOT_GRANTED
            self._source.unknown.append(Unknown(table, "columns", why))
            return UNKNOWN
        mariadb = self._source.is_mariadb
        return tuple(
            _column(row, collation, json=mariadb and self._is_json(table, row), mariadb=mariadb)
            for row in rows
        )

    def _is_json(self, table: str, column: Row) -> Fact[bool]:
        """Return whether MariaDB's check of JSON is on a column."""
        if column[5] != "longtext":
            return False
        if self._checks is None:
            return UNKNOWN
        wanted = f"json_valid(`{column[1].lower()}`)"
        return any(
            name == column[1] and clause.lower() == wanted
            for _, name, clause, _ in self._checks[table]
        )

    def _table_indexes(self, table: str) -> Fact[tuple[Index, ...]]:
        if self._indexes is None:
            return UNKNOWN
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self._indexes[table]:
            rows[row[1]].append(row)
        return tuple(sorted((_index(rows[name]) for name in rows), key=lambda index: index.name))

    def _table_foreign_keys(self, table: str) -> Fact[tuple[ForeignKey, ...]]:
        if self._foreign_keys is None:
            return UNKNOWN
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self._foreign_keys[table]:
            rows[row[1]].append(row)
        return tuple(self._foreign_key(rows[name]) for name in sorted(rows))

    def _foreign_key(self, rows: list[Row]) -> ForeignKey:
        table, name, _, schema, target, _ = rows[0]
        on_delete, on_update = self._actions.get((table, name), (UNKNOWN, UNKNOWN))
        return ForeignKey(
            name=name,
            columns=tuple(row[2] for row in rows),
            target=target if schema == self._database else f"{schema}.{target}",
            target_columns=tuple(row[5] for row in rows),
            on_delete=on_delete if on_delete is UNKNOWN else on_delete.lower(),
            on_update=on_update if on_update is UNKNOWN else on_update.lower(),
            deferrable="",
            validated=True,
            match="simple",
        )

    def _table_checks(self, table: str) -> Fact[tuple[Check, ...]]:
        if self._checks is None:
            return UNKNOWN
        return tuple(
            Check(row[1], unwrapped(row[2], VENDOR), row[3] != "NO")
            for row in sorted(self._checks[table], key=lambda row: str(row[1]))
        )


def _by_table(rows: list[Row] | None) -> dict[str, list[Row]] | None:
    """Group rows by their first value."""
    if rows is None:
        return None
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


def _column(row: Row, table_collation: str | None, *, json: Fact[bool], mariadb: bool) -> Column:
    """Put a column together."""
    _, name, default, nullable, type_text, data_type, extra, comment, collation, expression = row
    of_json: Fact[str | None] = None
    column_type: Fact[str] = normalize(type_text, VENDOR)
    own: Fact[str | None] = collation if collation != table_collation else None
    if json is UNKNOWN:
        column_type, own, of_json = UNKNOWN, UNKNOWN if own is not None else None, UNKNOWN
    elif json:
        column_type, own, of_json = "json", None, "longtext"
    return Column(
        name=name,
        type=column_type,
        nullable=nullable == "YES",
        default=_default(default, data_type, extra, mariadb=mariadb),
        identity="by default" if "auto_increment" in extra else "",
        generated=_generated(expression, extra),
        collation=own,
        comment=comment or None,
        base_type=of_json,
    )


def _default(default: str | None, data_type: str, extra: str, *, mariadb: bool) -> str | None:
    """Return a default as an expression: MySQL gives literals without their quotes."""
    if default is None or (mariadb and default.upper() == "NULL"):
        return None
    is_expression = mariadb or "DEFAULT_GENERATED" in extra or data_type in _NUMBERS
    if is_expression or default.upper().startswith("CURRENT_TIMESTAMP"):
        return default
    quoted = default.replace("'", "''")
    return f"'{quoted}'"


def _generated(expression: str | None, extra: str) -> Generated | None:
    """Return how a column is computed; MySQL leaves an empty text where it is not."""
    if not expression:
        return None
    return Generated(unwrapped(expression, VENDOR), stored="stored" in extra.lower())


def _index_query(source: _Source) -> str:
    """Return the question for the columns that this server's table of indexes has."""
    known = {row[0] for row in source.rows(_STATISTICS_COLUMNS)}
    ignored = "'NO'"
    if "ignored" in known:
        ignored = "ignored"
    elif "is_visible" in known:
        ignored = "IF(is_visible = 'NO', 'YES', 'NO')"
    return _INDEXES.format(
        expression="expression" if "expression" in known else "NULL", ignored=ignored
    )


def _index(rows: list[Row]) -> Index:
    """Put an index together."""
    _, name, non_unique, _, _, _, method, _, ignored = rows[0]
    prefixes = tuple(None if row[4] is None else int(row[4]) for row in rows)
    # The prefix length of a spatial or full-text index is none.
    whole = method.upper() in {"SPATIAL", "FULLTEXT"}
    backs = "primary key" if name == "PRIMARY" else "" if non_unique else "unique"
    return Index(
        name=name,
        columns=tuple(row[3] for row in rows),
        expressions=tuple(unwrapped(row[7], VENDOR) for row in rows if row[3] is None),
        unique=not non_unique,
        method=method.lower(),
        valid=ignored != "YES",
        orders=tuple("desc" if row[5] == "D" else "asc" for row in rows),
        prefix_lengths=tuple(None for _ in rows) if whole else prefixes,
        backs=backs,
    )


def _uniques(indexes: Fact[tuple[Index, ...]]) -> Fact[tuple[Key, ...]]:
    """Return the plain unique keys; one that the optimiser must ignore still forbids duplicates."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return tuple(
        index.key
        for index in indexes
        if index.backs == "unique"
        and (index if index.valid is True else index._replace(valid=True)).is_plain is True
    )
