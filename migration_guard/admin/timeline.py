"""The timeline: the time and the duration of each applied migration, as points of an SVG.

Pure. Time runs from left to right; duration grows upwards on a logarithmic scale. The number of
points is bounded: migrations at the same place share a point.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

WIDTH, HEIGHT = 960, 360
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 28, 44
# A migration is slow if it takes over ten times the median, and over this many milliseconds.
SLOW_FACTOR: Final = 10
MIN_SLOW_MS: Final = 100
# With more migrations than this, neighbours in a cell of this many units share a point. It lies in
# the middle of the cell, so that points form a grid and do not cover each other.
MANY: Final = 600
CELL: Final = 12
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120)
_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120),
        *(300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200),
        *(86_400, 2 * 86_400, 5 * 86_400, 7 * 86_400, 14 * 86_400),
    )
)
_MAX_TIMES: Final = 7
# Grid lines of durations, in milliseconds: 1 ms, 10 ms, … 1 s, 10 s, 1 min, 10 min, 1 h, 10 h …
_LINES: Final = (
    *(10**power for power in range(5)),
    60_000,
    600_000,
    3_600_000,
    36_000_000,
    360_000_000,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """An applied migration: ``at`` in the current time zone, ``ms`` its duration."""

    id: str
    at: datetime
    ms: int


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the drawing with ``count`` migrations, of which ``slowest`` is named."""

    x: float
    y: float
    r: float
    slow: bool
    count: int
    slowest: Sample


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the template draws; a migration is slow if it took over ``slow_over`` milliseconds.

    ``times`` and ``durations`` are the lines of the grid: a coordinate and its value.
    """

    points: tuple[Point, ...]
    times: tuple[tuple[float, datetime], ...]
    durations: tuple[tuple[float, float], ...]
    step: timedelta
    slow_over: float
    slow_y: float
    slow_count: int
    median: float
    slowest: tuple[Sample, ...]

    width, height, left, top = WIDTH, HEIGHT, LEFT, TOP
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM


def draw(samples: Sequence[Sample], listed: int = 10) -> Drawing | None:
    """Return the drawing of ``samples``, with the ``listed`` slowest; None without samples."""
    if not samples:
        return None
    median_ms = median(sample.ms for sample in samples)
    slow_over = max(SLOW_FACTOR * median_ms, MIN_SLOW_MS)
    first = min(sample.at for sample in samples)
    last = max(sample.at for sample in samples)
    longest = max(*(sample.ms for sample in samples), slow_over) * 1.2
    top = next((ms for ms in _LINES[3:] if ms >= longest), longest)
    scale = _Scale(first, last, top)
    step = _step(last - first) if last > first else timedelta(days=1)
    times = tuple(_times(first, last, step)) or (first,)
    return Drawing(
        points=tuple(_points(samples, scale, slow_over)),
        times=tuple((scale.x(at), at) for at in times),
        durations=tuple((scale.y(ms), ms) for ms in _LINES if ms <= top),
        step=step,
        slow_over=slow_over,
        slow_y=scale.y(slow_over),
        slow_count=sum(sample.ms > slow_over for sample in samples),
        median=median_ms,
        slowest=tuple(sorted(samples, key=lambda sample: (-sample.ms, sample.at))[:listed]),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Converts time and duration to coordinates."""

    first: datetime
    last: datetime
    top: float

    def x(self, at: datetime) -> float:
        whole = (self.last - self.first) / timedelta(microseconds=1)
        width = WIDTH - LEFT - RIGHT
        if not whole:
            return LEFT + width / 2
        # Half a point's room on both sides.
        part = (at - self.first) / timedelta(microseconds=1) / whole
        return round(LEFT + 12 + (width - 24) * part, 1)

    def y(self, ms: float) -> float:
        part = math.log10(max(ms, 1)) / math.log10(self.top)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part, 1)


def _points(samples: Sequence[Sample], scale: _Scale, slow_over: float) -> Iterable[Point]:
    size = CELL if len(samples) > MANY else 0.1
    cells: dict[tuple[int, int, bool], list[Sample]] = {}
    for sample in samples:
        cell = round(scale.x(sample.at) / size), round(scale.y(sample.ms) / size)
        cells.setdefault((*cell, sample.ms > slow_over), []).append(sample)
    for (x, y, slow), neighbours in cells.items():
        slowest = max(neighbours, key=lambda sample: sample.ms)
        place = scale.x(slowest.at), scale.y(slowest.ms)
        if size == CELL and not slow:
            place = _clamp(x * size, LEFT, WIDTH - RIGHT), _clamp(y * size, TOP, HEIGHT - BOTTOM)
        radius = round((4 if size < CELL else 3) + min(2.8, math.log10(len(neighbours)) * 1.4), 1)
        yield Point(*place, radius, slow, len(neighbours), slowest)


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _step(span: timedelta) -> timedelta:
    """Return the distance of two grid lines; a month counts as 30 days."""
    for step in _STEPS:
        if span / step <= _MAX_TIMES:
            return step
    months = next(
        (count for count in _MONTHS if span / timedelta(days=30 * count) <= _MAX_TIMES), _MONTHS[-1]
    )
    return timedelta(days=30 * months)


def _times(first: datetime, last: datetime, step: timedelta) -> Iterable[datetime]:
    if step >= timedelta(days=30):
        yield from _month_starts(first, last, step.days // 30)
        return
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + math.ceil((first - midnight) / step) * step
    while at <= last:
        yield at
        at += step


def _month_starts(first: datetime, last: datetime, months: int) -> Iterable[datetime]:
    start = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = first.year * 12 + first.month - 1
    month -= month % months
    while True:
        at = start.replace(year=month // 12, month=month % 12 + 1)
        if at > last:
            return
        if at >= first:
            yield at
        month += months
