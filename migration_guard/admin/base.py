"""What all pages share: they only show, they name their database, and they answer when it cannot.

Invariant: no page writes, and a database that cannot be read is a message on the page, not a 500.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

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
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry

APP = "migration_guard"
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of a menu."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a detail page, as a block of its own; ``html`` is safe."""

    label: str
    html: SafeString


class DateFilter(admin.DateFieldListFilter):
    """Filters by date, and is called so: "By date", not "By applied at"."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("date")


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model of the app: a list and a detail page, which change nothing."""

    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = WindowedPaginator
    change_list_template = "migration_guard/admin/change_list.html"
    detail_template = "detail.html"

    # -- permissions: to view is as Django gives it, everything else is refused

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
        """Return the rows of the database that the request asks for."""
        return super().get_queryset(request).using(databases.chosen(request))

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> WindowedPaginator:
        """Return a paginator that counts no whole table."""
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        paginator.page_num = page_number(request)
        return paginator  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[WindowedChangeList]:  # noqa: ARG002
        """Return the change list that goes with it."""
        return WindowedChangeList

    # -- pages

    def answer(
        self, request: HttpRequest, view: Callable[[str], HttpResponse], *, probe: bool = True
    ) -> HttpResponse:
        """Call ``view`` with the alias, if the user may look and, with ``probe``, if it answers."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in _SAFE:
            return HttpResponseNotAllowed(_SAFE)
        alias = databases.chosen(request)
        error = databases.refusal(self.model, alias) if probe else None
        if error is None:
            return view(alias)
        from migration_guard.admin import highlighting

        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "error": error,
            "hint": highlighting.prose(error.hint),
        }
        return self.page(request, alias, "unavailable.html", context)

    def page(
        self, request: HttpRequest, alias: str, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        """Render one of the app's own templates in the frame of the admin."""
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **self.frame(request, alias),
            **context,
        }
        return TemplateResponse(request, f"migration_guard/admin/{template}", whole)

    def frame(self, request: HttpRequest, alias: str) -> dict[str, Any]:
        """Return what the head of every page shows: its database, and the ways to the others."""
        return {
            "alias": alias,
            "alias_query": databases.query(alias),
            "menu": self._menu(request, alias),
            "databases": self._databases(request, alias),
            "status_url": self.url("status", alias),
        }

    def url(self, name: str, alias: str, *args: str, model: str = "appliedmigration") -> str:
        """Return the URL of a page of the history, or of another model, for one database."""
        return self.path(name, *args, model=model) + databases.query(alias)

    def path(self, name: str, *args: str, model: str = "appliedmigration") -> str:
        """Return the same for the first database; ``quote``, since an id may hold "_24"."""
        return reverse(
            f"admin:{APP}_{model}_{name}",
            args=[quote(arg) for arg in args],
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
            # Parameters that mean nothing: Django begins again, without any of them.
            return self.start_again(alias)
        return response

    def start_again(self, alias: str) -> HttpResponse:
        """Lead to the list of ``alias``, all rows of it."""
        name = f"admin:{APP}_{self.opts.model_name}_changelist"
        path = reverse(name, current_app=self.admin_site.name) + databases.query(alias)
        return HttpResponseRedirect(f"{path}{'&' if '?' in path else '?'}{ERROR_FLAG}=1")

    def list_context(self, request: HttpRequest, alias: str) -> dict[str, Any]:  # noqa: ARG002
        """Return what the list shows besides."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row."""
        return self.answer(
            request, lambda alias: self._detail(request, alias, object_id, extra_context)
        )

    def _detail(
        self, request: HttpRequest, alias: str, object_id: str, extra: dict[str, Any] | None
    ) -> HttpResponse:
        found = self.get_object(request, unquote(object_id))
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        context = {
            "title": str(found),
            "original": found,
            "is_data": True,
            **self.detail_context(request, alias, found),
            **(extra or {}),
        }
        return self.page(request, alias, self.detail_template, context)

    def detail_context(self, request: HttpRequest, alias: str, found: Any) -> dict[str, Any]:
        """Return ``facts`` (label and value), ``texts`` and what else the template shows."""
        raise NotImplementedError

    # -- the head

    def may_view(self, request: HttpRequest, model: type[Model]) -> bool:
        """Tell whether the user may look at the rows of another model of the app."""
        codename = get_permission_codename("view", model._meta)
        return bool(request.user.has_perm(f"{APP}.{codename}"))

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
        here = name == f"{APP}_{self.opts.model_name}_changelist" and _shows_one(request)
        return Link(label, path + databases.query(alias), current=here or request.path == path)

    def _databases(self, request: HttpRequest, alias: str) -> tuple[Link, ...]:
        """Return a link for each database; none where there is but one to choose from."""
        known = databases.aliases()
        if len(known) == 1:
            return ()
        path = request.path
        if _shows_one(request):
            # The same id may mean nothing elsewhere: the way leads to the list.
            name = f"admin:{APP}_{self.opts.model_name}_changelist"
            path = reverse(name, current_app=self.admin_site.name)
        return tuple(
            Link(name, path + databases.query(name), current=name == alias) for name in known
        )


def _shows_one(request: HttpRequest) -> bool:
    """Tell whether the request is for the page of one row."""
    match = request.resolver_match
    return match is not None and "object_id" in match.kwargs
