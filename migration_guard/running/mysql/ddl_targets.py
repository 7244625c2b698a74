"""The objects that a DDL statement of MySQL changes, whose definitions show whether it was done.

Pure: it reads the statement alone.
"""

from migration_guard.sql.cursor import Name
from migration_guard.sql.ddl import read_ddl

_KINDS = frozenset(
    {
        *("TABLE", "VIEW", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "SEQUENCE", "DATABASE"),
        "SCHEMA",
    }
)


def targets(sql: str) -> list[tuple[str, str]]:
    """Return kind and quoted name of what ``sql`` changes, where its definition tells of it."""
    change = read_ddl(sql, "mysql")
    if change is None or "TEMPORARY" in change.options:
        return []
    if change.kind == "INDEX" and change.table is not None:
        return [("TABLE", _quoted(change.table))]
    # What is exchanged looks the same afterwards; in a swap, too, the names stand for the same.
    exchanges = any(clause.verb == "EXCHANGE" for clause in change.clauses)
    if change.kind not in _KINDS or exchanges or set(change.new_names) & set(change.names):
        return []
    return [(change.kind, _quoted(name)) for name in change.names]


def _quoted(name: Name) -> str:
    return ".".join(
        "`{}`".format(part.replace("`", "``")) for part in (name.schema, name.name) if part
    )
