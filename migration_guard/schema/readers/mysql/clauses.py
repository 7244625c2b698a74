"""The clauses of a CREATE TABLE that no table of information_schema has.

Sources: MariaDB manual, "SHOW CREATE TABLE", "Application-Time Periods", "MERGE".
"""

import re
from collections.abc import Iterator
from typing import Final

from migration_guard.schema.objects import UNKNOWN, Program
from migration_guard.schema.readers.mysql.create_table import read_create_table, results_as_bytes
from migration_guard.schema.readers.mysql.listing import Listing
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, significant

# A quick look before the text is read by tokens: most tables have none of these.
_ANY: Final = re.compile(r"PERIOD FOR|PARSER|KEY_BLOCK_SIZE|UNION=|SYSTEM_TIME")
_CLAUSE: Final = re.compile(
    r"PERIOD FOR \S+ \( .*? \)|\S+ \( [^()]*? WITHOUT OVERLAPS \)|WITH PARSER \S+"
    r"|\S+ \( [^()]*? \)(?: USING \w+)? KEY_BLOCK_SIZE = \d+"
    r"|INSERT_METHOD = \w+|UNION = \( .*? \)"
    r"|BY SYSTEM_TIME (?:INTERVAL \S+ \w+|LIMIT \d+)|AUTO(?= PARTITIONS)"
)


def table_clauses(listing: Listing, tables: list[str]) -> Iterator[Program]:
    """Yield the clauses of each table that has some; UNKNOWN where the role may not look."""
    with results_as_bytes(listing):
        texts = {table: read_create_table(listing, table) for table in tables}
    for table, text in texts.items():
        if text is None:
            yield Program("clauses", "", table, UNKNOWN)
        elif _ANY.search(text):
            clauses = ", ".join(_CLAUSE.findall(_without_strings(text)))
            if clauses:
                yield Program("clauses", "", table, clauses)


def _without_strings(sql: str) -> str:
    """Return the tokens of a statement but its strings, with one space between two."""
    tokens = significant(sql, expression_dialect("mysql"))
    return " ".join(token.text for token in tokens if token.kind is not Kind.STRING)
