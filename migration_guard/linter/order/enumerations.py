"""Enumerations of the parse tree as text, and groups of their values."""

from functools import cache
from typing import Final

from migration_guard.linter.grammar import library

# The kinds of relations by their ObjectType, in the words of our messages.
RELATION_KINDS: Final = {
    "TABLE": "table",
    "VIEW": "view",
    "MATVIEW": "materialized view",
    "SEQUENCE": "sequence",
    "INDEX": "index",
    "FOREIGN_TABLE": "foreign table",
}
TYPE_KINDS: Final = frozenset({"TYPE", "DOMAIN"})
# Objects that have no name of their own outside a table.
PART_KINDS: Final = {
    "TRIGGER": "trigger",
    "POLICY": "policy",
    "RULE": "rule",
    "TABCONSTRAINT": "constraint",
}
ROUTINE_KINDS: Final = frozenset({"FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE"})


@cache
def _names(enumeration: str) -> dict[int, str]:
    return {
        value: name
        for name, value in getattr(library("postgast.pg_query_pb2"), enumeration).items()
    }


def object_type(value: int) -> str:
    """Return an ObjectType as ``TABLE``, ``INDEX``, ``COLUMN``, …."""
    return _names("ObjectType")[value].removeprefix("OBJECT_")


def alter_table_type(value: int) -> str:
    """Return an AlterTableType as ``AddColumn``, ``DropColumn``, …."""
    return _names("AlterTableType")[value].removeprefix("AT_")


def constraint_type(value: int) -> str:
    """Return a ConstrType as ``PRIMARY``, ``FOREIGN``, ``CHECK``, …."""
    return _names("ConstrType")[value].removeprefix("CONSTR_")


def is_cascade(behavior: int) -> bool:
    """Return True if a DropBehavior is CASCADE."""
    return _names("DropBehavior")[behavior] == "DROP_CASCADE"
