"""The audit in the admin: every act by hand, who did it, and why."""

import json
from typing import Any

from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from migration_guard.admin import badges, highlighting
from migration_guard.admin.base import ReadOnlyAdmin, Text
from migration_guard.models import AuditEntry


class AuditEntryAdmin(ReadOnlyAdmin):
    """List and detail of the audit."""

    list_display = ("moment", "action", "migration_id", "who", "database_user", "reason")
    list_display_links = ("moment",)
    list_filter = ("action", "at")
    search_fields = ("migration_id", "who", "reason")
    ordering = ("-id",)

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> SafeString:
        """Return the time, to the millisecond."""
        return badges.moment(entry.at)

    def detail_context(self, request: HttpRequest, alias: str, found: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the entry's facts, its reason and its details."""
        return {
            "facts": (
                (_("at"), badges.moment(found.at)),
                (_("action"), found.action),
                (_("migration"), found.migration_id or badges.NOTHING),
                (_("who"), found.who),
                (_("database user"), found.database_user),
                (_("reason"), found.reason),
            ),
            "texts": texts(found.details, connections[alias].vendor),
        }


def texts(details: str, vendor: str) -> list[Text]:
    """Return the details as blocks, SQL in colours; what is no JSON object stays as it is."""
    try:
        found = json.loads(details or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return [Text(_("details"), highlighting.plain(details))]
    blocks = {key: value for key, value in found.items() if _is_block(value)}
    rest = {key: value for key, value in found.items() if key not in blocks}
    shown = [
        Text(_("SQL") if key == "sql" else key, highlighting.sql(value, vendor))
        for key, value in blocks.items()
    ]
    if rest:
        text = json.dumps(rest, indent=2, ensure_ascii=False)
        shown.insert(0, Text(_("details"), highlighting.plain(text)))
    return shown


def _is_block(value: object) -> bool:
    """Tell whether a value is a text that wants lines of its own: the SQL that was run."""
    return isinstance(value, str) and "\n" in value.strip()
