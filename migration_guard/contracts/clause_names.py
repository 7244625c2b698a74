"""What a clause is about, as the ids of assertions name it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from migration_guard.contracts import constraints, keys_and_indexes
from migration_guard.contracts.declare import (
    Check,
    Clause,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    PrimaryKey,
    Unique,
)
from migration_guard.contracts.index_text import in_brackets


def name_clause(clause: Clause) -> str:
    """Return the name of a part of a table: ``email``, ``unique(a, b)``; "" for another clause."""
    name = _NAMES.get(type(clause))
    return name(clause) if name is not None else ""


_NAMES: Final[Mapping[type[Clause], Callable[[Any], str]]] = {
    Column: lambda column: column.name,
    PrimaryKey: lambda key: f"primary_key{in_brackets(key.columns)}",
    Unique: lambda unique: f"unique{keys_and_indexes.describe(unique)}",
    Index: lambda index: f"index{keys_and_indexes.describe(index)}",
    Check: lambda check: f"check{constraints.describe(check)}",
    ForeignKey: lambda key: f"foreign_key{in_brackets(key.columns)}",
    Exclusion: lambda exclusion: f"exclusion{constraints.describe(exclusion)}",
}
