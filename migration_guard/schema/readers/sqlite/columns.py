"""One column of SQLite, from its row of ``pragma_table_xinfo`` and the text of its table.

Source: SQLite, "ROWIDs and the INTEGER PRIMARY KEY", "PRAGMA table_xinfo".
"""

from functools import lru_cache
from typing import Final

from migration_guard.schema.objects import UNKNOWN, Column, Fact, Generated, Index
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.sqlite.create_table import Parsed
from migration_guard.schema.types import normalize
from migration_guard.sql.dialects import SQLITE
from migration_guard.sql.scanner import significant

VENDOR: Final = "sqlite"

HIDDEN_COLUMN: Final = 1  # of a virtual table
_VIRTUAL_COLUMN: Final = 2
_STORED_COLUMN: Final = 3
_ROWIDS: Final = tuple(
    Column(name, "integer", False, None, "by default", None, None, None, filled=True)
    for name in ("rowid", "oid", "_rowid_")
)


def make_column(row: Row, parsed: Parsed, is_alias: Fact[bool]) -> Column:
    """Return a column; the alias of the rowid is never null, though the pragma may differ."""
    _, name, type_text, not_null, default, _, hidden = row
    folded = name.lower()
    generated = None
    if hidden in {_VIRTUAL_COLUMN, _STORED_COLUMN}:
        expression = parsed.generated.get(folded)
        generated = Generated(
            UNKNOWN if expression is None else expression, stored=hidden == _STORED_COLUMN
        )
    has_default = default is not None and default.upper() != "NULL"
    fills_itself = has_default or generated is not None
    return Column(
        name=name,
        type=_declared_type(type_text),
        nullable=False if not_null else UNKNOWN if is_alias is UNKNOWN else not is_alias,
        default=default if has_default else None,
        identity=UNKNOWN if is_alias is UNKNOWN else "by default" if is_alias else "",
        generated=generated,
        collation=parsed.collations.get(folded),
        comment=None,
        # A trigger cannot: it changes no value of the new row.
        filled=True if fills_itself else is_alias,
    )


@lru_cache(maxsize=4096)
def _declared_type(type_text: str) -> str:
    """Return a declared type; before 3.42 GENERATED ALWAYS is part of it.

    SQLite keeps it as it was written, with the comments.
    """
    if "--" in type_text or "/*" in type_text:
        type_text = " ".join(token.text for token in significant(type_text, SQLITE))
    return normalize(type_text, VENDOR).removesuffix("generated always").strip()


def hidden_columns(rows: list[Row], parsed: Parsed, *, has_rowid: bool) -> tuple[Column, ...]:
    """Return what ``SELECT *`` leaves out: the rowid by its free names, and what a module hides."""
    names = {row[1].lower() for row in rows}
    hidden = [make_column(row, parsed, False) for row in rows if row[6] == HIDDEN_COLUMN]
    return (*hidden, *(row_id for row_id in _ROWIDS if has_rowid and row_id.name not in names))


def rowid_alias(columns: list[Row], indexes: Fact[tuple[Index, ...]]) -> dict[str, Fact[bool]]:
    """Return the column that is another name of the rowid, an INTEGER PRIMARY KEY without an index.

    With an index it is WITHOUT ROWID, or the historical INTEGER PRIMARY KEY DESC.
    """
    key = [row for row in columns if row[5]]
    if len(key) != 1 or key[0][2].upper() != "INTEGER":
        return {}
    if indexes is UNKNOWN:
        return {key[0][1]: UNKNOWN}
    return {key[0][1]: not any(index.backs == "primary key" for index in indexes)}
