"""What a database holds, as values: the facts that every reader states in the same words.

Invariants: pure and frozen; tuples stand in a stable order, so that equal databases give equal
snapshots. A fact that the vendor or its reader cannot tell is ``UNKNOWN``, which is not None:
``default=None`` says that there is no default, ``default=UNKNOWN`` that nobody could find out.
"""

from dataclasses import dataclass, field
from enum import Enum as StandardEnum
from typing import Final, Literal, NamedTuple, Never, Protocol, TypeAlias, TypeVar


class UnknownFact(StandardEnum):
    """The type of ``UNKNOWN``: neither true nor false, to be asked for with ``is``."""

    UNKNOWN = "unknown"

    def __bool__(self) -> Never:
        raise TypeError("An UNKNOWN fact is neither true nor false: compare with `is UNKNOWN`.")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = UnknownFact.UNKNOWN

T = TypeVar("T")
Fact: TypeAlias = T | Literal[UnknownFact.UNKNOWN]


class Generated(NamedTuple):
    """How a column computes itself, as the server writes the expression."""

    expression: Fact[str]
    stored: Fact[bool]


class Column(NamedTuple):
    """A column.

    ``type`` is normalised (see ``types.normalize``); ``base_type`` is what that type stands on
    where it is but a name for another: the type under a PostgreSQL domain, ``longtext`` under
    MariaDB's JSON. ``default`` is the server's text of the expression. ``identity`` is "", "always"
    or "by default" (AUTO_INCREMENT and SQLite's alias of the rowid are "by default"). ``collation``
    and ``comment`` are None where the column has none of its own. ``nullable`` is true as well
    where a NOT NULL constraint is NOT VALID, for then there may be nulls.
    """

    name: str
    type: Fact[str] = UNKNOWN
    nullable: Fact[bool] = UNKNOWN
    default: Fact[str | None] = UNKNOWN
    identity: Fact[str] = UNKNOWN
    generated: Fact[Generated | None] = UNKNOWN
    collation: Fact[str | None] = UNKNOWN
    comment: Fact[str | None] = UNKNOWN
    base_type: Fact[str | None] = None


class Key(NamedTuple):
    """A primary key, or a plain unique constraint or index: any two rows differ in ``columns``.

    Plain means total, valid, over whole columns in their own collation. INCLUDE columns are no part
    of it. ``deferrable`` is "", "immediate" or "deferred" (what it is initially). An unnamed
    constraint has the name of its index, or "".
    """

    name: str
    columns: tuple[str, ...]
    deferrable: Fact[str] = ""
    nulls_distinct: Fact[bool] = True


class Index(NamedTuple):
    """An index, also one that a key or an exclusion constraint stands on.

    ``columns`` holds None where ``expressions`` holds, in the same order, the text of an
    expression. ``orders``, ``prefix_lengths``, ``opclasses`` and ``collations`` run parallel to
    ``columns``: an order is "asc", "desc", with " nulls first" or " nulls last" where that is not
    the vendor's habit; a prefix length, an operator class or a collation is None where it is the
    whole column, the default class, the column's own. ``predicate`` is the WHERE of a partial index
    (None: all rows). ``valid`` is false for what a failed CREATE INDEX CONCURRENTLY left behind,
    and for an index that the optimiser is told to ignore. ``backs`` is "primary key", "unique" or
    "exclusion" where a constraint of the index's name owns it.
    """

    name: str
    columns: tuple[str | None, ...]
    expressions: Fact[tuple[str, ...]] = ()
    unique: Fact[bool] = False
    predicate: Fact[str | None] = None
    include: Fact[tuple[str, ...]] = ()
    method: Fact[str] = UNKNOWN
    valid: Fact[bool] = True
    orders: Fact[tuple[str, ...]] = UNKNOWN
    prefix_lengths: Fact[tuple[int | None, ...]] = ()
    opclasses: Fact[tuple[str | None, ...]] = ()
    collations: Fact[tuple[str | None, ...]] = ()
    nulls_distinct: Fact[bool] = True
    deferrable: Fact[str] = ""
    backs: Fact[str] = ""

    @property
    def is_plain(self) -> Fact[bool]:
        """Whether the index covers every row by whole columns and is valid: UNKNOWN if untold."""
        if None in self.columns:
            return False
        told = (self.valid, self.predicate, self.prefix_lengths, self.collations, self.include)
        if self.valid is False or isinstance(self.predicate, str):
            return False
        if any(
            any(one is not None for one in fact)
            for fact in (self.prefix_lengths, self.collations)
            if fact is not UNKNOWN
        ):
            return False
        return UNKNOWN if UNKNOWN in told else True

    @property
    def key(self) -> Key:
        """The key that it makes, if it is one."""
        columns = tuple(name for name in self.columns if name is not None)
        return Key(self.name, columns, self.deferrable, self.nulls_distinct)


