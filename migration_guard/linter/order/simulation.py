"""The state of a simulated run: what statements need is checked, and what they do is applied."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from migration_guard.linter.grammar import ParsedStatement
from migration_guard.linter.order import findings
from migration_guard.linter.order.builtin_functions import is_builtin
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.catalogue import Catalogue, Relation, column_key, part_key
from migration_guard.linter.order.extensions import MEMBERS
from migration_guard.linter.order.findings import (
    Clash,
    Drop,
    Findings,
    Missing,
    UnknownEffect,
)
from migration_guard.linter.order.keys import Key, Place
from migration_guard.linter.order.names import Name
from migration_guard.linter.order.uses import (
    CallUse,
    ColumnUse,
    RelationUse,
    TypeUse,
    UniqueUse,
    Use,
    ValueUse,
)
from migration_guard.planning.files import MigrationFile

_SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})
_WORD: Final = re.compile(r"[^\W\d]\w*")
_DDL_WORD: Final = re.compile(r"\b(?:create|alter|drop|rename)\b", re.IGNORECASE)
_DML_WORD: Final = re.compile(r"\b(?:select|insert|update|delete|truncate)\b", re.IGNORECASE)
_DROPPED: Final = re.compile(r"\bdrop\b\s*(materialized\s+view|\w*)", re.IGNORECASE)
_MOVING: Final = re.compile(r"\b(?:cascade|rename|schema)\b", re.IGNORECASE)
_DYNAMIC: Final = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure. ``parameters`` are the names of its arguments.

    One that is not ``is_followed`` may do nothing, or has a search path of its own.
    """

    language: str
    text: str
    parameters: frozenset[str] = frozenset()
    is_followed: bool = True

    @property
    def may_change_schema(self) -> bool:
        """True if a call may do more than change data.

        EXECUTE without a word of SQL runs what a caller or a table gives it.
        """
        if _DDL_WORD.search(self.text) is not None:
            return True
        return _DYNAMIC.search(self.text) is not None and _DML_WORD.search(self.text) is None


