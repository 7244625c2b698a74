"""The indexes of all tables, and the keys that stand on them, from ``pg_index``."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.objects import UNKNOWN, Fact, Index, Key
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import (
    VENDOR,
    PostgreSQLCatalogue,
    text_by_oid,
)
from migration_guard.schema.readers.postgresql.columns import EXPRESSION, Columns
from migration_guard.schema.readers.postgresql.enforcement import DisabledTriggers

_BACKS: Final = {None: "", "p": "primary key", "u": "unique", "x": "exclusion"}
_NO_COLLATION: Final = "0"
# The order that the bits of ``indoption`` mean: 1 descending, 2 nulls first.
_ORDERS: Final = ("asc", "desc nulls last", "asc nulls first", "desc")
# Facts of a table that are unknown without its indexes.
_FACTS: Final = ("indexes", "primary_key", "uniques")


class _OperatorClass(NamedTuple):
    """An operator class; its name is None where it is the default of its type."""

    name: str | None
    names: frozenset[str]


def read_indexes(
    catalogue: PostgreSQLCatalogue,
    tables: list[int],
    columns: Columns,
    disabled: DisabledTriggers,
) -> Fact[Mapping[int, tuple[Index, ...]]]:
    """Return the indexes of each table that has any, by name."""
    nulls = catalogue.since(15, "i.indnullsnotdistinct")
    rows = catalogue.rows_or_none(_FACTS, queries.INDEXES.format(nulls=nulls), [tables])
    if rows is None or not columns.are_known:
        return UNKNOWN
    classes = _operator_classes(catalogue.rows_or_none(_FACTS, queries.OPERATOR_CLASSES))
    oids = sorted({int(oid) for row in rows for oid in row[10].split()})
    collations = text_by_oid(catalogue.rows_or_none(_FACTS, queries.COLLATIONS, [oids]))
    expressions = catalogue.expressions(queries.INDEX_TEXTS, "indexes", tables)
    texts = {row[0]: row[1:] for row in expressions.rows}
    indexes: dict[int, list[Index]] = defaultdict(list)
    for row in rows:
        text = None if row[0] in expressions.unread_tables else texts.get(row[1])
        index = _index(row, columns, classes, collations, text)
        if index.deferrable:  # a trigger checks it
            index = index._replace(disabled_on=disabled.tables(row[17]))
        indexes[row[0]].append(index)
    return {
        table: tuple(sorted(of_table, key=lambda index: index.name))
        for table, of_table in indexes.items()
    }


def _operator_classes(rows: list[Row] | None) -> Mapping[int, _OperatorClass] | None:
    if rows is None:
        return None
    return {
        oid: _OperatorClass(None if is_default else name, frozenset(names))
        for oid, name, is_default, names in rows
    }


def plain_uniques(indexes: Fact[tuple[Index, ...]]) -> Fact[tuple[Key, ...]]:
    """Return the plain unique constraints and indexes."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return tuple(
        index.key
        for index in indexes
        if index.unique is True and index.is_plain is True and index.backs != "primary key"
    )


def deferral(deferrable: bool | None, deferred: bool | None) -> str:
    """Return "", or what a deferrable constraint initially is, "immediate" or "deferred"."""
    return ("deferred" if deferred else "immediate") if deferrable else ""


def _index(
    row: Row,
    columns: Columns,
    classes: Mapping[int, _OperatorClass] | None,
    collations: Mapping[int, str],
    text: Row | None,
) -> Index:
    """Return an index; ``text`` holds its printed predicate and expressions."""
    table, _, name, method, unique, valid, key_length = row[:7]
    numbers, options, class_oids, collation_oids = (words.split() for words in row[7:11])
    has_predicate, nulls_not_distinct, constraint, deferrable, deferred, can_order = row[11:17]
    keys = numbers[:key_length]
    key_classes = [int(oid) for oid in class_oids[:key_length]]
    names = tuple(None if number == EXPRESSION else columns.name(table, number) for number in keys)
    predicate, expressions = _expressions(text, names, has_predicate)
    orders = tuple(_ORDERS[int(option) & 3] for option in options[:key_length])
    return Index(
        name=name,
        columns=names,
        expressions=expressions,
        predicate=predicate,
        unique=unique,
        include=tuple(columns.name(table, number) for number in numbers[key_length:]),
        method=method,
        valid=valid,
        orders=orders if can_order else (),
        opclasses=UNKNOWN if classes is None else tuple(classes[oid].name for oid in key_classes),
        opclass_names=tuple(classes[oid].names for oid in key_classes) if classes else (),
        collations=tuple(
            None
            if oid in {_NO_COLLATION, columns.collation(table, number)}
            else collations.get(int(oid))
            for oid, number in zip(collation_oids, keys, strict=False)
        ),
        nulls_distinct=not nulls_not_distinct,
        deferrable=deferral(deferrable, deferred),
        backs=_BACKS[constraint],
    )


def _expressions(
    text: Row | None, columns: tuple[str | None, ...], has_predicate: bool
) -> tuple[Fact[str | None], Fact[tuple[str, ...]]]:
    """Return the predicate and the expressions, where they were printed or there are none."""
    if text is not None:
        predicate, expressions = text
        return (
            without_brackets(predicate, VENDOR) if predicate else None,
            tuple(without_brackets(expression, VENDOR) for expression in expressions),
        )
    return UNKNOWN if has_predicate else None, UNKNOWN if None in columns else ()
