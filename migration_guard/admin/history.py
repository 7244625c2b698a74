"""The history in the admin: the list, one migration, the status page, the timeline, the export."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from migration_guard.admin import badges, databases
from migration_guard.admin.base import APP, DateFilter, ReadOnlyAdmin
from migration_guard.admin.paging import WindowedChangeList
from migration_guard.exceptions import GuardError
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry

if TYPE_CHECKING:
    from migration_guard.planning.plan import Planned

_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class HistoryChangeList(WindowedChangeList):
    """A change list that compares the rows of its page with their files."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and set ``guard_now`` of each row; None where it is unknown."""
        from migration_guard.admin import files_now

        super().get_results(request)
        self.files_error: Exception | None = None
        files = {}
        try:
            files = files_now.compare(databases.requested_alias(request), self.result_list)
        except (GuardError, TypeError, ValueError) as error:
            self.files_error = error
        for row in self.result_list:
            row.guard_now = files.get(row.id)


class AppliedMigrationAdmin(ReadOnlyAdmin):
    """The list, the detail page and the further pages of the history."""

    list_display = (
        "number_",
        "name",
        "badge",
        "environment",
        "applied",
        "took",
        "by",
        "digest",
    )
    list_display_links = ("name",)
    list_filter = (
        "how",
        ("environment", admin.AllValuesFieldListFilter),
        ("applied_at", DateFilter),
    )
    date_hierarchy = "applied_at"
    search_fields = ("id",)
    search_help_text = gettext_lazy("Part of the name, or the number as the file has it")
    ordering = ("-applied_at",)
    detail_template = "migration.html"

    # -- the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows without their SQL, which may be long."""
        return super().get_queryset(request).defer("sql")

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[WindowedChangeList]:  # noqa: ARG002
        """Return the change list that compares rows with files."""
        return HistoryChangeList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the change list, without a date hierarchy where the server lacks time zones."""
        changelist = super().get_changelist_instance(request)
        if not has_time_zone(databases.requested_alias(request)):
            changelist.date_hierarchy = None
        return changelist

    @admin.display(description=gettext_lazy("number"), ordering="number")
    def number_(self, row: AppliedMigration) -> int | str:
        """Return the number as an integer; padded text sorts in the same order."""
        return badges.number(row.number)

    @admin.display(description=gettext_lazy("name"), ordering="id")
    def name(self, row: AppliedMigration) -> SafeString:
        """Return the id."""
        return format_html('<bdi translate="no">{}</bdi>', row.id)

    @admin.display(description=gettext_lazy("state"))
    def badge(self, row: AppliedMigration) -> SafeString:
        """Return the state and, unless a run applied it, how the row was recorded."""
        now = getattr(row, "guard_now", None)
        state = badges.state(now.state) if now is not None else badges.UNKNOWN.html
        if row.how == AppliedMigration.How.RUN:
            return state
        return format_html('{} <span class="quiet">{}</span>', state, badges.source(row.how))

    @admin.display(description=gettext_lazy("applied at"), ordering="applied_at")
    def applied(self, row: AppliedMigration) -> SafeString:
        """Return the time, to the millisecond."""
        return badges.moment(row.applied_at)

    @admin.display(description=gettext_lazy("duration"), ordering="duration_ms")
    def took(self, row: AppliedMigration) -> SafeString:
        """Return the duration."""
        return format_html("<bdi>{}</bdi>", badges.duration(row.duration_ms))

    @admin.display(description=pgettext_lazy("database user", "by"), ordering="database_user")
    def by(self, row: AppliedMigration) -> SafeString:
        """Return the database user."""
        return format_html('<bdi translate="no">{}</bdi>', row.database_user)

    @admin.display(description=gettext_lazy("checksum"))
    def digest(self, row: AppliedMigration) -> SafeString | str:
        """Return the beginning of the checksum, with all of it as a title."""
        if row.checksum is None:
            return badges.NOTHING
        return format_html(
            '<code class="mg-mono" translate="no" title="{}">{}</code>',
            row.checksum,
            row.checksum[:8],
        )

    def list_context(self, request: HttpRequest, alias: str) -> dict[str, Any]:
        """Return links to the exports and, where it costs little, the status."""
        from migration_guard.admin import status

        parameters = request.GET.copy()
        for parameter in ("p", "e", "all"):
            parameters.pop(parameter, None)
        query = f"?{parameters.urlencode()}" if parameters else ""
        base = self.url("changelist", alias).partition("?")[0]
        return {
            "glance": status.glance(alias, self._url_function(request, alias))
            if status.is_cheap(alias)
            else None,
            "status_apart": True,
            "acts": self.acts(request, alias),
            "exports": [(kind.upper(), f"{base}export.{kind}{query}") for kind in _TYPES],
        }

    # -- one migration

    def detail_context(self, request: HttpRequest, alias: str, row: Any) -> dict[str, Any]:
        """Return the facts, the file now, the SQL, its statements, and the audit."""
        from migration_guard.admin import migration

        entries: Iterable[AuditEntry] = ()
        if self.may_view(request, AuditEntry):
            with databases.reading(alias):
                entries = list(AuditEntry.objects.using(alias).filter(migration_id=row.id)[:50])
        with databases.reading(alias):
            journal_entry = JournalEntry.objects.using(alias).filter(id=row.id).first()
        return migration.context(row, journal_entry, alias, entries)

    # -- further pages

    def get_urls(self) -> list[URLPattern]:
        """Return the URLs of the status page, the timeline and the exports, before the others."""
        site = self.admin_site.admin_view
        prefix = f"{APP}_appliedmigration"
        urls = [
            path("status/", site(self.status_view), name=f"{prefix}_status"),
            path("timeline/", site(self.timeline_view), name=f"{prefix}_timeline"),
        ]
        urls += [
            path(
                f"export.{kind}",
                site(self.export_view),
                {"kind": kind},
                name=f"{prefix}_export_{kind}",
            )
            for kind in _TYPES
        ]
        return urls + super().get_urls()

    def status_view(self, request: HttpRequest) -> HttpResponse:
        """Show the plan of a database, and a summary of the others."""
        return self.answer(request, lambda alias: self._status(request, alias), probe=False)

    def _status(self, request: HttpRequest, alias: str) -> HttpResponse:
        from migration_guard.admin import problems, status

        url_of = self._url_function(request, alias)
        glances = {
            name: status.glance(name, self._url_function(request, name))
            for name in databases.aliases()
        }
        outcome = glances[alias].outcome
        texts = problems.texts(outcome, url_of)
        with_all = "all" in request.GET
        applied = status.applied_rows(outcome, url_of, with_all=with_all)
        n_applied = sum(planned.state == "applied" for planned in outcome.plan.migrations)
        context = {
            "title": _("Status of the SQL migrations"),
            "glance": glances[alias],
            "others": [
                (name, self.url("status", name), glance, name == alias)
                for name, glance in glances.items()
                if len(glances) > 1
            ],
            "problems": texts,
            "problems_more": len(outcome.problems) - len(texts),
            "acts": self.acts(request, alias),
            "rows": status.rows(outcome, url_of),
            "applied": applied,
            "with_all": with_all,
            "n_applied": n_applied,
            "n_hidden": n_applied - len(applied),
            "commands": status.command_lines(outcome),
        }
        return self.page(request, alias, "status.html", context)

    def acts(self, request: HttpRequest, alias: str) -> list[AuditEntry]:
        """Return the newest changes by hand, for those who may view the audit."""
        from migration_guard.admin import status

        entries = status.acts(alias) if self.may_view(request, AuditEntry) else []
        self.add_urls(request, alias, entries)
        return entries

    def _url_function(self, request: HttpRequest, alias: str) -> "Callable[[Planned], str]":
        """Return a function from a migration to its URL, in the history or else in the journal."""
        may_view_journal = self.may_view(request, JournalEntry)
        query = databases.query(alias)

        def url_of(planned: "Planned") -> str:
            if planned.row is not None:
                return self.path("change", planned.row.id) + query
            if planned.entry is not None and may_view_journal:
                return self.path("change", planned.id, model="journalentry") + query
            return ""

        return url_of

    def timeline_view(self, request: HttpRequest) -> HttpResponse:
        """Show when migrations were applied, and how long each took."""
        return self.answer(request, lambda alias: self._timeline(request, alias))

    def _timeline(self, request: HttpRequest, alias: str) -> HttpResponse:
        from migration_guard.admin import timeline_page

        context = {
            "title": _("Timeline of the applied migrations"),
            **timeline_page.context(
                alias, lambda migration_id: self.url("change", alias, migration_id)
            ),
        }
        return self.page(request, alias, "timeline.html", context)

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Send all rows of the list, with its filters, as a file."""
        return self.answer(request, lambda alias: self._export(request, alias, kind))

    def _export(self, request: HttpRequest, alias: str, kind: str) -> HttpResponse:
        from migration_guard.admin import export

        try:
            rows = self.get_changelist_instance(request).queryset.iterator(chunk_size=2000)
        except IncorrectLookupParameters:
            return self.start_again(alias)
        write = export.as_csv if kind == "csv" else export.as_json
        return StreamingHttpResponse(  # type: ignore[return-value]
            write(rows),
            content_type=_TYPES[kind],
            headers={
                "Content-Disposition": f'attachment; filename="applied_migrations_{alias}.{kind}"'
            },
        )


def has_time_zone(alias: str) -> bool:
    """Tell whether the server can convert to local time, as a date hierarchy needs.

    MySQL without its time zone tables cannot (Django's notes on MySQL, "Time zone definitions").
    """
    connection = connections[alias]
    zone = timezone.get_current_timezone_name()
    if connection.vendor != "mysql" or connection.timezone_name == zone:
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONVERT_TZ('2000-01-01', %s, %s)", (connection.timezone_name, zone))
        return cursor.fetchone()[0] is not None
