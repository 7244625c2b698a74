"""One column of MySQL or MariaDB, from its row of ``information_schema.columns``.

MariaDB writes defaults as expressions (``'NULL'`` is none), MySQL as bare literals; here they are
expressions on both. MariaDB's JSON is ``longtext`` with a check; here its type is ``json``.
"""

import re
from typing import Final

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.objects import UNKNOWN, Column, Fact, Generated
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.types import normalize

VENDOR: Final = "mysql"

_COMPRESSED: Final = re.compile(r"\s*/\*M!\d+ COMPRESSED\*/")
_NUMBERS: Final = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit"}
)


def make_column(
    row: Row,
    table_collation: str | None,
    *,
    json: Fact[bool],
    mariadb: bool,
    table_fills: Fact[bool],
) -> Column:
    """Return a column; ``json`` is whether MariaDB's check of JSON is on it.

    ``table_fills`` is whether something else than the column gives it a value.
    """
    _, name, default, nullable, type_text, data_type, extra, comment, collation, expression = row
    base_type: Fact[str | None] = None
    # How MariaDB stores a column is no part of its type.
    column_type: Fact[str] = normalize(_COMPRESSED.sub("", type_text), VENDOR)
    own_collation: Fact[str | None] = collation if collation != table_collation else None
    if json is UNKNOWN:
        column_type = base_type = UNKNOWN
        own_collation = UNKNOWN if own_collation is not None else None
    elif json:
        column_type, own_collation, base_type = "json", None, "longtext"
    default_text = _default(default, data_type, extra, mariadb=mariadb)
    # The first value of an enum is its default (MySQL manual, "Data Type Default Values").
    fills_itself = default_text is not None or bool(expression) or data_type == "enum"
    return Column(
        name=name,
        type=column_type,
        nullable=nullable == "YES",
        default=default_text,
        identity="by default" if "auto_increment" in extra else "",
        generated=_generated(expression, extra),
        collation=own_collation,
        comment=comment or None,
        base_type=base_type,
        filled=fills_itself or "auto_increment" in extra or table_fills,
    )


def _default(default: str | None, data_type: str, extra: str, *, mariadb: bool) -> str | None:
    """Return a default as an expression; MySQL gives literals without their quotes."""
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
    return Generated(without_brackets(expression, VENDOR), stored="stored" in extra.lower())
