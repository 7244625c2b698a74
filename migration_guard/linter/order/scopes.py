"""What an expression can see: the items in FROM of each query around it, and the CTEs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from migration_guard.linter.order.names import Name


@dataclass(frozen=True, slots=True)
class Item:
    """One item in FROM. ``relation`` is None if its columns are not known here."""

    alias: str
    relation: Name | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The items of each query from the innermost outwards, and the names of the CTEs.

    ``outputs`` are the names that the innermost query gives to its own results.
    """

    levels: tuple[tuple[Item, ...], ...] = ()
    ctes: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()

    def inner(self, items: Iterable[Item], outputs: Iterable[str] = ()) -> "Scope":
        """Return the scope inside a query that reads ``items``."""
        return Scope((tuple(items), *self.levels), self.ctes, frozenset(outputs))

    def with_ctes(self, names: Iterable[str]) -> "Scope":
        """Return this scope with more CTEs."""
        return Scope(self.levels, self.ctes | frozenset(names), self.outputs)

    def items_named(self, alias: str) -> tuple[Item, ...]:
        """Return the items of the innermost query that has ``alias`` among them."""
        return next(
            (items for items in self.levels if any(item.alias == alias for item in items)), ()
        )


EMPTY: Final = Scope()


def scope_of(name: Name) -> Scope:
    """Return the scope of an expression that sees one relation, as a CHECK does."""
    return Scope(((Item(name.name, name),),))
