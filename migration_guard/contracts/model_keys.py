"""The unique keys and indexes that Django makes for a model."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from migration_guard.contracts.declare import Index, Unique
from migration_guard.contracts.index_text import split_keys, split_opclass
from migration_guard.contracts.keys_and_indexes import TREE
from migration_guard.contracts.model_reader import ModelReader

# Types that Django gives no index, by vendor: they would need a prefix length, or cannot have one.
UNINDEXED_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "postgresql": frozenset(),
    "mysql": frozenset(
        {
            *("tinyblob", "blob", "mediumblob", "longblob"),
            *("tinytext", "text", "mediumtext", "longtext", "json"),
        }
    ),
    "sqlite": frozenset(),
    "oracle": frozenset({"clob", "nclob", "blob"}),
}


def read_uniques(reader: ModelReader) -> list[Unique]:
    """Return the unique keys of fields, unique_together and constraints."""
    from django.db.models import UniqueConstraint

    keys = [
        Unique([field.column], source=reader.source(field.name))
        for field in reader.fields
        if field.unique and not field.primary_key
    ]
    keys += [
        Unique(reader.columns(names), source=reader.source("Meta.unique_together"))
        for names in reader.meta.unique_together
    ]
    for constraint in reader.meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            keys += _unique_constraint(reader, constraint)
    return keys


def _unique_constraint(reader: ModelReader, constraint: Any) -> Iterator[Unique]:
    statement = constraint.create_sql(reader.model, reader.editor)
    if statement is None:
        return
    columns, opclasses = reader.columns(constraint.fields), _opclasses(reader, statement)
    if constraint.expressions:
        columns = [text for text, _ in _keys_of(reader, statement)]
    deferrable = constraint.deferrable
    yield Unique(
        columns,
        _condition_of(statement),
        reader.columns(constraint.include),
        constraint.nulls_distinct is not False,
        deferrable.value if deferrable is not None else "",
        opclasses if any(opclasses) else (),
        source=reader.source(f"Meta.{constraint.name}"),
    )


def read_indexes(reader: ModelReader) -> list[Index]:
    """Return the indexes of fields and of Meta.indexes."""
    indexes = [
        Index(
            [field.column],
            method=TREE,
            opclasses=[""] if reader.has_opclasses else (),
            source=reader.source(field.name),
        )
        for field in reader.fields
        if field.db_index and not field.unique and not _is_unindexed(reader, field)
    ]
    return indexes + [
        _index(reader, index)
        for index in reader.meta.indexes
        if not index.contains_expressions or reader.features.supports_expression_indexes
    ]


def _is_unindexed(reader: ModelReader, field: Any) -> bool:
    types = UNINDEXED_TYPES.get(reader.connection.vendor, frozenset())
    return str(reader.type_of(field)).lower() in types


def _index(reader: ModelReader, index: Any) -> Index:
    columns = reader.columns(name for name, _ in index.fields_orders)
    if reader.features.supports_index_column_ordering:
        orders = [order for _, order in index.fields_orders]
        columns = [
            f"{column} {order}".strip() for column, order in zip(columns, orders, strict=True)
        ]
    statement: Any = index.create_sql(reader.model, reader.editor)
    if index.expressions:
        columns = [text for text, _ in _keys_of(reader, statement)]
    # A class of the project's own may write method and operator classes into its SQL.
    is_known = getattr(statement, "template", "") == reader.editor.sql_create_index
    return Index(
        columns,
        _condition_of(statement) if reader.features.supports_partial_indexes else None,
        reader.columns(index.include) if reader.features.supports_covering_indexes else (),
        _method_of(statement) if is_known else None,
        _opclasses(reader, statement) if is_known else (),
        source=reader.source(f"Meta.{index.name}"),
    )


def _opclasses(reader: ModelReader, statement: Any) -> list[str]:
    """Return the operator class of each key, "" for the default one."""
    if not reader.has_opclasses:
        return []
    return [opclass for _, opclass in _keys_of(reader, statement)]


def _keys_of(reader: ModelReader, statement: Any) -> list[tuple[str, str]]:
    """Return the keys of a CREATE INDEX, each as text and operator class."""
    vendor = reader.connection.vendor
    return [
        split_opclass(text, vendor) for text in split_keys(str(statement.parts["columns"]), vendor)
    ]


def _condition_of(statement: Any) -> str | None:
    """Return the condition of a CREATE INDEX, None where it has none."""
    # A statement of an index class of the project's own may have no such part.
    parts = getattr(statement, "parts", {})
    return parts.get("condition", "").removeprefix(" WHERE ") or None


def _method_of(statement: Any) -> str:
    """Return the method of an index of Django's."""
    # Only PostgreSQL's template has a place for it.
    using = statement.parts.get("using", "") if "%(using)s" in statement.template else ""
    return using.strip().lower().removeprefix("using ") or TREE
