"""The page of the timeline: the drawing, its labels and its table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from migration_guard.admin import badges, timeline
from migration_guard.admin.timeline import Drawing, Point, Sample
from migration_guard.models import AppliedMigration

# How many slow migrations the drawing names, and the least distance of names, in its units.
_MAX_NAMES: Final = 8
_DISTANCE: Final = (60, 16)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its texts; ``name`` is drawn, and is empty for most points."""

    point: Point
    title: str
    name: str


def context(alias: str, url: Callable[[str], str]) -> dict[str, Any]:
    """Return what the page shows; ``url`` gives the URL of a migration by its id."""
    rows = AppliedMigration.objects.using(alias).order_by("applied_at", "id")
    values = list(rows.values_list("id", "applied_at", "duration_ms"))
    samples = [
        Sample(migration_id, _local(at), ms) for migration_id, at, ms in values if ms is not None
    ]
    drawing = timeline.draw(samples)
    context = {"drawn": len(samples), "left_out": len(values) - len(samples), "drawing": drawing}
    if drawing is None:
        return context
    factor = timeline.SLOW_FACTOR
    return {
        **context,
        "marks": _marks(drawing),
        "times": [(x, _time(at, drawing.step)) for x, at in drawing.times],
        "durations": [(y, badges.duration(ms)) for y, ms in drawing.durations],
        "first": badges.moment(samples[0].at),
        "last": badges.moment(samples[-1].at),
        "median": badges.duration(drawing.median),
        "slow_over": badges.duration(drawing.slow_over, digits=3),
        "factor": factor if factor * drawing.median == drawing.slow_over else 0,
        "slowest": [
            {
                "id": sample.id,
                "url": url(sample.id),
                "at": badges.moment(sample.at),
                "took": badges.duration(sample.ms),
                "slow": sample.ms > drawing.slow_over,
            }
            for sample in drawing.slowest
        ],
    }


def _marks(drawing: Drawing) -> list[Mark]:
    """Return the points; the slow ones are last, so that nothing covers them."""
    named: list[Point] = []
    names = {}
    for point in sorted(drawing.points, key=lambda point: -point.slowest.ms):
        has_room = all(
            abs(point.x - other.x) > _DISTANCE[0] or abs(point.y - other.y) > _DISTANCE[1]
            for other in named
        )
        if point.slow and has_room and len(named) < _MAX_NAMES:
            named.append(point)
            names[point] = point.slowest.id.partition("_")[0]
    return [
        Mark(point, _title(point), names.get(point, ""))
        for point in sorted(drawing.points, key=lambda point: point.slow)
    ]


def _title(point: Point) -> str:
    slowest = point.slowest
    title = f"{slowest.id}: {badges.duration(slowest.ms)}, {slowest.at:%Y-%m-%d %H:%M:%S}"
    if point.count > 1:
        others = point.count - 1
        title += " " + ngettext(
            "(and %(count)d other, no slower)", "(and %(count)d others, no slower)", others
        ) % {"count": others}
    return title


def _time(at: Any, step: timedelta) -> str:
    """Return the label of a line: the part of the time in which lines differ."""
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
