"""A whole contract: all clauses of a source, or of several sources merged.

Invariants: pure and frozen; clauses keep the order of their sources.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from migration_guard.conf import nearest
from migration_guard.contracts import declare
from migration_guard.exceptions import CannotTell


@dataclass(frozen=True, slots=True)
class Models:
    """Which models are part of a contract, as patterns of ``app.Model``.

    An empty ``include`` means all models. ``writes`` are the unmanaged models that the project
    creates rows of; of managed ones it always does.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    writes: Sequence[str] = ()

    def __post_init__(self) -> None:
        declare.freeze(self, "include", "exclude", "writes")


@dataclass(frozen=True, slots=True, init=False)
class Contract:
    """All clauses that code relies on.

    With ``exact`` there must be no other tables; ``source`` is the place that says so.
    """

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
                declare.Extension(extension) if isinstance(extension, str) else extension
                for extension in extensions
            ),
            absent_tables=tuple(
                declare.AbsentTable(table) if isinstance(table, str) else table
                for table in absent_tables
            ),
            absent_columns=tuple(absent_columns),
            migrations=tuple(
                declare.Migrations(clause) if isinstance(clause, str) else clause
                for clause in migrations
            ),
            models=models,
            exact=exact,
            source=source,
        )

    @property
    def is_empty(self) -> bool:
        """Whether the contract has no clause; ``models`` alone is none."""
        return self == replace(Contract(), models=self.models)

    @property
    def names(self) -> frozenset[str]:
        """The names of all tables and views that have a clause."""
        clauses: tuple[declare.Table | declare.View | declare.AbsentTable, ...]
        clauses = (*self.tables, *self.views, *self.absent_tables)
        return frozenset(clause.name for clause in clauses) | {
            column.table for column in self.absent_columns
        }

    def only(self, names: Iterable[str]) -> "Contract":
        """Return the clauses of these tables and views.

        Raises CannotTell, with the nearest name, for a name that has no clause.
        """
        chosen = frozenset(names)
        for name in sorted(chosen - self.names):
            suggestion = nearest(name, self.names)
            raise CannotTell(
                f'No contract names "{name}".',
                f'Did you mean "{suggestion}"?'
                if suggestion
                else "Name a table that a contract states.",
            )
        return Contract(
            tables=[table for table in self.tables if table.name in chosen],
            views=[view for view in self.views if view.name in chosen],
            absent_tables=[table for table in self.absent_tables if table.name in chosen],
            absent_columns=[column for column in self.absent_columns if column.table in chosen],
            models=self.models,
        )


def merge(contracts: Iterable[Contract]) -> Contract:
    """Return one contract with the clauses of all contracts, in their order."""
    parts = tuple(contracts)
    return Contract(
        **{
            name: [clause for contract in parts for clause in getattr(contract, name)]
            for name in _LISTS
        },
        models=Models(
            [pattern for contract in parts for pattern in contract.models.include],
            [pattern for contract in parts for pattern in contract.models.exclude],
            [pattern for contract in parts for pattern in contract.models.writes],
        ),
        exact=any(contract.exact for contract in parts),
        source=next((contract.source for contract in parts if contract.exact), ""),
    )


_LISTS: Final = tuple(
    field.name for field in fields(Contract) if field.name not in {"models", "exact", "source"}
)
