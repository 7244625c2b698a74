"""What the statements of all migrations, in order, do to each object of the schema.

Pure. Names are followed: an object that was renamed, moved or rebuilt keeps what was done to it
under its earlier names. Names count without regard to case.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from migration_guard.contracts.causes.events import (
    Event,
    Part,
    SchemaObject,
    Source,
    Verb,
    find_current,
    find_latest,
)
from migration_guard.planning.plan import Planned
from migration_guard.sql.cursor import Name
from migration_guard.sql.ddl import DDL, Clause, read_items


class Provenance:
    """The objects that the migrations make, alter and drop, by the names that they ever had."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.objects: list[SchemaObject] = []
        # By each folded name that they ever had.
        self._bearers: defaultdict[str, list[SchemaObject]] = defaultdict(list)
        # By the folded names of their indexes, triggers and the like.
        self._owners: defaultdict[str, list[SchemaObject]] = defaultdict(list)
        for source in sources:
            if source.change is not None:
                self._apply(source, source.change)

    def find(self, label: str) -> SchemaObject | None:
        """Return the object of this name, else the last one that ever had it.

        ``label`` may begin with the schema; without it, public goes before other schemas.
        """
        schema, name = "", label
        if "." in label and not self._named(label):
            schema, _, name = label.rpartition(".")
        objects = self._named(name, schema)
        usual_schemas = {schema.casefold(), "", "public"}
        usual = [object_ for object_ in objects if object_.schema.casefold() in usual_schemas]
        return find_latest(usual, name) or find_latest(objects, name)

    def find_part(self, label: str, name: str) -> Part | None:
        """Return a part of an object; an index without a known table also by its name alone."""
        object_ = self.find(label)
        part = object_.part(name) if object_ is not None else None
        return part or find_latest(self._nowhere.parts, name)

    # -- statements

    def _apply(self, source: Source, change: DDL) -> None:
        if "TEMPORARY" in change.options or not change.names:
            return
        if change.kind in _SCHEMAS:
            self._apply_to_schema(source, change)
        elif change.kind in _PARTS:
            self._apply_to_part(source, change)
        elif change.verb == "CREATE":
            self._create(source, change)
        elif change.verb == "DROP":
            for name in change.names:
                self._drop(source, self._object(name))
        elif change.verb == "RENAME":
            for name, new in zip(change.names, change.new_names, strict=False):
                self._rename(source, self._object(name), new.name, new.schema)
        else:
            self._alter(source, change)

    def _create(self, source: Source, change: DDL) -> None:
        object_ = self._object(change.names[0])
        is_there = object_.exists and bool(object_.events)
        object_.exists = True
        object_.add(Verb.MENTIONS if is_there and change.is_conditional else Verb.ADDS, source)
        if change.kind == "TABLE":
            clauses = list(read_items(source.text, source.vendor))
            object_.is_copy = not clauses or clauses[0].words[:1] == ("LIKE",)
            for clause in () if object_.is_copy else clauses:
                self._add_parts(source, object_, clause)

    def _drop(self, source: Source, object_: SchemaObject) -> None:
        successor = self._successor(source, object_)
        if successor is not None:
            self._rebuild(source, object_, successor)
            return
        for part in object_.parts:
            if part.exists:
                object_.note_part(Verb.DROPS, source, part.name)
        object_.add(Verb.DROPS, source)
        object_.exists = False

    def _rename(self, source: Source, object_: SchemaObject, name: str, schema: str = "") -> None:
        others = [other for other in self._named(name, object_.schema) if other is not object_]
        replaced = find_current(others, name)
        is_rebuild = (
            replaced is not None
            and _was_dropped_by(replaced, source.migration)
            and _was_made_by(object_, source.migration)
        )
        object_.rename(source, name)
        object_.schema = schema or object_.schema
        self._bearers[name.casefold()].append(object_)
        if replaced is not None and is_rebuild:
            self._rebuild(source, replaced, object_)
        elif replaced is not None:
            replaced.exists = False

    def _rebuild(self, source: Source, old: SchemaObject, new: SchemaObject) -> None:
        """Let ``new``, a copy under the name of ``old``, go on with the life of ``old``."""
        migration = source.migration
        for part in old.parts:
            part.events = [event for event in part.events if not _is_drop(event, migration)]
            copied = find_current(new.parts, part.name)
            if copied is not None:
                copied.events = [*part.events, *map(_as_change, copied.events)]
                copied.names = [*part.names, *copied.names]
                continue
            part.exists = bool(part.events) and part.events[-1].verb is not Verb.DROPS
            if part.exists and not new.is_copy:
                part.add(Verb.DROPS, source)
                part.exists = False
            new.parts.insert(0, part)
        earlier = [event for event in old.events if event.migration is not migration]
        new.events = [*earlier, *map(_as_change, new.events)]
        new.names = [*old.names, *new.names]
        self.objects.remove(old)
        for part in new.parts:
            self._owners[part.name.casefold()].append(new)
        for name in map(str.casefold, {old.name, *old.names}):
            self._bearers[name] = [t for t in self._bearers[name] if t is not old and t is not new]
            self._bearers[name].append(new)

    def _alter(self, source: Source, change: DDL) -> None:
        index = None if change.kind != "TABLE" else self._part_alone(change.name)
        if index is not None:  # PostgreSQL: ALTER TABLE of an index
            self._alter_part(source, change, *index)
            return
        object_ = self._object(change.names[0])
        for clause in change.clauses:
            if clause.new_name and not clause.kind:
                is_move = clause.verb == "SET"
                name = object_.name if is_move else clause.new_name
                self._rename(source, object_, name, clause.new_name if is_move else "")
            elif clause.verb in {"RENAME", "CHANGE"}:
                self._change_part(source, object_, clause)
            elif clause.verb == "ADD":
                self._add_parts(source, object_, clause)
            elif clause.name and clause.verb in _CLAUSE_VERBS:
                object_.note_part(_CLAUSE_VERBS[clause.verb], source, clause.name)
            else:
                object_.add(Verb.CHANGES, source)
        if change.kind != "TABLE" and not any(clause.new_name for clause in change.clauses):
            object_.add(Verb.CHANGES, source)

    def _change_part(self, source: Source, object_: SchemaObject, clause: Clause) -> None:
        if clause.verb == "CHANGE":
            object_.note_part(Verb.CHANGES, source, clause.name)
        if clause.new_name and clause.new_name.casefold() != clause.name.casefold():
            object_.rename_part(source, clause.name, clause.new_name)

    def _add_parts(self, source: Source, object_: SchemaObject, clause: Clause) -> None:
        names = [clause.name] if clause.name else []
        # A constraint behind a column: a int CONSTRAINT k UNIQUE.
        names += [
            name
            for word, name in pairwise(clause.words)
            if word == "CONSTRAINT" and name.casefold() != clause.name.casefold()
        ]
        is_conditional = "IF" in clause.words[:4] or (
            source.change is not None
            and source.change.verb == "CREATE"
            and source.change.is_conditional
        )
        for name in names:
            object_.note_added_part(source, name, is_conditional=is_conditional)

    # -- indexes, triggers and the like, whose statements may not name the table

    def _apply_to_part(self, source: Source, change: DDL) -> None:
        name = change.names[0]
        if change.verb == "CREATE" and change.table is not None:
            object_ = self._object(change.table)
            object_.note_added_part(source, name.name, is_conditional=change.is_conditional)
            self._owners[name.name.casefold()].append(object_)
            return
        for name in change.names:
            place = (
                (self._object(change.table), name.name)
                if change.table is not None
                else self._part_alone(name.name) or (self._nowhere, name.name)
            )
            self._alter_part(source, change, *place)

    def _alter_part(self, source: Source, change: DDL, object_: SchemaObject, name: str) -> None:
        if change.verb == "DROP":
            object_.note_part(Verb.DROPS, source, name)
            return
        for clause in change.clauses:
            if clause.verb == "RENAME" and clause.new_name and not clause.kind:
                object_.rename_part(source, name, clause.new_name)
                self._owners[clause.new_name.casefold()].append(object_)
            else:
                object_.note_part(Verb.CHANGES, source, name)

    def _part_alone(self, name: str) -> tuple[SchemaObject, str] | None:
        """Return the table with an existing part of this name, unless an object has the name."""
        if find_current(self._named(name), name) is not None:
            return None
        for object_ in reversed(self._owners[name.casefold()]):
            part = find_current(object_.parts, name)
            if part is not None and part.exists and _is_no_column(part):
                return object_, part.name
        return None

    # -- schemas

    def _apply_to_schema(self, source: Source, change: DDL) -> None:
        schema = change.name
        objects = [
            object_ for object_ in self.objects if object_.schema.casefold() == schema.casefold()
        ]
        new_names = [clause.new_name for clause in change.clauses if clause.verb == "RENAME"]
        for object_ in objects:
            if change.verb == "DROP" and object_.exists:
                self._drop(source, object_)
            elif new_names:
                object_.add(Verb.RENAMES, source)
                object_.schema = new_names[0]
        if change.verb == "CREATE":
            self._create(source, change)
        elif change.verb == "DROP":
            self._drop(source, self._object(change.names[0]))
        elif new_names:
            self._rename(source, self._object(change.names[0]), new_names[0])

    # -- lives

    def _object(self, name: Name) -> SchemaObject:
        """Return the object that has this name now; a new one where none is known."""
        object_ = find_current(self._named(name.name, name.schema), name.name)
        if object_ is None:
            object_ = SchemaObject(name.name, schema=name.schema)
            self.objects.append(object_)
            self._bearers[name.name.casefold()].append(object_)
        object_.schema = object_.schema or name.schema
        return object_

    def _named(self, name: str, schema: str = "") -> list[SchemaObject]:
        """Return the objects that ever had this name."""
        return [object_ for object_ in self._bearers[name.casefold()] if _is_in(object_, schema)]

    @property
    def _nowhere(self) -> SchemaObject:
        """The parts whose table no statement tells."""
        return self._object(Name("", ""))

    def _successor(self, source: Source, object_: SchemaObject) -> SchemaObject | None:
        """Return the table that the same migration made under the name that ``object_`` had."""
        away = [
            event
            for event in object_.events
            if event.verb is Verb.RENAMES and event.migration is source.migration
        ]
        for name in object_.names[:-1] if away else ():
            other = find_current([t for t in self._named(name) if t is not object_], name)
            if other is not None and other.exists and _was_made_by(other, source.migration):
                return other
        return None


def _is_in(object_: SchemaObject, schema: str) -> bool:
    return not schema or not object_.schema or object_.schema.casefold() == schema.casefold()


def _was_made_by(part: Part, migration: Planned) -> bool:
    return bool(part.events) and part.events[0].migration is migration


def _was_dropped_by(part: Part, migration: Planned) -> bool:
    return not part.exists and _is_drop(part.events[-1], migration)


def _is_drop(event: Event, migration: Planned) -> bool:
    return event.verb is Verb.DROPS and event.migration is migration


def _as_change(event: Event) -> Event:
    return event._replace(verb=Verb.CHANGES)


def _is_no_column(part: Part) -> bool:
    """Return whether a part was made by a statement of its own, as an index is."""
    made = next((event for event in part.events if event.verb is Verb.ADDS), None)
    change = made.source.change if made is not None else None
    return change is not None and change.kind in _PARTS


_SCHEMAS: Final = frozenset({"SCHEMA", "DATABASE"})
_PARTS: Final = frozenset({"INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS"})
_CLAUSE_VERBS: Final = {
    "DROP": Verb.DROPS,
    "ALTER": Verb.CHANGES,
    "MODIFY": Verb.CHANGES,
    "VALIDATE": Verb.CHANGES,
}
