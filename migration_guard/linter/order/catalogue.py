"""A simulated PostgreSQL catalogue: the objects at one point in the order of the migrations.

Two invariants keep false alarms away. What may exist is in the catalogue, so it is never too small:
only a sure removal removes. And only an object that is sure to exist can be in the way of another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from migration_guard.linter.order.chronicle import Chronicle, Doubt
from migration_guard.linter.order.dependencies import Dependencies, Dependency
from migration_guard.linter.order.keys import ANY, TEMPORARY, Key, Place
from migration_guard.linter.order.names import Name
from migration_guard.linter.order.relations import Part, Relation, column_key, part_key


@dataclass(slots=True, kw_only=True)
class Catalogue(Chronicle):
    """The objects at one point, and what became of them before."""

    path: tuple[str, ...] = ("public",)
    relations: dict[Key, Relation] = field(default_factory=dict)
    types: dict[Key, Place | None] = field(default_factory=dict)  # None: not sure
    schemas: set[str] = field(default_factory=lambda: {"public"})
    temporary: list[Key] = field(default_factory=list)
    objects: dict[Key, dict[str, Place | None]] = field(default_factory=dict)
    dependencies: Dependencies = field(default_factory=Dependencies)

    # Names

    def new_key(self, name: Name, what: str = "relation", *, temporary: bool = False) -> Key:
        """Return the key of an object that a statement creates under ``name``."""
        if self.is_flat:
            return Key(what, ANY, name.name)
        if temporary or name.schema == TEMPORARY:
            return Key(what, TEMPORARY, name.name)
        return Key(what, name.schema or next(iter(self.path), "public"), name.name)

    def candidates(self, name: Name, what: str = "relation") -> list[Key]:
        """Return the keys that ``name`` may stand for, in the order of the search path."""
        if self.is_flat:
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

    def add_object(self, key: Key, detail: str, place: Place, *, plain: bool) -> None:
        """Add a function with a signature, an enum value, a role or the like."""
        self.record_making(key, place, plain=plain)
        self.objects.setdefault(key, {})[detail] = place

    def remove_object(self, key: Key, detail: str, place: Place) -> None:
        """Remove one of the objects with this key."""
        details = self.objects.get(key, {})
        if self.is_flat:
            details[detail] = None
            return
        details.pop(detail, None)
        if not details:
            self._forget_users(key)
            self.removals[key].append(place)
            self.objects.pop(key, None)

    def add_part(
        self, relation: Relation, what: str, name: str, part: Part, *, plain: bool, place: Place
    ) -> None:
        """Add a constraint, trigger, policy, rule or unique key to a table."""
        self.record_making(part_key(relation, what, name), place, plain=plain)
        relation.parts[what, name] = part

    def remove_part(self, relation: Relation, what: str, name: str, place: Place) -> None:
        """Remove a part of a table."""
        self.removals[part_key(relation, what, name)].append(place)
        if (what, name) in relation.parts:
            if self.is_flat:
                relation.parts[what, name] = relation.parts[what, name]._replace(made_at=None)
            else:
                del relation.parts[what, name]

    def record_attempt(self, name: Name, place: Place, what: str = "relation") -> None:
        """Keep the place that would remove or rename ``name``, which is not known to exist."""
        for key in self.candidates(name, what):
            self.attempts[key].append(place)

    def add(self, relation: Relation, *, plain: bool) -> None:
        """Add a relation. If one may exist already, its columns stay too."""
        self.record_making(relation.key, relation.made_at, plain=plain)
        before = self.relations.get(relation.key)
        if before is not None:
            relation.columns = {**dict.fromkeys(before.columns, False), **relation.columns}
            relation.is_open |= before.is_open
            relation.children += before.children
            relation.is_vague = True
        self.relations[relation.key] = relation
        if relation.key.schema == TEMPORARY:
            self.temporary.append(relation.key)
        for column in relation.columns:
            self.record_making(column_key(relation, column), relation.made_at, plain=plain)
        for part in relation.parts:
            self.record_making(part_key(relation, *part), relation.made_at, plain=plain)

    def remove(self, relation: Relation, place: Place) -> None:
        """Remove a relation with its indexes, its own sequences and its partitions."""
        self.removals[relation.key].append(place)
        self._forget_users(relation.key)
        if self.is_flat:
            relation.is_sure = False
            return
        self.relations.pop(relation.key, None)
        partitions = relation.children if relation.is_partitioned else []
        for other in [*relation.owned, *partitions]:
            if self.relations.get(other.key) is other:
                self.remove(other, place)

    def remove_cascade(self, relation: Relation, place: Place) -> None:
        """Remove a relation, the views that read it and the tables that inherit from it."""
        self.remove(relation, place)
        for other in (*relation.readers, *relation.children):
            if self.relations.get(other.key) is other:
                self.remove_cascade(other, place)

    def move(self, relation: Relation, key: Key, place: Place) -> None:
        """Give a relation another name or schema."""
        self.removals[relation.key].append(place)
        self._forget_users(relation.key)
        if not self.is_flat:
            self.relations.pop(relation.key, None)
        relation.key, relation.made_at = key, place
        self.add(relation, plain=True)

    def add_column(self, relation: Relation, column: str, place: Place, *, plain: bool) -> None:
        """Add a column to a relation and to the tables that inherit from it."""
        self.record_making(column_key(relation, column), place, plain=plain)
        relation.columns[column] = True
        for child in relation.children:
            if column not in child.columns:
                self.add_column(child, column, place, plain=False)
                child.columns[column] = False
                child.inherited.add(column)

    def remove_column(self, relation: Relation, column: str, place: Place) -> None:
        """Remove a column with its indexes and sequence. A view that reads it is no longer sure."""
        if column not in relation.columns and not relation.is_open:
            self.attempts[column_key(relation, column)].append(place)
            return
        self.removals[column_key(relation, column)].append(place)
        self._forget_users(column_key(relation, column))
        if self.is_flat or relation.is_open:
            relation.columns[column] = False
        else:
            relation.columns.pop(column, None)
        for reader in relation.readers:
            reader.is_sure = False
        for what, name in [key for key, part in relation.parts.items() if column in part.columns]:
            self.remove_part(relation, what, name, place)
        for child in relation.children:
            if column in child.inherited and child.parents == 1:
                self.remove_column(child, column, place)
        for owned in relation.owned:
            exists = self.relations.get(owned.key) is owned
            if exists and column in owned.columns and not relation.is_open:
                self.remove(owned, place)
            owned.is_sure = False

    def remove_type(self, key: Key, place: Place) -> None:
        """Remove a type."""
        self.removals[key].append(place)
        self._forget_users(key)
        if not self.is_flat:
            self.types.pop(key, None)
            self.objects.pop(key._replace(what="enum"), None)

    def doubt(
        self,
        words: frozenset[str] | None,
        place: Place,
        *,
        is_dynamic: bool = False,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """Take a statement that may have done anything to the objects that it names.

        A dynamic one may have changed any object, though what it does not name it did not make.
        Relations of the kinds in ``kept`` it did not remove either.
        """
        self.doubts.append(Doubt(place, words, is_dynamic))
        for relation in self._relations_named(None if is_dynamic else words):
            is_named = words is None or relation.key.name in words
            relation.is_sure &= not is_named and relation.kind in kept
            relation.is_doubtful = True
            for child in relation.children:
                # A new column reaches the child too, although the statement does not name it.
                child.is_open = child.is_doubtful = True
            relation.columns = dict.fromkeys(relation.columns, False)
            for name, part in relation.parts.items():
                if part.made_at is not None:
                    relation.parts[name] = part._replace(made_at=None)
        for key in self.types:
            if is_dynamic or words is None or key.name in words:
                self.types[key] = None
        for key, details in self.objects.items():
            if is_dynamic or words is None or key.name in words:
                self.objects[key] = dict.fromkeys(details)

    def _forget_users(self, target: Key) -> None:
        """Forget who uses an object that goes. A CASCADE takes constraints and triggers along."""
        for dependency in self.dependencies.around(target):
            user = dependency.user
            relation = self.relations.get(user._replace(what="relation", column=""))
            part = relation.parts.get((user.what, user.column)) if relation else None
            if relation is not None and part is not None:
                relation.parts[user.what, user.column] = part._replace(made_at=None)
        self.dependencies.forget(target)

    def doubt_dependents(self) -> None:
        """Take a CASCADE that may have removed views, indexes and columns, but no table."""
        for relation in self.relations.values():
            relation.is_sure &= relation.kind == "table" and not relation.is_doubtful
            relation.columns = dict.fromkeys(relation.columns, False)
            for name, part in relation.parts.items():
                relation.parts[name] = part._replace(made_at=None)

    def _relations_named(self, words: frozenset[str] | None) -> Iterator[Relation]:
        if words is None:
            yield from self.relations.values()
            return
        for schema in {*self.schemas, *self.path, TEMPORARY, ANY}:
            for word in words:
                if relation := self.relations.get(Key("relation", schema, word)):
                    yield relation

    def end_session(self) -> None:
        """Drop the temporary objects of a session."""
        for key in self.temporary:
            self.relations.pop(key, None)
        self.temporary.clear()

    # Questions

    def surely_uses(self, dependency: Dependency) -> bool:
        """Return True if the user surely exists as it was when it began to use its target."""
        user, order = dependency.user, dependency.made_at.order
        if user.what == "function":
            places = self.objects.get(user._replace(column=""), {})
            made = places.get(user.column)
            return made is not None and made.order == order
        relation = self.relations.get(user._replace(what="relation", column=""))
        if relation is None or not relation.is_sure or self.is_flat:
            return False
        if user.what == "relation":
            return relation.made_at.order == order
        if user.what == "column":
            return (
                bool(relation.columns.get(user.column))
                and relation.defined.get(user.column) == order
            )
        part = relation.parts.get((user.what, user.column))
        return part is not None and part.made_at is not None and part.made_at.order == order
