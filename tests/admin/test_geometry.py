"""What the pages look like in figures: on this Django, in each theme, light and dark, wide and narrow.

`.ci/run versions` runs this on every other supported Django. `PICTURES=folder` keeps the pictures.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import django
import pytest

from tests.admin import story
from tests.admin.site import Site

HISTORY = "migration_guard/appliedmigration/"
PAGES = {
    "list": HISTORY,
    "status": f"{HISTORY}status/",
    "detail": f"{HISTORY}{story.EDITED}/change/",
    "timeline": f"{HISTORY}timeline/",
    "failed": f"migration_guard/journalentry/{story.FAILED}/change/",
}
THEMES = ("plain", "unfold", "jazzmin")
# How a person switches each theme.
SWITCHES = {
    "plain": "scheme => localStorage.setItem('theme', scheme)",
    "unfold": "scheme => localStorage.setItem('adminTheme', JSON.stringify(scheme))",
    "jazzmin": "scheme => localStorage.setItem('jazzmin-theme-mode', scheme)",
}
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(browser, postgres_server, tmp_path_factory):
    """Give a demo after things went wrong, and the cookies of its administrator."""
    with postgres_server.database() as database:
        site = Site(database, tmp_path_factory.mktemp("story"))
        site.fill()
        story.tell(site)
        _add_long_names(site)
        with site.served():
            site.context(browser, "ada").close()
        yield site


def _add_long_names(site):
    """Add ids of about 200 characters: a pending file, and a row without one."""
    site.write(f"0038_{'long_' * 38}name.sql", "SELECT 1;")
    site.database.execute(
        "INSERT INTO applied_migrations SELECT '0039_' || repeat('long_', 38), lpad('39', 40, '0'), "
        "checksum, fingerprint, sql, 'imported', applied_at + interval '1 day', duration_ms, "
        "database_user, environment FROM applied_migrations WHERE number::int = 35"
    )


@pytest.fixture(scope="module", params=THEMES)
def site(request, told):
    """Serve it in each theme that is installed."""
    theme = "" if request.param == "plain" else request.param
    if theme and importlib.util.find_spec(theme) is None:
        pytest.skip(f"django-{theme} is not installed; uv sync --group themes")
    site = Site(told.database, told.root, theme, sessions=told.sessions)
    with site.served():
        yield site


@pytest.fixture(scope="module")
def look(site, browser):
    """Give `look(scheme, width, system, names)`: an iterator over (name, page, figures) of each page.

    One page serves all, so that each theme's files are loaded once.
    """
    context = site.context(browser, "ada")
    page = context.new_page()
    switch = SWITCHES[site.theme or "plain"]

    def pages(scheme, width=1280, system=None, names=PAGES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=system or scheme, reduced_motion="reduce")
        page.goto(f"{site.url}migration_guard/")
        page.evaluate(switch, scheme)
        for name in names:
            page.goto(site.url + PAGES[name])
            yield name, page, page.evaluate(MEASURE)

    yield pages
    context.close()


def keep(page, site, name):
    if folder := os.environ.get("PICTURES"):
        version = ".".join(map(str, django.VERSION[:2]))
        path = Path(folder) / f"{version}-{site.theme or 'plain'}-{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_in_each_theme_have_room_cut_nothing_and_can_be_read(site, look, scheme, width):
    for name, page, figures in look(scheme, width):
        keep(page, site, f"{name}-{width}-{scheme}")

        assert figures["dark"] is (scheme == "dark"), name
        assert figures["share"] > 0.6, name
        assert figures["cut"] == [], name
        assert figures["sideways"] == 0, name
        assert figures["unreadable"] == [], name
        assert figures["monospaced"], name
        # On a narrow screen Django's own style puts them below.
        places = (None, "above") if width == 1280 else (None, "above", "below")
        assert figures["filters"] in places, name


def test_breadcrumbs_when_a_page_is_ours_look_as_on_djangos_own(site, look):
    figures = {name: figures for name, _page, figures in look("light", names=("status", "detail"))}
    ((_name, page, _figures),) = look("light", names=("list",))
    page.goto(f"{site.url}auth/user/")
    djangos = page.evaluate(MEASURE)["crumbs"]

    assert [figures[name]["crumbs"] for name in figures] == [djangos, djangos]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_when_the_theme_is_switched_follow_it_and_not_the_system(look, scheme):
    system = "dark" if scheme == "light" else "light"

    for name, _page, figures in look(scheme, system=system, names=("status", "timeline")):
        assert figures["dark"] is (scheme == "dark"), name
        assert figures["unreadable"] == [], name
