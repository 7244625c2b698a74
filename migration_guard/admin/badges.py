"""States, severities, times and durations as text and badges, readable without colour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from migration_guard.models import AppliedMigration
from migration_guard.problems import Severity

NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class Badge:
    """A sign and a word; ``tone`` is the CSS class that colours it."""

    sign: str
    label: Promise | str
    tone: str

    @property
    def html(self) -> SafeString:
        """The badge as HTML."""
        return format_html(
            '<span class="mg-badge mg-{}"><span aria-hidden="true">{}</span> {}</span>',
            self.tone,
            self.sign,
            self.label,
        )


# The keys are values of ``planning.plan.State``, which is not imported at start. The order is that
# in which they matter to the person on call.
STATES: Final[Mapping[str, Badge]] = {
    "failed": Badge("✗", pgettext_lazy("state", "failed"), "bad"),
    "edited": Badge("≠", pgettext_lazy("state", "edited"), "bad"),
    "missing": Badge("?", pgettext_lazy("state", "missing"), "bad"),
    "out_of_order": Badge("↕", pgettext_lazy("state", "out of order"), "bad"),
    "running": Badge("…", pgettext_lazy("state", "running"), "next"),
    "pending": Badge("▷", pgettext_lazy("state", "pending"), "next"),
    "skipped": Badge("»", pgettext_lazy("state", "skipped"), "quiet"),
    "applied": Badge("✓", pgettext_lazy("state", "applied"), "good"),
}
SEVERITIES: Final[Mapping[Severity, Badge]] = {
    Severity.ERROR: Badge("✗", gettext_lazy("error"), "bad"),
    Severity.WARNING: Badge("!", gettext_lazy("warning"), "warn"),
    Severity.INFO: Badge("i", gettext_lazy("note"), "quiet"),
}
UNKNOWN: Final = Badge("?", pgettext_lazy("state", "unknown"), "quiet")


def state(value: str) -> SafeString:
    """Return the badge of a state; a value of a later release is named as unknown."""
    badge = STATES.get(value)
    return badge.html if badge is not None else Badge("?", unknown(value), "quiet").html


def source(value: str) -> str:
    """Return how a row came into the history; a value of a later release is named as unknown."""
    sources = AppliedMigration.How
    return str(sources(value).label) if value in sources.values else unknown(value)


def unknown(value: str) -> str:
    """Return that this release does not know a stored value."""
    return _("unknown to this release: %(value)s") % {"value": value}


def number(padded: str) -> int | str:
    """Return a migration's number as an integer; text that is none stays as it is."""
    return int(padded) if padded.isdecimal() else padded


def moment(value: datetime) -> SafeString:
    """Return a time in the current time zone, to the millisecond."""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    text = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
    return format_html(
        '<time class="mg-data" dir="ltr" translate="no" datetime="{}">{}</time>',
        value.isoformat(),
        text,
    )


def duration(milliseconds: float | None, digits: int = 2) -> str:
    """Return a duration in a suitable unit; seconds have at most so many ``digits``."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:  # noqa: PLR2004
        return _("%(number)s ms") % {"number": _decimal(milliseconds, 1)}
    if milliseconds < 60_000:  # noqa: PLR2004
        return _("%(number)s s") % {"number": _decimal(milliseconds / 1000, digits)}
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (
        (_("%(number)s h"), hours),
        (_("%(number)s min"), minutes),
        (_("%(number)s s"), 0 if hours else seconds),
    )
    return " ".join(text % {"number": number_format(value)} for text, value in parts if value)


def _decimal(value: float, digits: int) -> str:
    return number_format(f"{value:.{digits}f}".rstrip("0").rstrip("."))
