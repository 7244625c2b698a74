"""The indexes of SQLite, from ``pragma_index_xinfo`` and the text of CREATE INDEX."""

from typing import Final

from migration_guard.schema.objects import UNKNOWN, Fact, Index, Key
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.sqlite.create_table import Named, Parsed, index_expressions

_EXPRESSION: Final = -2  # the column number of an expression in an index
_BACKS: Final = {"pk": "primary key", "u": "unique", "c": ""}


def make_index(rows: list[Row], parsed: Parsed, sql: str | None) -> Index:
    """Return an index; it has a row for each of its columns."""
    _, name, unique, origin, partial = rows[0][:5]
    columns = tuple(row[6] if row[5] != _EXPRESSION else None for row in rows)
    needs_text = partial or None in columns
    terms, predicate = index_expressions(sql) if needs_text and sql else ([], None)
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
    collation = None if column is None else parsed.collations.get(column.lower())
    return "BINARY" if collation is None else collation.upper()


def plain_uniques(indexes: Fact[tuple[Index, ...]], parsed: Parsed) -> Fact[tuple[Key, ...]]:
    """Return the plain unique indexes, with the names of the constraints that made them."""
    if indexes is UNKNOWN:
        return UNKNOWN
    constraints = [unique for unique in parsed.uniques if unique.name]
    keys = [
        index.key._replace(name=_key_name(index, constraints))
        for index in indexes
        if index.unique is True and index.is_plain is True and index.backs != "primary key"
    ]
    return tuple(sorted(keys, key=lambda key: (key.name, key.columns)))


def _key_name(index: Index, constraints: list[Named]) -> str:
    """Return the name of the constraint that made the index, else that of the index."""
    if index.backs != "unique":
        return index.name
    columns = tuple(name.lower() for name in index.columns if name is not None)
    return next((unique.name for unique in constraints if unique.columns == columns), "")