@dataclass(slots=True)
class Simulation:
    """The state of one run, on which the handlers of statements work.

    ``functions`` are the bodies of the functions that the migrations define, by their names alone.
    """

    catalogue: Catalogue
    owned: Collection[str]
    path: tuple[str, ...]
    run_statement: Callable[["Simulation", str, Any], None]
    functions: dict[str, Routine] = field(default_factory=dict)
    checks_bodies: bool = True
    depth: int = 0  # of calls inside of calls
    _position: tuple[int, int] = (0, 0)
    _file: MigrationFile | None = None
    _parsed: ParsedStatement | None = None
    _missing: list[Missing] = field(default_factory=list)
    _clashes: list[Clash] = field(default_factory=list)
    _drops: list[Drop] = field(default_factory=list)
    _user: Key | None = None  # the object whose definition is checked
    _unknown_effects: list[UnknownEffect] = field(default_factory=list)
    _ignored_columns: set[tuple[str, str]] = field(default_factory=set)
    _anything_may_exist: bool = False
    _is_muted: bool = False
    _is_likely: bool = False
    _variables: frozenset[str] = frozenset()
    _inside: int | None = None  # the offset of the body whose statements run

    def begin_file(self, number: int, file: MigrationFile | None) -> None:
        """Begin a file, in a session of its own."""
        self._position, self._file, self._parsed = (number, 0), file, None
        self.catalogue.path, self.checks_bodies = self.path, True

    def begin_statement(self, position: int, parsed: ParsedStatement) -> None:
        """Begin the file's next statement."""
        self._position, self._parsed = (self._position[0], position), parsed

    def place(self, location: int = 0) -> Place:
        """Return the place of the statement that runs, at a parse location in it."""
        location = self._inside if self._inside is not None else location
        offset = self._parsed.offset(location) if self._parsed is not None else 0
        return Place(*self._position, offset, self._file)

    @property
    def text(self) -> str:
        """The text of the statement that runs."""
        return self._parsed.statement.text if self._parsed is not None else ""

    @contextmanager
    def mute_if_may_exist(self, names: Sequence[str], *, if_not_exists: bool) -> Iterator[None]:
        """Report nothing as missing if IF NOT EXISTS may make the statement do nothing."""
        self._is_muted = if_not_exists and self.catalogue.may_exist(*names)
        try:
            yield
        finally:
            self._is_muted = False

    @contextmanager
    def run_inside(self, variables: Iterable[str]) -> Iterator[None]:
        """Run statements of a body, whose variables look like columns."""
        before = self._variables, self._inside
        self._variables |= frozenset(variables)
        self._inside = self._inside or 0
        self.depth += 1
        try:
            yield
        finally:
            self._variables, self._inside = before
            self.depth -= 1

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

    @contextmanager
    def run_guarded(self, *, is_likely: bool) -> Iterator[None]:
        """Run statements that do nothing if what they make is there."""
        before = self.catalogue.is_guarded, self._is_likely, len(self._clashes), len(self._drops)
        self.catalogue.is_guarded, self._is_likely = True, is_likely or self._is_likely
        try:
            yield
        finally:
            self.catalogue.is_guarded, self._is_likely = before[:2]
            del self._clashes[before[2] :], self._drops[before[3] :]

    def require(self, uses: Iterable[Use]) -> None:
        """Check what a query or expression uses."""
        for use in uses:
            if isinstance(use, RelationUse):
                self.require_relation(use.name, use.location)
            elif isinstance(use, ColumnUse):
                self._require_column_use(use)
            elif isinstance(use, TypeUse):
                self.require_type(use.name, use.location)
            elif isinstance(use, CallUse):
                self.require_function(Name(use.schema, use.name), use.location)
                self.call_function(use)
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

    def require_schema(self, name: str, location: int = 0) -> None:
        """Report a schema as missing, unless it exists."""
        existing = self.catalogue.schemas | _SYSTEM_SCHEMAS
        if name and name not in existing and not name.startswith("pg_"):
            self._add_missing("schema", name, [Key("schema", name, name)], location, [name])

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

    def require_object(self, what: str, name: Name, location: int = 0) -> None:
        """Report a role, operator class or the like if only a later migration makes it."""
        keys = [Key(what, "", name.name)]
        if keys[0] not in self.catalogue.objects:
            self._add_missing(what, name.name, keys, location, [name.name])

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

    # What a statement does

    def create_relation(
        self, name: Name, kind: str, *, if_not_exists: bool = False, temporary: bool = False
    ) -> Relation:
        """Create a relation. If one surely exists, report the clash."""
        self.require_schema(name.schema)
        key = self.catalogue.new_key(name, temporary=temporary)
        before = self.catalogue.relations.get(key)
        if before is not None and if_not_exists:
            self.catalogue.record_making(key, self.place(), plain=False)
            before.is_sure = True
            return before
        if before is not None:
            self.add_clash(kind, before.key.name, before)
        relation = Relation(key, kind, self.place())
        # A statement of unknown effect may have made it before, with other columns.
        relation.is_open = if_not_exists and self.catalogue.may_exist(name.name)
        self.catalogue.add(relation, plain=not if_not_exists)
        return relation

    def add_clash(self, what: str, name: str, before: Relation, column: str = "") -> None:
        """Report that a relation, or its column, is created again although it surely exists."""
        if before.is_sure and not self.catalogue.is_flat:
            key = column_key(before, column) if column else before.key
            made = self.catalogue.makings[key][-1].place
            self._clashes.append(Clash(what, name, key, self.place(), made))

    def add_type_clash(self, name: Name, key: Key) -> None:
        """Report that a type is created again although it surely exists."""
        made = self.catalogue.types.get(key)
        if made is not None and not self.catalogue.is_flat:
            self._clashes.append(Clash("type", str(name), key, self.place(), made))

    def add_value_clash(self, key: Key, value: str) -> None:
        """Report that a value is added to an enum that surely has it."""
        made = self.catalogue.objects[key._replace(what="enum")][value]
        if made is not None and not self.catalogue.is_flat:
            value_key = Key("enum value", key.schema, key.name, value)
            shown = f"'{value}' of {key.name}"
            self._clashes.append(Clash("enum value", shown, value_key, self.place(), made))

    def add_part_clash(self, table: Relation, what: str, name: str) -> None:
        """Report that a part of a table is created again although it surely exists."""
        made, is_named = table.parts[what, name].made_at, table.parts[what, name].is_named
        if made is not None and is_named and not self.catalogue.is_flat and not table.is_vague:
            key = part_key(table, what, name)
            shown = f"{name} of {table.key.name}".strip()
            self._clashes.append(Clash(what, shown, key, self.place(), made))

    def create_function(
        self, name: Name, signature: str, *, replace: bool, routine: Routine
    ) -> None:
        """Create a function. If one with this signature surely exists, report the clash."""
        key = self.catalogue.new_key(name, "function")
        made = self.catalogue.objects.get(key, {}).get(signature)
        overload = key._replace(column=f"({signature})")
        if made is not None and not replace and not self.catalogue.is_flat:
            shown = f"{name}({signature})"
            self._clashes.append(Clash("function", shown, overload, self.place(), made))
        self.catalogue.add_object(key, signature, self.place(), plain=not replace)
        self.catalogue.record_making(overload, self.place(), plain=not replace)
        self.functions[name.name] = routine

    def create_extension(self, name: str, schema: str, *, plain: bool) -> None:
        """Create an extension with its members, in any schema where they may be looked for."""
        extension = Key("extension", "", name)
        if extension in self.catalogue.objects:
            return
        place, weak = self.place(), not plain
        self.catalogue.add_object(extension, "", place, plain=plain)
        for member in MEMBERS.get(name, ()):
            key = Key("operator class", "", member)
            self.catalogue.record_making(key, place, plain=plain, weak=weak)
            self.catalogue.objects[key] = {"": None}
            for home in {schema or "public", "public", *self.path[:1]}:
                for what in ("type", "function"):
                    key = self.catalogue.new_key(Name(home, member), what)
                    self.catalogue.record_making(key, place, plain=plain, weak=weak)
                    if what == "type":
                        self.catalogue.types.setdefault(key, None)
                    else:
                        self.catalogue.objects.setdefault(key, {})[f"extension {name}"] = None

    def require_roles(self, roles: Iterable[Any]) -> None:
        """Report roles that only a later migration makes."""
        for role in roles:
            if role.role_spec.rolename:
                self.require_object("role", Name("", role.role_spec.rolename))

    def ignore_column(self, name: Name, column: str) -> None:
        """Report nothing of a column that was to be added to a missing table."""
        self._ignored_columns.add((name.name, column))

    def doubt(self, text: str, why: str, *, is_dynamic: bool | None = None) -> None:
        """Take a statement that may do anything to the objects that its text names."""
        if is_dynamic is None:
            is_dynamic = bool(why) and _DYNAMIC.search(text) is not None
        kept = _kinds_kept(text) if is_dynamic else frozenset()
        self.catalogue.doubt(_words(text), self.place(), is_dynamic=is_dynamic, kept=kept)
        if why:
            self._unknown_effects.append(UnknownEffect(self.place(), why))

    def doubt_all(self, why: str) -> None:
        """Take a statement that may make any object."""
        self._anything_may_exist = True
        self._unknown_effects.append(UnknownEffect(self.place(), why))

    def doubt_rename(self, name: Name, new_name: str, what: str = "relation") -> None:
        """Take the renaming of an unknown object. If it may exist, its new name may too."""
        self.catalogue.record_attempt(name, self.place(), what)
        if self.catalogue.may_exist(name.name):
            self.catalogue.doubt(frozenset({new_name}), self.place())

    def call_function(self, use: CallUse) -> None:
        """Apply a call in a statement that runs now: the body, and the calling statement."""
        routine = self.functions.get(use.name)
        if routine is not None and routine.may_change_schema:
            text = f"{routine.text} {self.text}"
            is_dynamic = _DYNAMIC.search(routine.text) is not None
            self.doubt(text, f"the function {use.name}()", is_dynamic=is_dynamic)

    def findings(self) -> Findings:
        """Return what is to be reported, now that all makings are known."""
        return Findings(
            findings.judge_missing(
                self._missing, self.catalogue, anything_may_exist=self._anything_may_exist
            ),
            findings.add_freed(self._clashes, self.catalogue),
            findings.judge_drops(self._drops, self.catalogue),
            tuple(self._unknown_effects),
        )


def _kinds_kept(text: str) -> frozenset[str]:
    """Return the kinds of relations that SQL which this text builds does not remove."""
    kinds = {" ".join(kind.lower().split()) for kind in _DROPPED.findall(text)}
    relations = {"table", "view", "index", "materialized view"}
    if _MOVING.search(text) or not kinds <= relations | {"column", "trigger"}:
        return frozenset()
    return frozenset(relations - kinds)


def _words(text: str) -> frozenset[str]:
    """Return the words of a text, as they are and in lower case."""
    words = _WORD.findall(text)
    return frozenset([*words, *map(str.lower, words)])


def unique_name(columns: Iterable[str]) -> str:
    """Return the name that we give to a unique key over columns."""
    return ", ".join(sorted(columns))
