"""The clauses of a CREATE TABLE that no table of information_schema has.

Sources: MariaDB manual, "SHOW CREATE TABLE", "Application-Time Periods", "MERGE".
"""

import re
from collections.abc import Iterator
from typing import Final

from migration_guard.schema.objects import UNKNOWN, Program
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
    for table in tables:
        quoted = listing.connection.ops.quote_name(table)
        rows = listing.rows_or_none((), f"SHOW CREATE TABLE {quoted}")
        if rows is None:
            yield Program("clauses", "", table, UNKNOWN)
        elif _ANY.search(rows[0][1]):
            clauses = ", ".join(_CLAUSE.findall(_without_strings(rows[0][1])))
            if clauses:
                yield Program("clauses", "", table, clauses)


def _without_strings(sql: str) -> str:
    """Return the tokens of a statement but its strings, with one space between two."""
    tokens = significant(sql, expression_dialect("mysql"))
    return " ".join(token.text for token in tokens if token.kind is not Kind.STRING)
