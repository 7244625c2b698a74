"""What code downstream relies on, as values: the same for a file, for models, and for a test.

Invariants: pure and frozen. What is None is not stated, and not checked. Lists may be given for
tuples, and the short forms for the long ones (``unique=[["a", "b"]]``); what is kept is long.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ACTIONS = ("no action", "restrict", "cascade", "set null", "set default")
DEFERRABLE = ("", "immediate", "deferred")
IDENTITIES = ("always", "by default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One thing a contract says: ``owner`` relies on it, for ``reason``.

    ``source`` is the place that says so: ``path:line``, or ``app.Model.field``.
    """

    owner: str = ""
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Column(Clause):
    """A column.

    ``type`` is SQL in any spelling; ``by_affinity``: on SQLite, where only a type's affinity has a
    meaning, any type of that affinity. ``default`` and ``generated`` are SQL expressions, or True
    for any and False for none (not even an identity). ``identity`` is "always" or "by default",
    True for any way in which the database numbers rows (a sequence too), False for none.
    ``sources`` gives the place of single statements (``{"null": "schema_contract.toml:12"}``) where
    it is not that of the column.
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
    sources: Mapping[str, str] = field(
        default_factory=dict, compare=False, repr=False, kw_only=True
    )

    def __post_init__(self) -> None:
        if isinstance(self.identity, str):
            _among(IDENTITIES, identity=self.identity)

    def source_of(self, key: str) -> str:
        """Return the place that states ``key``."""
        return self.sources.get(key, self.source)


@dataclass(frozen=True, slots=True)
class PrimaryKey(Clause):
    """The primary key, its columns in their order."""

    columns: Sequence[str]

    def __post_init__(self) -> None:
        freeze(self, "columns")


@dataclass(frozen=True, slots=True)
class Unique(Clause):
    """Rows differ in ``columns``, in this order; a column may be an expression.

    With ``where``, those rows only. ``deferrable`` is "", "immediate" or "deferred".
    """

    columns: Sequence[str]
    where: str | None = None
    include: Sequence[str] = ()
    nulls_distinct: bool = True
    deferrable: str = ""

    def __post_init__(self) -> None:
        freeze(self, "columns", "include")
        _among(DEFERRABLE, deferrable=self.deferrable)


@dataclass(frozen=True, slots=True)
class Index(Clause):
    """An index that serves a look-up by ``columns``; each is a column or an expression.

    ``"salience DESC"`` asks for an order. Any valid index over all rows (those of ``where``) keeps
    this if it has these columns, or, as a B-tree, begins with them; with ``exact`` it must have
    just these columns, in these orders, and not be unique. ``method`` and ``opclasses`` count where
    they are stated.
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

    ``valid=False`` does not mind a constraint that is NOT VALID.
    """

    name: str = ""
    expression: str | None = None
    valid: bool = True

    def __post_init__(self) -> None:
        if not self.name and not self.expression:
            raise ValueError("a check needs a name or an expression")


@dataclass(frozen=True, slots=True)
class ForeignKey(Clause):
    """A foreign key; ``references`` is ``users(id)``, or ``users`` for its primary key.

    ``on_delete`` and ``on_update`` are "no action", "restrict", "cascade", "set null" or "set
    default"; ``deferrable`` is "", "immediate" or "deferred".
    """

    columns: Sequence[str]
    references: str
    on_delete: str | None = None
    on_update: str | None = None
    deferrable: str | None = None
    valid: bool = True

    def __post_init__(self) -> None:
        freeze(self, "columns")
        _among(DEFERRABLE, deferrable=self.deferrable or "")
        for action in filter(None, (self.on_delete, self.on_update)):
            _among(ACTIONS, on_delete=_COLUMNS_SET.sub("", action))
        if not _REFERENCE.fullmatch(self.references):
            raise ValueError(f'"{self.references}" is not a reference: write "users(id)"')

    @property
    def target(self) -> tuple[str, tuple[str, ...]]:
        """The table, and its columns (none: its primary key)."""
        table, *columns = (
            (match["quoted"] or "").replace('""', '"') or match["bare"].strip()
            for match in _NAME.finditer(self.references)
        )
        return table, tuple(columns)


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
    """A table and what is in it; ``name`` is ``users``, or ``billing.users``.

    ``exact``: no other columns. ``or_view``: a view will do, and then columns and types are all
    that is checked (a view's columns introspect as nullable, and it has no keys). ``app`` is the
    Django app whose own migrations make it, if they do.
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
        app: str = "",
        owner: str = "",
        reason: str = "",
        source: str = "",
    ) -> None:
        key = primary_key
        set_fields(
            self,
            name=name,
            columns=tuple(columns),
            primary_key=key if isinstance(key, PrimaryKey | None) else PrimaryKey(key),
            unique=tuple(one if isinstance(one, Unique) else Unique(one) for one in unique),
            indexes=tuple(one if isinstance(one, Index) else Index(one) for one in indexes),
            checks=tuple(one if isinstance(one, Check) else Check(one) for one in checks),
            foreign_keys=tuple(foreign_keys),
            exclusions=tuple(
                one if isinstance(one, Exclusion) else Exclusion(one) for one in exclusions
            ),
            exact=exact,
            or_view=or_view,
            app=app,
            owner=owner,
            reason=reason,
            source=source,
        )


