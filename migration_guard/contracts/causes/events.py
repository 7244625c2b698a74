"""What statements did to the objects of a schema and their parts, by the names that they had."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, TypeVar

from migration_guard.planning.plan import Planned
from migration_guard.sql.ddl import DDL


class Verb(IntEnum):
    """What a statement does with an object; a higher value tells more about it."""

    MENTIONS = 0
    CHANGES = 1
    RENAMES = 2
    DROPS = 3
    ADDS = 4

    @property
    def word(self) -> str:
        """The verb as a message has it."""
        return self.name.lower()


class Source(NamedTuple):
    """A statement of a migration; ``change`` is None for what is no DDL."""

    migration: Planned
    text: str
    line: int
    vendor: str
    change: DDL | None


class Event(NamedTuple):
    """What a statement did to an object; ``name`` is the one that the object had, or got."""

    verb: Verb
    source: Source
    name: str

    @property
    def migration(self) -> Planned:
        """The migration of the statement."""
        return self.source.migration

    @property
    def place(self) -> tuple[tuple[int, str], int]:
        """The sort key of statements: their migration, then their line."""
        return self.migration.key, self.source.line


@dataclass(eq=False)
class Part:
    """A column, index, constraint, trigger or the like of a table."""

    name: str
    names: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    exists: bool = True

    def add(self, verb: Verb, source: Source, name: str = "") -> None:
        """Note what a statement does."""
        self.events.append(Event(verb, source, name or self.name))
        if self.name not in self.names:
            self.names.append(self.name)

    def rename(self, source: Source, name: str) -> None:
        """Note that a statement gives it another name."""
        self.add(Verb.RENAMES, source, name)
        self.name = name
        self.names.append(name)


@dataclass(eq=False)
class SchemaObject(Part):
    """A table, view, type, function or the like, with its parts.

    ``is_copy`` says that the statement which made it names no columns, as CREATE TABLE … LIKE.
    """

    schema: str = ""
    parts: list[Part] = field(default_factory=list)
    is_copy: bool = False

    def part(self, name: str) -> Part | None:
        """Return the part of this name, or the last one that ever had it."""
        return find_latest(self.parts, name)

    def note_part(self, verb: Verb, source: Source, name: str) -> None:
        """Note what a statement does to the part of this name."""
        part = self._current_or_new(name)
        part.add(verb, source)
        part.exists = verb is not Verb.DROPS

    def note_added_part(self, source: Source, name: str, *, is_conditional: bool) -> None:
        """Note that a statement adds a part, unless it does so only where there is none."""
        part = find_current(self.parts, name)
        is_there = is_conditional and part is not None and part.exists
        self.note_part(Verb.MENTIONS if is_there else Verb.ADDS, source, name)

    def rename_part(self, source: Source, old: str, new: str) -> None:
        """Give a part another name."""
        self._current_or_new(old).rename(source, new)

    def _current_or_new(self, name: str) -> Part:
        part = find_current(self.parts, name)
        if part is None:
            part = Part(name)
            self.parts.append(part)
        return part


P = TypeVar("P", bound=Part)


def find_current(parts: Sequence[P], name: str) -> P | None:
    """Return what has this name now, what exists first."""
    folded = name.casefold()
    named = [part for part in parts if part.name.casefold() == folded]
    return next((part for part in named if part.exists), named[-1] if named else None)


def find_latest(parts: Sequence[P], name: str) -> P | None:
    """Return what has this name now, else the last that ever had it."""
    folded = name.casefold()
    current = find_current(parts, name)
    if current is not None:
        return current
    bearers = [part for part in parts if folded in map(str.casefold, part.names)]
    return bearers[-1] if bearers else None
