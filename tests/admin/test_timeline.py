"""The timeline: the geometry, which is pure, and the page."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.admin import timeline
from migration_guard.admin.timeline import Sample, draw
from tests.admin.conftest import many
from tests.admin.test_detail import visible

START = datetime(2026, 1, 5, 9, 12, 30, tzinfo=UTC)


def samples(*seconds_and_ms):
    return [
        Sample(f"{n:04}_m", START + timedelta(seconds=at), ms)
        for n, (at, ms) in enumerate(seconds_and_ms, 1)
    ]


def test_draw_when_there_is_nothing_draws_nothing():
    assert draw([]) is None


def test_draw_when_all_were_applied_at_once_puts_them_in_the_middle():
    drawing = draw(samples((0, 5), (0, 50)))

    assert {point.x for point in drawing.points} == {(timeline.LEFT + drawing.right) / 2}
    assert [at for _x, at in drawing.times] == [START]


def test_draw_when_some_take_ten_times_the_median_makes_them_slow():
    drawing = draw(samples((0, 20), (1, 30), (2, 25), (3, 4000), (4, 249)))

    assert [point.slowest.ms for point in drawing.points if point.slow] == [4000]
    assert (drawing.median, drawing.slow_over) == (30, 300)
    assert [sample.ms for sample in drawing.slowest[:2]] == [4000, 249]


def test_draw_when_all_are_quick_calls_none_slow():
    drawing = draw(samples((0, 1), (1, 1), (2, 1), (3, 90)))

    assert drawing.slow_count == 0


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(milliseconds=450), timedelta(milliseconds=100)),
        (timedelta(seconds=50), timedelta(seconds=10)),
        (timedelta(hours=5), timedelta(hours=1)),
        (timedelta(days=30), timedelta(days=5)),
        (timedelta(days=180), timedelta(days=30)),
        (timedelta(days=3650), timedelta(days=720)),
    ],
)
def test_draw_whatever_the_span_has_a_readable_number_of_lines(span, expected):
    drawing = draw([Sample("1_a", START, 5), Sample("2_b", START + span, 5)])

    assert drawing.step == expected
    assert 3 <= len(drawing.times) <= 8


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=60))
def test_draw_whatever_the_samples_stays_inside_and_in_order(found):
    drawing = draw(samples(*found))

    for point in drawing.points:
        assert drawing.left <= point.x <= drawing.right
        assert drawing.top <= point.y <= drawing.bottom
    assert all(drawing.left <= x <= drawing.right for x, _ in drawing.times)
    assert all(a < b for (a, _), (b, _) in pairwise(drawing.times))
    assert sum(point.count for point in drawing.points) == len(found)
    by_duration = sorted(drawing.points, key=lambda point: point.slowest.ms)
    assert all(a.y >= b.y for a, b in pairwise(by_duration))


def test_draw_when_there_are_20000_samples_bounds_the_points():
    drawing = draw(samples(*((n * 3600, n * 7919 % 60_000) for n in range(20_000))))

    assert len(drawing.points) <= 2500
    quick = [point for point in drawing.points if not point.slow]
    assert max(point.r for point in quick) * 2 <= timeline.CELL
    assert all(drawing.left <= point.x <= drawing.right for point in quick)
    assert all(drawing.top <= point.y <= drawing.bottom for point in quick)
    assert len({(point.x, point.y) for point in quick}) == len(quick)
    assert sum(point.count for point in drawing.points) == 20_000


# The page


def test_page_when_migrations_were_applied_draws_and_lists_them(database, admin):
    site = admin({f"{n:04}_m.sql": f"CREATE TABLE t{n} (id int);" for n in range(1, 4)})
    database.execute("UPDATE applied_migrations SET duration_ms = 5")
    database.execute("UPDATE applied_migrations SET duration_ms = 65000 WHERE id = '0002_m'")

    page = site.text("timeline/")

    assert page.count("<circle") == 2
    assert page.count('class="mg-slow"') == 1
    assert 'role="img" aria-labelledby="mg-title mg-desc"' in page
    assert re.search(r"◆ slow 1 min 5 s", visible(page))
    assert "<title>0002_m: 1 min 5 s" in page


@pytest.mark.parametrize(
    ("durations", "text"),
    [
        ((13, 13, 130, 131), "slow: over 715 ms (10 x the median)"),
        ((13, 13, 13, 131), "slow: over 130 ms (10 x the median)"),
        ((9, 10, 10, 101), "slow: over 100 ms (10 x the median)"),
        ((13, 14, 13, 14), "slow: over 135 ms (10 x the median)"),
        ((5, 5, 5, 101), "slow: over 100 ms, the least that counts as slow"),
        ((135, 134, 135, 134), "slow: over 1.345 s (10 x the median)"),
    ],
)
def test_page_when_migrations_are_slow_says_from_which_number_on(sqlite, admin, durations, text):
    site = admin({f"{n:04}_m.sql": f"CREATE TABLE t{n} (id int);" for n in range(1, 5)})
    for n, ms in enumerate(durations, 1):
        sqlite.execute(f"UPDATE applied_migrations SET duration_ms = {ms} WHERE id = '000{n}_m'")

    page = visible(site.text("timeline/"))

    assert text in page
    assert page.count("◆ slow ") == sum(ms > limit(text) for ms in durations)


def limit(text):
    """Return the milliseconds that a legend names."""
    number, unit = re.search(r"over ([\d.]+) (m?s)", text).groups()
    return float(number) * (1000 if unit == "s" else 1)


def test_page_when_the_language_writes_commas_still_draws_numbers(sqlite, admin, settings):
    settings.LANGUAGE_CODE = "de"
    settings.USE_THOUSAND_SEPARATOR = True
    site = admin({f"{n:04}_m.sql": f"CREATE TABLE t{n} (id int);" for n in range(1, 8)})

    page = site.text("timeline/")

    numbers = re.findall(
        r'\b(?:x1|x2|y1|y2|x|y|cx|cy|r)="([^"]*)"', page.partition("<svg viewBox")[2]
    )
    assert numbers
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", number) for number in numbers)
    assert re.search(r'viewBox="0 0 960 360"', page)


@pytest.mark.parametrize(
    ("last", "label"),
    [
        ("10:11:12.950", "12.200 s"),
        ("10:11:50", "10:11:30"),
        ("15:00:00", "12:00"),
    ],
)
def test_page_when_the_span_is_short_labels_its_lines_as_finely(sqlite, admin, last, label):
    site = admin({f"{n:04}_m.sql": f"CREATE TABLE t{n} (id int);" for n in (1, 2)})
    for name, at in (("0001_m", "10:11:12.100"), ("0002_m", last)):
        sqlite.execute(
            "UPDATE applied_migrations SET duration_ms = 5, applied_at = ? WHERE id = ?",
            (f"2026-03-09 {at}", name),
        )

    assert f">{label}</text>" in site.text("timeline/")


def test_page_when_there_is_one_migration_tells_its_day_once(sqlite, admin):
    site = admin({"0001_a.sql": "CREATE TABLE a (id int);"})
    sqlite.execute("UPDATE applied_migrations SET applied_at = '2026-03-09 10:11:12.345'")

    page = site.text("timeline/")

    assert ">9 Mar</text>" in page
    assert visible(page).count("2026-03-09 10:11:12.345 .") == 1


def test_page_when_nothing_has_a_duration_says_so(sqlite, admin, migrations, guard):
    site = admin()
    migrations({"0001_a.sql": "SELECT 1;"})
    assert guard("runsqlmigrations", "--fake", "0001_a").code == 0

    page = visible(site.text("timeline/"))

    assert "No applied migration has a duration yet." in page
    assert "1 migration was recorded without being run" in page


def test_page_when_there_are_20000_rows_is_bounded(sqlite, admin):
    site = admin({"0000_a.sql": "CREATE TABLE a (id int);"})
    many(sqlite, 20_000)

    page = site.text("timeline/")

    assert len(page) < 700_000
    assert page.count("<title>") < 2600
    assert "migrations" in page