def primary_key(indexes: Fact[tuple[Index, ...]]) -> Fact[Key | None]:
    """Return the primary key; its index holds whole columns and every row."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return next((index.key for index in indexes if index.backs == "primary key"), None)


class ForeignKey(NamedTuple):
    """A foreign key; ``target`` is the label of the table it points to (see ``Table.label``).

    ``on_delete`` and ``on_update`` are "no action", "restrict", "cascade", "set null" or "set
    default". ``validated`` is false for NOT VALID and NOT ENFORCED. SQLite's and PostgreSQL's
    implied target columns are spelt out.
    """

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: Fact[tuple[str, ...]]
    on_delete: Fact[str] = UNKNOWN
    on_update: Fact[str] = UNKNOWN
    deferrable: Fact[str] = UNKNOWN
    validated: Fact[bool] = UNKNOWN
    match: Fact[str] = UNKNOWN


class Check(NamedTuple):
    """A check constraint; ``expression`` is the server's text, without CHECK and the outer parens.

    A NOT NULL constraint that is NOT VALID is stated as one, ``"x" IS NOT NULL``, not validated.
    """

    name: str
    expression: Fact[str]
    validated: Fact[bool] = True


class Exclusion(NamedTuple):
    """An exclusion constraint, or a key WITHOUT OVERLAPS, by the server's text."""

    name: str
    definition: Fact[str]


