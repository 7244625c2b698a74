"""The state of a simulated run: what statements need is checked, and what they do is applied."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from migration_guard.linter.grammar import ParsedStatement
from migration_guard.linter.order import findings
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.catalogue import Catalogue, Key, Place, Relation, column_key
from migration_guard.linter.order.findings import Clash, Findings, Missing, UnknownEffect
from migration_guard.linter.order.names import Name
from migration_guard.linter.order.uses import CallUse, ColumnUse, RelationUse, TypeUse, Use
from migration_guard.planning.files import MigrationFile

_SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})
_WORD: Final = re.compile(r"[^\W\d]\w*")
_DDL_WORD: Final = re.compile(r"\b(?:create|alter|drop|execute)\b", re.IGNORECASE)
_DYNAMIC: Final = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.IGNORECASE)


@dataclass(slots=True)
class Simulation:
    """The state of one run, on which the handlers of statements work.

    ``functions`` maps a function that may change the schema to the words of its body, None if it
    may do anything. ``function_names`` are all functions that the migrations define.
    """

    catalogue: Catalogue
    owned: Collection[str]
    path: tuple[str, ...]
    functions: dict[str, frozenset[str] | None] = field(default_factory=dict)
    function_names: set[str] = field(default_factory=set)
    _position: tuple[int, int] = (0, 0)
    _file: MigrationFile | None = None
    _parsed: ParsedStatement | None = None
    _missing: list[Missing] = field(default_factory=list)
    _clashes: list[Clash] = field(default_factory=list)
    _unknown_effects: list[UnknownEffect] = field(default_factory=list)
    _ignored_columns: set[tuple[str, str]] = field(default_factory=set)
    _anything_may_exist: bool = False
    _is_muted: bool = False

    def begin_file(self, number: int, file: MigrationFile | None) -> None:
        """Begin a file, in a session of its own."""
        self._position, self._file, self._parsed = (number, 0), file, None
        self.catalogue.path = self.path

    def begin_statement(self, position: int, parsed: ParsedStatement) -> None:
        """Begin the file's next statement."""
        self._position, self._parsed = (self._position[0], position), parsed

    def place(self, location: int = 0) -> Place:
        """Return the place of the statement that runs, at a parse location in it."""
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

    # What a statement needs

    def require(self, uses: Iterable[Use]) -> None:
        """Check what a query or expression uses."""
        for use in uses:
            if isinstance(use, RelationUse):
                self.require_relation(use.name, use.location)
            elif isinstance(use, ColumnUse):
                self._require_column_use(use)
            elif isinstance(use, TypeUse):
                self.require_type(use.name, use.location)
            else:
                self.call_function(use)

    def require_relation(
        self, name: Name, location: int, what: str = "table", *, missing_ok: bool = False
    ) -> Relation | None:
        """Return the relation ``name``. If there is none, report it as missing."""
        relation = self.catalogue.find(name)
        if relation is not None or self._is_made_elsewhere(name):
            return relation
        keys = self.catalogue.candidates(name)
        if not missing_ok or not any(self.catalogue.makings.get(key) for key in keys):
            self._add_missing(what, str(name), keys, location, [name.name], conditional=missing_ok)
        return None

    def require_column(self, relation: Relation, column: str, location: int) -> None:
        """Report a column as missing, unless ``relation`` has it or may have it."""
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
        if self.catalogue.find_type(name) is None:
            row_types = self.catalogue.candidates(name)  # a table is a type too
            keys = [*self.catalogue.candidates(name, "type"), *row_types]
            self._add_missing("type", str(name), keys, location, [name.name])

    def require_schema(self, name: str, location: int = 0) -> None:
        """Report a schema as missing, unless it exists."""
        existing = self.catalogue.schemas | _SYSTEM_SCHEMAS
        if name and name not in existing and not name.startswith("pg_"):
            self._add_missing("schema", name, [Key("schema", name, name)], location, [name])

    def _require_column_use(self, use: ColumnUse) -> None:
        """Report a column that none of the relations has, if it is certain whose it must be."""
        relations = [self.catalogue.find(name) for name in use.relations]
        closed = [
            relation for relation in relations if relation is not None and not relation.is_open
        ]
        if len(closed) < len(relations) or use.column in self.function_names:
            return
        if any(use.column in relation.columns for relation in closed):
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
                may_exist=self.catalogue.may_exist(*filter(None, words)),
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

    def ignore_column(self, name: Name, column: str) -> None:
        """Report nothing of a column that was to be added to a missing table."""
        self._ignored_columns.add((name.name, column))

    def doubt(self, text: str, why: str) -> None:
        """Take a statement that may do anything to the objects that its text names."""
        is_dynamic = bool(why) and _DYNAMIC.search(text) is not None
        self.catalogue.doubt(None if is_dynamic else _words(text), self.place())
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

    def define_function(self, name: str, body: str) -> None:
        """Keep a function, and what a call of it may change."""
        self.function_names.add(name)
        if _DDL_WORD.search(body):
            self.functions[name] = None if _DYNAMIC.search(body) else _words(body)

    def call_function(self, use: CallUse) -> None:
        """Apply a call in a statement that runs now."""
        if use.name in self.functions:
            self.catalogue.doubt(self.functions[use.name], self.place())
            effect = UnknownEffect(self.place(), f"the function {use.name}()")
            self._unknown_effects.append(effect)

    def findings(self) -> Findings:
        """Return what is to be reported, now that all makings are known."""
        return Findings(
            findings.judge_missing(
                self._missing, self.catalogue, anything_may_exist=self._anything_may_exist
            ),
            findings.add_freed(self._clashes, self.catalogue),
            tuple(self._unknown_effects),
        )


def _words(text: str) -> frozenset[str]:
    """Return the words of a text, as they are and in lower case."""
    words = _WORD.findall(text)
    return frozenset([*words, *map(str.lower, words)])
