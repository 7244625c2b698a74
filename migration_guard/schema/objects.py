"""The objects of a database as values, the same for every vendor.

Invariants: pure and frozen. Tuples stand in a stable order, so equal databases give equal
snapshots. A fact that the vendor or its reader cannot tell is ``UNKNOWN``, which is not None:
``default=None`` means that there is no default, ``default=UNKNOWN`` that nobody could find out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum as StandardEnum
from typing import Final, Literal, NamedTuple, Never, Protocol, TypeAlias, TypeVar

from migration_guard.schema.search_path import meanings


class UnknownFact(StandardEnum):
    """The type of ``UNKNOWN``, which is neither true nor false; compare it with ``is``."""

    UNKNOWN = "unknown"

    def __bool__(self) -> Never:
        raise TypeError("An UNKNOWN fact is neither true nor false: compare with `is UNKNOWN`.")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = UnknownFact.UNKNOWN

T = TypeVar("T")
Fact: TypeAlias = T | Literal[UnknownFact.UNKNOWN]


class Generated(NamedTuple):
    """The expression of a generated column, as the server writes it."""

    expression: Fact[str]
    stored: Fact[bool]


class Column(NamedTuple):
    """A column.

    ``type`` is normalised (see ``types.normalize``). ``base_type`` is the type under a PostgreSQL
    domain, and ``longtext`` under MariaDB's JSON. ``default`` is the server's text of the
    expression. ``identity`` is "", "always" or "by default"; AUTO_INCREMENT and SQLite's alias of
    the rowid are "by default". ``collation`` and ``comment`` are None where the column has none of
    its own. ``nullable`` is also true where a NOT NULL constraint is NOT VALID, since there may be
    nulls. ``filled`` says whether a column that an INSERT leaves out may get a value: by the above,
    by its type, by a trigger, or by a server that is not strict.
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
    filled: Fact[bool] = UNKNOWN


class Key(NamedTuple):
    """A primary key, or a plain unique constraint or index; any two rows differ in ``columns``.

    Plain means: for all rows, valid, over whole columns in their own collation. INCLUDE columns do
    not belong to it. ``deferrable`` is "", or what the key initially is: "immediate" or "deferred".
    A constraint without a name has the name of its index, or "". ``disabled_on`` are the labels of
    tables on which the triggers that check a deferrable key are disabled.
    """

    name: str
    columns: tuple[str, ...]
    deferrable: Fact[str] = ""
    nulls_distinct: Fact[bool] = True
    disabled_on: Fact[tuple[str, ...]] = ()


class Index(NamedTuple):
    """An index, also one that a key or an exclusion constraint stands on.

    ``columns`` has None for each expression; ``expressions`` has their texts, in the same order.
    ``orders``, ``prefix_lengths``, ``opclasses`` and ``collations`` have one item for each of
    ``columns``. An order is "asc" or "desc", with " nulls first" or " nulls last" where that is not
    the vendor's default. The others are None for the whole column, the default operator class, the
    column's own collation. ``opclass_names`` has all names of each operator class, the default too.
    ``predicate`` is the WHERE of a partial index, None for all rows.
    ``valid`` is false after a failed CREATE INDEX CONCURRENTLY, and for an index that the optimiser
    must ignore or does not keep up. ``backs`` is "primary key", "unique" or "exclusion" where the
    index belongs to such a constraint of its name.
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
    opclass_names: tuple[frozenset[str], ...] = ()
    disabled_on: Fact[tuple[str, ...]] = ()
    comment: Fact[str | None] = None

    @property
    def is_plain(self) -> Fact[bool]:
        """Whether the index is valid and covers every row by whole columns."""
        if None in self.columns:
            return False
        if self.valid is False or isinstance(self.predicate, str):
            return False
        if self.disabled_on is not UNKNOWN and self.disabled_on:
            return False
        if any(
            any(of_column is not None for of_column in fact)
            for fact in (self.prefix_lengths, self.collations)
            if fact is not UNKNOWN
        ):
            return False
        facts = (self.valid, self.predicate, self.prefix_lengths, self.collations, self.include)
        return UNKNOWN if UNKNOWN in facts else True

    @property
    def key(self) -> Key:
        """The key that the index makes if it is unique."""
        columns = tuple(name for name in self.columns if name is not None)
        return Key(self.name, columns, self.deferrable, self.nulls_distinct, self.disabled_on)


def primary_key(indexes: Fact[tuple[Index, ...]]) -> Fact[Key | None]:
    """Return the primary key, which is the key of its index."""
    if indexes is UNKNOWN:
        return UNKNOWN
    return next((index.key for index in indexes if index.backs == "primary key"), None)


class ForeignKey(NamedTuple):
    """A foreign key; ``target`` is the label of the table that it points to.

    ``on_delete`` and ``on_update`` are "no action", "restrict", "cascade", "set null" or "set
    default". ``validated`` is false for NOT VALID and NOT ENFORCED, ``enforced`` for the latter.
    ``disabled_on`` are the labels of tables on which triggers of the key are disabled.
    ``target_columns`` also holds the columns that REFERENCES leaves out and the server implies.
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
    enforced: Fact[bool] = True
    disabled_on: Fact[tuple[str, ...]] = ()


