"""The columns of all tables, from ``pg_attribute``."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.objects import UNKNOWN, Column, Fact, Generated
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import (
    VENDOR,
    Expressions,
    PostgreSQLCatalogue,
)
from migration_guard.schema.readers.postgresql.inserts import InsertFacts
from migration_guard.schema.types import normalize

EXPRESSION: Final = "0"  # the number of a key that is no column

_DEFAULT_COLLATION: Final = "100"
_IDENTITIES: Final = {"": "", "a": "always", "d": "by default"}
# Facts of a table that are unknown without its columns.
_FACTS: Final = (
    *("columns", "indexes", "primary_key", "uniques"),
    *("foreign_keys", "checks", "exclusions"),
)


def read_columns(
    catalogue: PostgreSQLCatalogue, tables: list[int], inserts: InsertFacts
) -> "Columns":
    """Read the columns of all tables."""
    return Columns(
        catalogue.rows_or_none(_FACTS, queries.COLUMNS, [tables]),
        catalogue.rows_or_none(_FACTS, queries.DOMAINS),
        catalogue.expressions(queries.DEFAULTS, "defaults", tables),
        inserts,
    )


class Columns:
    """The columns of all tables, by table and number; the catalogue writes numbers as text."""

    def __init__(
        self,
        rows: Iterable[Row] | None,
        domains: list[Row] | None,
        expressions: Expressions,
        inserts: InsertFacts,
    ) -> None:
        self._rows: dict[int, dict[str, Row]] = defaultdict(dict)
        for row in rows or ():
            self._rows[row[0]][str(row[1])] = row
        self.are_known = rows is not None
        self._domains = {row[0]: row[1:] for row in domains} if domains is not None else None
        self._expressions = expressions
        self._inserts = inserts
        self._texts = {(row[0], row[1]): row[2] for row in expressions.rows}
        self._facts: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def of(self, table: int, pending_not_null: Fact[frozenset[str]]) -> Fact[tuple[Column, ...]]:
        """Return the columns of a table, in their order.

        ``pending_not_null`` are the numbers of columns whose NOT NULL is NOT VALID.
        """
        if not self.are_known:
            return UNKNOWN
        return tuple(
            self._column(
                row, UNKNOWN if pending_not_null is UNKNOWN else number in pending_not_null
            )
            for number, row in self._rows[table].items()
        )

    def name(self, table: int, number: str) -> str:
        """Return the name of a column."""
        return str(self._rows[table][number][2])

    def collation(self, table: int, number: str) -> str:
        """Return the oid of the collation that a key has by itself, as its column has."""
        return _DEFAULT_COLLATION if number == EXPRESSION else str(self._rows[table][number][8])

    def _column(self, row: Row, not_null_pending: Fact[bool]) -> Column:
        table, number, name = row[:3]
        text: Fact[str | None] = None
        if row[7]:
            text = self._expressions.text_or_unknown(table, self._texts.get((table, number)))
        # Thousands of columns are alike but for their names.
        key = row[3:], text, not_null_pending, self._inserts.fills(table)
        facts = self._facts.get(key)
        if facts is None:
            facts = self._facts[key] = self._facts_of(*key)
        return Column(name, *facts)

    def _facts_of(
        self,
        row: Row,
        text: Fact[str | None],
        not_null_pending: Fact[bool],
        fills: Fact[bool],
    ) -> tuple[Any, ...]:
        """Return the fields of a column but its name."""
        type_text, not_null, identity, generated, _, _, collation, comment, domain = row[:9]
        base, domain_not_null = self._base(domain)
        nullable = UNKNOWN if domain_not_null is UNKNOWN else not domain_not_null
        if not_null and not_null_pending is not True:
            nullable = UNKNOWN if not_null_pending is UNKNOWN else False
        fills_itself = row[9] if text is None else not _is_null(text)
        fills_itself = fills_itself or bool(identity or generated)
        return Column(
            name="",
            type=normalize(type_text, VENDOR),
            nullable=nullable,
            default=None if generated else text,
            identity=_IDENTITIES[identity],
            generated=_generated(text, generated),
            collation=collation,
            comment=comment,
            base_type=base,
            filled=fills_itself or fills,
        )[1:]

    def _base(self, domain: int | None) -> tuple[Fact[str | None], Fact[bool]]:
        """Return the type at the bottom of a domain, and whether a domain on the way is NOT NULL.

        A domain may stand on a domain.
        """
        if domain is None:
            return None, False
        if self._domains is None:
            return UNKNOWN, UNKNOWN
        base, not_null = "", False
        while domain in self._domains:
            domain, base, *is_not_null = self._domains[domain]
            not_null = not_null or any(is_not_null)
        return normalize(base, VENDOR), not_null


def _is_null(default: Fact[str]) -> bool:
    """Return whether a default is NULL, which hides that of a domain."""
    return default is not UNKNOWN and default.upper().startswith("NULL::")


def _generated(text: Fact[str | None], generated: str) -> Generated | None:
    """Return how the column is computed; it may be virtual since PostgreSQL 18."""
    if not generated:
        return None
    is_unknown = text is UNKNOWN or text is None
    expression = UNKNOWN if is_unknown else without_brackets(text, VENDOR)
    return Generated(expression, stored=generated == "s")
