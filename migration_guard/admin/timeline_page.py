"""The timeline as a page: from the history to a drawing, its labels and its table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from migration_guard.admin import badges, timeline
from migration_guard.admin.timeline import Drawing, Point, Sample
from migration_guard.models import AppliedMigration

# How many slow migrations are named in the drawing, and how far apart names must be.
_NAMED = 8
_APART = (60, 16)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its words; ``name`` stands in the drawing, empty for most."""

    point: Point
    title: str
    name: str


def context(alias: str, url: Callable[[str], str]) -> dict[str, Any]:
    """Return what the page shows; ``url`` gives the address of a migration's page."""
    rows = AppliedMigration.objects.using(alias).order_by("applied_at", "id")
    found = list(rows.values_list("id", "applied_at", "duration_ms"))
    samples = [Sample(one, _local(at), ms) for one, at, ms in found if ms is not None]
    drawing = timeline.draw(samples)
    context = {"drawn": len(samples), "left_out": len(found) - len(samples), "drawing": drawing}
    if drawing is None:
        return context
    return {
        **context,
        "marks": _marks(drawing),
        "times": [(x, _time(at, drawing.step)) for x, at in drawing.times],
        "durations": [(y, badges.duration(ms)) for y, ms in drawing.durations],
        "first": badges.moment(samples[0].at),
        "last": badges.moment(samples[-1].at),
        "median": badges.duration(drawing.median),
        "slow_from": badges.duration(drawing.slow_from),
        "slowest": [
            {
                "id": one.id,
                "url": url(one.id),
                "at": badges.moment(one.at),
                "took": badges.duration(one.ms),
                "slow": one.ms >= drawing.slow_from,
            }
            for one in drawing.slowest
        ],
    }


def _marks(drawing: Drawing) -> list[Mark]:
    """Return the points, the slow ones last, so that nothing covers them."""
    named: list[Point] = []
    names = {}
    for point in sorted(drawing.points, key=lambda point: -point.slowest.ms):
        free = all(
            abs(point.x - other.x) > _APART[0] or abs(point.y - other.y) > _APART[1]
            for other in named
        )
        if point.slow and free and len(named) < _NAMED:
            named.append(point)
            names[point] = point.slowest.id.partition("_")[0]
    return [
        Mark(point, _title(point), names.get(point, ""))
        for point in sorted(drawing.points, key=lambda point: point.slow)
    ]


def _title(point: Point) -> str:
    one = point.slowest
    title = f"{one.id}: {badges.duration(one.ms)}, {one.at:%Y-%m-%d %H:%M:%S}"
    if point.count > 1:
        others = point.count - 1
        title += " " + ngettext(
            "(and %(count)d other, no slower)", "(and %(count)d others, no slower)", others
        ) % {"count": others}
    return title


def _time(at: Any, step: timedelta) -> str:
    """Return the label of a line: as much of the time as tells it from its neighbours."""
    if step >= timedelta(days=360):
        return date_format(at, "Y")
    if step >= timedelta(days=30):
        return date_format(at, "M Y")
    if step >= timedelta(days=1):
        return date_format(at, "j M")
    if step >= timedelta(minutes=1):
        return date_format(at, "H:i")
    if step >= timedelta(seconds=1):
        return date_format(at, "H:i:s")
    return _("%(seconds)s s") % {"seconds": f"{at:%S}.{at.microsecond // 1000:03}"}


def _local(at: datetime) -> datetime:
    return timezone.localtime(at) if timezone.is_aware(at) else at
