"""PostgreSQL's reader: a dozen catalogue queries, however many tables there are.

Invariants: absence is decided from ``pg_catalog``, which every role may read (a limited role sees
no rows of ``information_schema.columns`` for a table that exists). What needs no lock is read
first. A table that another session keeps locked loses only the texts of its expressions.

Source: PostgreSQL manual, "System Catalogs".
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import (
    UNKNOWN,
    Enum,
    Extension,
    Fact,
    Snapshot,
    Table,
    primary_key,
)
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import (
    VENDOR,
    PostgreSQLCatalogue,
    text_by_oid,
)
from migration_guard.schema.readers.postgresql.columns import read_columns
from migration_guard.schema.readers.postgresql.constraints import read_constraints
from migration_guard.schema.readers.postgresql.enforcement import read_disabled_triggers
from migration_guard.schema.readers.postgresql.indexes import plain_uniques, read_indexes
from migration_guard.schema.readers.postgresql.inserts import read_inserts
from migration_guard.schema.search_path import Pair, SearchPath, search_path
from migration_guard.schema.types import normalize

_KINDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_VIEWS: Final = frozenset({"v", "m"})


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables outside the system's schemas, or about those named."""
    catalogue = PostgreSQLCatalogue(connection)
    path = search_path(*catalogue.rows(queries.PATH)[0])
    rows = catalogue.rows(queries.TABLES)
    path = path.with_tables((row[1], row[2]) for row in rows)
    if tables is not None:
        candidates = path.candidates(tables)
        rows = [row for row in rows if (row[1], row[2]) in candidates]
    catalogue.labels = {row[0]: path.label(row[1], row[2]) for row in rows}
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(sorted(_tables(catalogue, rows, path), key=lambda table: table.label)),
        enums=_enums(catalogue),
        extensions=_extensions(catalogue),
        unknown=tuple(catalogue.unknown),
        search_path=path.schemas,
    )


def _tables(catalogue: PostgreSQLCatalogue, rows: list[Row], path: SearchPath) -> list[Table]:
    """Read what belongs to the tables, and return them with it."""
    oids = [row[0] for row in rows]
    inserts = read_inserts(catalogue, [row[0] for row in rows if row[3] in _VIEWS])
    columns = read_columns(catalogue, oids, inserts)
    disabled = read_disabled_triggers(catalogue, path)
    indexes = read_indexes(catalogue, oids, columns, disabled)
    constraints = read_constraints(catalogue, oids, columns, path, disabled)
    views = catalogue.expressions(queries.VIEWS, "definition", oids, of_views=True)
    definitions = text_by_oid(views.rows)

    def table(row: Row) -> Table:
        oid, schema, name, kind, parent_schema, parent, comment, extension = row
        own_indexes = UNKNOWN if indexes is UNKNOWN else indexes.get(oid, ())
        definition = views.text_or_unknown(oid, definitions.get(oid))
        return Table(
            schema=schema,
            name=name,
            label=path.label(schema, name),
            kind=_KINDS[kind],
            columns=columns.of(oid, constraints.pending_not_null(oid)),
            primary_key=primary_key(own_indexes),
            uniques=plain_uniques(own_indexes),
            indexes=own_indexes,
            foreign_keys=constraints.foreign_keys(oid),
            checks=constraints.checks(oid),
            exclusions=constraints.exclusions(oid),
            comment=comment,
            partition_of=path.label(parent_schema, parent) if parent else "",
            definition=definition if kind in _VIEWS else None,
            insert_obstacle=inserts.obstacle(oid),
            extension=extension,
        )

    return [table(row) for row in rows]


def _enums(catalogue: PostgreSQLCatalogue) -> Fact[tuple[Enum, ...]]:
    rows = catalogue.rows_or_none(("enums",), queries.ENUMS)
    if rows is None:
        return UNKNOWN
    enums = [
        Enum(schema, name, normalize(label, VENDOR), tuple(values), extension)
        for schema, name, label, values, extension in rows
    ]
    return tuple(sorted(enums, key=lambda enum: (enum.label, enum.schema)))


def _extensions(catalogue: PostgreSQLCatalogue) -> Fact[tuple[Extension, ...]]:
    rows = catalogue.rows_or_none(("extensions",), queries.EXTENSIONS)
    return UNKNOWN if rows is None else tuple(Extension(*row) for row in rows)
