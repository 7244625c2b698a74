"""PostgreSQL's reader: a dozen catalogue queries, however many tables there are.

Invariants: absence is decided from ``pg_catalog``, which every role may read (a limited role sees
no rows of ``information_schema.columns`` for a table that exists). What needs no lock is read
first; a table that another session keeps locked loses only the texts of its expressions.

Source: PostgreSQL manual, "System Catalogs".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.expressions import unwrapped
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Enum,
    Exclusion,
    Extension,
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
from migration_guard.schema.readers import postgresql_queries
from migration_guard.schema.readers.lock_limits import attempt, reason
from migration_guard.schema.search_path import Pair, SearchPath, search_path
from migration_guard.schema.types import normalize

Row = tuple[Any, ...]

VENDOR: Final = "postgresql"

_KINDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_ACTIONS: Final = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_IDENTITIES: Final = {"": "", "a": "always", "d": "by default"}
_MATCHES: Final = {"s": "simple", "f": "full", "p": "partial"}
_BACKS: Final = {None: "", "p": "primary key", "u": "unique", "x": "exclusion"}
_LOCK_NOT_AVAILABLE: Final = "55P03"
_LOCKED: Final = "locked by another session"
_TRIES: Final = 3
_EXPRESSION: Final = "0"  # the number of a key that is no column
_NO_COLLATION: Final = "0"
_DEFAULT_COLLATION: Final = "100"

# What a failing question leaves unknown: fields of Table.
_INDEXES: Final = ("indexes", "primary_key", "uniques")
_CONSTRAINTS: Final = ("foreign_keys", "checks", "exclusions")
_COLUMNS: Final = ("columns", *_INDEXES, *_CONSTRAINTS)


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables outside the system's schemas, or about those named."""
    source = _Source(connection)
    path = search_path(*source.rows(postgresql_queries.PATH)[0])
    found = source.rows(postgresql_queries.TABLES)
    path = path.knowing((row[1], row[2]) for row in found)
    if tables is not None:
        asked = path.candidates(tables)
        found = [row for row in found if (row[1], row[2]) in asked]
    source.labels = {row[0]: path.label(row[1], row[2]) for row in found}
    oids = list(source.labels)

    columns = _columns(source, oids)
    indexes = _indexes(source, oids, columns)
    constraints = _constraints(source, oids, columns, path)
    views = _Views(source.texts(postgresql_queries.VIEWS, "definition", oids, of_views=True))
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(
            sorted(
                (_table(row, path, columns, indexes, constraints, views) for row in found),
                key=lambda table: table.label,
            )
        ),
        enums=_enums(source),
        extensions=_extensions(source),
        unknown=tuple(source.unknown),
        search_path=path.schemas,
    )


