"""The admin in a real browser, on the demo project: light, dark, narrow, right to left, by keyboard.

Playwright keeps an event loop in this thread, so nothing here touches Django's ORM in this process:
the demo runs in processes of its own. `SCREENSHOTS=1` renews the pictures in docs/images.
"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.admin import story
from tests.admin.site import ROOT, Site

HISTORY = "migration_guard/appliedmigration/"
STATUS, TIMELINE = f"{HISTORY}status/", f"{HISTORY}timeline/"
DETAIL = f"{HISTORY}{story.EDITED}/change/"
SCRIPT = f"{HISTORY}{story.SCRIPT}/change/"
JOURNAL = "migration_guard/journalentry/"
FAILED = f"{JOURNAL}{story.FAILED}/change/"
AUDIT = "migration_guard/auditentry/"
ACT = f"{AUDIT}1/change/"
PAGES = (HISTORY, STATUS, TIMELINE, DETAIL, SCRIPT, JOURNAL, FAILED, AUDIT, ACT)
IMAGES = ROOT / "docs" / "images"

EDITABLE = """() => [...document.querySelectorAll(
    '#content input:not([type=hidden]), #content select, #content textarea, #content button:not(.mg-command button), [contenteditable]'
  )].map(one => one.type + ':' + (one.name || one.value))"""


def served(postgres_server, tmp_path_factory, name, tell):
    with postgres_server.database() as database:
        site = Site(database, tmp_path_factory.mktemp(name))
        site.fill()
        tell(site)
        with site.served():
            yield site


@pytest.fixture(scope="module")
def demo(browser, postgres_server, tmp_path_factory):
    """Serve the demo as it is: 34 migrations, all applied."""
    yield from served(postgres_server, tmp_path_factory, "demo", lambda _site: None)


@pytest.fixture(scope="module")
def site(browser, postgres_server, tmp_path_factory):
    """Serve the demo after half a year, and after things went wrong."""
    yield from served(postgres_server, tmp_path_factory, "story", story.tell)


@pytest.fixture
def visit(browser):
    """Give `visit(site, path, who="ada", **options)`: a page, whose console must stay silent."""
    contexts, messages = [], []

    def open_page(site, path, who="ada", **options):
        context = site.context(browser, who, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                messages.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: messages.append(str(error)))
        response = page.goto(site.url + path)
        assert response.status == 200
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []


# The demo


def test_list_when_opened_on_the_demo_shows_its_34_migrations(demo, visit):
    page = visit(demo, HISTORY)

    rows = page.locator("#result_list tbody tr")
    assert rows.count() == 34
    assert "0034_reapply_preferences_in_order" in rows.first.inner_text()
    assert page.locator("#result_list .mg-good").count() == 34
    assert (
        "Nothing is wrong, and nothing is pending." in page.locator(".mg-note").first.inner_text()
    )


def test_status_when_opened_on_the_demo_shows_its_plan(demo, visit):
    page = visit(demo, STATUS)

    assert page.locator(".mg-plan tbody tr").count() == 34
    assert page.locator(".mg-problems").count() == 0
    assert "stamped dev" in page.locator(".mg-note").first.inner_text()
    assert "manage.py checkschema" in page.inner_text("#content")


def test_timeline_when_opened_on_the_demo_draws_its_migrations(demo, visit):
    page = visit(demo, TIMELINE)

    assert page.locator("svg[role=img] circle, svg .mg-slow").count() == 34
    assert page.locator("svg[role=img]").bounding_box()["width"] > 600
    assert page.locator(".mg-table tbody tr").count() == 10


def test_detail_when_followed_from_the_list_shows_the_sql_in_colours(demo, visit):
    page = visit(demo, HISTORY)
    page.get_by_role("link", name="0032_idempotency_keys").click()

    assert "It matches what was applied" in page.inner_text("#content")
    keyword = page.locator(".mg-code .k").first
    assert keyword.inner_text() == "CREATE"
    assert keyword.evaluate("e => getComputedStyle(e).color") != page.locator(
        ".mg-code code"
    ).first.evaluate("e => getComputedStyle(e).color")


# Nothing can be changed, and not everybody may look


def test_pages_when_opened_have_nothing_to_edit(site, visit):
    page = visit(site, HISTORY)

    for path in PAGES:
        page.goto(site.url + path)
        lists = (HISTORY, JOURNAL, AUDIT)
        assert page.evaluate(EDITABLE) == (["text:q", "submit:Search"] if path in lists else [])
        assert page.locator("#content a[href*='/add/'], #content a[href*='/delete/']").count() == 0


@pytest.mark.parametrize(("who", "expected"), [("eve", 403), (None, 200)])
def test_pages_when_the_user_may_not_look_are_refused(site, browser, who, expected):
    context = site.context(browser, who)

    for path in PAGES:
        response = context.request.get(site.url + path)
        assert response.status == expected
        assert ("/login/" in response.url) is (who is None)
        assert "mg-menu" not in response.text()
    context.close()


@pytest.mark.parametrize("path", [SCRIPT, STATUS, HISTORY, TIMELINE])
def test_page_when_the_sql_holds_a_script_shows_it_and_does_not_run_it(site, visit, path):
    page = visit(site, path)

    assert "taken over" not in page.title()
    assert page.locator("#content script, #content img[src=x]").count() == 0
    if path == SCRIPT:
        assert story.PAYLOAD in page.locator(".mg-code").last.inner_text()


# What went wrong is seen


def test_status_when_things_went_wrong_names_each_with_its_remedy(site, visit):
    page = visit(site, STATUS)

    problems = page.locator(".mg-problems").inner_text()
    assert f"{story.EDITED} was edited" in problems
    assert f"{story.MISSING} is applied, and its file is missing" in problems
    assert 'column "author_name" does not exist' in problems
    assert "--accept-edit" in problems
    note = page.locator(".mg-note").first.inner_text()
    assert story.PENDING in note
    assert "ada@deploy: A word in a comment" in note
    badges = page.locator(".mg-note .mg-badge").all_inner_texts()
    assert badges == ["✗ failed", "≠ edited", "? missing", "▷ pending", "✓ applied"]
    headline = page.locator(".mg-headline")
    assert headline.inner_text() == "Deploys are blocked: 3 errors"
    assert headline.bounding_box()["y"] < 300
    red, green, blue = headline.evaluate(
        "e => getComputedStyle(e).color.match(/[\\d.]+/g).slice(-3).map(Number)"
    )
    assert red > 2 * max(green, blue)
    first = page.locator(".mg-problems li").first
    assert first.inner_text().startswith(f"✗ error failed {story.FAILED}")
    assert first.locator(".mg-command code").inner_text().strip() == "manage.py runsqlmigrations"
    assert not page.locator("details .mg-plan").is_visible()


def test_timeline_when_some_were_slow_makes_them_stand_out(site, visit):
    page = visit(site, TIMELINE)

    assert page.locator("svg .mg-slow").count() == 4
    assert page.locator("svg .mg-slow text").all_inner_texts() != []
    assert page.locator(".mg-table .mg-warn").count() == 4
    circle, diamond = page.locator("svg circle").first, page.locator("svg .mg-slow path").first
    fill = "e => getComputedStyle(e).fill"
    assert circle.evaluate(fill) != diamond.evaluate(fill)


# Any screen, any theme, any direction


@pytest.mark.parametrize("locale", ["en-GB", "ar", "de"])
def test_pages_when_the_screen_is_375_wide_never_scroll_sideways(site, visit, locale):
    page = visit(site, HISTORY, viewport={"width": 375, "height": 800}, locale=locale)

    for path in PAGES:
        page.goto(site.url + path)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 375, path
        assert page.evaluate("document.body.scrollWidth") <= 375, path


@pytest.mark.parametrize(("path", "seen"), [(STATUS, "td .mg-badge"), (TIMELINE, "td .mg-warn")])
def test_tables_when_the_screen_is_375_wide_show_what_matters_without_scrolling(
    site, visit, path, seen
):
    page = visit(site, path, viewport={"width": 375, "height": 800})

    boxes = [row.bounding_box() for row in page.locator(f".mg-plan {seen}:visible").all()]
    assert boxes
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 375 for box in boxes)


@pytest.mark.parametrize("path", [HISTORY, STATUS])
def test_badges_when_in_a_row_stand_on_its_line(site, visit, path):
    page = visit(site, path)

    heights = page.evaluate(
        """() => [...document.querySelectorAll('#result_list tbody tr, .mg-plan tbody tr')].map(row => {
             const line = one => { const all = document.createRange(); all.selectNodeContents(one);
               const box = all.getClientRects()[0]; return (box.top + box.bottom) / 2; };
             return Math.abs(line(row.querySelector('.mg-badge')) - line(row.querySelector('th')));
           })"""
    )
    assert len(heights) > 30
    assert max(heights) <= 2


def test_pages_when_read_from_right_to_left_turn_round_but_not_the_code(site, visit):
    page = visit(site, DETAIL, locale="ar")

    left, right = (page.locator(".mg-menu a").nth(place).bounding_box()["x"] for place in (-1, 0))
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert left < right
    assert page.locator(".mg-code").first.evaluate("e => getComputedStyle(e).direction") == "ltr"
    # An id keeps its order among Arabic words.
    assert page.locator("h1 bdi").inner_text() == story.EDITED
    page.goto(site.url + STATUS)
    region = page.locator(".mg-scroll").first.bounding_box()
    first = page.locator(".mg-plan thead th").first.bounding_box()
    assert first["x"] > region["x"] + region["width"] / 2


def test_pages_when_the_language_is_german_speak_it(site, visit):
    page = visit(site, STATUS, locale="de")

    text = page.inner_text("#content")
    assert "Probleme und Abhilfe" in text
    assert "fehlgeschlagen" in text


@pytest.mark.parametrize("path", [HISTORY, STATUS, TIMELINE, DETAIL])
def test_page_when_walked_through_by_keyboard_reaches_links_and_scrolling_regions(
    site, visit, path
):
    page = visit(site, path, viewport={"width": 375, "height": 800})
    wanted = page.evaluate(
        """() => { const all = [...document.querySelectorAll(
             '.mg a[href], .mg summary, .mg [tabindex="0"], #searchbar, #result_list td a, #result_list th.field-name a')]
             .filter(one => one.checkVisibility());
           all.forEach((one, place) => one.dataset.place = place); return all.length; }"""
    )

    reached, unseen = set(), []
    for _press in range(wanted + 120):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
               return [one.dataset.place ?? null, style.outlineStyle]; }"""
        )
        if place is not None:
            reached.add(place)
            if outline == "none" and page.evaluate(
                "document.activeElement.matches('.mg-scroll, .mg-code')"
            ):
                unseen.append(place)
        if len(reached) == wanted:
            break

    assert len(reached) == wanted
    assert unseen == []


