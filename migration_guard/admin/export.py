"""The history as CSV and JSON, row by row, so that a long one needs little memory."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from migration_guard.admin import badges
from migration_guard.models import AppliedMigration

FIELDS: Final = (
    "id",
    "number",
    "environment",
    "how",
    "applied_at",
    "duration_ms",
    "database_user",
    "checksum",
    "fingerprint",
)
# What a spreadsheet would take for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_csv(rows: Iterable[AppliedMigration]) -> Iterator[str]:
    """Yield the lines of a CSV file, the names of the columns first."""
    writer = csv.writer(_Echo())
    yield writer.writerow(FIELDS)
    for row in rows:
        yield writer.writerow([_cell(value) for value in record(row).values()])


def as_json(rows: Iterable[AppliedMigration]) -> Iterator[str]:
    """Yield a JSON array, an object on each line."""
    yield "["
    comma = "\n"
    for row in rows:
        yield comma + json.dumps(record(row), ensure_ascii=False)
        comma = ",\n"
    yield "\n]\n"


def record(row: AppliedMigration) -> dict[str, Any]:
    """Return the values of a row by column: the number as an integer, the time in ISO 8601."""
    values = {field: getattr(row, field) for field in FIELDS}
    return {**values, "number": badges.number(row.number), "applied_at": row.applied_at.isoformat()}


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


class _Echo:
    """A file whose ``write`` returns the text."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text
