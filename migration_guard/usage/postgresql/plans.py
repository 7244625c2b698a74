"""What the plan of a statement tells: rows without a required value, and sequences."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.usage.postgresql.written_rows import Row, read_rows
from migration_guard.usage.servers import Finding

_SOURCES: Final = frozenset({"Outer", "Member"})  # PostgreSQL 13 writes Member
_IS_NULL: Final = re.compile(r"NULL(?:::|\Z)")
_WRITING: Final = frozenset({"Insert", "Update", "Merge"})
# Calls of a sequence, and the rights of which one is needed (manual, "Sequence Functions").
_SEQUENCE: Final = re.compile(r"\b(nextval|currval|setval)\('((?:[^']|'')+)'::regclass\b")
_RIGHTS: Final = {"nextval": "USAGE, UPDATE", "currval": "USAGE, SELECT", "setval": "UPDATE"}
# Triggers of replication do not fire here (manual, "ALTER TABLE").
_COLUMNS: Final = """
WITH RECURSIVE target AS (
    SELECT c.oid
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s
), domains AS (
    SELECT a.attnum, t.typbasetype, t.typnotnull, t.typdefault IS NOT NULL AS has_default
    FROM target
    JOIN pg_catalog.pg_attribute a ON a.attrelid = target.oid
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
    UNION ALL
    SELECT domains.attnum, t.typbasetype, t.typnotnull, t.typdefault IS NOT NULL
    FROM domains
    JOIN pg_catalog.pg_type t ON t.oid = domains.typbasetype
), fillers AS (
    SELECT t.tgtype
    FROM target, pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgenabled NOT IN ('D', 'R') AND t.tgtype & 3 = 3
        AND (t.tgrelid = target.oid
            OR t.tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(target.oid)))
)
SELECT a.attnum, a.attname,
    a.attgenerated = '' AND (a.attnotnull OR EXISTS (
        SELECT FROM domains WHERE domains.attnum = a.attnum AND typnotnull
    )),
    a.atthasdef OR a.attidentity <> '' OR EXISTS (
        SELECT FROM domains WHERE domains.attnum = a.attnum AND has_default
    ),
    EXISTS (SELECT FROM fillers WHERE tgtype & 4 = 4),
    EXISTS (SELECT FROM fillers WHERE tgtype & 16 = 16)
FROM target
JOIN pg_catalog.pg_attribute a ON a.attrelid = target.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


class _Column(NamedTuple):
    """A column of a table; triggers before each row may fill it at INSERT, and at UPDATE."""

    place: int
    name: str
    is_required: bool
    has_default: bool
    is_filled_new: bool
    is_filled_later: bool


class Plans:
    """Reads plans; the columns of a table are looked up once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._tables: dict[tuple[str, str], list[_Column]] = {}

    def find_missing_values(self, plan: Any, sql: str) -> list[Finding]:
        """Return the NOT NULL columns that a statement sets to NULL, by its plan and its text."""
        missing: dict[tuple[str, str], None] = {}
        tables = {}
        for node in _writes(plan):
            table = node["Relation Name"]
            tables[table] = self._columns(node["Schema"], table)
            if node["Operation"] == "Insert":
                output = _rows(node).get("Output", [])
                for column in tables[table]:
                    is_given = column.place > len(output) or not _IS_NULL.match(
                        output[column.place - 1]
                    )
                    if not is_given and column.is_required and not column.is_filled_new:
                        missing[table, column.name] = None
        for row in read_rows(sql) if tables else ():
            for name in _without_value(row, tables.get(row.table, [])):
                missing[row.table, name] = None
        return [
            Finding(
                "usage-misses-required",
                f"a row without {table}.{column}",
                f"{table}.{column} is NOT NULL",
                (table, column),
            )
            for table, column in missing
        ]

    def _columns(self, schema: str, table: str) -> list[_Column]:
        key = schema, table
        if key not in self._tables:
            with self._connection.cursor() as cursor:
                cursor.execute(_COLUMNS, key)
                self._tables[key] = [_Column(*row) for row in cursor.fetchall()]
        return self._tables[key]

    def find_denied_sequences(self, plan: Any, role: str) -> list[Finding]:
        """Return the sequences that the plan calls and the role may not; EXPLAIN sees none."""
        findings = []
        for call, printed in dict.fromkeys(_SEQUENCE.findall(json.dumps(plan, ensure_ascii=False))):
            name = printed.replace("\\", "").replace("''", "'")
            with self._connection.cursor() as cursor:
                # Not by its name, which needs the right to use its schema.
                cursor.execute(
                    "SELECT pg_catalog.has_sequence_privilege(oid, %s) FROM pg_catalog.pg_class "
                    "WHERE relkind = 'S' AND oid::regclass::text = %s",
                    (_RIGHTS[call], name),
                )
                row = cursor.fetchone()
                if row is not None and not row[0]:
                    expected = f'the right to run it as "{role}"'
                    actual = f"permission denied for sequence {name}"
                    findings.append(Finding("usage-denied", expected, actual))
        return findings


def _without_value(row: Row, columns: list[_Column]) -> Iterator[str]:
    """Yield the required columns to which a row gives NULL, or a default that is none."""
    names = row.columns or tuple(column.name for column in columns)
    values = dict(zip(names, row.values, strict=False))
    for column in columns:
        is_filled = column.is_filled_new if row.is_new else column.is_filled_later
        value = values.get(column.name, "DEFAULT" if row.is_merged else "")
        is_null = value == "NULL" or (value == "DEFAULT" and not column.has_default)
        if is_null and column.is_required and not is_filled:
            yield column.name


def _writes(plan: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each node of a plan that inserts or changes rows."""
    if isinstance(plan, list):
        for part in plan:
            yield from _writes(part)
    elif isinstance(plan, dict):
        if plan.get("Operation") in _WRITING and plan.get("Relation Name"):
            yield plan
        for key in ("Plan", "Plans"):
            yield from _writes(plan.get(key))


def _rows(insert: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan whose rows are inserted; those of WITH and of subqueries stand beside it."""
    plans = insert.get("Plans", ())
    return next((plan for plan in plans if plan["Parent Relationship"] in _SOURCES), {})
