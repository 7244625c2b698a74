"""Tables whose engine has no transactions: a ROLLBACK leaves what was written to them.

Source: MariaDB knowledge base, "Information Schema ENGINES Table".
"""

from itertools import takewhile
from typing import Final

from migration_guard.planning.scripts import Unit
from migration_guard.running.connection import Connection
from migration_guard.sql.cursor import identifier, keyword
from migration_guard.sql.dialects import MYSQL
from migration_guard.sql.scanner import Kind, significant

_WRITES: Final = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD"})
# Behind these words stand no more tables that are written to.
_END_OF_TABLES: Final = frozenset({"VALUES", "VALUE", "SET", "SELECT", "WHERE", "("})
_NAMES: Final = (Kind.WORD, Kind.QUOTED)


def writes_for_good(connection: Connection, unit: Unit) -> bool:
    """Return whether a unit writes to a table of an engine without transactions."""
    names = {name for statement in unit.statements for name in _tables(statement.text)}
    if not names:
        return False
    marks = ", ".join(["%s"] * len(names))
    rows = connection.fetch(
        "SELECT 1 FROM information_schema.tables t JOIN information_schema.engines e "
        f"ON e.engine = t.engine WHERE t.table_name IN ({marks}) "
        f"AND (t.table_schema = DATABASE() OR t.table_schema IN ({marks})) "
        "AND t.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') "
        "AND COALESCE(e.transactions, 'NO') <> 'YES' LIMIT 1",
        (*names, *names),
    )
    return bool(rows)


def _tables(text: str) -> set[str]:
    """Return the words of a statement among which are the tables that it writes to."""
    # Read one by one: of an INSERT with many rows, no more than its head.
    tokens = (token for token in significant(text, MYSQL) if token.kind is not Kind.KEPT_COMMENT)
    first = next(tokens, None)
    if first is None or keyword(first) not in _WRITES:
        return set()
    head = takewhile(lambda token: keyword(token) not in _END_OF_TABLES, tokens)
    return {identifier(token, MYSQL) for token in head if token.kind in _NAMES}
