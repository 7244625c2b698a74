"""The relations of a simulated catalogue, with their columns and parts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from migration_guard.linter.order.keys import Key, Place
from migration_guard.linter.order.names import Name


class Part(NamedTuple):
    """A constraint, trigger, policy, rule or unique key of a table, over some columns.

    ``made_at`` is None if it is not sure to exist. A part that is not ``is_named`` has a name that
    the server made.
    """

    made_at: Place | None
    columns: frozenset[str] = frozenset()
    is_named: bool = True


@dataclass(slots=True, eq=False)
class Relation:
    """A table, view, sequence, index or composite type.

    ``columns`` maps each column to True if it surely exists. ``is_open`` means that there are
    columns that are not known. ``is_doubtful`` means that a statement of unknown effect may have
    added some, so whatever copies them is open. ``inherited`` are the columns that only its parents
    declare. ``readers`` are the views whose query reads it, ``owned`` its indexes and sequences.
    ``types`` are the types of columns as they are written, ``defined`` where a column got its
    definition, without those that changed since. ``is_vague`` means that there are parts
    that are not known.
    """

    key: Key
    kind: str
    made_at: Place
    is_sure: bool = True
    columns: dict[str, bool] = field(default_factory=dict)
    is_open: bool = False
    readers: list["Relation"] = field(default_factory=list)
    owned: list["Relation"] = field(default_factory=list)
    children: list["Relation"] = field(default_factory=list)
    parents: int = 0
    is_partitioned: bool = False
    is_doubtful: bool = False
    inherited: set[str] = field(default_factory=set)
    types: dict[str, Name] = field(default_factory=dict)
    defined: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    is_vague: bool = False


def column_key(relation: Relation, column: str) -> Key:
    """Return the key of a relation's column."""
    return Key("column", relation.key.schema, relation.key.name, column)


def part_key(relation: Relation, what: str, name: str) -> Key:
    """Return the key of a part of a relation."""
    return Key(what, relation.key.schema, relation.key.name, name)


def unique_name(columns: Iterable[str]) -> str:
    """Return the name that we give to a unique key over columns."""
    return ", ".join(sorted(columns))
