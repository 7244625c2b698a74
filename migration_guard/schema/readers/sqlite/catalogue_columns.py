"""What becomes of each column of SQLite's schema table and pragmas that are read. Pure.

Sources: SQLite, "The Schema Table", "PRAGMA Statements".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.marks import CatalogueTable

_COUNTED: Final = "numbers what has a name, which is compared"

CATALOGUE_TABLES: Final[Mapping[str, CatalogueTable]] = {
    "sqlite_master": CatalogueTable(
        compared="type sql", identity="name tbl_name", physical="rootpage"
    ),
    "pragma_table_list": CatalogueTable(
        compared="type wr strict",
        identity="schema name",
        left_out={"ncol": "counts the columns, which are compared"},
    ),
    "pragma_table_xinfo": CatalogueTable(
        compared="type notnull dflt_value pk hidden",
        identity="name",
        left_out={"cid": "depends on when each column was added"},
    ),
    "pragma_index_list": CatalogueTable(
        compared="unique origin partial", identity="name", left_out={"seq": _COUNTED}
    ),
    "pragma_index_xinfo": CatalogueTable(
        compared="seqno name desc coll",
        left_out={
            "cid": _COUNTED,
            "key": "tells the columns that SQLite adds itself to find the row",
        },
    ),
    "pragma_foreign_key_list": CatalogueTable(
        compared="seq table from to on_update on_delete",
        left_out={"id": _COUNTED, "match": "is NONE for all; SQLite has simple matches only"},
    ),
}
