"""Where a lock, a scan or a rewrite hurts nobody, though squawk warns of it.

On a table that this set of new migrations makes nobody waits. SET NOT NULL reads no row where a
valid CHECK proves it (PostgreSQL 12 and later, ALTER TABLE, "SET/DROP NOT NULL").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.sql.cursor import Cursor, keyword

if TYPE_CHECKING:
    from migration_guard.linter.danger.tables import Check, Table
    from migration_guard.linter.danger.walk import Step

OF_NOT_NULL: Final = frozenset({"adding-not-nullable-field", "ban-drop-constraint"})
# squawk's rules of what a statement does to a table that others use.
OF_TABLES: Final = OF_NOT_NULL | frozenset(
    """require-concurrent-index-creation require-concurrent-index-deletion renaming-column
    constraint-missing-not-valid adding-field-with-default adding-foreign-key-constraint
    changing-column-type adding-serial-primary-key-field renaming-table disallowed-unique-constraint
    adding-required-field require-concurrent-partition-detach require-concurrent-reindex
    require-lock-timeout ban-drop-not-null ban-drop-constraint""".split()  # noqa: SIM905
)


class Calm(NamedTuple):
    """The lines of a statement that needs no warning.

    ``is_fresh``: its table is new. Else its SET NOT NULL are all proven, or the CHECKs that it
    drops say no more than the NOT NULL that stays.
    """

    first_line: int
    last_line: int
    is_fresh: bool


def read_calm(step: Step) -> Calm | None:
    """Return the lines of a statement that locks or scans nothing that is in use, else None."""
    ddl = step.ddl
    if ddl is None or step.part.is_nested:
        return None
    name = ddl.table or (ddl.names[0] if ddl.kind == "TABLE" and ddl.names else None)
    if name is None:
        return None
    first = step.statement.line
    last = first + step.statement.text.count("\n")
    if step.tables.is_fresh(name) and ddl.verb != "DROP":
        return Calm(first, last, is_fresh=True)
    table = step.tables.find(name)
    is_calm = table is not None and ddl.kind == "TABLE" and _is_proven(step, table)
    return Calm(first, last, is_fresh=False) if is_calm else None


def _is_proven(step: Step, table: Table) -> bool:
    """Return True if all that an ALTER TABLE does is a SET NOT NULL or a drop of its proof."""
    checks = table.checks.values()
    proven = {column for check in checks if check.is_valid for column in check.not_null}
    clauses = step.part.clauses
    for clause in clauses:
        cursor = Cursor(clause, step.lexis)
        verb = cursor.take()
        if verb == "DROP" and cursor.accept("CONSTRAINT"):
            _ = cursor.accept("IF", "EXISTS")
            name = cursor.take_name()
            check = table.checks.get(name.name) if name is not None else None
            if check is None or not _is_said_twice(check, table):
                return False
            continue
        _ = cursor.accept("COLUMN")
        column = cursor.take_name()
        words = [keyword(token) for token in cursor.rest]
        if words != ["SET", "NOT", "NULL"] or column is None or column.name not in proven:
            return False
    return bool(clauses)


def _is_said_twice(check: Check, table: Table) -> bool:
    columns = [table.columns.get(name) for name in check.not_null]
    return check.says_only_not_null and all(c is not None and c.is_not_null for c in columns)
