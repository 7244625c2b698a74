"""The pages of one row: what is shown, and how what was stored is kept from running."""

import html
import json
import re
import sys

import pytest

from migration_guard.admin import highlighting
from tests.admin.conftest import AUDIT, JOURNAL

PAYLOAD = "<script>alert('x')</script>"
FILES = {
    "0001_users.sql": "-- People.\nCREATE TABLE users (id int, name varchar(20));\n"
    "INSERT INTO users VALUES (1, 'a');\n",
    "0002_orders.sql": "CREATE TABLE orders (id int);\n",
}


def visible(page):
    """Return what a reader sees of a page, tags and doubled white space away."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_detail_when_the_file_is_unchanged_shows_the_facts_and_that_it_matches(database, admin):
    page = visible(admin(FILES).text("0001_users/change/"))

    assert "It matches what was applied" in page
    assert "0001_users.sql" in page
    assert "production" in page
    assert "2 statements, all done" in page
    assert "INSERT INTO users VALUES" in page


def test_detail_when_the_file_was_edited_shows_a_diff_with_signs(database, admin, migrations):
    site = admin(FILES)
    changed = FILES["0001_users.sql"].replace("varchar(20)", "varchar(40)")
    migrations({**FILES, "0001_users.sql": changed})

    page = site.text("0001_users/change/")

    assert "was edited after it was applied" in page
    assert re.search(r'<span class="mg-bad">-CREATE TABLE users .*varchar\(20\)\);', page)
    assert re.search(r'<span class="mg-good">\+CREATE TABLE users .*varchar\(40\)\);', page)
    assert "--accept-edit" in page


def test_detail_when_only_a_comment_changed_says_so(sqlite, admin, migrations):
    site = admin(FILES)
    migrations({**FILES, "0001_users.sql": FILES["0001_users.sql"].replace("People", "Persons")})

    page = site.text("0001_users/change/")

    assert "in comments, white space, case or directives only" in page
    assert '<span class="mg-good">+-- Persons.' in page


def test_detail_when_a_directive_was_added_says_that_it_is_cosmetic(sqlite, admin, migrations):
    site = admin(FILES)
    text = "-- guard: lock_timeout = 5s\n" + FILES["0001_users.sql"]
    migrations({**FILES, "0001_users.sql": text})

    assert "case or directives only" in site.text("0001_users/change/")


def test_detail_when_the_file_is_gone_says_missing(sqlite, admin, migrations):
    site = admin(FILES)
    migrations({"0001_users.sql": FILES["0001_users.sql"]})

    assert "The file is missing" in site.text("0002_orders/change/")


def test_detail_when_the_file_has_another_name_now_compares_that(sqlite, admin, migrations):
    site = admin(FILES)
    renamed = f"-- guard: formerly = 0001_users\n{FILES['0001_users.sql']}"
    migrations({"0001_people.sql": renamed, "0002_orders.sql": FILES["0002_orders.sql"]})

    page = visible(site.text("0001_users/change/"))

    assert "It matches what was applied" in page
    assert "0001_people.sql" in page


def test_detail_when_a_squash_replaces_the_file_names_it_and_claims_no_match(
    sqlite, admin, migrations
):
    site = admin(FILES)
    lines = "-- guard: replaces = 0001_users\n-- guard: replaces = 0002_orders\n"
    migrations({"0002_all.sql": lines + "".join(FILES.values())})

    page = visible(site.text("0001_users/change/"))

    assert "It cannot be told: 0002_all stands for it now." in page
    assert "missing" not in page


def test_detail_when_the_folder_is_gone_says_that_it_cannot_be_told(sqlite, admin, settings):
    site = admin(FILES)
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "DIRS": {"default": ["/nowhere"]}}

    page = site.text("0001_users/change/")

    assert "It cannot be told" in page
    assert "INSERT INTO users VALUES" in visible(page)


def test_detail_when_the_history_has_no_checksum_does_not_claim_a_match(sqlite, admin):
    site = admin(FILES)
    sqlite.execute(
        "UPDATE applied_migrations SET checksum = NULL, fingerprint = NULL, sql = NULL "
        "WHERE id = '0002_orders'"
    )

    page = site.text("0002_orders/change/")

    assert "No checksum was recorded" in page
    assert "does not hold the SQL" in page


def test_detail_when_the_file_holds_a_password_masks_it(postgres, admin, migrations):
    files = {"0001_role.sql": "CREATE ROLE app_reader_mg PASSWORD 'tops3cret';\n"}
    site = admin(files)
    try:
        page = site.text("0001_role/change/")
        migrations({"0001_role.sql": files["0001_role.sql"].replace("tops3cret", "0ther")})
        edited = site.text("0001_role/change/") + site.text("status/")
    finally:
        postgres.execute("DROP ROLE app_reader_mg")

    assert "tops3cret" not in page
    assert "'***'" in html.unescape(page)
    assert "No differences are shown" in edited
    assert "tops3cret" not in edited
    assert "0ther" not in edited


def test_detail_when_the_sql_is_too_long_to_be_stored_shows_the_file(sqlite, admin):
    long = "-- " + "x" * 300_000 + "\nCREATE TABLE big (id int);\n"

    page = admin({"0001_big.sql": long}).text("0001_big/change/")

    assert "The history does not hold it" in page
    assert "CREATE TABLE big" in visible(page)


@pytest.mark.parametrize("pygments", [True, False])
def test_detail_when_the_sql_holds_a_script_shows_it_escaped(sqlite, admin, monkeypatch, pygments):
    if not pygments:
        monkeypatch.setitem(sys.modules, "pygments", None)
    quoted = PAYLOAD.replace("'", "''")
    site = admin(
        {
            "0001_a.sql": f"-- {PAYLOAD}\nCREATE TABLE a (b text);\nINSERT INTO a VALUES ('{quoted}');"
        }
    )

    page = site.text("0001_a/change/")

    assert PAYLOAD not in page
    assert "&lt;script&gt;" in page
    assert ('class="k"' in page) is pygments
    assert "CREATE TABLE a" in visible(page)


@pytest.mark.parametrize("vendor", ["postgresql", "mysql", "sqlite"])
@pytest.mark.parametrize("pygments", [True, False])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "\n\n-- a\n\nSELECT '<b>&amp;\n\"'",
        "/* <i>\n</i> */ DO $$ <b> $$;\n",
        "SELECT 'a\tb' /* ☃ */;\r\n  x",
        "'unterminated <script>",
    ],
)
def test_sql_when_highlighted_is_the_same_text_line_by_line(monkeypatch, vendor, pygments, sql):
    if not pygments:
        monkeypatch.setitem(sys.modules, "pygments", None)

    lines = re.findall(
        r'<span class="mg-line">(.*?)\n</span>', highlighting.sql(sql, vendor), re.DOTALL
    )

    text = "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)) for line in lines)
    assert text.replace("\r", "") == sql.rstrip("\n").replace("\r", "")


def test_sql_when_it_is_very_long_is_shown_without_colours():
    shown = highlighting.sql("SELECT 1;\n" * 20_000, "postgresql")

    assert 'class="k"' not in shown
    assert shown.count("mg-line") == 20_000


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        (
            "Restore it; else: manage.py repairsqlmigrations 0002_b --accept-edit --reason TEXT.",
            ["manage.py repairsqlmigrations 0002_b --accept-edit --reason TEXT"],
        ),
        ("manage.py check says what is wrong.", ["manage.py check"]),
        (
            "manage.py runsqlmigrations --database my-db makes it; <b>manage.py migrate</b>",
            ["manage.py runsqlmigrations --database my-db", "manage.py migrate"],
        ),
        ("Nothing & nobody", []),
    ],
)
def test_prose_when_it_quotes_commands_sets_them_apart_and_escapes_the_rest(text, commands):
    shown = highlighting.prose(text, "default")

    spans = re.findall(r"<code[^>]*>(.*?)</code>", shown)
    assert [re.sub(r"<[^>]*>", "", span) for span in spans] == commands
    assert html.unescape(re.sub(r"</?(?:code|span)[^>]*>", "", shown)) == text


def test_links_when_an_id_looks_like_the_admins_own_quoting_lead_to_its_page(
    sqlite, admin, guard, migrations
):
    site = admin({**FILES, "0003_24_hours_2F.sql": "CREATE TABLE hours (id int);"})
    migrations({**FILES, "0003_24_hours_2F.sql": "CREATE TABLE hours (id int, n int);"})
    assert (
        guard("repairsqlmigrations", "0003_24_hours_2F", "--accept-edit", "--reason", "x").code == 0
    )

    for path in ("", "status/", "timeline/", f"{AUDIT}1/change/"):
        (link, *_rest) = re.findall(r'href="([^"]*)"[^>]*>(?:<bdi[^>]*>)?0003_24', site.text(path))
        assert "CREATE TABLE" in visible(site.text(link)), path


# The journal


FAILING = """\
-- guard: transaction = off
CREATE TABLE one (id int);
CREATE TABLE one (id int);
CREATE TABLE three (id int);
"""


def failed(admin, guard, migrations, sql=FAILING):
    site = admin(FILES)
    migrations({**FILES, "0003_half.sql": sql})
    assert guard("runsqlmigrations").code == 1
    return site


@pytest.mark.parametrize("vendor", ["postgres", "mariadb"])
def test_journal_when_a_migration_failed_shows_statement_error_and_how_far_it_came(
    request, vendor, admin, guard, migrations
):
    request.getfixturevalue(vendor)

    site = failed(admin, guard, migrations)

    listed, page = visible(site.text(JOURNAL)), visible(site.text(f"{JOURNAL}0003_half/change/"))
    assert "0003_half ✗ failed 1 of 3" in listed
    assert "already exists" in page
    assert re.search(r"1 ✓ done 2 CREATE TABLE one .* 2 ✗ failed 3 CREATE TABLE one", page)
    assert "3 » not reached 4 CREATE TABLE three" in page
    assert "continues after the finished statements." in page


def test_journal_when_the_file_is_gone_still_shows_what_it_knows(
    postgres, admin, guard, migrations
):
    site = failed(admin, guard, migrations)
    migrations(FILES)

    page = visible(site.text(f"{JOURNAL}0003_half/change/"))

    assert "Its file is missing" in page
    assert "already exists" in page


def test_journal_when_a_migration_was_killed_shows_how_far_it_came_and_no_error(
    postgres, admin, guard, migrations
):
    site = failed(admin, guard, migrations)
    postgres.execute(
        "UPDATE migration_guard_journal SET state = 'running', error = '', statement = ''"
    )

    page = visible(site.text(f"{JOURNAL}0003_half/change/"))

    assert "running" in page
    assert "1 of 3" in page
    assert "Error" not in page
    assert "failed" not in page


def test_journal_when_the_file_does_not_split_any_more_shows_what_it_knows(
    postgres, admin, guard, migrations
):
    site = failed(admin, guard, migrations)
    migrations({**FILES, "0003_half.sql": "CREATE TABLE one ('"})

    page = visible(site.text(f"{JOURNAL}0003_half/change/"))

    assert "already exists" in page
    assert "CREATE TABLE three" not in page


def test_journal_when_a_statement_holds_a_password_masks_it(postgres, admin, guard, migrations):
    site = failed(
        admin,
        guard,
        migrations,
        "-- guard: transaction = off\nALTER ROLE nobody_mg PASSWORD 'pw1';",
    )
    postgres.execute(
        "UPDATE migration_guard_journal SET statement = 'ALTER ROLE r PASSWORD ''pw2''', "
        "error = 'in ALTER ROLE r PASSWORD ''pw2'''"
    )

    page = site.text(f"{JOURNAL}0003_half/change/") + site.text("status/")

    assert "pw1" not in page
    assert "pw2" not in page


# The audit


def test_audit_when_something_was_done_by_hand_says_who_and_why(database, admin, guard, migrations):
    site = admin(FILES)
    migrations({**FILES, "0002_orders.sql": f"-- {PAYLOAD}\nCREATE TABLE orders (id bigint);"})
    reason = f"agreed {PAYLOAD}"
    result = guard("repairsqlmigrations", "0002_orders", "--accept-edit", "--reason", reason)
    assert result.code == 0, result.err
    ((entry,),) = database.execute("SELECT id FROM migration_guard_audit")

    pages = [site.text(path) for path in (AUDIT, f"{AUDIT}{entry}/change/", "0002_orders/change/")]

    assert all("accept-edit" in page and "agreed &lt;script&gt;" in page for page in pages)
    assert not any(PAYLOAD in page for page in pages)
    assert "accepted_checksum" in pages[1]
    assert re.search(r'href="[^"]*/0002_5Forders/change/">0002_orders', pages[1])


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (
            json.dumps({"sql": "UPDATE a\nSET b = 1", "rows": [3, 4]}),
            ["UPDATE a", "SET b = 1", "3"],
        ),
        (json.dumps({"sql": "DELETE FROM a"}), ["SQL DELETE FROM a"]),
        ("no json", ["no json"]),
        ("[1, 2]", ["[1, 2]"]),
        ("", []),
    ],
)
def test_audit_whatever_the_details_shows_them(sqlite, admin, details, shown):
    site = admin(FILES)
    sqlite.execute(
        "INSERT INTO migration_guard_audit (id, at, who, database_user, action, migration_id, "
        "reason, details) VALUES (7, '2026-01-02 03:04:05', 'me', 'app', 'sql', '', 'why', ?)",
        (details,),
    )

    page = visible(site.text(f"{AUDIT}7/change/"))

    assert all(text in page for text in ["why", *shown])
