"""Pages of a long table without counting it: only what lies a few pages ahead is looked for."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

from migration_guard.admin import databases

AHEAD = 10


class WindowedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts rows up to ten pages behind the page that is read, whatever the table holds."""

    page_num = 1

    @cached_property
    def count(self) -> int:
        """Count up to ``limit`` rows; the database stops there."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.limit].count())

    @property
    def limit(self) -> int:
        """One row more than ten further pages hold."""
        return (max(self.page_num, 1) + AHEAD) * self.per_page + 1

    @property
    def more(self) -> bool:
        """Whether there may be rows that were not counted."""
        return self.count >= self.limit


class WindowedChangeList(ChangeList):
    """A change list of one database, whose number of rows may be "more than"."""

    paginator: WindowedPaginator

    def get_filters_params(self, params: Any = None) -> Any:
        """Leave out the parameter that names the database: it filters nothing."""
        found = super().get_filters_params(params)
        found.pop(databases.PARAM, None)
        return found

    def get_results(self, request: HttpRequest) -> None:
        """Read the page; nothing is counted beyond it."""
        super().get_results(request)
        # So that the search form does not link to a list without the database's name.
        self.full_result_count = self.result_count
        self.result_list: Sequence[Any] = list(self.result_list)

    def url_for_result(self, result: Any) -> str:
        """Return the URL of a row, in the same database."""
        return super().url_for_result(result) + databases.query(self.root_queryset.db)

    @property
    def counted(self) -> int:
        """The number of rows that are known to be there."""
        return self.result_count - 1 if self.more else self.result_count

    @property
    def more(self) -> bool:
        """Whether there are more rows than ``counted``."""
        return self.paginator.more


def page_number(request: HttpRequest) -> int:
    """Return the page that the request asks for."""
    text = request.GET.get(PAGE_VAR, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004
