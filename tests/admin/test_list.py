"""The list of the history: what it shows, how it sorts and filters, and what it costs."""

import re
from html.parser import HTMLParser

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tests.admin.conftest import AUDIT, many

FILES = {
    "9_users.sql": "CREATE TABLE users (id int);",
    "10_orders.sql": "CREATE TABLE orders (id int);",
    "0100_items.sql": "CREATE TABLE items (id int);",
}


class _Rows(HTMLParser):
    """The cells of the table of results, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.inside, self.cell = [], False, None

    def handle_starttag(self, tag, attrs):
        if tag == "table" and ("id", "result_list") in attrs:
            self.inside = True
        elif self.inside and tag == "tr":
            self.rows.append([])
        elif self.inside and tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag == "table":
            self.inside = False
        elif self.cell is not None and tag in ("td", "th"):
            self.rows[-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)


def table(html):
    parser = _Rows()
    parser.feed(html)
    return parser.rows[1:]


def names(html):
    return [row[1] for row in table(html)]


def column(html, place):
    return [row[place] for row in table(html)]


def test_list_when_migrations_are_applied_shows_the_eight_facts(database, admin):
    page = admin(FILES).text("?o=0")

    number, name, state, environment, applied_at, duration, by, checksum = table(page)[0]
    assert (number, name, state, environment) == ("9", "9_users", "✓ applied", "production")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", applied_at)
    assert re.fullmatch(r"[\d.]+ m?s", duration)
    assert by
    assert re.fullmatch("[0-9a-f]{8}", checksum)


@pytest.mark.parametrize(
    ("order", "expected"),
    [("0", ["9_users", "10_orders", "0100_items"]), ("-0", ["0100_items", "10_orders", "9_users"])],
)
def test_list_when_sorted_by_number_sorts_as_integers_do(sqlite, admin, order, expected):
    assert names(admin(FILES).text(f"?o={order}")) == expected


def test_list_when_opened_has_the_newest_first(sqlite, admin):
    assert names(admin(FILES).text()) == ["0100_items", "10_orders", "9_users"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=order", ["10_orders"]),
        ("q=0100", ["0100_items"]),
        ("how__exact=fake", ["11_faked"]),
        ("environment=production&q=users", ["9_users"]),
        ("environment=nowhere", []),
        ("applied_at__year=1999", []),
        ("how__exact=run&q=items", ["0100_items"]),
    ],
)
def test_list_when_filtered_or_searched_shows_what_matches(
    database, admin, guard, migrations, query, expected
):
    site = admin(FILES)
    migrations({**FILES, "0101_next.sql": "SELECT 1", "11_faked.sql": "SELECT 1;"})
    assert guard("runsqlmigrations", "--fake", "11_faked").code == 0

    assert names(site.text(f"?{query}")) == expected


def test_list_when_rows_span_years_offers_the_date_hierarchy(database, admin):
    site = admin(FILES)
    database.execute(
        "UPDATE applied_migrations SET applied_at = '2019-05-06 07:08:09.123' WHERE id = '9_users'"
    )

    assert "applied_at__year=2019" in site.text()
    assert names(site.text("?applied_at__year=2019&applied_at__month=5")) == ["9_users"]


def test_list_when_the_server_knows_no_time_zones_has_no_date_hierarchy(mariadb, admin, settings):
    if mariadb.execute("SELECT CONVERT_TZ('2000-01-01', 'UTC', 'Europe/Berlin')") != [(None,)]:
        pytest.skip("a server without the tables of time zones")
    settings.TIME_ZONE = "Europe/Berlin"
    site = admin(FILES)
    mariadb.execute("UPDATE applied_migrations SET applied_at = '2019-05-06' WHERE id = '9_users'")

    page = site.text()

    assert "9_users" in page
    assert "applied_at__year" not in page


def test_list_when_files_changed_tells_applied_from_edited_and_missing(database, admin, migrations):
    site = admin(FILES)
    migrations(
        {
            "9_users.sql": "-- now with a comment\nCREATE TABLE users (id int);",
            "10_orders.sql": "CREATE TABLE orders (id bigint);",
        }
    )

    states = dict(zip(names(site.text()), column(site.text(), 2), strict=True))

    assert states == {"9_users": "✓ applied", "10_orders": "≠ edited", "0100_items": "? missing"}


def test_list_when_a_migration_was_faked_says_so_beside_its_state(sqlite, admin, guard, migrations):
    site = admin(FILES)
    migrations({**FILES, "0200_faked.sql": "SELECT 1;"})
    assert guard("runsqlmigrations", "--fake", "0200_faked").code == 0

    assert column(site.text("?q=faked"), 2) == ["✓ applied fake"]


def test_list_when_the_settings_are_broken_shows_the_rows_and_says_why(sqlite, admin, settings):
    site = admin(FILES)
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "LOCK_TIMEOUT": "soon"}

    page = site.text()

    assert column(page, 2) == ["? unknown"] * 3
    assert "LOCK_TIMEOUT" in page


def test_list_when_a_parameter_is_nonsense_starts_again_without_it(sqlite, admin):
    response = admin(FILES).get("?nonsense=1")

    assert (response.status_code, response["Location"].endswith("?e=1")) == (302, True)


# What it costs


COUNT = re.compile(r"COUNT\(\*\)", re.IGNORECASE)


def queries(site, path):
    with CaptureQueriesContext(connections["default"]) as captured:
        site.text(path)
    return [query["sql"] for query in captured]


def test_list_when_there_are_20000_rows_is_bounded(database, admin):
    site = admin(FILES)
    few = len(queries(site, ""))
    many(database, 20_000)

    for path in ("", "?p=3", "?p=100", "?o=0", "?o=-5&p=2", "?q=m", "?all="):
        asked = queries(site, path)

        assert len(asked) <= few + 1 <= 16, path
        assert [sql for sql in asked if COUNT.search(sql) and "LIMIT" not in sql] == [], path
        assert [sql for sql in asked if re.search(r"""[`"]sql[`"]""", sql)] == [], path


def test_list_when_there_are_20000_rows_reaches_the_last_page_by_steps(sqlite, admin):
    site = admin(FILES)
    many(sqlite, 20_000)

    first, last = site.text("?o=0"), site.text("?o=0&p=201")

    assert "more than 1100" in first
    assert "p=12" in first
    assert names(last) == ["19998_m", "19999_m", "20000_m"]
    assert "20003" in last
    assert "more than" not in last


def test_list_when_the_page_does_not_exist_starts_again(sqlite, admin):
    assert admin(FILES).get("?p=99").status_code in (200, 302)


def test_audit_when_there_are_many_entries_is_bounded_too(sqlite, admin):
    site = admin(FILES)
    sqlite.execute(
        "INSERT INTO migration_guard_audit (at, who, database_user, action, migration_id, reason, "
        "details) WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 9000) "
        "SELECT '2020-01-01', 'me', 'app', 'fake', n, 'because', '{}' FROM s"
    )

    asked = queries(site, AUDIT)

    assert [sql for sql in asked if COUNT.search(sql) and "LIMIT" not in sql] == []