def test_regions_when_they_scroll_have_names(site, visit):
    page = visit(site, STATUS)

    for path in PAGES:
        page.goto(site.url + path)
        names = page.evaluate(
            "[...document.querySelectorAll('.mg [role=region]')].map(e => e.ariaLabel)"
        )
        assert all(names), path


def test_statement_journal_when_opened_with_the_enter_key_lists_the_statements(site, visit):
    page = visit(site, SCRIPT)
    page.locator(".module details summary").focus()

    page.keyboard.press("Enter")

    assert page.locator(".module details tbody tr").count() == 2
    assert page.locator(".module details tbody tr").first.is_visible()


# The command to copy


def test_command_when_its_button_is_pressed_is_on_the_clipboard(site, visit):
    page = visit(site, STATUS, permissions=["clipboard-read", "clipboard-write"])
    button = page.locator(".mg-command button").first

    button.click()

    assert page.evaluate("navigator.clipboard.readText()") == "manage.py runsqlmigrations"
    assert button.inner_text() == "Copied"


def test_command_when_there_is_no_script_is_text_to_select(site, visit):
    page = visit(site, STATUS, java_script_enabled=False)
    code = page.locator(".mg-command code").first

    assert not page.locator(".mg-command button").first.is_visible()
    assert code.is_visible()
    code.click()
    page.locator("summary").click()
    assert page.locator("details .mg-plan").is_visible()


def test_page_when_printed_shows_all_of_the_code_and_no_menu(site, visit):
    page = visit(site, DETAIL, viewport={"width": 700, "height": 800})

    page.emulate_media(media="print")

    assert not page.locator(".mg-menu").first.is_visible()
    for code in page.locator(".mg-code").all():
        assert code.evaluate(
            "e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]"
        ) <= [1, 1]


# The pictures of the README


@pytest.mark.parametrize(
    ("name", "path", "height", "scheme"),
    [
        ("admin-list", HISTORY, 900, "light"),
        ("admin-status", STATUS, 1060, "light"),
        ("admin-timeline", TIMELINE, 840, "dark"),
        ("admin-migration", DETAIL, 1100, "light"),
    ],
)
def test_picture_when_taken_shows_the_whole_width(
    site, visit, tmp_path, name, path, height, scheme
):
    page = visit(site, path, viewport={"width": 1360, "height": height}, color_scheme=scheme)
    page.evaluate("document.fonts.ready")
    picture = tmp_path / f"{name}.png"

    page.screenshot(path=picture, animations="disabled")

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 1360
    if os.environ.get("SCREENSHOTS"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, IMAGES)