class Check(NamedTuple):
    """A check constraint; ``expression`` is the server's text, without CHECK and the outer parens.

    A NOT NULL constraint that is NOT VALID is also one: ``"x" IS NOT NULL``, not validated.
    ``of_column`` says whether MariaDB keeps it with its column, and drops it when that is modified.
    """

    name: str
    expression: Fact[str]
    validated: Fact[bool] = True
    enforced: Fact[bool] = True
    of_column: bool = False


class Exclusion(NamedTuple):
    """An exclusion constraint, or a key WITHOUT OVERLAPS, as the server writes it."""

    name: str
    definition: Fact[str]
    disabled_on: Fact[tuple[str, ...]] = ()


class HasName(Protocol):
    """An object with a name to find it by."""

    @property
    def name(self) -> str:
        """The name, as the database keeps it."""


N = TypeVar("N", bound=HasName)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, a view, or another relation with columns.

    ``kind`` is "table", "view", "materialized view", "partitioned table" or "foreign table".
    ``label`` is ``name`` where the search path finds it, else ``schema.name`` (see
    ``search_path``). ``partition_of`` is
    the label of the parent, or "". ``definition`` is the query of a view. ``uniques`` are the
    unique keys that are surely plain; an index of which a reader cannot tell has ``is_plain``
    UNKNOWN. ``engine`` is MySQL's storage engine, and ``transactional`` whether it has
    transactions. ``insert_obstacle`` says why no INSERT reaches the table or view, "" if one does.
    ``extension`` is the extension of PostgreSQL that made it, "" without one.
    Columns stand in their order, all others by name. With ``folds_case`` the case of a
    name does not count.

    SQLite: ``kind`` may be "virtual table". ``hidden`` are columns that ``SELECT *`` leaves out,
    such as the rowid. ``clauses`` are AUTOINCREMENT and ON CONFLICT, each with its constraint.
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
    hidden: tuple[Column, ...] = ()
    clauses: tuple[str, ...] = ()
    folds_case: bool = False
    engine: Fact[str] = ""
    transactional: Fact[bool] = True
    insert_obstacle: Fact[str] = ""
    extension: str = ""

    def column(self, name: str) -> Fact[Column | None]:
        """Return the column, None if it is surely absent, UNKNOWN if nobody can tell."""
        column = find_by_name(self.columns, name, folds_case=self.folds_case)
        if column is not None:
            return column
        return find_by_name(self.hidden, name, folds_case=self.folds_case)

    def index(self, name: str) -> Fact[Index | None]:
        """Return the index of this name; None if surely absent, UNKNOWN if nobody can tell."""
        return find_by_name(self.indexes, name, folds_case=self.folds_case)

    def check(self, name: str) -> Fact[Check | None]:
        """Return the check of this name; None if surely absent, UNKNOWN if nobody can tell."""
        return find_by_name(self.checks, name, folds_case=self.folds_case)


