"""A simulated PostgreSQL catalogue: what exists at a point in the order of the migrations.

Invariants, on which "no false alarms" rests: what may exist is in it (it is never too small), so
that only a sure removal removes; ``sure`` on an object means that it exists without doubt, so that
only a sure object can be in the way of another. Every making and removal is kept with its place.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from migration_guard.linter.order.uses import Name
from migration_guard.planning.files import MigrationFile

TEMPORARY = "pg_temp"
ANY = ""  # the schema of everything where the search path is not known


class Place(NamedTuple):
    """A statement in the order of the run; ``offset`` is where in its file, in characters."""

    file_at: int
    statement_at: int
    offset: int
    file: MigrationFile | None = None  # None: the baseline

    @property
    def order(self) -> tuple[int, int]:
        """What places are compared by."""
        return self.file_at, self.statement_at


class Key(NamedTuple):
    """An object: ``what`` is relation, type, schema or column; a column has a name of its own."""

    what: str
    schema: str
    name: str
    column: str = ""


@dataclass(slots=True, eq=False)
class Relation:
    """A table, view, sequence, index or composite type.

    ``columns`` maps each to whether it surely exists; ``is_open``: there are columns that are not
    known; ``is_doubtful``: a statement of unknown effect may have added some, so that what copies
    them is open. ``inherited`` are the columns that only its parents declare. ``readers`` are the
    views whose query reads it, ``owned`` its indexes and sequences.
    """

    key: Key
    kind: str
    made: Place
    sure: bool = True
    columns: dict[str, bool] = field(default_factory=dict)
    is_open: bool = False
    readers: list["Relation"] = field(default_factory=list)
    owned: list["Relation"] = field(default_factory=list)
    children: list["Relation"] = field(default_factory=list)
    parents: int = 0
    is_partitioned: bool = False
    is_doubtful: bool = False
    inherited: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Making:
    """That something was made; ``plain``: it would have failed had it existed already."""

    place: Place
    plain: bool


@dataclass(frozen=True, slots=True)
class Opaque:
    """A statement whose effect is not known; ``words`` are all that it names, None is anything."""

    place: Place
    words: frozenset[str] | None

    def may_concern(self, *names: str) -> bool:
        """Tell whether the statement may have made or removed what has these names."""
        return self.words is None or self.words.issuperset(names)


@dataclass(slots=True)
class Catalogue:
    """The objects, and the record of how they came and went."""

    flat: bool = False
    path: tuple[str, ...] = ("public",)
    relations: dict[Key, Relation] = field(default_factory=dict)
    types: dict[Key, Place | None] = field(default_factory=dict)  # None: not sure
    schemas: set[str] = field(default_factory=lambda: {"public"})
    makings: dict[Key, list[Making]] = field(default_factory=lambda: defaultdict(list))
    removals: dict[Key, list[Place]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[Key, list[Place]] = field(default_factory=lambda: defaultdict(list))
    opaque: list[Opaque] = field(default_factory=list)
    temporary: list[Key] = field(default_factory=list)

    # Names

    def home(self, name: Name, what: str = "relation", *, temporary: bool = False) -> Key:
        """Return the key of an object that a statement creates under ``name``."""
        if self.flat:
            return Key(what, ANY, name.name)
        if temporary or name.schema == TEMPORARY:
            return Key(what, TEMPORARY, name.name)
        return Key(what, name.schema or next(iter(self.path), "public"), name.name)

    def candidates(self, name: Name, what: str = "relation") -> list[Key]:
        """Return the keys that ``name`` may stand for, in the order of the search path."""
        if self.flat:
            return [Key(what, ANY, name.name)]
        schemas = (name.schema,) if name.schema else (TEMPORARY, *self.path)
        return [Key(what, schema, name.name) for schema in schemas]

    def find(self, name: Name) -> Relation | None:
        """Return the relation that ``name`` stands for, or None."""
        for key in self.candidates(name):
            if key in self.relations:
                return self.relations[key]
        return None

    def find_type(self, name: Name) -> Key | None:
        """Return the key of the type, or of the relation whose row type it is."""
        for key in self.candidates(name, "type"):
            if key in self.types:
                return key
            if (relation := key._replace(what="relation")) in self.relations:
                return relation
        return None

    # Changes

    def note(self, key: Key, place: Place, *, plain: bool) -> None:
        """Keep that ``key`` was made."""
        self.makings[key].append(Making(place, plain))

    def attempt(self, name: Name, place: Place, what: str = "relation") -> None:
        """Keep that ``name``, not known to be there, would be removed or renamed now."""
        for key in self.candidates(name, what):
            self.attempts[key].append(place)

    def add(self, relation: Relation, *, plain: bool) -> None:
        """Put a relation in; one that may be there already keeps its columns too."""
        self.note(relation.key, relation.made, plain=plain)
        before = self.relations.get(relation.key)
        if before is not None:
            relation.columns = {**dict.fromkeys(before.columns, False), **relation.columns}
            relation.is_open |= before.is_open
            relation.children += before.children
        self.relations[relation.key] = relation
        if relation.key.schema == TEMPORARY:
            self.temporary.append(relation.key)
        for column in relation.columns:
            self.note(column_key(relation, column), relation.made, plain=plain)

    def remove(self, relation: Relation, place: Place) -> None:
        """Take a relation out, with its indexes, its own sequences and its partitions."""
        self.removals[relation.key].append(place)
        if self.flat:
            relation.sure = False
            return
        self.relations.pop(relation.key, None)
        partitions = relation.children if relation.is_partitioned else []
        for other in [*relation.owned, *partitions]:
            if self.relations.get(other.key) is other:
                self.remove(other, place)

    def remove_cascade(self, relation: Relation, place: Place) -> None:
        """Take a relation out with the views that read it and the tables that inherit from it."""
        self.remove(relation, place)
        for other in (*relation.readers, *relation.children):
            if self.relations.get(other.key) is other:
                self.remove_cascade(other, place)

    def move(self, relation: Relation, key: Key, place: Place) -> None:
        """Give a relation another name or schema."""
        self.removals[relation.key].append(place)
        if not self.flat:
            self.relations.pop(relation.key, None)
        relation.key, relation.made = key, place
        self.add(relation, plain=True)

    def add_column(self, relation: Relation, column: str, place: Place, *, plain: bool) -> None:
        """Give a relation, and those that inherit from it, a column."""
        self.note(column_key(relation, column), place, plain=plain)
        relation.columns[column] = True
        for child in relation.children:
            if column not in child.columns:
                self.add_column(child, column, place, plain=False)
                child.columns[column] = False
                child.inherited.add(column)

    def remove_column(self, relation: Relation, column: str, place: Place) -> None:
        """Take a column out with its indexes and sequence; a view that reads it may go too."""
        if column not in relation.columns and not relation.is_open:
            self.attempts[column_key(relation, column)].append(place)
            return
        self.removals[column_key(relation, column)].append(place)
        if self.flat or relation.is_open:
            relation.columns[column] = False
        else:
            relation.columns.pop(column, None)
        for other in relation.readers:
            other.sure = False
        for child in relation.children:
            if column in child.inherited and child.parents == 1:
                self.remove_column(child, column, place)
        for other in relation.owned:
            here = self.relations.get(other.key) is other
            if here and column in other.columns and not relation.is_open:
                self.remove(other, place)
            other.sure = False

    def doubt(self, words: frozenset[str] | None, place: Place) -> None:
        """Keep that a statement may have done anything to what it names."""
        self.opaque.append(Opaque(place, words))
        for relation in self._named(words):
            relation.sure, relation.is_doubtful = False, True
            for child in relation.children:
                # A new column comes down to it, and it is not named.
                child.is_open = child.is_doubtful = True
            relation.columns = dict.fromkeys(relation.columns, False)
        for key in self.types:
            if words is None or key.name in words:
                self.types[key] = None

    def doubt_dependents(self) -> None:
        """Take a CASCADE that may have removed views, indexes, columns, but no table."""
        for relation in self.relations.values():
            relation.sure &= relation.kind == "table" and not relation.is_doubtful
            relation.columns = dict.fromkeys(relation.columns, False)

    def _named(self, words: frozenset[str] | None) -> Iterator[Relation]:
        if words is None:
            yield from self.relations.values()
            return
        for schema in {*self.schemas, *self.path, TEMPORARY, ANY}:
            for word in words:
                if found := self.relations.get(Key("relation", schema, word)):
                    yield found

    def end_session(self) -> None:
        """Forget what a session takes with it: temporary objects and its search path."""
        for key in self.temporary:
            self.relations.pop(key, None)
        self.temporary.clear()

    # Questions

    def may_exist(self, *names: str) -> bool:
        """Tell whether a statement of unknown effect may have made what has these names."""
        return any(opaque.may_concern(*names) for opaque in self.opaque)

    def later(self, keys: Sequence[Key], place: Place) -> Making | None:
        """Return the first making of one of ``keys`` after ``place``."""
        makings = [m for key in keys for m in self.makings.get(key, ())]
        makings = [making for making in makings if making.place.order > place.order]
        return min(makings, key=lambda making: making.place.order, default=None)

    def untouched(self, keys: Sequence[Key], start: Place, end: Place) -> bool:
        """Tell whether surely nothing between two places, the first included, removed a key."""
        schemas = [Key("schema", key.schema, key.schema) for key in keys]
        tables = [Key("relation", key.schema, key.name) for key in keys]
        gone = (
            place
            for key in (*keys, *schemas, *tables)
            for known in (self.removals, self.attempts)
            for place in known.get(key, ())
        )
        doubts = (
            opaque.place
            for opaque in self.opaque
            if any(opaque.may_concern(*filter(None, (key.name, key.column))) for key in keys)
        )
        return not any(
            start.order <= place.order < end.order for place in itertools.chain(gone, doubts)
        )


def column_key(relation: Relation, column: str) -> Key:
    """Return the key of a relation's column."""
    return Key("column", relation.key.schema, relation.key.name, column)