class Named(Protocol):
    """What has a name to be looked up by."""

    @property
    def name(self) -> str:
        """The name, as the database keeps it."""


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or what is read like one.

    ``kind`` is "table", "view", "materialized view", "partitioned table" or "foreign table".
    ``label`` is how one names it here: ``name`` where the search path finds it, else
    ``schema.name``. ``partition_of`` is the label of the parent, or "". ``definition`` is the query
    of a view. ``uniques`` are those that surely are plain; where a reader cannot tell whether a
    unique index is, that index's ``is_plain`` is UNKNOWN. Columns stand in
    their order, all else by name. ``folds_case``: names are found whatever their case.
    """

    schema: str
    name: str
    label: str
    kind: Fact[str]
    columns: Fact[tuple[Column, ...]] = UNKNOWN
    primary_key: Fact[Key | None] = UNKNOWN
    uniques: Fact[tuple[Key, ...]] = UNKNOWN
    indexes: Fact[tuple[Index, ...]] = UNKNOWN
    foreign_keys: Fact[tuple[ForeignKey, ...]] = UNKNOWN
    checks: Fact[tuple[Check, ...]] = UNKNOWN
    exclusions: Fact[tuple[Exclusion, ...]] = UNKNOWN
    comment: Fact[str | None] = UNKNOWN
    partition_of: Fact[str] = ""
    definition: Fact[str | None] = None
    folds_case: bool = False

    def column(self, name: str) -> Fact[Column | None]:
        """Return the column, None if it surely is not there, UNKNOWN if that cannot be told."""
        return named(self.columns, name, folds_case=self.folds_case)

    def index(self, name: str) -> Fact[Index | None]:
        """Return the index of this name, None if absent, UNKNOWN if that cannot be told."""
        return named(self.indexes, name, folds_case=self.folds_case)

    def check(self, name: str) -> Fact[Check | None]:
        """Return the check of this name, None if absent, UNKNOWN if that cannot be told."""
        return named(self.checks, name, folds_case=self.folds_case)


class Enum(NamedTuple):
    """An enumerated type of PostgreSQL, its values in their order."""

    schema: str
    name: str
    label: str
    values: tuple[str, ...]


class Extension(NamedTuple):
    """An installed extension of PostgreSQL."""

    name: str
    version: str


class Program(NamedTuple):
    """What the database does by itself: a trigger, a routine, a policy, an event, a sequence.

    ``kind`` is such a word; ``name`` tells it from all others of its kind (a routine's has its
    parameters). ``table`` is the label of the table it hangs on, or "". ``definition`` is the
    server's text.
    """

    kind: str
    name: str
    table: str
    definition: Fact[str]


class Unknown(NamedTuple):
    """What could not be read: of the whole database (``table`` empty), a table, or one object.

    ``table`` is a label, ``object`` a name or a kind of object such as "checks".
    """

    table: str
    object: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a database holds: tables, enums and extensions by label, and what is ``unknown``.

    ``search_path`` lists the schemas in which a bare name is found, first come first served
    (SQLite: ``main``; MySQL: the database). Enums and extensions are empty where the vendor has
    none; ``programs`` is empty unless it was asked for (``whole``).
    """

    vendor: str
    tables: tuple[Table, ...]
    enums: Fact[tuple[Enum, ...]] = ()
    extensions: Fact[tuple[Extension, ...]] = ()
    unknown: tuple[Unknown, ...] = ()
    search_path: tuple[str, ...] = ()
    folds_case: bool = False
    programs: Fact[tuple[Program, ...]] = ()
    _labels: dict[str, Table] = field(init=False, repr=False, compare=False)
    _names: dict[tuple[str, str], Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labels = {one.label: one for one in reversed(self.tables)}
        if self.folds_case:
            folded = {one.label.casefold(): one for one in reversed(self.tables)}
            labels = folded | labels
        object.__setattr__(self, "_labels", labels)
        object.__setattr__(self, "_names", {(one.schema, one.name): one for one in self.tables})

    def table(self, name: str, schema: str | None = None) -> Fact[Table | None]:
        """Return a table, None if it surely is not there, UNKNOWN if that cannot be told.

        ``name`` is a label (``users``, ``billing.users``), or with ``schema`` the bare name.
        """
        found = self._names.get((schema, name)) if schema is not None else self._labelled(name)
        if found is not None:
            return found
        label = name if schema is None or schema in self.search_path else f"{schema}.{name}"
        untold = any(one.table in {label, ""} and not one.object for one in self.unknown)
        return UNKNOWN if untold else None

    def enum(self, name: str) -> Fact[Enum | None]:
        """Return an enum by its label, or by ``schema.name``."""
        if self.enums is UNKNOWN:
            return UNKNOWN
        for one in self.enums:
            if name in {one.label, f"{one.schema}.{one.name}"}:
                return one
        return None

    def extension(self, name: str) -> Fact[Extension | None]:
        """Return an installed extension by its name."""
        return named(self.extensions, name)

    def why(self, table: str, *objects: str) -> str:
        """Return why a fact of this table (of these objects) is unknown."""
        for one in self.unknown:
            if one.table in {table, ""} and (not one.object or one.object in objects):
                return one.why
        return f"the reader for {self.vendor} cannot tell this"

    def _labelled(self, name: str) -> Table | None:
        """Return the table of this label, or of ``schema.name`` in whatever schema."""
        found = self._labels.get(name)
        if found is None and self.folds_case:
            found = self._labels.get(name.casefold())
        if found is None and "." in name:
            schema, rest = name.split(".", 1)
            found = self._names.get((schema, rest))
        return found


def named(things: Fact[tuple[N, ...]], name: str, *, folds_case: bool = False) -> Fact[N | None]:
    """Return what has this name: None if nothing has, UNKNOWN if the things are not known."""
    if things is UNKNOWN:
        return UNKNOWN
    for one in things:
        if one.name == name:
            return one
    folded = name.casefold() if folds_case else None
    return next((one for one in things if one.name.casefold() == folded), None)
