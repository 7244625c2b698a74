"""The audit: who did what to the history, when and why."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from migration_guard.history.access import Access, Rows
from migration_guard.models import AuditEntry
from migration_guard.planning.evidence import Act
from migration_guard.sql.classify import mask_text

CLEARED: Final = "cleared"
# After these acts a migration may be applied later than one with a higher number.
_REORDERING: Final = (CLEARED, "out-of-order", "forget", "mark-applied")


class Audit:
    """The acts of people and migrations that changed the history."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._connection = access.connection
        self.table = access.table_of(AuditEntry)

    def write(
        self, action: str, migration_id: str, reason: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Write down who did what, when and why."""
        now, params = self._connection.clock()
        self._connection.send(
            f"INSERT INTO {self.table} (at, who, database_user, action, migration_id, reason, "
            f"details) VALUES ({now}, %s, %s, %s, %s, %s, %s)",
            (
                *params,
                self._access.fit(self._access.identity.who),
                self._access.identity.database_user,
                action,
                migration_id,
                self._access.fit(mask_text(reason)),
                json.dumps(details or {}),
            ),
        )

    def count(self, action: str) -> int:
        """Return how many acts of that kind the audit holds."""
        rows = self._connection.fetch(
            f"SELECT COUNT(*) FROM {self.table} WHERE action = %s", (action,)
        )
        return int(rows[0][0])

    def reordering(self) -> Rows:
        """Return action and id of each act after which the order of times may differ."""
        marks = ", ".join(["%s"] * len(_REORDERING))
        return self._connection.fetch(
            f"SELECT DISTINCT action, migration_id FROM {self.table} WHERE action IN ({marks})",
            _REORDERING,
        )

    def acts(self) -> tuple[Act, ...]:
        """Return all acts, in order of time."""
        at = self._access.time_as_text("at")
        rows = self._connection.fetch(
            f"SELECT action, migration_id, who, {at}, reason, details FROM {self.table} ORDER BY id"
        )
        return tuple(_act(*row) for row in rows)


def _act(action: str, migration_id: str, who: str, at: str, reason: str, details: str) -> Act:
    values: dict[str, Any] = {}
    with suppress(ValueError):
        values = json.loads(details or "{}")
    file, sql = values.get("file") or "", values.get("sql") or ""
    return Act(action, migration_id, who, at[:10], reason, str(file), str(sql))
