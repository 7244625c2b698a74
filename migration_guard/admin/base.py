"""The base of all pages: read-only, for one database that the request names.

Invariants: no page writes; a database that cannot be read is a message on the page, not a 500.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django import VERSION
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from migration_guard.admin import databases
from migration_guard.admin.paging import WindowedChangeList, WindowedPaginator, page_number
from migration_guard.exceptions import GuardError
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry

APP: Final = "migration_guard"
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of a menu."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A block of text on a detail page; ``html`` is escaped."""

    label: str
    html: SafeString


class DateFilter(admin.DateFieldListFilter):
    """A filter by date whose title is "By date", not "By applied at"."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("date")


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list and a detail page of a model; they change nothing."""

    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = WindowedPaginator
    change_list_template = "migration_guard/admin/change_list.html"
    detail_template = "detail.html"

    # -- permissions: viewing is as in Django; all else is refused

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Refuse."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the database that the request names."""
        return super().get_queryset(request).using(databases.requested_alias(request))

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> WindowedPaginator:
        """Return a paginator that does not count the whole table."""
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        paginator.page_num = page_number(request)
        return paginator  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[WindowedChangeList]:  # noqa: ARG002
        """Return the change list for that paginator."""
        return WindowedChangeList

    # -- pages

    def answer(
        self, request: HttpRequest, view: Callable[[str], HttpResponse], *, probe: bool = True
    ) -> HttpResponse:
        """Call ``view`` with the alias if the user may view it.

        With ``probe``, show an error page instead where the database cannot be read.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in _SAFE_METHODS:
            return HttpResponseNotAllowed(_SAFE_METHODS)
        alias = databases.requested_alias(request)
        error = databases.read_error(self.model, alias) if probe else None
        if error is None:
            return view(alias)
        from migration_guard.admin import commands, highlighting

        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "error": error,
            "hint": highlighting.prose(error.hint, alias),
            "command": commands.find_next(error.hint, alias),
        }
        return self.page(request, alias, "unavailable.html", context)

    def page(
        self, request: HttpRequest, alias: str, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        """Return a page from one of the app's templates, in the frame of the admin."""
        full_context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **self.frame(request, alias),
            **context,
        }
        return TemplateResponse(request, f"migration_guard/admin/{template}", full_context)

    def frame(self, request: HttpRequest, alias: str) -> dict[str, Any]:
        """Return the context of the head of every page: its database, and links to the others."""
        return {
            "alias": alias,
            "alias_query": databases.query(alias),
            "menu": self._menu(request, alias),
            "databases": self._databases(request, alias),
            "status_url": self.url("status", alias),
            # Django's style sheet knows only one of the two.
            "crumbs_are_a_list": VERSION >= (6, 1),
        }

    def url(self, name: str, alias: str, *args: str, model: str = "appliedmigration") -> str:
        """Return the URL of a page of the history, or of another model, for a database."""
        return self.path(name, *args, model=model) + databases.query(alias)

    def list_url(self, alias: str) -> str:
        """Return the URL of this model's list, for a database."""
        return self.url("changelist", alias, model=str(self.opts.model_name))

    def path(self, name: str, *args: str, model: str = "appliedmigration") -> str:
        """Return the same URL for the first database."""
        return reverse(
            f"admin:{APP}_{model}_{name}",
            args=[quote(arg) for arg in args],  # an id may contain "_24"
            current_app=self.admin_site.name,
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list."""
        return self.answer(request, lambda alias: self._list(request, alias, extra_context))

    def _list(self, request: HttpRequest, alias: str, extra: dict[str, Any] | None) -> HttpResponse:
        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            **self.frame(request, alias),
            **self.list_context(request, alias),
        }
        response = super().changelist_view(request, {**context, **(extra or {})})
        if response.status_code == HTTPStatus.FOUND:
            # Django redirects to a URL without any parameters where one of them is invalid.
            return self.start_again(alias)
        return response

    def start_again(self, alias: str) -> HttpResponse:
        """Return a redirect to the list of ``alias``, without filters."""
        path = self.list_url(alias)
        return HttpResponseRedirect(f"{path}{'&' if '?' in path else '?'}{ERROR_FLAG}=1")

    def list_context(self, request: HttpRequest, alias: str) -> dict[str, Any]:  # noqa: ARG002
        """Return more context for the list."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row."""
        return self.answer(
            request, lambda alias: self._detail(request, alias, object_id, extra_context)
        )

    def _detail(
        self, request: HttpRequest, alias: str, object_id: str, extra: dict[str, Any] | None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        context = {
            "title": str(row),
            "original": row,
            "is_data": True,
            "list_url": self.list_url(alias),
            **self.detail_context(request, alias, row),
            **(extra or {}),
        }
        return self.page(request, alias, self.detail_template, context)

    def detail_context(self, request: HttpRequest, alias: str, row: Any) -> dict[str, Any]:
        """Return ``facts`` (label and value), ``texts``, and more context for the template."""
        raise NotImplementedError

    # -- the head

    def may_view(self, request: HttpRequest, model: type[Model]) -> bool:
        """Tell whether the user may view the rows of another model of the app."""
        codename = get_permission_codename("view", model._meta)
        return bool(request.user.has_perm(f"{APP}.{codename}"))

    def add_urls(self, request: HttpRequest, alias: str, entries: Iterable[Any]) -> None:
        """Set ``url`` of each audit entry: the page of its migration, while the history has it."""
        ids = {entry.migration_id for entry in entries} - {""}
        applied: set[str] = set()
        if ids and self.may_view(request, AppliedMigration):
            with suppress(GuardError), databases.reading(alias):
                rows = AppliedMigration.objects.using(alias).filter(id__in=ids)
                applied.update(rows.values_list("id", flat=True))
        for entry in entries:
            has_page = entry.migration_id in applied
            entry.url = self.url("change", alias, entry.migration_id) if has_page else ""

    def _menu(self, request: HttpRequest, alias: str) -> tuple[Link, ...]:
        pages = (
            (pgettext("page", "Status"), "appliedmigration_status", AppliedMigration),
            (pgettext("page", "History"), "appliedmigration_changelist", AppliedMigration),
            (pgettext("page", "Timeline"), "appliedmigration_timeline", AppliedMigration),
            (pgettext("page", "Journal"), "journalentry_changelist", JournalEntry),
            (pgettext("page", "Audit"), "auditentry_changelist", AuditEntry),
        )
        return tuple(
            self._link(request, label, f"{APP}_{name}", alias)
            for label, name, model in pages
            if self.may_view(request, model)
        )

    def _link(self, request: HttpRequest, label: str, name: str, alias: str) -> Link:
        path = reverse(f"admin:{name}", current_app=self.admin_site.name)
        # A detail page belongs to its list.
        is_list = name == f"{APP}_{self.opts.model_name}_changelist"
        is_current = request.path == path or (is_list and _is_detail(request))
        return Link(label, path + databases.query(alias), current=is_current)

    def _databases(self, request: HttpRequest, alias: str) -> tuple[Link, ...]:
        """Return a link for each database; none where there is only one."""
        aliases = databases.aliases()
        if len(aliases) == 1:
            return ()
        # Another database may not have the id of a detail page: link to its list.
        path = "" if _is_detail(request) else request.path
        return tuple(
            Link(
                other,
                path + databases.query(other) if path else self.list_url(other),
                current=other == alias,
            )
            for other in aliases
        )


def _is_detail(request: HttpRequest) -> bool:
    """Tell whether the request is for the page of a row."""
    match = request.resolver_match
    return match is not None and "object_id" in match.kwargs
