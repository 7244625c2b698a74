"""Statements that write rows without a list of columns, so that only the table names them.

Pure. Source: PostgreSQL manual, "INSERT", "COPY"; MariaDB manual, "REPLACE".
"""

import re
from typing import Final

_TABLE: Final = r"(?P<table>[\w$.\"`\[\]]+)"
WRITES: Final = re.compile(
    r"\b(?:(?:INSERT|REPLACE)(?:\s+(?:OR\s+\w+|LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE))*"
    rf"(?:\s+INTO)?|COPY)\s+{_TABLE}\s*(?:AS\s+\w+\s*)?"
    r"(?:OVERRIDING\s+\w+\s+VALUE\s*)?\(?\s*(?:VALUES?|SELECT|TABLE|WITH|FROM)\b",
    re.IGNORECASE,
)
# Not behind IF NOT EXISTS, where the table may be there with other columns.
_DEFINITION: Final = re.compile(
    rf"\bCREATE\s+(?:\w+\s+){{0,2}}TABLE\s+{_TABLE}\s*\(", re.IGNORECASE
)
# By which a table gets columns that its definition does not name.
_INHERITS: Final = re.compile(r"\b(?:LIKE|INHERITS|AS)\b", re.IGNORECASE)


def tables_without_columns(text: str) -> set[str]:
    """Return the names, in lower case, of tables that get rows without a list of columns."""
    return {_plain_name(match) for match in WRITES.finditer(text)}


def defined_tables(text: str) -> set[str]:
    """Return the names, in lower case, of tables all of whose columns ``text`` names."""
    if _INHERITS.search(text):
        return set()
    return {_plain_name(match) for match in _DEFINITION.finditer(text)}


def _plain_name(match: re.Match[str]) -> str:
    return match["table"].lower().rpartition(".")[2].strip('"`[]')