class Enum(NamedTuple):
    """An enumerated type of PostgreSQL, with its values in order.

    ``extension`` is the extension that made it, "" without one.
    """

    schema: str
    name: str
    label: str
    values: tuple[str, ...]
    extension: str = ""


class Extension(NamedTuple):
    """An installed extension of PostgreSQL."""

    name: str
    version: str
    schema: str = ""


# The end of a property that is a time counted from when the statement ran.
COUNTED: Final = ", counted from when it was made"


class Program(NamedTuple):
    """A trigger, routine, policy, event or sequence; the database runs it by itself.

    ``kind`` is such a word. ``name`` is unique within its kind; that of a routine has its
    parameters. ``table`` is the label of the table that it belongs to, or "". ``definition`` is
    the server's text, and ``properties`` what it has beside that, by a word for each. An option is
    one as well: of its table without a name, else of the object whose kind stands before the colon
    ("column: storage").
    """

    kind: str
    name: str
    table: str
    definition: Fact[str]
    properties: Mapping[str, Fact[str]] = {}

    @property
    def is_option(self) -> bool:
        """Whether this only adds a property to another object."""
        return not self.name or ": " in self.kind


class Unknown(NamedTuple):
    """A note of what could not be read, and why.

    ``table`` is a label, "" for the whole database. ``object`` is a name, or a kind of object such
    as "checks"; "" means all of the table.
    """

    table: str
    object: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of a database, and notes of what is ``unknown``.

    ``search_path`` lists the schemas in which a bare name is found, the first one first (SQLite:
    ``main``; MySQL: the database). Enums and extensions are empty where the vendor has none.
    ``programs`` is empty unless ``diff.database`` read it.
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
        labels = {table.label: table for table in reversed(self.tables)}
        if self.folds_case:
            folded = {table.label.casefold(): table for table in reversed(self.tables)}
            labels = folded | labels
        names = {(table.schema, table.name): table for table in self.tables}
        object.__setattr__(self, "_labels", labels)
        object.__setattr__(self, "_names", names)

    def table(self, name: str, schema: str | None = None) -> Fact[Table | None]:
        """Return a table, None if it is surely absent, UNKNOWN if nobody can tell.

        ``name`` is a label (``users``, ``billing.users``), or with ``schema`` the bare name.
        """
        table = self._by_label(name) if schema is None else self._names.get((schema, name))
        if table is not None:
            return table
        label = name if schema is None or schema in self.search_path else f"{schema}.{name}"
        is_unread = any(note.table in {label, ""} and not note.object for note in self.unknown)
        return UNKNOWN if is_unread else None

    def enum(self, name: str) -> Fact[Enum | None]:
        """Return an enum by its label, or by ``schema.name``."""
        if self.enums is UNKNOWN:
            return UNKNOWN
        for enum in self.enums:
            if name in {enum.label, f"{enum.schema}.{enum.name}"}:
                return enum
        return None

    def extension(self, name: str) -> Fact[Extension | None]:
        """Return an installed extension by its name."""
        return find_by_name(self.extensions, name)

    def why(self, table: str, *objects: str) -> str:
        """Return why a fact of a table, or of these objects of it, is unknown."""
        for note in self.unknown:
            if note.table in {table, ""} and (not note.object or note.object in objects):
                return note.why
        return f"the reader for {self.vendor} cannot tell this"

    def _by_label(self, name: str) -> Table | None:
        """Return the table of this label, or the table ``schema.name`` or ``"name"``."""
        table = self._labels.get(name)
        if table is None and self.folds_case:
            table = self._labels.get(name.casefold())
        if table is None:
            tables = map(self._names.get, meanings(name, self.search_path))
            table = next(filter(None, tables), None)
        return table


def find_by_name(
    objects: Fact[tuple[N, ...]], name: str, *, folds_case: bool = False
) -> Fact[N | None]:
    """Return the object of this name, None if there is none, UNKNOWN if they are unknown."""
    if objects is UNKNOWN:
        return UNKNOWN
    for candidate in objects:
        if candidate.name == name:
            return candidate
    folded = name.casefold() if folds_case else None
    return next((object_ for object_ in objects if object_.name.casefold() == folded), None)
