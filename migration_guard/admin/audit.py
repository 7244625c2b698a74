"""The audit in the admin: every act by hand, who did it, and why."""

import json
from typing import Any

from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from migration_guard.admin import badges, highlighting
from migration_guard.admin.base import DateFilter, ReadOnlyAdmin, Text
from migration_guard.models import AppliedMigration, AuditEntry


class AuditEntryAdmin(ReadOnlyAdmin):
    """List and detail of the audit."""

    list_display = ("moment", "action", "migration_id", "who", "database_user", "reason")
    list_display_links = ("moment",)
    list_filter = ("action", ("at", DateFilter))
    search_fields = ("migration_id", "who", "reason")
    ordering = ("-id",)

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> SafeString:
        """Return the time, to the millisecond."""
        return badges.moment(entry.at)

    def detail_context(self, request: HttpRequest, alias: str, found: Any) -> dict[str, Any]:
        """Return the entry's facts, its reason and its details."""
        return {
            "facts": (
                (_("at"), badges.moment(found.at)),
                (_("action"), found.action),
                (_("migration"), self._migration(request, alias, found.migration_id)),
                (_("who"), found.who),
                (_("database user"), found.database_user),
                (_("reason"), found.reason),
            ),
            "texts": texts(found.details, connections[alias].vendor),
        }

    def _migration(self, request: HttpRequest, alias: str, one: str) -> SafeString | str:
        """Return the id, as a link while the history has it."""
        rows = AppliedMigration.objects.using(alias).filter(id=one)
        if one and self.may_view(request, AppliedMigration) and rows.exists():
            return format_html('<a href="{}">{}</a>', self.url("change", alias, one), one)
        return one or badges.NOTHING


def texts(details: str, vendor: str) -> list[Text]:
    """Return the details as blocks, SQL in colours; what is no JSON object stays as it is."""
    try:
        found = json.loads(details or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return [Text(_("details"), highlighting.plain(details))]
    blocks = {key: value for key, value in found.items() if _is_block(key, value)}
    rest = {key: value for key, value in found.items() if key not in blocks}
    shown = [
        Text(_("SQL") if key == "sql" else key, highlighting.sql(value, vendor))
        for key, value in blocks.items()
    ]
    if rest:
        text = json.dumps(rest, indent=2, ensure_ascii=False)
        shown.insert(0, Text(_("details"), highlighting.plain(text)))
    return shown


def _is_block(key: str, value: object) -> bool:
    """Tell whether a value is a text that wants lines of its own, as the SQL that was run does."""
    return isinstance(value, str) and (key == "sql" or "\n" in value.strip())
