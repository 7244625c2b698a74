"""The state of a simulated run: needs and effects one by one -> what cannot be right.

Pure. Here stands what a need that is not met means. Three outcomes: surely wrong, wrong unless
something else made it, not known.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from migration_guard.linter.grammar import Parsed
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.catalogue import (
    Catalogue,
    Key,
    Making,
    Place,
    Relation,
    column_key,
)
from migration_guard.linter.order.uses import (
    CallUse,
    ColumnUse,
    Name,
    RelationUse,
    TypeUse,
    Use,
)
from migration_guard.planning.files import MigrationFile

_SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})
_WORD = re.compile(r"[^\W\d]\w*")
_MAKES = re.compile(r"\b(?:create|alter|drop|execute)\b", re.IGNORECASE)
_DYNAMIC = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a statement needs and that is not there.

    ``what`` is "table", "column", …; ``later`` its first making after ``place``; ``conditional``:
    the statement says IF EXISTS, and would do nothing; ``lost``: something removed it before.
    """

    what: str
    name: str
    keys: tuple[Key, ...]
    place: Place
    later: Making | None = None
    conditional: bool = False
    lost: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Clash:
    """Something that a statement creates and that surely exists, since ``made``.

    ``freed`` is where a later statement removes or renames it.
    """

    what: str
    name: str
    key: Key
    place: Place
    made: Place
    freed: Place | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A statement whose effect is not known; ``why`` says of what kind it is."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a simulation found, in the order of the statements."""

    missing: tuple[Missing, ...] = ()
    clashes: tuple[Clash, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(slots=True)
class Simulation:
    """The state of one run; the functions of ``statements`` work on it."""

    catalogue: Catalogue
    owned: Collection[str]
    path: tuple[str, ...]
    functions: dict[str, frozenset[str] | None] = field(default_factory=dict)
    function_names: set[str] = field(default_factory=set)
    _at: tuple[int, int] = (0, 0)
    _file: MigrationFile | None = None
    _parsed: Parsed | None = None
    _missing: list[Missing] = field(default_factory=list)
    _clashes: list[Clash] = field(default_factory=list)
    _unknown: list[Unknown] = field(default_factory=list)
    _ghosts: set[tuple[str, str]] = field(default_factory=set)
    _foreign: bool = False
    _muted: bool = False

    def begin(self, number: int, file: MigrationFile | None) -> None:
        """Begin a file, in a session of its own."""
        self._at, self._file, self._parsed = (number, 0), file, None
        self.catalogue.path = self.path

    def step(self, position: int, parsed: Parsed) -> None:
        """Begin the file's next statement."""
        self._at, self._parsed = (self._at[0], position), parsed

    def place(self, location: int = 0) -> Place:
        """Return the place of the statement that runs, at a parse location in it."""
        offset = self._parsed.offset(location) if self._parsed is not None else 0
        return Place(*self._at, offset, self._file)

    @property
    def text(self) -> str:
        """The text of the statement that runs."""
        return self._parsed.statement.text if self._parsed is not None else ""

    @contextmanager
    def perhaps(self, unless: Sequence[str], *, if_not_exists: bool) -> Iterator[None]:
        """Within: what may do nothing, and then needs nothing, since ``unless`` may exist."""
        self._muted = if_not_exists and self.catalogue.may_exist(*unless)
        try:
            yield
        finally:
            self._muted = False

    # What a statement needs

    def need(self, uses: Iterable[Use]) -> None:
        """Check the uses of a query or expression."""
        for use in uses:
            if isinstance(use, RelationUse):
                self.relation(use.name, use.at)
            elif isinstance(use, ColumnUse):
                self._column(use)
            elif isinstance(use, TypeUse):
                self.type(use.name, use.at)
            else:
                self.call(use)

    def relation(
        self, name: Name, at: int, what: str = "table", *, missing_ok: bool = False
    ) -> Relation | None:
        """Return the relation ``name``; where there is none, note that it is needed."""
        found = self.catalogue.find(name)
        if found is not None or self._is_outside(name):
            return found
        keys = self.catalogue.candidates(name)
        if not missing_ok or not any(self.catalogue.makings.get(key) for key in keys):
            self._miss(what, name.name, str(name), keys, at, conditional=missing_ok)
        return None

    def column(self, relation: Relation, column: str, at: int) -> None:
        """Note that ``relation`` needs a column, unless it has it or may have it."""
        if relation.is_open or column in relation.columns or relation.kind == "index":
            return
        name = relation.key.name
        if (name, column) not in self._ghosts:
            shown = f"{name}.{column}"
            self._miss("column", name, shown, [column_key(relation, column)], at, column)

    def type(self, name: Name, at: int) -> None:
        """Note that a type is needed, unless it is there or built in."""
        if name.name in BUILTIN_TYPES or self._is_outside(name):
            return
        if self.catalogue.find_type(name) is None:
            rows = self.catalogue.candidates(name)  # a table is a type too
            keys = [*self.catalogue.candidates(name, "type"), *rows]
            self._miss("type", name.name, str(name), keys, at)

    def schema(self, name: str, at: int = 0) -> None:
        """Note that a schema is needed, unless it is there."""
        known = self.catalogue.schemas | _SYSTEM_SCHEMAS
        if name and name not in known and not name.startswith("pg_"):
            self._miss("schema", name, name, [Key("schema", name, name)], at)

    def _column(self, use: ColumnUse) -> None:
        relations = [self.catalogue.find(name) for name in use.relations]
        known = [each for each in relations if each is not None and not each.is_open]
        if len(known) < len(relations) or use.column in self.function_names:
            return
        if any(use.column in each.columns for each in known):
            return
        later = [
            each
            for each in known
            if self.catalogue.later([column_key(each, use.column)], self.place())
        ]
        if len({each.key for each in known}) == 1 or later:
            self.column((later or known)[0], use.column, use.at)

    def _miss(
        self,
        what: str,
        name: str,
        shown: str,
        keys: Sequence[Key],
        at: int,
        column: str = "",
        *,
        conditional: bool = False,
    ) -> None:
        if self._muted:
            return
        self._missing.append(
            Missing(
                what,
                shown,
                tuple(keys),
                self.place(at),
                conditional=conditional,
                lost=any(self.catalogue.removals.get(key) for key in keys),
                doubtful=self.catalogue.may_exist(*filter(None, (name, column))),
            )
        )

    def _is_outside(self, name: Name) -> bool:
        """Tell whether something other than the migrations makes ``name``."""
        system = name.schema in _SYSTEM_SCHEMAS or (not name.schema and name.name.startswith("pg_"))
        return system or name.name in self.owned

    # What a statement does

    def make(
        self, name: Name, kind: str, *, if_not_exists: bool = False, temporary: bool = False
    ) -> Relation:
        """Create a relation; note a clash where one is surely there."""
        self.schema(name.schema)
        key = self.catalogue.home(name, temporary=temporary)
        before = self.catalogue.relations.get(key)
        if before is not None and if_not_exists:
            self.catalogue.note(key, self.place(), plain=False)
            before.sure = True
            return before
        if before is not None:
            self.clash(kind, before.key.name, before)
        made = Relation(key, kind, self.place())
        # What a statement of unknown effect made before may have other columns.
        made.is_open = if_not_exists and self.catalogue.may_exist(name.name)
        self.catalogue.add(made, plain=not if_not_exists)
        return made

    def clash(self, what: str, name: str, before: Relation, column: str = "") -> None:
        """Note that something which surely exists is created again."""
        if before.sure and not self.catalogue.flat:
            key = column_key(before, column) if column else before.key
            self._clash(what, name, key, self.catalogue.makings[key][-1].place)

    def clash_type(self, name: Name, key: Key) -> None:
        """Note that a type which surely exists is created again."""
        made = self.catalogue.types.get(key)
        if made is not None and not self.catalogue.flat:
            self._clash("type", str(name), key, made)

    def _clash(self, what: str, name: str, key: Key, made: Place) -> None:
        self._clashes.append(Clash(what, name, key, self.place(), made))

    def ghost(self, name: Name, column: str) -> None:
        """Keep that a column was to be added to a missing table: one report is enough."""
        self._ghosts.add((name.name, column))

    def doubt(self, text: str, why: str) -> None:
        """Take a statement that may do anything to what its text names."""
        words = frozenset(word for found in _WORD.findall(text) for word in (found, found.lower()))
        dynamic = bool(why) and _DYNAMIC.search(text) is not None
        self.catalogue.doubt(None if dynamic else words, self.place())
        if why:
            self._unknown.append(Unknown(self.place(), why))

    def doubt_all(self, why: str) -> None:
        """Take a statement that may make anything."""
        self._foreign = True
        self._unknown.append(Unknown(self.place(), why))

    def perhaps_renamed(self, name: Name, to: str, what: str = "relation") -> None:
        """Take a renaming of what is not known: if it may exist, the new name may too."""
        self.catalogue.attempt(name, self.place(), what)
        if self.catalogue.may_exist(name.name):
            self.catalogue.doubt(frozenset({to}), self.place())

    def define(self, name: str, body: str) -> None:
        """Keep a function, with what calling it may do."""
        self.function_names.add(name)
        if _MAKES.search(body):
            words = frozenset(w for found in _WORD.findall(body) for w in (found, found.lower()))
            self.functions[name] = None if _DYNAMIC.search(body) else words

    def call(self, use: CallUse) -> None:
        """Take a call in a statement that runs now."""
        if use.name in self.functions:
            self.catalogue.doubt(self.functions[use.name], self.place())
            self._unknown.append(Unknown(self.place(), f"the function {use.name}()"))

    # What comes of it

    def findings(self) -> Findings:
        """Judge what was found, now that all makings are known."""
        judged = [self._judge(missing) for missing in self._missing]
        return Findings(
            _once(missing for missing in judged if missing is not None),
            tuple(replace(clash, freed=self._freed(clash)) for clash in self._clashes),
            tuple(self._unknown),
        )

    def _freed(self, clash: Clash) -> Place | None:
        gone = self.catalogue.removals.get(clash.key, ())
        later = (place for place in gone if place.order > clash.place.order)
        return min(later, key=lambda place: place.order, default=None)

    def _judge(self, missing: Missing) -> Missing | None:
        later = self.catalogue.later(missing.keys, missing.place)
        if later is not None:
            # Had it been there already, a plain CREATE could not have worked later.
            certain = not missing.doubtful or (
                later.plain and self.catalogue.untouched(missing.keys, missing.place, later.place)
            )
            return replace(missing, later=later) if certain else None
        known = missing.lost or missing.what not in {"type", "schema", "index"}
        known &= not missing.conditional
        return missing if known and not missing.doubtful and not self._foreign else None


def _once(found: Iterable[Missing]) -> tuple[Missing, ...]:
    """Keep the first need of each thing in each file."""
    first: dict[tuple[int, str, str], Missing] = {}
    for missing in found:
        first.setdefault((missing.place.file_at, missing.what, missing.name), missing)
    return tuple(first.values())
