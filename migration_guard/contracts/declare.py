"""The clauses of a contract as values: the same for a file, for models, and for a test.

Invariants: pure and frozen. None means that the clause does not say, and nobody checks. A list may
stand for a tuple, and a short form for a long one (``unique=[["a", "b"]]``); fields hold the long.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from migration_guard.contracts.references import is_reference, parse_reference

ACTIONS: Final = ("no action", "restrict", "cascade", "set null", "set default")
DEFERRABLE: Final = ("", "immediate", "deferred")
IDENTITIES: Final = ("always", "by default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One statement of a contract: ``owner`` relies on it, for ``reason``.

    ``until`` is the last day before which it should be settled (see ``deadlines``). ``source`` is
    the place of the clause: ``path:line``, or ``app.Model.field``.
    """

    owner: str = ""
    reason: str = ""
    until: date | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Column(Clause):
    """A column.

    ``type`` is SQL in any spelling, and one of ``other_types`` will do as well. With
    ``by_affinity`` any type of the same affinity will do on SQLite, where only the affinity has a
    meaning. ``default`` and ``generated`` are SQL expressions, or True for any and False for none
    (not even an identity). ``identity`` is "always" or "by default", True for any way in which the
    database numbers rows (a sequence too), False for none. ``sources`` gives the places of fields
    (``{"null": "schema_contract.toml:12"}``) that differ from the place of the column.
    """

    name: str
    type: str | None = None
    null: bool | None = None
    default: str | bool | None = None
    identity: str | bool | None = None
    generated: str | bool | None = None
    stored: bool | None = None
    collation: str | None = None
    by_affinity: bool = field(default=False, kw_only=True)
    other_types: Sequence[str] = field(default=(), kw_only=True)
    sources: Mapping[str, str] = field(
        default_factory=dict, compare=False, repr=False, kw_only=True
    )

    def __post_init__(self) -> None:
        if self.other_types != ():
            freeze(self, "other_types")
        if isinstance(self.identity, str):
            _require_one_of(IDENTITIES, identity=self.identity)

    def source_of(self, key: str) -> str:
        """Return the place of the field ``key``."""
        return self.sources.get(key, self.source)


@dataclass(frozen=True, slots=True)
class PrimaryKey(Clause):
    """The primary key, with its columns in their order."""

    columns: Sequence[str]

    def __post_init__(self) -> None:
        freeze(self, "columns")


@dataclass(frozen=True, slots=True)
class Unique(Clause):
    """A unique key over ``columns`` in this order; a column may be an expression.

    With ``where``, only those rows differ. ``deferrable`` is "", "immediate" or "deferred". The
    ``opclasses`` count only where the clause states them; "" is the default one.
    """

    columns: Sequence[str]
    where: str | None = None
    include: Sequence[str] = ()
    nulls_distinct: bool = True
    deferrable: str = ""
    opclasses: Sequence[str] = ()

    def __post_init__(self) -> None:
        freeze(self, "columns", "include", "opclasses")
        _require_one_of(DEFERRABLE, deferrable=self.deferrable)


@dataclass(frozen=True, slots=True)
class Index(Clause):
    """An index that serves a look-up by ``columns``; each is a column or an expression.

    ``"salience DESC"`` asks for an order. Any valid index over all rows (those of ``where``) keeps
    this clause if it has these columns, or if it is a B-tree that begins with them. With ``exact``
    it must have just these columns, in these orders, and not be unique. ``method`` and
    ``opclasses`` count only where the clause states them; "" is the default operator class.
    """

    columns: Sequence[str]
    where: str | None = None
    include: Sequence[str] = ()
    method: str | None = None
    opclasses: Sequence[str] = ()
    exact: bool = False

    def __post_init__(self) -> None:
        freeze(self, "columns", "include", "opclasses")


@dataclass(frozen=True, slots=True)
class Check(Clause):
    """A check constraint, by its name, its expression, or both.

    With ``valid=False`` a constraint that is NOT VALID will do, with ``enforced=False`` also one
    that is NOT ENFORCED.
    """

    name: str = ""
    expression: str | None = None
    valid: bool = True
    enforced: bool = True

    def __post_init__(self) -> None:
        if not self.name and not self.expression:
            raise ValueError("a check needs a name or an expression")


@dataclass(frozen=True, slots=True)
class ForeignKey(Clause):
    """A foreign key; ``references`` is ``users(id)``, or ``users`` for its primary key.

    ``on_delete`` and ``on_update`` are "no action", "restrict", "cascade", "set null" or "set
    default"; ``deferrable`` is "", "immediate" or "deferred". ``valid`` and ``enforced`` mean what
    they mean for a check; disabled triggers count as NOT ENFORCED. With ``by_django``, a "no
    action" and ``deferrable`` count only on a constraint with a name that Django makes: one of
    another name was added by SQL, on purpose.
    """

    columns: Sequence[str]
    references: str
    on_delete: str | None = None
    on_update: str | None = None
    deferrable: str | None = None
    valid: bool = True
    enforced: bool = True
    by_django: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        freeze(self, "columns")
        _require_one_of(DEFERRABLE, deferrable=self.deferrable or "")
        for action in filter(None, (self.on_delete, self.on_update)):
            _require_one_of(ACTIONS, on_delete=_COLUMNS_SET.sub("", action))
        if not is_reference(self.references):
            raise ValueError(f'"{self.references}" is not a reference: write "users(id)"')

    @property
    def target(self) -> tuple[str, tuple[str, ...]]:
        """The table and its columns; no columns mean its primary key."""
        return parse_reference(self.references)


