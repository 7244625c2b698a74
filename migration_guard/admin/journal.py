"""The journal in the admin: migrations that are running or failed, statement by statement."""

from typing import Any

from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from migration_guard.admin import badges
from migration_guard.admin.base import ReadOnlyAdmin, Text
from migration_guard.exceptions import CannotTell
from migration_guard.models import JournalEntry


class JournalEntryAdmin(ReadOnlyAdmin):
    """List and detail of the journal."""

    list_display = ("number_", "name", "badge", "progress", "environment", "updated")
    list_display_links = ("name",)
    search_fields = ("id",)
    ordering = ("-number",)

    @admin.display(description=gettext_lazy("number"), ordering="number")
    def number_(self, entry: JournalEntry) -> int | str:
        """Return the number as an integer."""
        return badges.number(entry.number)

    @admin.display(description=gettext_lazy("name"), ordering="id")
    def name(self, entry: JournalEntry) -> str:
        """Return the id."""
        return str(entry.id)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def badge(self, entry: JournalEntry) -> SafeString:
        """Return the state as a badge."""
        return badges.state(entry.state)

    @admin.display(description=gettext_lazy("statements done"))
    def progress(self, entry: JournalEntry) -> str:
        """Return how many statements are done."""
        return count_done(entry)

    @admin.display(description=gettext_lazy("updated at"), ordering="updated_at")
    def updated(self, entry: JournalEntry) -> SafeString:
        """Return the time of the last change, to the millisecond."""
        return badges.moment(entry.updated_at)

    def detail_context(self, request: HttpRequest, alias: str, entry: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the entry's facts, its statement and error, and its statements."""
        return {
            "facts": (
                (_("number"), badges.number(entry.number)),
                (_("state"), badges.state(entry.state)),
                (_("statements done"), count_done(entry)),
                (_("environment"), entry.environment),
                (_("started at"), badges.moment(entry.started_at)),
                (_("updated at"), badges.moment(entry.updated_at)),
                (_("database user"), entry.database_user),
            ),
            "problems": _problems(entry, alias),
            **texts_and_steps(entry, alias),
        }


def _problems(entry: JournalEntry, alias: str) -> Any:
    """Return what the status page says of this migration."""
    from migration_guard.admin import problems, status

    return problems.texts(status.look(alias), lambda _planned: "", only=entry.id)


def count_done(entry: JournalEntry) -> str:
    """Return how many statements are done, as "3 of 7"."""
    return _("%(done)d of %(total)d") % {"done": entry.done, "total": entry.total}


def texts_and_steps(entry: JournalEntry, alias: str) -> dict[str, Any]:
    """Return the texts and the statements of an entry, with passwords masked."""
    from migration_guard.admin import highlighting, statements
    from migration_guard.sql.masking import mask_secrets

    vendor = connections[alias].vendor
    texts = []
    if entry.error:
        error = mask_secrets(entry.error, vendor)
        texts.append(Text(_("Error"), highlighting.plain(error)))
    if entry.statement:
        sql = highlighting.sql(mask_secrets(entry.statement, vendor), vendor)
        label = _("Statement in doubt") if entry.doubt else _("Statement")
        texts.append(Text(label, sql))
    try:
        file = _read_file(alias, entry.id)
    except CannotTell as error:
        return {"texts": tuple(texts), "no_steps": error}
    if file is None:
        return {"texts": tuple(texts), "no_file": True}
    steps = statements.steps(file, vendor, entry.done)
    return {
        "texts": tuple(texts),
        "steps": steps[: statements.LIMIT],
        "steps_more": max(0, len(steps) - statements.LIMIT),
        "steps_failed": entry.state == JournalEntry.State.FAILED,
    }


def _read_file(alias: str, migration_id: str) -> Any:
    from migration_guard import conf
    from migration_guard.planning import files

    settings = conf.load()
    vendor = connections[alias].vendor
    folders = settings.folders(alias)
    file_set = files.read(folders, vendor, settings.environments, only={migration_id})
    return next(iter(file_set.files), None)
