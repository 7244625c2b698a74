"""The audit in the admin: every change by hand, who made it, and why."""

import json
from typing import Any

from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from migration_guard.admin import badges, databases, highlighting
from migration_guard.admin.base import DateFilter, ReadOnlyAdmin, Text
from migration_guard.admin.paging import WindowedChangeList
from migration_guard.models import AuditEntry


class AuditChangeList(WindowedChangeList):
    """A change list that sets ``url`` of each entry of its page."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and which of its migrations the history has."""
        super().get_results(request)
        alias = databases.requested_alias(request)
        model_admin: Any = self.model_admin
        model_admin.add_urls(request, alias, self.result_list)


class AuditEntryAdmin(ReadOnlyAdmin):
    """List and detail of the audit."""

    list_display = ("moment", "action", "migration", "who", "database_user", "reason")
    list_display_links = ("moment",)
    list_filter = ("action", ("at", DateFilter))
    search_fields = ("migration_id", "who", "reason")
    ordering = ("-id",)

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> SafeString:
        """Return the time, to the millisecond."""
        return badges.moment(entry.at)

    @admin.display(description=gettext_lazy("migration"), ordering="migration_id")
    def migration(self, entry: AuditEntry) -> SafeString | str:
        """Return the id of the migration, as a link."""
        return _link(entry)

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[WindowedChangeList]:  # noqa: ARG002
        """Return the change list that knows which migrations have a page."""
        return AuditChangeList

    def detail_context(self, request: HttpRequest, alias: str, entry: Any) -> dict[str, Any]:
        """Return the entry's facts, its reason and its details."""
        self.add_urls(request, alias, [entry])
        return {
            "facts": (
                (_("at"), badges.moment(entry.at)),
                (_("action"), entry.action),
                (_("migration"), _link(entry)),
                (_("who"), entry.who),
                (_("database user"), entry.database_user),
                (_("reason"), entry.reason),
            ),
            "texts": texts(entry.details, connections[alias].vendor),
        }


def _link(entry: Any) -> SafeString | str:
    """Return the id of the migration, as a link where ``add_urls`` set one."""
    if not entry.url:
        return entry.migration_id or badges.NOTHING
    return format_html('<a href="{}">{}</a>', entry.url, entry.migration_id)


def texts(details: str, vendor: str) -> list[Text]:
    """Return the details as blocks, SQL in colours; text that is no JSON object stays as it is."""
    try:
        values = json.loads(details or "{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return [Text(_("details"), highlighting.plain(details))]
    blocks = {key: value for key, value in values.items() if _is_block(key, value)}
    rest = {key: value for key, value in values.items() if key not in blocks}
    texts_of_blocks = [
        Text(_("SQL") if key == "sql" else key, highlighting.sql(value, vendor))
        for key, value in blocks.items()
    ]
    if not rest:
        return texts_of_blocks
    text = json.dumps(rest, indent=2, ensure_ascii=False)
    return [Text(_("details"), highlighting.plain(text)), *texts_of_blocks]


def _is_block(key: str, value: object) -> bool:
    """Tell whether a value is SQL, or a text of several lines."""
    return isinstance(value, str) and (key == "sql" or "\n" in value.strip())
