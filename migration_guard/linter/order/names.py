"""Names and enumerations in parse trees, as text."""

from functools import cache
from typing import Any

from migration_guard.linter.grammar import library
from migration_guard.linter.order.uses import Name, qualified, strings


@cache
def _enum(name: str) -> dict[int, str]:
    enum = getattr(library("postgast.pg_query_pb2"), name)
    return {value: key for key, value in enum.items()}


def object_type(value: int) -> str:
    """Return an ObjectType as ``TABLE``, ``INDEX``, ``COLUMN``, …."""
    return _enum("ObjectType")[value].removeprefix("OBJECT_")


def alter_table_type(value: int) -> str:
    """Return an AlterTableType as ``AddColumn``, ``DropColumn``, …."""
    return _enum("AlterTableType")[value].removeprefix("AT_")


def constraint_type(value: int) -> str:
    """Return a ConstrType as ``PRIMARY``, ``FOREIGN``, ``CHECK``, …."""
    return _enum("ConstrType")[value].removeprefix("CONSTR_")


def cascades(behavior: int) -> bool:
    """Tell whether a DropBehavior is CASCADE."""
    return _enum("DropBehavior")[behavior] == "DROP_CASCADE"


def parts(node: Any) -> list[str]:
    """Return the identifiers of an object in DROP, COMMENT and the like: a String or a List."""
    if node.HasField("string"):
        return [node.string.sval]
    if node.HasField("type_name"):
        return strings(node.type_name.names)
    return strings(node.list.items)


def object_name(node: Any) -> Name:
    """Return the name of such an object."""
    return qualified(parts(node))
