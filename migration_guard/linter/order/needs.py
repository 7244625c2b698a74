"""What the statements of a simulated run need: what is missing, or used by what stays."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from migration_guard.linter.order.builtin_functions import is_builtin
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.findings import Drop, Missing
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name
from migration_guard.linter.order.position import Position
from migration_guard.linter.order.relations import Relation, column_key, part_key, unique_name
from migration_guard.linter.order.routine_text import Routine
from migration_guard.linter.order.use_kinds import (
    CallUse,
    ColumnUse,
    RelationUse,
    TypeUse,
    UniqueUse,
    Use,
    ValueUse,
)

_SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})


@dataclass(slots=True, kw_only=True)
class Needs(Position):
    """Checks what is needed against the catalogue.

    ``owned`` are tables that something else makes, ``functions`` the bodies of the functions that
    the migrations define, by their names alone.
    """

    owned: Collection[str]
    functions: dict[str, Routine] = field(default_factory=dict)
    _missing: list[Missing] = field(default_factory=list)
    _drops: list[Drop] = field(default_factory=list)
    _user: Key | None = None  # the object whose definition is checked
    _ignored_columns: set[tuple[str, str]] = field(default_factory=set)
    _is_muted: bool = False
    _is_likely: bool = False

    @contextmanager
    def mute_if_may_exist(self, names: Sequence[str], *, if_not_exists: bool) -> Iterator[None]:
        """Report nothing as missing if IF NOT EXISTS may make the statement do nothing."""
        self._is_muted = if_not_exists and self.catalogue.may_exist(*names)
        try:
            yield
        finally:
            self._is_muted = False

    @contextmanager
    def used_by(self, user: Key) -> Iterator[None]:
        """Keep what is required meanwhile as used by ``user``, which the statement makes."""
        before, self._user = self._user, user
        try:
            yield
        finally:
            self._user = before

    def _add_dependency(self, target: Key) -> None:
        if self._user is not None:
            self.catalogue.dependencies.add(self._user, target, self.place())

    def require_unused(self, target: Key, dropped: Collection[Key] = ()) -> None:
        """Report that the server refuses to drop or change ``target`` because of its users."""
        for dependency in self.catalogue.dependencies.of(target):
            user = dependency.user
            same = (user.schema, user.name) == (target.schema, target.name)
            gone = user._replace(what="relation", column="") in dropped
            if not same and not gone and self.catalogue.surely_uses(dependency):
                name = f"{target.name}.{target.column}" if target.column else target.name
                self._drops.append(Drop(name, user, self.place()))

    def require_unchanged(self, table: Relation, column: str) -> None:
        """Report that the server refuses to change the type of a column that a view uses."""
        target = column_key(table, column)
        for dependency in self.catalogue.dependencies.of(target):
            if dependency.user.what == "relation" and self.catalogue.surely_uses(dependency):
                self._drops.append(
                    Drop(f"{table.key.name}.{column}", dependency.user, self.place())
                )

    def ignore_column(self, name: Name, column: str) -> None:
        """Report nothing of a column that was to be added to a missing table."""
        self._ignored_columns.add((name.name, column))

    def require_use(self, use: Use) -> None:
        """Check what a query or expression uses."""
        if isinstance(use, RelationUse):
            self.require_relation(use.name, use.location)
        elif isinstance(use, ColumnUse):
            self._require_column_use(use)
        elif isinstance(use, TypeUse):
            self.require_type(use.name, use.location)
        elif isinstance(use, CallUse):
            self.require_function(Name(use.schema, use.name), use.location)
        elif isinstance(use, ValueUse):
            self._require_value(use)
        elif isinstance(use, UniqueUse):
            self.require_unique(use.relation, use.columns, use.location)
        elif (table := self.catalogue.find(use.relation)) is not None:
            self.require_part(table, "constraint", use.constraint, use.location)

    def require_relation(
        self, name: Name, location: int, what: str = "table", *, missing_ok: bool = False
    ) -> Relation | None:
        """Return the relation ``name``. If there is none, report it as missing."""
        relation = self.catalogue.find(name)
        if relation is not None:
            self._add_dependency(relation.key)
        if relation is not None or self._is_made_elsewhere(name):
            return relation
        keys = self.catalogue.candidates(name)
        if not missing_ok or not any(self.catalogue.makings.get(key) for key in keys):
            self._add_missing(what, str(name), keys, location, [name.name], conditional=missing_ok)
        return None

    def require_column(self, relation: Relation, column: str, location: int) -> None:
        """Report a column as missing, unless ``relation`` has it or may have it."""
        if column in relation.columns:
            self._add_dependency(column_key(relation, column))
        if relation.is_open or column in relation.columns or relation.kind == "index":
            return
        table = relation.key.name
        if (table, column) not in self._ignored_columns:
            keys = [column_key(relation, column)]
            self._add_missing("column", f"{table}.{column}", keys, location, [table, column])

    def require_type(self, name: Name, location: int) -> None:
        """Report a type as missing, unless it exists or is built in."""
        if name.name in BUILTIN_TYPES or self._is_made_elsewhere(name):
            return
        key = self.catalogue.find_type(name)
        if key is not None:
            self._add_dependency(key)
        else:
            row_types = self.catalogue.candidates(name)  # a table is a type too
            keys = [*self.catalogue.candidates(name, "type"), *row_types]
            self._add_missing("type", str(name), keys, location, [name.name])

    def require_schema(self, name: str) -> None:
        """Report a schema as missing, unless it exists."""
        existing = self.catalogue.schemas | _SYSTEM_SCHEMAS
        if name and name not in existing and not name.startswith("pg_"):
            self._add_missing("schema", name, [Key("schema", name, name)], 0, [name])

    def require_function(self, name: Name, location: int, *, signature: str | None = None) -> None:
        """Report a function as missing if only a later migration makes it."""
        if self._is_made_elsewhere(name) or (not name.schema and is_builtin(name.name)):
            return
        keys = self.catalogue.candidates(name, "function")
        existing = [key for key in keys if key in self.catalogue.objects]
        if existing:
            if len(existing) == len(self.catalogue.objects[existing[0]]) == 1:
                self._add_dependency(existing[0])
            if signature is None:
                return
            if any(signature in self.catalogue.objects[key] for key in existing):
                return
            keys = [key._replace(column=f"({signature})") for key in keys]
        self._add_missing("function", f"{name}()", keys, location, [name.name])

    def require_object(self, what: str, name: Name) -> None:
        """Report a role, operator class or the like if only a later migration makes it."""
        keys = [Key(what, "", name.name)]
        if keys[0] not in self.catalogue.objects:
            self._add_missing(what, name.name, keys, 0, [name.name])

    def require_part(self, relation: Relation, what: str, name: str, location: int = 0) -> None:
        """Report a part of a table as missing, unless the table has it or may have it."""
        if relation.is_vague or (what, name) in relation.parts:
            return
        keys, table = [part_key(relation, what, name)], relation.key.name
        self._add_missing(what, f"{name} of {table}", keys, location, [table, name])

    def require_unique(self, name: Name, columns: frozenset[str], location: int) -> None:
        """Report a unique key as missing if only a later migration makes it."""
        relation = self.catalogue.find(name)
        if relation is not None and not relation.is_open:
            self.require_part(relation, "unique key", unique_name(columns), location)

    def _require_value(self, use: ValueUse) -> None:
        """Report a value that an enum does not have yet."""
        name = use.type
        for relation in map(self.catalogue.find, use.relations):
            if relation is not None and not relation.is_open and use.column in relation.types:
                name = relation.types[use.column]
        key = self.catalogue.find_type(name) if name is not None else None
        values = self.catalogue.objects.get(key._replace(what="enum")) if key else None
        if key is None or values is None:
            return
        value_key = Key("enum value", key.schema, key.name, use.value)
        shown = f"'{use.value}' of {key.name}"
        if use.value not in values:
            self._add_missing("enum value", shown, [value_key], use.location, [key.name, use.value])

    def _require_column_use(self, use: ColumnUse) -> None:
        """Report a column that none of the relations has, if it is certain whose it must be."""
        relations = [self.catalogue.find(name) for name in use.relations]
        closed = [
            relation for relation in relations if relation is not None and not relation.is_open
        ]
        is_other = use.column in self.functions or use.column in self._variables
        if len(closed) < len(relations) or is_other:
            return
        having = [relation for relation in closed if use.column in relation.columns]
        if len(having) == 1:
            self._add_dependency(column_key(having[0], use.column))
        if having:
            return
        getting_it_later = [
            relation
            for relation in closed
            if self.catalogue.next_making([column_key(relation, use.column)], self.place())
        ]
        if len({relation.key for relation in closed}) == 1 or getting_it_later:
            self.require_column((getting_it_later or closed)[0], use.column, use.location)

    def _add_missing(
        self,
        what: str,
        name: str,
        keys: Sequence[Key],
        location: int,
        words: Sequence[str],
        *,
        conditional: bool = False,
    ) -> None:
        """Report a missing object; ``words`` are what a statement that made it would name."""
        if self._is_muted:
            return
        self._missing.append(
            Missing(
                what,
                name,
                tuple(keys),
                self.place(location),
                conditional=conditional,
                was_removed=any(self.catalogue.removals.get(key) for key in keys),
                may_exist=self.catalogue.may_exist(*filter(None, words), keys=keys),
                after_dynamic=self.catalogue.has_dynamic_sql(keys),
                is_likely=self._is_likely,
            )
        )

    def _is_made_elsewhere(self, name: Name) -> bool:
        """Return True if something other than the migrations makes ``name``."""
        is_system = name.schema in _SYSTEM_SCHEMAS or (
            not name.schema and name.name.startswith("pg_")
        )
        return is_system or name.name in self.owned

    def require_roles(self, roles: Iterable[Any]) -> None:
        """Report roles that only a later migration makes."""
        for role in roles:
            if role.role_spec.rolename:
                self.require_object("role", Name("", role.role_spec.rolename))
