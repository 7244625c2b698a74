"""What the plan of a statement tells: rows without a required value, and sequences."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.usage.servers import Finding

_SOURCES: Final = frozenset({"Outer", "Member"})  # PostgreSQL 13 writes Member
_IS_NULL: Final = re.compile(r"NULL(?:::|\Z)")
_NEXTVAL: Final = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_REQUIRED: Final = """
SELECT a.attnum, a.attname
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = ''
    AND (a.attnotnull OR EXISTS (
        WITH RECURSIVE domains AS (
            SELECT typbasetype, typnotnull FROM pg_type WHERE oid = a.atttypid
            UNION ALL
            SELECT base.typbasetype, base.typnotnull
            FROM pg_type base JOIN domains ON base.oid = domains.typbasetype
        )
        SELECT FROM domains WHERE typnotnull
    ))
    AND NOT EXISTS (
        SELECT FROM pg_trigger t
        WHERE (t.tgrelid = c.oid OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid)))
            AND NOT t.tgisinternal AND t.tgenabled <> 'D'
            AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2 AND t.tgtype & 4 = 4
    )
"""


class Plans:
    """Reads plans; the columns that a table requires are looked up once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._required: dict[str, dict[int, str]] = {}

    def find_missing_values(self, plan: Any) -> list[Finding]:
        """Return the NOT NULL columns that an INSERT leaves NULL, by the plan's output."""
        findings = []
        for node in _inserts(plan):
            label = f"{node['Schema']}.{node['Relation Name']}"
            output = _rows(node).get("Output", [])
            for place, column in self._required_columns(label).items():
                if place <= len(output) and _IS_NULL.match(output[place - 1]):
                    table = node["Relation Name"]
                    findings.append(
                        Finding(
                            "usage-misses-required",
                            f"a row without {table}.{column}",
                            f"{table}.{column} is NOT NULL and has no default",
                            (table, column),
                        )
                    )
        return findings

    def _required_columns(self, label: str) -> dict[int, str]:
        """Return the NOT NULL columns of a table by place, none where a trigger fills rows."""
        if label not in self._required:
            schema, _, table = label.partition(".")
            with self._connection.cursor() as cursor:
                cursor.execute(_REQUIRED, (schema, table))
                self._required[label] = dict(cursor.fetchall())
        return self._required[label]

    def find_denied_sequences(self, plan: Any, role: str) -> list[Finding]:
        """Return the sequences that the plan calls and the role may not; EXPLAIN sees none."""
        findings = []
        for sequence in dict.fromkeys(_NEXTVAL.findall(json.dumps(plan))):
            name = sequence.replace("\\", "").replace("''", "'")
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT has_sequence_privilege(%s, 'USAGE, UPDATE')", (name,))
                if not cursor.fetchone()[0]:
                    expected = f'the right to run it as "{role}"'
                    actual = f"permission denied for sequence {name}"
                    findings.append(Finding("usage-denied", expected, actual))
        return findings


def _inserts(plan: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each node of a plan that inserts rows."""
    if isinstance(plan, list):
        for part in plan:
            yield from _inserts(part)
    elif isinstance(plan, dict):
        if plan.get("Operation") == "Insert" and plan.get("Relation Name") and plan.get("Plans"):
            yield plan
        for key in ("Plan", "Plans"):
            yield from _inserts(plan.get(key))


def _rows(insert: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan whose rows are inserted; those of WITH and of subqueries stand beside it."""
    sources = (plan for plan in insert["Plans"] if plan["Parent Relationship"] in _SOURCES)
    return next(sources, {})
