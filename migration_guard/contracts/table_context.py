"""What a contract is compared with: the facts of one table, and how to compare what is text.

Pure, but for ``spell``, which may ask the server.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from migration_guard.contracts.expressions import canonical, same_default
from migration_guard.contracts.outcomes import Untold
from migration_guard.schema.deparse import Kind, Question
from migration_guard.schema.objects import UNKNOWN, Fact, Snapshot, Table

VIEWS = ("view", "materialized view")


# The server's spelling, or why it would not tell; None where there is nothing to ask.
Spell: TypeAlias = Callable[[Question], str | Untold | None]


def no_server(_ask: Question) -> None:
    """Compare texts only."""


class Scene(NamedTuple):
    """One table of a snapshot, and what it is compared by."""

    snapshot: Snapshot
    table: Table
    spell: Spell

    @property
    def vendor(self) -> str:
        """Django's ``connection.vendor``."""
        return self.snapshot.vendor

    @property
    def is_view(self) -> bool:
        """Whether this is a view."""
        return self.table.kind is not UNKNOWN and self.table.kind in VIEWS

    def untold(self, *objects: str) -> Untold:
        """Say why a fact of these objects is unknown."""
        return Untold(self.snapshot.why(self.table.label, *objects))

    def fold(self, name: str) -> str:
        """Return what is equal for names that mean the same column."""
        return name.casefold() if self.table.folds_case else name

    def same_name(self, one: str | None, other: str | None) -> bool:
        """Tell whether two names mean the same column."""
        if one is None or other is None or one == other:
            return one == other
        return self.table.folds_case and one.casefold() == other.casefold()

    def same_names(self, one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
        """Tell whether two lists name the same columns in the same order."""
        return len(one) == len(other) and all(map(self.same_name, one, other))

    def same(
        self, kind: Kind, stated: str, actual: Fact[str], column_type: str = ""
    ) -> bool | Untold:
        """Tell whether a stated expression is the actual one, as text or as the server writes it.

        Where the server cannot be asked, expressions that differ as text are held to differ.
        """
        if actual is UNKNOWN:
            return self.untold(f"{kind}s", "definition")
        alike = same_default if kind == "default" else _alike
        if stated == actual or alike(stated, actual, self.vendor):
            return True
        spelt = self.spell(Question(self.table, kind, stated, column_type))
        if isinstance(spelt, Untold):
            return spelt
        return spelt is not None and alike(spelt, actual, self.vendor)


def _alike(one: str, other: str, vendor: str) -> bool:
    return canonical(one, vendor) == canonical(other, vendor)