@dataclass(frozen=True, slots=True)
class View(Clause):
    """A view, or with ``materialized`` a materialized one (None: either).

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
    """An enumerated type of PostgreSQL, with all its values in their order."""

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
    """A table (or view) that must not be there."""

    name: str


@dataclass(frozen=True, slots=True)
class AbsentColumn(Clause):
    """A column that must not be there."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Migrations(Clause):
    """Migrations that are applied: an id, a number, or a range ``0027-0030`` with both ends."""

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
        """The first and last number of a range, None where it is an id."""
        match = _RANGE.fullmatch(self.id)
        return (int(match[1]), int(match[2] or match[1])) if match else None


_COLUMNS_SET = re.compile(r" \([^()]*\)$")  # PostgreSQL 15: ON DELETE SET NULL (author_id)
_ID = re.compile(r"[0-9]+_[A-Za-z0-9_-]+")
_RANGE = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")
# Quotes are for names that hold a bracket, a comma or a quote.
_NAME = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>[^(),"]*[^(),"\s]))\s*')
_REFERENCE = re.compile(
    rf"{_NAME.pattern}(?:\({_NAME.pattern}(?:,{_NAME.pattern})*\)\s*)?".replace(
        "?P<quoted>", "?:"
    ).replace("?P<bare>", "?:")
)


def reference(table: str, columns: Iterable[str]) -> str:
    """Return ``table(column, …)`` as ``ForeignKey`` reads it."""
    listed = ", ".join(map(_quoted, columns))
    return f"{_quoted(table)}({listed})" if listed else _quoted(table)


def _quoted(name: str) -> str:
    if name == name.strip() and not re.search(r'[(),"]', name):
        return name
    return '"{}"'.format(name.replace('"', '""'))


def _among(known: Sequence[str | None], **values: str | None) -> None:
    for name, value in values.items():
        if value not in known:
            listed = ", ".join(f'"{one}"' for one in known if one is not None)
            raise ValueError(f'{name} = "{value}" is none of {listed}')


def freeze(clause: object, *names: str) -> None:
    """Turn lists into tuples; a bare string, which is a sequence too, is surely a mistake."""
    for name in names:
        value = getattr(clause, name)
        if isinstance(value, str):
            raise TypeError(f"{type(clause).__name__}.{name} is a list of names, not {value!r}.")
        object.__setattr__(clause, name, tuple(value))


def set_fields(clause: object, **values: Any) -> None:
    """Set the fields of a frozen value, from its own ``__init__``."""
    for name, value in values.items():
        object.__setattr__(clause, name, value)
