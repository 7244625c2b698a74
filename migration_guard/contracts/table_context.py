"""The table that a clause is compared with, and how to compare names and expressions in it.

Pure, but for ``deparse``, which may ask the server.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from migration_guard.contracts.outcomes import Undecided
from migration_guard.schema.conditions import in_one_spelling
from migration_guard.schema.defaults import same_default
from migration_guard.schema.deparse import Kind, Question, Spellings
from migration_guard.schema.meaning import has_same_meaning
from migration_guard.schema.objects import UNKNOWN, Fact, Snapshot, Table
from migration_guard.sql.cursor import stored_name
from migration_guard.sql.dialects import expression_dialect

VIEWS: Final = ("view", "materialized view")

# The expressions as the server writes them, or why it does not; None where no server can be asked.
Deparse: TypeAlias = Callable[[Question], Spellings | Undecided | None]


def no_server(_question: Question) -> None:
    """Ask no server, so that only texts are compared."""


class TableContext(NamedTuple):
    """One table of a snapshot, and the function that asks the server for its spelling."""

    snapshot: Snapshot
    table: Table
    deparse: Deparse

    @property
    def vendor(self) -> str:
        """Django's ``connection.vendor``."""
        return self.snapshot.vendor

    @property
    def is_view(self) -> bool:
        """Whether the table surely is a view."""
        return self.table.kind is not UNKNOWN and self.table.kind in VIEWS

    @property
    def has_only_columns(self) -> bool:
        """Whether the table can have no keys, and its columns nothing but a type."""
        return self.is_view or self.table.kind == "virtual table"

    def undecided(self, *objects: str) -> Undecided:
        """Return why a fact of these objects is unknown."""
        return Undecided(self.snapshot.why(self.table.label, *objects))

    def fold(self, name: str) -> str:
        """Return a text that is equal for all names of the same column."""
        return name.casefold() if self.table.folds_case else name

    def stored_name(self, name: str) -> str:
        """Return the name of a constraint as the server keeps it: PostgreSQL cuts it."""
        return stored_name(name, expression_dialect(self.vendor))

    def quoted(self, name: str) -> str:
        """Return a name as SQL."""
        return expression_dialect(self.vendor).quote(name)

    def quoted_table(self, label: str) -> str:
        """Return the label of a table as SQL."""
        table = self.snapshot.table(label)
        names = label.split(".", 1)
        if isinstance(table, Table):
            names = [table.name] if table.label == table.name else [table.schema, table.name]
        return ".".join(map(self.quoted, names))

    def is_same_name(self, a: str | None, b: str | None) -> bool:
        """Return whether two names mean the same column."""
        if a is None or b is None or a == b:
            return a == b
        return self.table.folds_case and a.casefold() == b.casefold()

    def are_same_names(self, a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
        """Return whether two lists name the same columns in the same order."""
        return len(a) == len(b) and all(map(self.is_same_name, a, b))

    def is_same_expression(
        self, kind: Kind, expected: str, actual: Fact[str], column_type: str = ""
    ) -> bool | Undecided:
        """Return whether two expressions are the same, as texts or as the server writes them.

        Where the server cannot be asked, expressions that differ as texts count as different.
        """
        if actual is UNKNOWN:
            return self.undecided(f"{kind}s", "definition")
        is_same = self._is_same_default if kind == "default" else self._is_same_condition
        if expected == actual or is_same(expected, actual):
            return True
        deparsed = self.deparse(Question(self.table, kind, expected, actual, column_type))
        if isinstance(deparsed, Undecided):
            return deparsed
        return deparsed is not None and is_same(*deparsed)

    def _is_same_default(self, a: str, b: str) -> bool:
        return same_default(a, b, self.vendor)

    def _is_same_condition(self, a: str, b: str) -> bool:
        columns = () if self.table.columns is UNKNOWN else self.table.columns
        booleans = frozenset(column.name for column in columns if column.type == "bool")
        a, b = (in_one_spelling(text, self.vendor, booleans) for text in (a, b))
        return has_same_meaning(a, b, self.vendor)
