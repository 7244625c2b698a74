"""Names in parse trees."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Name(NamedTuple):
    """A name as a statement writes it. ``schema`` is empty if none was written."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def name_of(range_var: Any) -> Name:
    """Return the name in a RangeVar."""
    return Name(range_var.schemaname, range_var.relname)


def strings(nodes: Iterable[Any]) -> list[str]:
    """Return the texts of a list of String nodes."""
    return [node.string.sval for node in nodes if node.HasField("string")]


def qualified_name(identifiers: Sequence[str]) -> Name:
    """Return the name that a dotted list of identifiers spells."""
    return Name(identifiers[-2] if len(identifiers) > 1 else "", identifiers[-1])


def identifiers(node: Any) -> list[str]:
    """Return the identifiers of an object in DROP, COMMENT and the like: a String or a List."""
    if node.HasField("string"):
        return [node.string.sval]
    if node.HasField("type_name"):
        return strings(node.type_name.names)
    return strings(node.list.items)


def object_name(node: Any) -> Name:
    """Return the name of an object in DROP, COMMENT and the like."""
    return qualified_name(identifiers(node))
