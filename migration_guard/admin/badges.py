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

from migration_guard.problems import Severity

NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class Badge:
    """A sign and a word; ``tone`` is the CSS class that colours it."""

    sign: str
    label: Promise
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


# The keys are values of ``planning.plan.State``, which is not imported at start.
STATES: Final[Mapping[str, Badge]] = {
    "applied": Badge("✓", pgettext_lazy("state", "applied"), "good"),
    "pending": Badge("▷", pgettext_lazy("state", "pending"), "next"),
    "skipped": Badge("»", pgettext_lazy("state", "skipped"), "quiet"),
    "running": Badge("…", pgettext_lazy("state", "running"), "next"),
    "failed": Badge("✗", pgettext_lazy("state", "failed"), "bad"),
    "edited": Badge("≠", pgettext_lazy("state", "edited"), "bad"),
    "missing": Badge("?", pgettext_lazy("state", "missing"), "bad"),
    "out_of_order": Badge("↕", pgettext_lazy("state", "out of order"), "bad"),
}
SEVERITIES: Final[Mapping[Severity, Badge]] = {
    Severity.ERROR: Badge("✗", gettext_lazy("error"), "bad"),
    Severity.WARNING: Badge("!", gettext_lazy("warning"), "warn"),
    Severity.INFO: Badge("i", gettext_lazy("note"), "quiet"),
}
UNKNOWN: Final = Badge("?", pgettext_lazy("state", "unknown"), "quiet")


def moment(value: datetime) -> SafeString:
    """Return a time in the current time zone, to the millisecond."""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    text = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
    return format_html(
        '<time class="mg-data" dir="ltr" translate="no" datetime="{}">{}</time>',
        value.isoformat(),
        text,
    )


def duration(milliseconds: float | None) -> str:
    """Return a duration in a suitable unit, with about three digits."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:  # noqa: PLR2004
        return _("%(number)s ms") % {"number": number_format(round(milliseconds))}
    if milliseconds < 60_000:  # noqa: PLR2004
        number = f"{milliseconds / 1000:.2f}".rstrip("0").rstrip(".")
        return _("%(number)s s") % {"number": number_format(number)}
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (
        (_("%(number)s h"), hours),
        (_("%(number)s min"), minutes),
        (_("%(number)s s"), 0 if hours else seconds),
    )
    return " ".join(text % {"number": number_format(value)} for text, value in parts if value)