class _Source:
    """The connection, and what it would not tell."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.unknown: list[Unknown] = []
        self.labels: dict[int, str] = {}
        self._locked: set[int] = set()
        self._views_of_locked: set[int] = set()
        # Django's PostgreSQL wrapper has it: 180004 for 18.4.
        self.version: int = getattr(connection, "pg_version", 0)

    def since(self, version: int, expression: str, otherwise: str = "false") -> str:
        """Return an expression that a server has since this major version."""
        return expression if self.version >= version * 10_000 else otherwise

    def rows(self, sql: str, *params: list[int]) -> list[Row]:
        """Run a query."""
        with attempt(self.connection), self.connection.cursor() as cursor:
            cursor.execute(sql, list(params) or None)
            return list(cursor.fetchall())

    def told(self, facts: Sequence[str], sql: str, *params: list[int]) -> list[Row] | None:
        """Run a query; None, with a note of the facts it would tell, where the role may not."""
        try:
            return self.rows(sql, *params)
        except DatabaseError as error:
            self.unknown += [Unknown("", fact, reason(error)) for fact in facts]
            return None

    def texts(
        self, sql: str, what: str, oids: Sequence[int], *, of_views: bool = False
    ) -> "_Texts":
        """Run a query that prints expressions, without the tables that others keep locked.

        The query of a view cannot be printed while a table that it reads is locked.
        """
        why = _LOCKED
        for _ in range(_TRIES):
            locked = self._locked | (self._views_of_locked if of_views else set())
            untold = locked & set(oids)
            try:
                rows = self.rows(sql, [oid for oid in oids if oid not in untold])
            except DatabaseError as error:
                if _sqlstate(error) != _LOCK_NOT_AVAILABLE:
                    why = reason(error)
                    break
                self._find_locked()
            else:
                self._note(untold, what, _LOCKED)
                return _Texts(rows, untold)
        self._note(oids, what, why)
        return _Texts([], oids)

    def _find_locked(self) -> None:
        for oid, is_view in self.rows(postgresql_queries.LOCKED):
            (self._views_of_locked if is_view else self._locked).add(oid)

    def _note(self, oids: Iterable[int], what: str, why: str) -> None:
        self.unknown += [
            Unknown(label, what, why)
            for label in sorted(self.labels[oid] for oid in oids if oid in self.labels)
        ]


class _Texts:
    """Expressions by the object that has them, and the tables whose expressions are not known."""

    def __init__(self, rows: Iterable[Row], untold: Iterable[int]) -> None:
        self.rows = list(rows)
        self.untold = frozenset(untold)

    def of(self, table: int, text: str | None) -> Fact[str | None]:
        """Return the text, or UNKNOWN for a table that could not be read."""
        return UNKNOWN if table in self.untold else text


def _pairs(rows: Iterable[Row] | None) -> dict[int, str]:
    """Return rows of an oid and a text as a dictionary."""
    return {row[0]: row[1] for row in rows or ()}


class _Views:
    """The queries of all views."""

    def __init__(self, texts: _Texts) -> None:
        self._texts = texts
        self._definitions = _pairs(texts.rows)

    def definition(self, view: int) -> Fact[str | None]:
        """Return the query of a view."""
        return self._texts.of(view, self._definitions.get(view))


def _sqlstate(error: DatabaseError) -> str:
    """Return the SQLSTATE of an error of psycopg, 3 or 2."""
    cause = error.__cause__
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")


def _table(
    row: Row,
    path: SearchPath,
    columns: "_Columns",
    indexes: "_Indexes",
    constraints: "_Constraints",
    views: "_Views",
) -> Table:
    """Put one table together."""
    oid, schema, name, kind, parent_schema, parent, comment = row
    is_view = kind in {"v", "m"}
    own_indexes = indexes.of(oid)
    return Table(
        schema=schema,
        name=name,
        label=path.label(schema, name),
        kind=_KINDS[kind],
        columns=columns.of(oid, constraints),
        primary_key=primary_key(own_indexes),
        uniques=_uniques(own_indexes),
        indexes=own_indexes,
        foreign_keys=constraints.foreign_keys(oid),
        checks=constraints.checks(oid),
        exclusions=constraints.exclusions(oid),
        comment=comment,
        partition_of=path.label(parent_schema, parent) if parent else "",
        definition=views.definition(oid) if is_view else None,
    )


# Columns


class _Columns:
    """The columns of all tables, by their numbers."""

    def __init__(self, rows: list[Row] | None, domains: list[Row] | None, texts: _Texts) -> None:
        # The catalogue writes lists of numbers as text.
        self._rows: dict[int, dict[str, Row]] = defaultdict(dict)
        for row in rows or ():
            self._rows[row[0]][str(row[1])] = row
        self.told = rows is not None
        self._domains = {row[0]: row[1:] for row in domains} if domains is not None else None
        self._texts = texts
        self._expressions = {(row[0], row[1]): row[2] for row in texts.rows}

    def of(self, table: int, constraints: "_Constraints") -> Fact[tuple[Column, ...]]:
        """Return the columns of a table, in their order."""
        if not self.told:
            return UNKNOWN
        pending = constraints.not_null_pending(table)
        rows = self._rows[table]
        return tuple(
            self._column(row, UNKNOWN if pending is UNKNOWN else number in pending)
            for number, row in rows.items()
        )

    def name(self, table: int, number: str) -> str:
        """Return the name of a column."""
        return str(self._rows[table][number][2])

    def collation(self, table: int, number: str) -> str:
        """Return the oid of the collation that a key has by itself: the column's, if it is one."""
        return _DEFAULT_COLLATION if number == _EXPRESSION else str(self._rows[table][number][8])

    def _column(self, row: Row, not_null_pending: Fact[bool]) -> Column:
        table, number, name, type_text, not_null, identity, generated, has_default = row[:8]
        collation, comment, domain = row[9:]
        base, domain_not_null = self._base(domain)
        text: Fact[str | None] = None
        if has_default:
            text = self._texts.of(table, self._expressions.get((table, number)))
        nullable = _negated(domain_not_null)
        if not_null and not_null_pending is not True:
            nullable = UNKNOWN if not_null_pending is UNKNOWN else False
        return Column(
            name=name,
            type=normalize(type_text, VENDOR),
            nullable=nullable,
            default=None if generated else text,
            identity=_IDENTITIES[identity],
            generated=_generated(text, generated),
            collation=collation,
            comment=comment,
            base_type=base,
        )

    def _base(self, domain: int | None) -> tuple[Fact[str | None], Fact[bool]]:
        """Return the type at the bottom of a domain, and whether a domain on the way is NOT NULL.

        A domain may stand on a domain.
        """
        if domain is None:
            return None, False
        if self._domains is None:
            return UNKNOWN, UNKNOWN
        base, not_null = "", False
        while domain in self._domains:
            domain, base, refuses = self._domains[domain]
            not_null = not_null or refuses
        return normalize(base, VENDOR), not_null