@dataclass(frozen=True, slots=True)
class Exclusion(Clause):
    """An exclusion constraint by its name, its definition (``EXCLUDE USING gist …``), or both."""

    name: str = ""
    definition: str | None = None

    def __post_init__(self) -> None:
        if not self.name and not self.definition:
            raise ValueError("an exclusion needs a name or a definition")


@dataclass(frozen=True, slots=True, init=False)
class Table(Clause):
    """A table and its columns, keys and constraints; ``name`` is ``users``, or ``billing.users``.

    With ``exact`` there must be no other columns. With ``or_view`` a view will do; then only
    columns and types are checked, since a view has no keys and its columns introspect as nullable.
    ``app`` is the Django app whose migrations make the table, "" where raw SQL does. With
    ``writable`` an INSERT with just these columns must work, and with ``transactional`` the storage
    engine must have transactions.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: PrimaryKey | None
    unique: tuple[Unique, ...]
    indexes: tuple[Index, ...]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]
    exclusions: tuple[Exclusion, ...]
    exact: bool
    or_view: bool
    writable: bool
    transactional: bool
    app: str

    def __init__(
        self,
        name: str,
        columns: Iterable[Column] = (),
        *,
        primary_key: PrimaryKey | Sequence[str] | None = None,
        unique: Iterable[Unique | Sequence[str]] = (),
        indexes: Iterable[Index | Sequence[str]] = (),
        checks: Iterable[Check | str] = (),
        foreign_keys: Iterable[ForeignKey] = (),
        exclusions: Iterable[Exclusion | str] = (),
        exact: bool = False,
        or_view: bool = False,
        writable: bool = False,
        transactional: bool = False,
        app: str = "",
        owner: str = "",
        reason: str = "",
        until: date | None = None,
        source: str = "",
    ) -> None:
        key = primary_key
        set_fields(
            self,
            name=name,
            columns=tuple(columns),
            primary_key=key if isinstance(key, PrimaryKey | None) else PrimaryKey(key),
            unique=tuple(_clauses(Unique, unique)),
            indexes=tuple(_clauses(Index, indexes)),
            checks=tuple(_clauses(Check, checks)),
            foreign_keys=tuple(foreign_keys),
            exclusions=tuple(_clauses(Exclusion, exclusions)),
            exact=exact,
            or_view=or_view,
            writable=writable,
            transactional=transactional,
            app=app,
            owner=owner,
            reason=reason,
            until=until,
            source=source,
        )


@dataclass(frozen=True, slots=True)
class View(Clause):
    """A view; ``materialized`` None means a view of either kind.

    ``indexes`` and ``unique`` are for materialized views.
    """

    name: str
    columns: Sequence[Column] = ()
    materialized: bool | None = None
    exact: bool = False
    unique: Sequence[Unique] = ()
    indexes: Sequence[Index] = ()

    def __post_init__(self) -> None:
        freeze(self, "columns", "unique", "indexes")


@dataclass(frozen=True, slots=True)
class Enum(Clause):
    """An enumerated type of PostgreSQL with all its values, in their order."""

    name: str
    values: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.values is not None:
            freeze(self, "values")


@dataclass(frozen=True, slots=True)
class Extension(Clause):
    """An extension of PostgreSQL, of at least this version."""

    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class AbsentTable(Clause):
    """A table or view that must not exist."""

    name: str


@dataclass(frozen=True, slots=True)
class AbsentColumn(Clause):
    """A column that must not exist."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Migrations(Clause):
    """Migrations that must be applied: an id, a number, or a range ``0027-0030`` with both ends."""

    id: str

    def __post_init__(self) -> None:
        low, high = self.numbers or (0, 0)
        if _ID.fullmatch(self.id) is None and self.numbers is None:
            raise ValueError(
                f'"{self.id}" is neither a migration\'s id ("0027_preferences"), '
                'nor its number, nor a range ("0027-0030")'
            )
        if low > high:
            raise ValueError(f'the range "{self.id}" runs backwards')

    @property
    def numbers(self) -> tuple[int, int] | None:
        """The first and last number of a range; None for an id."""
        match = _RANGE.fullmatch(self.id)
        return (int(match[1]), int(match[2] or match[1])) if match else None


_COLUMNS_SET: Final = re.compile(
    r" \(.*\)$", re.DOTALL
)  # PostgreSQL 15: ON DELETE SET NULL (author_id)
_ID: Final = re.compile(r"[0-9]+_[A-Za-z0-9_-]+")
_RANGE: Final = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")


def _clauses(kind: type[Any], values: Iterable[Any]) -> Iterator[Any]:
    """Yield each value as a clause of this kind; other values are short forms of one."""
    for value in values:
        yield value if isinstance(value, kind) else kind(value)


def _require_one_of(allowed: Sequence[str], **values: str) -> None:
    for name, value in values.items():
        if value not in allowed:
            choices = ", ".join(f'"{choice}"' for choice in allowed)
            raise ValueError(f'{name} = "{value}" is none of {choices}')


def freeze(clause: object, *names: str) -> None:
    """Turn the lists in these fields into tuples.

    Raises TypeError for a string, which is a sequence too, and surely a mistake.
    """
    for name in names:
        value = getattr(clause, name)
        if isinstance(value, str):
            raise TypeError(f"{type(clause).__name__}.{name} is a list of names, not {value!r}.")
        object.__setattr__(clause, name, tuple(value))


def set_fields(clause: object, **values: Any) -> None:
    """Set the fields of a frozen value inside its own ``__init__``."""
    for name, value in values.items():
        object.__setattr__(clause, name, value)
