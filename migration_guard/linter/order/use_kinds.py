"""The kinds of what SQL uses, one value each."""

from dataclasses import dataclass
from typing import TypeAlias

from migration_guard.linter.order.names import Name


@dataclass(frozen=True, slots=True)
class RelationUse:
    """A table, view, sequence or index that must exist, at a parse location."""

    name: Name
    location: int


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column that one of the relations must have."""

    relations: tuple[Name, ...]
    column: str
    location: int


@dataclass(frozen=True, slots=True)
class TypeUse:
    """A type that must exist."""

    name: Name
    location: int


@dataclass(frozen=True, slots=True)
class CallUse:
    """A function that is called; ``words`` are its literal arguments.

    ``runs`` is True for a call in the results of a SELECT without FROM, which surely runs once.
    """

    name: str
    words: tuple[str, ...]
    schema: str = ""
    location: int = 0
    runs: bool = False


@dataclass(frozen=True, slots=True)
class ValueUse:
    """A literal that is taken for a value of a type, or of a column's type."""

    value: str
    location: int
    type: Name | None = None
    relations: tuple[Name, ...] = ()
    column: str = ""


@dataclass(frozen=True, slots=True)
class UniqueUse:
    """Columns that must be a unique key of a table."""

    relation: Name
    columns: frozenset[str]
    location: int


@dataclass(frozen=True, slots=True)
class ConstraintUse:
    """A constraint that a table must have."""

    relation: Name
    constraint: str
    location: int


Use: TypeAlias = RelationUse | ColumnUse | TypeUse | CallUse | ValueUse | UniqueUse | ConstraintUse
