"""The indexes of MySQL and MariaDB, from ``information_schema.statistics``."""

from typing import Final

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.objects import UNKNOWN, Fact, Index, Key
from migration_guard.schema.readers.catalogue import Catalogue, Row
from migration_guard.schema.readers.mysql import queries
from migration_guard.schema.readers.mysql.columns import VENDOR

_DISABLED: Final = "disabled"  # by ALTER TABLE … DISABLE KEYS


def index_query(catalogue: Catalogue) -> str:
    """Return the query for the columns that this server's table of indexes has."""
    columns = {row[0] for row in catalogue.rows(queries.INDEX_COLUMNS)}
    ignored = "'NO'"
    if "ignored" in columns:
        ignored = "ignored"
    elif "is_visible" in columns:
        ignored = "IF(is_visible = 'NO', 'YES', 'NO')"
    expression = "expression" if "expression" in columns else "NULL"
    return queries.INDEXES.format(expression=expression, ignored=ignored)


def make_index(rows: list[Row]) -> Index:
    """Return an index; it has a row for each of its columns."""
    _, name, non_unique, _, _, _, method, _, ignored, state, comment = rows[0]
    prefixes = tuple(None if row[4] is None else int(row[4]) for row in rows)
    # The prefix length of a spatial or full-text index is none.
    is_whole = method.upper() in {"SPATIAL", "FULLTEXT"}
    backs = "primary key" if name == "PRIMARY" else "" if non_unique else "unique"
    return Index(
        name=name,
        columns=tuple(row[3] for row in rows),
        expressions=tuple(without_brackets(row[7], VENDOR) for row in rows if row[3] is None),
        unique=not non_unique,
        method=method.lower(),
        valid=ignored != "YES" and state != _DISABLED,
        orders=tuple("desc" if row[5] == "D" else "asc" for row in rows),
        prefix_lengths=tuple(None for _ in rows) if is_whole else prefixes,
        backs=backs,
        comment=comment or None,
    )


def plain_uniques(indexes: Fact[tuple[Index, ...]]) -> Fact[tuple[Key, ...]]:
    """Return the plain unique keys; one that the optimiser must ignore still forbids duplicates."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return tuple(
        index.key
        for index in indexes
        if index.backs == "unique"
        and (index if index.valid is True else index._replace(valid=True)).is_plain is True
    )
