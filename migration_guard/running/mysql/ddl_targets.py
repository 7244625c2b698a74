"""The objects that a DDL statement of MySQL changes, whose definitions show whether it was done.

Pure: it reads the statement alone.
"""

from collections.abc import Iterable

from migration_guard.sql.cursor import Name
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import MYSQL
from migration_guard.sql.statements import Statement

_KINDS = frozenset(
    {
        *("TABLE", "VIEW", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "SEQUENCE", "DATABASE"),
        "SCHEMA",
    }
)


def targets(sql: str) -> list[tuple[str, str]]:
    """Return kind and quoted name of the objects whose definitions show that ``sql`` was done."""
    change = read_ddl(sql, "mysql")
    if change is None or "TEMPORARY" in change.options:
        return []
    if change.kind == "INDEX" and change.table is not None:
        return [("TABLE", quote(change.table))]
    # Tables that exchange partitions or swap their names look the same afterwards.
    exchanges = any(clause.verb == "EXCHANGE" for clause in change.clauses)
    old_names = {quote(name).lower() for name in change.names}
    swaps = any(quote(name).lower() in old_names for name in change.new_names)
    if change.kind not in _KINDS or exchanges or swaps:
        return []
    return [(change.kind, quote(name)) for name in change.names]


def temporary_tables(statements: Iterable[Statement]) -> set[str]:
    """Return the quoted names of the temporary tables that ``statements`` make."""
    changes = [read_ddl(statement.text, "mysql") for statement in statements]
    return {
        quote(name)
        for change in changes
        if change is not None and change.verb == "CREATE" and "TEMPORARY" in change.options
        for name in change.names
    }


def quote(name: Name) -> str:
    """Return a name as SQL takes it."""
    return ".".join(MYSQL.quote(part) for part in (name.schema, name.name) if part)
