"""A whole contract: all that is relied on, from one source or from several.

Invariants: pure and frozen; the order is that of the sources.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from migration_guard.conf import nearest
from migration_guard.contracts import declare
from migration_guard.exceptions import CannotTell


@dataclass(frozen=True, slots=True)
class Models:
    """Which models are a contract: patterns of ``app.Model``; ``include`` empty means all."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def __post_init__(self) -> None:
        declare.freeze(self, "include", "exclude")


@dataclass(frozen=True, slots=True, init=False)
class Contract:
    """All that is relied on. ``exact``: no tables but these; ``source`` is the place of that."""

    tables: tuple[declare.Table, ...]
    views: tuple[declare.View, ...]
    enums: tuple[declare.Enum, ...]
    extensions: tuple[declare.Extension, ...]
    absent_tables: tuple[declare.AbsentTable, ...]
    absent_columns: tuple[declare.AbsentColumn, ...]
    migrations: tuple[declare.Migrations, ...]
    models: Models
    exact: bool
    source: str

    def __init__(
        self,
        tables: Iterable[declare.Table] = (),
        *,
        views: Iterable[declare.View] = (),
        enums: Iterable[declare.Enum] = (),
        extensions: Iterable[declare.Extension | str] = (),
        absent_tables: Iterable[declare.AbsentTable | str] = (),
        absent_columns: Iterable[declare.AbsentColumn] = (),
        migrations: Iterable[declare.Migrations | str] = (),
        models: Models = Models(),
        exact: bool = False,
        source: str = "",
    ) -> None:
        declare.set_fields(
            self,
            tables=tuple(tables),
            views=tuple(views),
            enums=tuple(enums),
            extensions=tuple(
                declare.Extension(one) if isinstance(one, str) else one for one in extensions
            ),
            absent_tables=tuple(
                declare.AbsentTable(one) if isinstance(one, str) else one for one in absent_tables
            ),
            absent_columns=tuple(absent_columns),
            migrations=tuple(
                declare.Migrations(one) if isinstance(one, str) else one for one in migrations
            ),
            models=models,
            exact=exact,
            source=source,
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is stated."""
        return self == replace(Contract(), models=self.models)

    @property
    def names(self) -> frozenset[str]:
        """The names of all tables and views that are spoken of."""
        named: list[declare.Table | declare.View | declare.AbsentTable]
        named = [*self.tables, *self.views, *self.absent_tables]
        return frozenset([one.name for one in named] + [one.table for one in self.absent_columns])

    def only(self, names: Iterable[str]) -> "Contract":
        """Return what is said of these tables and views.

        Raises CannotTell, with the nearest name, for one of which nothing is said.
        """
        chosen = frozenset(names)
        for name in sorted(chosen - self.names):
            near = nearest(name, self.names)
            raise CannotTell(
                f'No contract says anything of "{name}".',
                f'Did you mean "{near}"?' if near else "Name a table that a contract states.",
            )
        return Contract(
            tables=[one for one in self.tables if one.name in chosen],
            views=[one for one in self.views if one.name in chosen],
            absent_tables=[one for one in self.absent_tables if one.name in chosen],
            absent_columns=[one for one in self.absent_columns if one.table in chosen],
            models=self.models,
        )


def merge(contracts: Iterable[Contract]) -> Contract:
    """Return one contract that says what all of them say, in their order."""
    given = tuple(contracts)
    return Contract(
        **{
            name: [clause for contract in given for clause in getattr(contract, name)]
            for name in _LISTS
        },
        models=Models(
            [pattern for contract in given for pattern in contract.models.include],
            [pattern for contract in given for pattern in contract.models.exclude],
        ),
        exact=any(contract.exact for contract in given),
        source=next((contract.source for contract in given if contract.exact), ""),
    )


_LISTS = tuple(
    one.name for one in fields(Contract) if one.name not in {"models", "exact", "source"}
)