def _negated(fact: Fact[bool]) -> Fact[bool]:
    return UNKNOWN if fact is UNKNOWN else not fact


def _generated(text: Fact[str | None], generated: str) -> Generated | None:
    """Return how the column is computed: stored, or virtual since PostgreSQL 18."""
    if not generated:
        return None
    expression = UNKNOWN if text is UNKNOWN or text is None else unwrapped(text, VENDOR)
    return Generated(expression, stored=generated == "s")


def _columns(source: _Source, oids: list[int]) -> _Columns:
    return _Columns(
        source.told(_COLUMNS, postgresql_queries.COLUMNS, oids),
        source.told(_COLUMNS, postgresql_queries.DOMAINS),
        source.texts(postgresql_queries.DEFAULTS, "defaults", oids),
    )


# Indexes and keys


class _Indexes:
    """The indexes of all tables."""

    def __init__(self, indexes: Mapping[int, list[Index]] | None) -> None:
        self._indexes = indexes

    def of(self, table: int) -> Fact[tuple[Index, ...]]:
        """Return all indexes of a table."""
        if self._indexes is None:
            return UNKNOWN
        return tuple(sorted(self._indexes.get(table, ()), key=lambda index: index.name))


def _uniques(indexes: Fact[tuple[Index, ...]]) -> Fact[tuple[Key, ...]]:
    """Return the plain unique constraints and indexes."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return tuple(
        index.key
        for index in indexes
        if index.unique is True and index.is_plain is True and index.backs != "primary key"
    )


def _indexes(source: _Source, oids: list[int], columns: _Columns) -> _Indexes:
    """Read the indexes of all tables."""
    nulls = source.since(15, "i.indnullsnotdistinct")
    rows = source.told(_INDEXES, postgresql_queries.INDEXES.format(nulls=nulls), oids)
    if rows is None or not columns.told:
        return _Indexes(None)
    classes = _pairs(source.told(_INDEXES, postgresql_queries.OPERATOR_CLASSES))
    used = sorted({int(oid) for row in rows for oid in row[10].split()})
    collations = _pairs(source.told(_INDEXES, postgresql_queries.COLLATIONS, used))
    texts = source.texts(postgresql_queries.INDEX_TEXTS, "indexes", oids)
    printed = {row[0]: row[1:] for row in texts.rows}
    indexes: dict[int, list[Index]] = defaultdict(list)
    for row in rows:
        told = None if row[0] in texts.untold else printed.get(row[1])
        indexes[row[0]].append(_index(row, columns, classes, collations, told))
    return _Indexes(indexes)


def _index(
    row: Row,
    columns: _Columns,
    classes: Mapping[int, str],
    collations: Mapping[int, str],
    printed: Row | None,
) -> Index:
    """Put an index together; its texts, and whether there are any, are ``printed``."""
    table, _, name, method, unique, valid, key_length = row[:7]
    numbers, options, operator_classes, used = (text.split() for text in row[7:11])
    has_predicate, nulls_not_distinct, constraint, deferrable, deferred, can_order = row[11:]
    keys = numbers[:key_length]
    names = tuple(None if number == _EXPRESSION else columns.name(table, number) for number in keys)
    predicate, expressions = _texts_of_index(printed, names, has_predicate)
    return Index(
        name=name,
        columns=names,
        expressions=expressions,
        predicate=predicate,
        unique=unique,
        include=tuple(columns.name(table, number) for number in numbers[key_length:]),
        method=method,
        valid=valid,
        orders=tuple(_order(int(one)) for one in options[:key_length]) if can_order else (),
        opclasses=tuple(classes.get(int(one)) for one in operator_classes[:key_length]),
        collations=tuple(
            None
            if one in {_NO_COLLATION, columns.collation(table, number)}
            else collations.get(int(one))
            for one, number in zip(used, keys, strict=False)
        ),
        nulls_distinct=not nulls_not_distinct,
        deferrable=_deferrable(deferrable, deferred),
        backs=_BACKS[constraint],
    )


def _texts_of_index(
    printed: Row | None, columns: tuple[str | None, ...], has_predicate: bool
) -> tuple[Fact[str | None], Fact[tuple[str, ...]]]:
    """Return the predicate and the expressions, where they could be printed or there are none."""
    if printed is not None:
        predicate, expressions = printed
        return (
            unwrapped(predicate, VENDOR) if predicate else None,
            tuple(unwrapped(one, VENDOR) for one in expressions),
        )
    return UNKNOWN if has_predicate else None, UNKNOWN if None in columns else ()


def _order(option: int) -> str:
    """Return the order that the bits of ``indoption`` say: 1 descending, 2 nulls first."""
    return ("asc", "desc nulls last", "asc nulls first", "desc")[option & 3]


def _deferrable(deferrable: bool | None, deferred: bool | None) -> str:
    return ("deferred" if deferred else "immediate") if deferrable else ""


# Constraints


class _Constraints:
    """The constraints of all tables that are not keys."""

    def __init__(
        self, rows: list[Row] | None, columns: _Columns, path: SearchPath, texts: _Texts
    ) -> None:
        self.rows: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(rows or (), key=lambda row: str(row[2])):
            self.rows[row[0]].append(row)
        self.told = rows is not None and columns.told
        self._columns = columns
        self._path = path
        self._texts = texts
        self._printed = _pairs(texts.rows)

    def not_null_pending(self, table: int) -> Fact[frozenset[str]]:
        """Return the numbers of columns whose NOT NULL is NOT VALID (PostgreSQL 18)."""
        if not self.told:
            return UNKNOWN
        return frozenset(row[7] for row in self.rows[table] if row[3] == "n")

    def foreign_keys(self, table: int) -> Fact[tuple[ForeignKey, ...]]:
        """Return the foreign keys of a table."""
        if not self.told:
            return UNKNOWN
        return tuple(self._foreign_key(row) for row in self.rows[table] if row[3] == "f")

    def checks(self, table: int) -> Fact[tuple[Check, ...]]:
        """Return the check constraints of a table, and a NOT NULL that is NOT VALID."""
        if not self.told:
            return UNKNOWN
        return tuple(self._check(row) for row in self.rows[table] if row[3] in {"c", "n"})

    def exclusions(self, table: int) -> Fact[tuple[Exclusion, ...]]:
        """Return the exclusion constraints, and the keys WITHOUT OVERLAPS."""
        if not self.told:
            return UNKNOWN
        return tuple(
            Exclusion(row[2], self._text(row)) for row in self.rows[table] if row[3] in "xpu"
        )

    def _check(self, row: Row) -> Check:
        if row[3] == "n":
            name = self._columns.name(row[0], row[7]).replace('"', '""')
            return Check(row[2], f'"{name}" IS NOT NULL', validated=False)
        text = self._text(row)
        return Check(row[2], text if text is UNKNOWN else unwrapped(text, VENDOR), row[6])

    def _text(self, row: Row) -> Fact[str]:
        text = self._texts.of(row[0], self._printed.get(row[1]))
        return UNKNOWN if text is None else text

    def _foreign_key(self, row: Row) -> ForeignKey:
        table, _, name, _, deferrable, deferred, validated, numbers = row[:8]
        schema, target, target_columns, on_delete, on_update, match, set_columns = row[8:]
        only = self._column_names(table, set_columns or "")
        return ForeignKey(
            name=name,
            columns=self._column_names(table, numbers),
            target=self._path.label(schema, target),
            target_columns=tuple(target_columns),
            on_delete=_ACTIONS[on_delete] + (f" ({', '.join(only)})" if only else ""),
            on_update=_ACTIONS[on_update],
            deferrable=_deferrable(deferrable, deferred),
            validated=validated,
            match=_MATCHES[match],
        )

    def _column_names(self, table: int, numbers: str) -> tuple[str, ...]:
        return tuple(self._columns.name(table, number) for number in numbers.split())


def _constraints(
    source: _Source, oids: list[int], columns: _Columns, path: SearchPath
) -> _Constraints:
    """Read the constraints of all tables that are not keys."""
    period = source.since(18, "(c.contype IN ('p', 'u') AND c.conperiod)")
    set_columns = source.since(15, "array_to_string(c.confdelsetcols, ' ')", "NULL")
    sql = postgresql_queries.CONSTRAINTS.format(period=period, set_columns=set_columns)
    texts = source.texts(postgresql_queries.CONSTRAINT_TEXTS.format(period=period), "checks", oids)
    return _Constraints(source.told(_CONSTRAINTS, sql, oids), columns, path, texts)


# Types and extensions


def _enums(source: _Source) -> Fact[tuple[Enum, ...]]:
    rows = source.told(("enums",), postgresql_queries.ENUMS)
    if rows is None:
        return UNKNOWN
    enums = [Enum(row[0], row[1], normalize(row[2], VENDOR), tuple(row[3])) for row in rows]
    return tuple(sorted(enums, key=lambda enum: (enum.label, enum.schema)))


def _extensions(source: _Source) -> Fact[tuple[Extension, ...]]:
    rows = source.told(("extensions",), postgresql_queries.EXTENSIONS)
    return UNKNOWN if rows is None else tuple(Extension(*row) for row in rows)
