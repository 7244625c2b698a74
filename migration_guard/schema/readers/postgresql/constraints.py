"""The constraints of all tables that are not keys, from ``pg_constraint``."""

from collections import defaultdict
from typing import Final

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.objects import UNKNOWN, Check, Exclusion, Fact, ForeignKey
from migration_guard.schema.readers.catalogue import Row
from migration_guard.schema.readers.postgresql import queries
from migration_guard.schema.readers.postgresql.catalogue import (
    VENDOR,
    Expressions,
    PostgreSQLCatalogue,
    text_by_oid,
)
from migration_guard.schema.readers.postgresql.columns import Columns
from migration_guard.schema.readers.postgresql.enforcement import DisabledTriggers
from migration_guard.schema.readers.postgresql.indexes import deferral
from migration_guard.schema.search_path import SearchPath

_ACTIONS: Final = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_MATCHES: Final = {"s": "simple", "f": "full", "p": "partial"}
# Facts of a table that are unknown without its constraints.
_FACTS: Final = ("foreign_keys", "checks", "exclusions")


def read_constraints(
    catalogue: PostgreSQLCatalogue,
    tables: list[int],
    columns: Columns,
    path: SearchPath,
    disabled: DisabledTriggers,
) -> "Constraints":
    """Read the constraints of all tables that are not keys."""
    period = catalogue.since(18, "(c.contype IN ('p', 'u') AND c.conperiod)")
    set_columns = catalogue.since(15, "array_to_string(c.confdelsetcols, ' ')", "NULL")
    enforced = catalogue.since(18, "c.conenforced", "true")
    sql = queries.CONSTRAINTS.format(period=period, set_columns=set_columns, enforced=enforced)
    texts = queries.CONSTRAINT_TEXTS.format(period=period)
    expressions = catalogue.expressions(texts, "checks", tables)
    rows = catalogue.rows_or_none(_FACTS, sql, [tables])
    return Constraints(rows, columns, path, expressions, disabled)


class Constraints:
    """The constraints of all tables, by name."""

    def __init__(
        self,
        rows: list[Row] | None,
        columns: Columns,
        path: SearchPath,
        expressions: Expressions,
        disabled: DisabledTriggers,
    ) -> None:
        self._rows: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(rows or (), key=lambda row: str(row[2])):
            self._rows[row[0]].append(row)
        self._are_known = rows is not None and columns.are_known
        self._columns = columns
        self._path = path
        self._expressions = expressions
        self._texts = text_by_oid(expressions.rows)
        self._disabled = disabled

    def pending_not_null(self, table: int) -> Fact[frozenset[str]]:
        """Return the numbers of columns whose NOT NULL is NOT VALID (PostgreSQL 18)."""
        if not self._are_known:
            return UNKNOWN
        return frozenset(row[7] for row in self._rows[table] if row[3] == "n")

    def foreign_keys(self, table: int) -> Fact[tuple[ForeignKey, ...]]:
        """Return the foreign keys of a table."""
        if not self._are_known:
            return UNKNOWN
        return tuple(self._foreign_key(row) for row in self._rows[table] if row[3] == "f")

    def checks(self, table: int) -> Fact[tuple[Check, ...]]:
        """Return the check constraints of a table, and a NOT NULL that is NOT VALID."""
        if not self._are_known:
            return UNKNOWN
        return tuple(self._check(row) for row in self._rows[table] if row[3] in {"c", "n"})

    def exclusions(self, table: int) -> Fact[tuple[Exclusion, ...]]:
        """Return the exclusion constraints, and the keys WITHOUT OVERLAPS."""
        if not self._are_known:
            return UNKNOWN
        return tuple(
            Exclusion(row[2], self._text(row), self._disabled.tables(row[1]))
            for row in self._rows[table]
            if row[3] in "xpu"
        )

    def _check(self, row: Row) -> Check:
        if row[3] == "n":
            name = self._columns.name(row[0], row[7]).replace('"', '""')
            return Check(row[2], f'"{name}" IS NOT NULL', validated=False)
        text = self._text(row)
        expression = text if text is UNKNOWN else without_brackets(text, VENDOR)
        return Check(row[2], expression, validated=row[6], enforced=row[15])

    def _text(self, row: Row) -> Fact[str]:
        text = self._expressions.text_or_unknown(row[0], self._texts.get(row[1]))
        return UNKNOWN if text is None else text

    def _foreign_key(self, row: Row) -> ForeignKey:
        table, oid, name, _, deferrable, deferred, validated, numbers = row[:8]
        schema, target, target_columns, on_delete, on_update, match, set_columns, enforced = row[8:]
        only = self._column_names(table, set_columns or "")
        return ForeignKey(
            name=name,
            columns=self._column_names(table, numbers),
            target=self._path.label(schema, target),
            target_columns=tuple(target_columns),
            on_delete=_ACTIONS[on_delete] + (f" ({', '.join(only)})" if only else ""),
            on_update=_ACTIONS[on_update],
            deferrable=deferral(deferrable, deferred),
            validated=validated,
            match=_MATCHES[match],
            enforced=enforced,
            disabled_on=self._disabled.tables(oid),
        )

    def _column_names(self, table: int, numbers: str) -> tuple[str, ...]:
        return tuple(self._columns.name(table, number) for number in numbers.split())
