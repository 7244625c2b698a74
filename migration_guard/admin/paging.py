"""Pages of a long table, without counting more of it than a few pages ahead."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

from migration_guard.admin import databases

AHEAD: Final = 10


class WindowedPaginator(Paginator):  # type: ignore[type-arg]
    """A paginator that counts rows only up to ten pages behind the current one."""

    page_num = 1

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most ``limit``; the database counts no further."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.limit].count())

    @property
    def limit(self) -> int:
        """Number of rows in ten further pages, plus one."""
        return (max(self.page_num, 1) + AHEAD) * self.per_page + 1

    @property
    def more(self) -> bool:
        """Whether there are rows that were not counted."""
        return self.count >= self.limit


class WindowedChangeList(ChangeList):
    """A change list of one database, which may have more rows than were counted."""

    paginator: WindowedPaginator

    def get_filters_params(self, params: Any = None) -> Any:
        """Return the filters, without the parameter that names the database."""
        filters = super().get_filters_params(params)
        filters.pop(databases.PARAM, None)
        return filters

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and count no more rows."""
        super().get_results(request)
        # So that the search form does not link to a list without the database's name.
        self.full_result_count = self.result_count
        self.result_list: Sequence[Any] = list(self.result_list)

    def url_for_result(self, result: Any) -> str:
        """Return the URL of a row, in the same database."""
        return super().url_for_result(result) + databases.query(self.root_queryset.db)

    @property
    def row_count(self) -> int:
        """Number of rows that exist for certain."""
        return self.result_count - 1 if self.more else self.result_count

    @property
    def more(self) -> bool:
        """Whether there are more rows than ``row_count``."""
        return self.paginator.more


def page_number(request: HttpRequest) -> int:
    """Return the number of the page that the request names, else 1."""
    text = request.GET.get(PAGE_VAR, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004
