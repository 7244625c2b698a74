"""The status page: the plan, what stands against it, and that looking changes and breaks nothing."""

import re
import socket

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext

from migration_guard.running.postgresql import connection as postgresql_connection
from tests.admin.conftest import AUDIT
from tests.admin.test_detail import visible
from tests.faults.test_rights import acting, role

FILES = {
    "0001_a.sql": "CREATE TABLE a (id int);",
    "0002_b.sql": "CREATE TABLE b (id int);",
    "0003_c.sql": "CREATE TABLE c (id int);",
    "0005_dev.sql": "-- guard: environments = dev\nCREATE TABLE d (id int);",
    "0010_z.sql": "CREATE TABLE z (id int);",
}


def plan(page):
    """Return (id, state) of each line of the plan."""
    rows = re.findall(r'<tr><td class="mg-number">.*?</tr>', page)
    return [tuple(visible(row).split()[1:4:1])[:3] for row in rows]


def states(page):
    return {id_: " ".join(rest[1:]) for id_, *rest in plan(page)}


def test_status_when_something_of_everything_happened_shows_each_state(
    postgres, admin, migrations, guard
):
    site = admin(FILES)
    changed = {
        "0001_a.sql": FILES["0001_a.sql"],
        "0002_b.sql": "CREATE TABLE b (id bigint);",
        "0004_late.sql": "CREATE TABLE late (id int);",
        "0005_dev.sql": FILES["0005_dev.sql"],
        "0010_z.sql": FILES["0010_z.sql"],
        "0011_half.sql": "-- guard: transaction = off\nCREATE TABLE h (id int);\nSELECT 1/0;",
        "0012_next.sql": "CREATE TABLE n (id int);",
    }
    migrations({**FILES, "0011_half.sql": changed["0011_half.sql"]})
    assert guard("runsqlmigrations").code == 1
    migrations(changed)

    page = site.text("status/")

    assert states(page) == {
        "0001_a": "applied",
        "0002_b": "edited",
        "0003_c": "missing",
        "0004_late": "out",
        "0005_dev": "skipped",
        "0010_z": "applied",
        "0011_half": "failed",
        "0012_next": "pending",
    }
    urgency = ["failed", "edited", "missing", "out", "pending", "skipped", "applied", "applied"]
    assert list(states(page).values()) == urgency
    text = visible(page)
    assert "Deploys are blocked: 4 errors" in text
    cards = re.findall(r"[✗!] (error|warning) (\S+) (\S+)", text)
    assert cards == [
        ("error", "failed", "0011_half"),
        ("error", "edited", "0002_b"),
        ("error", "missing", "0003_c"),
        ("error", "out-of-order", "0004_late"),
    ]
    assert "half-done" not in text
    assert "half done" not in text
    assert "<details><summary>2 applied migrations" in page
    assert "1 of 2 statements are done" in text
    assert "only for dev" in text
    assert "This database is stamped production" in text
    assert "--allow-out-of-order" in text
    assert re.search(r'<span class="mg-good">\+CREATE TABLE b \(id bigint\);', page)
    assert "Apply what is pending" not in text  # a run would refuse
    assert "manage.py runsqlmigrations --plan" in text
    assert "manage.py checkschema" in text
    assert visible(site.text()).count("✗ failed 1") == 1  # above the list, too


def glance(page):
    return page.partition('<section class="mg-note')[2].partition("</section>")[0]


@pytest.mark.parametrize("path", ["", "status/"])
def test_glance_when_something_is_to_be_done_names_it_and_leads_there(
    postgres, admin, migrations, guard, path
):
    site = admin(FILES)
    half = {"0011_half.sql": "-- guard: transaction = off\nCREATE TABLE h (id int);\nSELECT 1/0;"}
    migrations({**FILES, **half})
    assert guard("runsqlmigrations").code == 1
    after = {f"{n:04}_next.sql": "SELECT 1;" for n in range(12, 17)}
    migrations({**FILES, **half, **after, "0002_b.sql": "CREATE TABLE b (id bigint);"})

    summary = glance(site.text(path))

    assert (
        "▷ pending 5 0012_next 0013_next 0014_next … and 2 more. » skipped 1 ✓ applied 3"
        in visible(summary)
    )
    links = re.findall(r'href="([^"]*)"[^>]*>(\d{4}_\w+)<', summary)
    assert [id_ for _link, id_ in links] == ["0011_half", "0002_b"]
    for link, id_ in links:
        assert id_ in site.text(link)


HALF = "-- guard: transaction = off\nCREATE TABLE h (id int);\nSELECT 1/0;"


def boxes(page):
    """Return the commands to copy, those at the end of the page left out."""
    page = page.partition("Run it like this")[0]
    lines = re.findall(r'<p class="mg-command"><code[^>]*>(.*?)</code>', page)
    return [visible(line).replace("&#x27;", "'") for line in lines]


def test_status_when_a_migration_failed_names_it_first_and_the_command_that_works(
    postgres, admin, migrations, guard
):
    site = admin(FILES)
    migrations({**FILES, "0011_half.sql": HALF})
    assert guard("runsqlmigrations").code == 1

    page = site.text("status/")

    assert glance(page).startswith(" mg-bad")
    assert "Deploys are blocked: 1 error " in visible(glance(page))
    assert "A run refuses" not in page
    assert boxes(page) == ["manage.py runsqlmigrations"]
    assert boxes(site.text("/admin/migration_guard/journalentry/0011_half/change/")) == boxes(page)
    migrations({**FILES, "0011_half.sql": HALF.replace("1/0", "1")})
    assert guard(*boxes(page)[0].split()[1:]).code == 0
    assert "Deploys are blocked" not in site.text("status/")


def test_status_when_others_stand_against_the_run_says_that_it_refuses_until_then(
    postgres, admin, migrations, guard
):
    site = admin(FILES)
    migrations({**FILES, "0011_half.sql": HALF})
    assert guard("runsqlmigrations").code == 1
    migrations({**FILES, "0011_half.sql": HALF.replace("1/0", "1"), "0002_b.sql": "SELECT 2;"})

    page = visible(site.text("status/"))

    assert "Deploys are blocked: 2 errors" in page
    assert "A run refuses until the other errors are put right: manage.py runsqlmigrations" in page
    assert guard("runsqlmigrations").code == 1


def test_status_when_the_run_cannot_go_on_gives_the_command_of_the_run(
    postgres, admin, migrations, guard
):
    site = admin(FILES)
    half = HALF.replace("CREATE TABLE", "CREATE TEMP TABLE")
    migrations({**FILES, "0011_half.sql": half})
    result = guard("runsqlmigrations")
    assert result.code == 1

    (command,) = boxes(site.text("status/"))

    assert command == "manage.py repairsqlmigrations 0011_half --mark-applied --reason TEXT"
    assert command in result.err
    assert boxes(site.text("/admin/migration_guard/journalentry/0011_half/change/")) == [command]
    assert guard(*command.split()[1:]).code == 0


def test_status_when_a_committed_change_of_the_history_stops_runs_gives_what_mends_it(
    mariadb, admin, migrations, guard
):
    site = admin({"1_a.sql": "CREATE TABLE a (id int)"}, ENVIRONMENT="dev")
    head = "-- guard: environments = dev\n-- guard: allow = touches-history, a test\n"
    bad = f"{head}TRUNCATE applied_migrations;\nTRUNCATE migration_guard_journal"
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "3_bad.sql": bad}, ENVIRONMENT="dev")
    assert guard("runsqlmigrations").code == 1
    refused = guard("runsqlmigrations")

    (command,) = boxes(site.text("status/"))

    assert command == "manage.py runsqlmigrations --fake 1_a"
    assert command in refused.err
    assert guard(*command.split()[1:]).code == 0


def test_status_when_a_rule_has_no_address_shows_its_name_without_a_link(sqlite, admin, migrations):
    site = admin(FILES)
    migrations({**FILES, "12.sql": "SELECT 1;"})

    page = site.text("status/")

    assert re.search(r">\s*bad-name\s*<", page)
    assert 'href="https://' not in page


LATER = {
    "how": "UPDATE applied_migrations SET how = 'imported' WHERE id = '0002_b'",
    "number": "UPDATE applied_migrations SET number = 'x2' WHERE id = '0002_b'",
    "environment": "UPDATE applied_migrations SET environment = 'moon' WHERE id = '0002_b'",
    "stamp": "UPDATE migration_guard_environment SET environment = 'moon'",
    "state": "INSERT INTO migration_guard_journal (id, number, state, done, total, done_digest, "
    "doubt, note, statement, error, started_at, updated_at, database_user, environment) VALUES "
    "('0011_next', '11', 'paused', 0, 1, '', 0, '', '', '', '2026-01-02 03:04:05', "
    "'2026-01-02 03:04:05', 'app', 'production')",
    "action": "INSERT INTO migration_guard_audit (at, who, database_user, action, migration_id, "
    "reason, details) VALUES ('2026-01-02 03:04:05', 'me', 'app', 'teleport', '0002_b', 'x', '')",
}


@pytest.mark.parametrize(("value", "sql"), LATER.items(), ids=LATER)
def test_pages_when_a_later_release_wrote_a_value_say_that_they_do_not_know_it(
    database, admin, migrations, value, sql
):
    site = admin(FILES)
    migrations({**FILES, "0011_next.sql": "SELECT 1;"})
    database.execute(sql)
    journal = "/admin/migration_guard/journalentry/"

    pages = {
        path: visible(site.text(path))
        for path in (
            "",
            "?how__exact=imported",
            "status/",
            "0002_b/change/",
            "timeline/",
            journal,
            AUDIT,
            *([f"{journal}0011_next/change/"] if value == "state" else []),
            *([f"{AUDIT}1/change/"] if value == "action" else []),
        )
    }
    exports = [b"".join(site.get(f"export.{kind}")) for kind in ("csv", "json")]

    unknown = {
        "how": {"": "imported", "0002_b/change/": "imported", "status/": "imported"},
        "state": {journal: "paused", f"{journal}0011_next/change/": "paused"},
    }
    for path, text in unknown.get(value, {}).items():
        assert f"unknown to this release: {text}" in pages[path], path
    assert all(b"0002_b" in body for body in exports)


@pytest.mark.parametrize("path", ["", "status/"])
def test_glance_when_the_history_was_changed_by_hand_says_who_and_why(
    database, admin, migrations, guard, staff, path
):
    site = admin(FILES)
    migrations({**FILES, "0002_b.sql": "CREATE TABLE b (id bigint);"})
    for reason in ("agreed with <b>ops</b>", "agreed again"):
        result = guard("repairsqlmigrations", "0002_b", "--accept-edit", "--reason", reason)
        migrations({**FILES, "0002_b.sql": "CREATE TABLE b (id int, n int);"})
        assert result.code == 0, result.err
    ((who,),) = database.execute("SELECT DISTINCT who FROM migration_guard_audit")

    page = site.text(path)
    other = staff("view_appliedmigration").text(path)

    summary = visible(glance(page))
    link = re.search(
        r'href="[^"]*0002_5Fb/change/">0002_b<', page.partition("Changed by hand</h2>")[2]
    )
    assert bool(link) is (path == "status/")
    assert "Changed by hand last: accept-edit 0002_b" in summary
    assert f"{who} : agreed again" in summary
    assert ("agreed with &lt;b&gt;ops&lt;/b&gt;" in page) is (path == "status/")
    assert "agreed" not in other
    assert "Changed by hand" not in other


def test_status_when_all_is_well_says_so(database, admin):
    page = visible(admin(FILES).text("status/"))

    assert "Nothing is wrong, and nothing is pending." in page
    assert "Problems and remedies" not in page


def test_status_when_stamp_and_setting_differ_names_both(sqlite, admin, migrations):
    site = admin(FILES)
    migrations(FILES, ENVIRONMENT="dev")

    page = visible(site.text("status/"))

    assert "This database is stamped production" in page
    assert "the settings say dev" in page


def test_status_when_the_stamp_is_missing_beside_a_history_says_what_it_counts_as(
    database, admin, migrations
):
    site = admin(FILES)
    database.execute("DELETE FROM migration_guard_environment")
    migrations(FILES, ENVIRONMENT="dev")

    page = visible(site.text("status/"))

    assert "stamp of this database is missing, so it counts as production" in page
    assert "repairsqlmigrations --stamp dev" in page


def test_pages_when_row_security_may_hide_rows_say_so(postgres, admin):
    site = admin(FILES)
    with role(postgres) as name:
        postgres.execute(f"GRANT CONNECT ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        postgres.execute("ALTER TABLE applied_migrations ENABLE ROW LEVEL SECURITY")
        with acting(postgres, name):
            pages = [visible(site.text(path)) for path in ("status/", "timeline/", "", AUDIT)]

    assert all("Row-level security may hide rows of applied_migrations" in page for page in pages)


# It changes nothing


def test_status_when_loaded_leaves_an_sqlite_file_as_it_is(sqlite, admin, tmp_path):
    site = admin(FILES)
    site.text()
    path = tmp_path / "db.sqlite3"
    before, files = path.read_bytes(), sorted(tmp_path.iterdir())

    for page in ("status/", "timeline/", "", "0001_a/change/", "export.csv"):
        site.get(page)

    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files


def test_status_when_loaded_changes_no_row_and_takes_no_lock(postgres, admin):
    site = admin(FILES)
    tables = [
        row[0]
        for row in postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ]

    def counts():
        return {table: postgres.execute(f'SELECT count(*) FROM "{table}"') for table in tables}

    before = counts()
    run = postgres.connect()
    run.execute("BEGIN")
    run.execute("LOCK TABLE applied_migrations IN ROW EXCLUSIVE MODE")

    site.text("status/")

    run.execute("ROLLBACK")
    assert counts() == before


def test_status_when_nothing_was_ever_run_makes_no_table(postgres, admin, migrations):
    site = admin()
    call_command("migrate", "migration_guard", "zero", "--fake", verbosity=0)
    for table in ("applied_migrations", "migration_guard_journal", "migration_guard_environment"):
        postgres.execute(f"DROP TABLE {table}")
    migrations(FILES)

    page = visible(site.text("status/"))

    assert "▷ pending 4" in page
    assert "is not stamped with an environment yet" in page
    assert postgres.execute("SELECT to_regclass('applied_migrations')") == [(None,)]


# It is fast


def test_status_when_there_are_5000_migrations_is_bounded(sqlite, admin, migrations, guard):
    site = admin()
    migrations({f"{n:04}_m.sql": f"CREATE TABLE t{n} (id int);\n" for n in range(5000)})
    assert guard("runsqlmigrations", "--baseline", "4990").code == 0

    page = site.text("status/")
    whole = site.text("status/?all=1")

    assert len(page) < 200_000
    assert "4791 applied migrations are not shown here" in page
    assert len(plan(page)) == 200 + 9
    assert len(plan(whole)) == 5000
    listed = visible(site.text())
    assert "stands on a page of its own" in listed  # the list does not pay for it
    assert "This database is stamped" not in listed


# It never fails


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"DIRS": {"default": ["/nowhere"]}}, "/nowhere cannot be opened"),
        ({"DIRS": {}}, "names no folder"),
        ({"DIRS": 7}, "is not a dict"),
        ({"DIRS": {"default": [7]}}, "not a path"),
        ({"DIRS": {"default": ["a\0b"]}}, "cannot be read"),
        ({"DIRS": {"default": []}, "ENVIRONMENT": "nowhere"}, "is not an environment"),
        ({"DIRS": {"elsewhere": ["/nowhere"]}}, "There is no database"),
        ({"DIRS": {"default": ["/nowhere"]}, "WAIT": "long"}, "is not a number"),
        (7, "is not a dict"),
    ],
)
def test_status_when_the_settings_are_broken_says_how(sqlite, admin, settings, setting, said):
    site = admin(FILES)
    settings.MIGRATION_GUARD = setting

    assert said in visible(site.text("status/"))
    assert site.get().status_code == 200


def test_status_when_files_are_broken_shows_the_problem_and_its_line(sqlite, admin, migrations):
    site = admin(FILES)
    migrations({**FILES, "0011_x.sql": "-- guard: nonsense = 1\nSELECT 1;", "12.sql": "SELECT 1;"})

    page = visible(site.text("status/"))

    assert "0011_x.sql:1" in page
    assert "✗ error bad-name" in page


def test_pages_when_the_history_is_a_table_of_the_team_say_so(postgres, admin, migrations):
    site = admin()
    postgres.execute("DROP TABLE applied_migrations")
    postgres.execute("CREATE TABLE applied_migrations (id text, applied_at timestamptz)")
    migrations(FILES)

    assert "--adopt" in visible(site.text("status/"))
    assert "cannot be read" in visible(site.text())
    assert "cannot be read" in visible(site.text("timeline/"))


def test_pages_when_the_history_is_of_another_schema_say_what_the_run_says(postgres, admin):
    site = admin(FILES)
    postgres.execute("CREATE SCHEMA tenant")
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER DATABASE "{name}" SET search_path = tenant, public')
    postgres.configure()

    pages = [visible(site.text(path)) for path in ("", "status/", "timeline/", AUDIT)]

    assert all(
        "would make them in “tenant”" in page.replace('"tenant"', "“tenant”") for page in pages
    )


@pytest.mark.parametrize("atomic", [False, True])
def test_pages_when_the_tables_are_missing_say_so_also_with_atomic_requests(
    database, admin, migrations, atomic
):
    site = admin()
    migrations(FILES)
    database.configure(ATOMIC_REQUESTS=atomic)
    for table in ("applied_migrations", "migration_guard_journal", "migration_guard_audit"):
        database.execute(f"DROP TABLE {table}")

    pages = [
        site.text(path)
        for path in (
            "",
            "timeline/",
            "0001_a/change/",
            "export.csv",
            "/admin/migration_guard/auditentry/",
            "/admin/migration_guard/journalentry/",
        )
    ]

    assert all("cannot be read" in page and "Open the status page" in page for page in pages)
    assert "pending" in visible(site.text("status/"))


def test_status_when_requests_are_atomic_shows_the_plan(database, admin):
    site = admin(FILES)
    database.configure(ATOMIC_REQUESTS=True)

    assert states(site.text("status/"))["0001_a"] == "applied"
    assert states(site.text("status/"))["0010_z"] == "applied"
    assert "0001_a" in site.text()


# Several databases


@pytest.fixture
def second(tmp_path):
    """Return a function that adds a database `archive` with a folder of its own."""

    def add(settings, **entry):
        folder = tmp_path / "archive_sql"
        folder.mkdir(exist_ok=True)
        (folder / "0001_archive.sql").write_text("CREATE TABLE archive (id int);")
        whole = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(tmp_path / "archive.sqlite3"),
            **entry,
        }
        connections.settings.update(
            {"archive": ConnectionHandler({"default": {}, "archive": whole}).settings["archive"]}
        )
        dirs = {**settings.MIGRATION_GUARD["DIRS"], "archive": [folder]}
        settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "DIRS": dirs}
        return tmp_path / "archive.sqlite3"

    return add


def test_status_when_there_are_two_databases_shows_both_and_the_way_between(
    sqlite, admin, settings, second
):
    site = admin(FILES)
    path = second(settings)

    first, other = site.text("status/"), site.text("status/?database=archive")

    assert "All databases" in first
    assert "status/?database=archive" in first
    assert states(first)["0001_a"] == "applied"
    assert states(other) == {"0001_archive": "pending"}
    assert "Apply what is pending" in visible(other)
    assert "manage.py runsqlmigrations --database archive" in visible(other)
    assert not path.exists()


def test_list_when_the_other_database_has_no_file_says_so_and_makes_none(
    sqlite, admin, settings, second
):
    site = admin(FILES)
    path = second(settings)

    page = visible(site.text("?database=archive"))

    assert "does not exist" in page
    assert "runsqlmigrations --database archive" in page
    assert not path.exists()


def test_list_when_another_database_is_chosen_shows_its_rows_and_keeps_it_in_every_link(
    sqlite, admin, settings, second, guard
):
    site = admin(FILES)
    second(settings)
    assert guard("runsqlmigrations", "--database", "archive").code == 0

    page = site.text("?database=archive&q=archive")

    assert "0001_archive" in page
    assert "0010_z" not in page
    links = re.findall(r'href="([^"]*)"', page.partition('id="content"')[2])
    mine = [link for link in links if link.startswith("?") or "appliedmigration" in link]
    switch = [link for link in mine if link == "/admin/migration_guard/appliedmigration/"]
    assert len(switch) == 1
    assert [link for link in mine if "database=archive" not in link] == switch
    assert 'name="database" value="archive"' in page
    assert "0001_archive" in site.text("0001_archive/change/?database=archive")
    assert "0001_archive" in site.text("timeline/?database=archive")
    assert b"0001_archive" in b"".join(site.get("export.csv?database=archive"))
    assert site.get("0001_archive/change/").status_code == 302


def test_pages_when_the_database_is_not_known_are_404(sqlite, admin):
    site = admin(FILES)

    for path in ("", "status/", "timeline/", "export.json", "0001_a/change/"):
        assert site.get(f"{path}?database=nowhere").status_code == 404


def test_pages_when_another_database_cannot_be_reached_say_so_without_its_password(
    sqlite, admin, settings, second, postgres_server
):
    site = admin(FILES)
    second(
        settings,
        ENGINE="django.db.backends.postgresql",
        NAME="x",
        USER="nobody",
        PASSWORD="tops3cret",
        HOST="127.0.0.1",
        PORT="1",
    )

    pages = [
        site.text(path) for path in ("status/", "status/?database=archive", "?database=archive")
    ]

    assert "no answer" in visible(pages[0])
    assert states(pages[0])["0001_a"] == "applied"
    assert all('"nobody"' in visible(page) for page in pages[1:])
    assert "It is not known whether a deploy would work." in visible(pages[1])
    assert not any("tops3cret" in page for page in pages)


def test_list_when_the_server_takes_the_connection_and_never_answers_does_not_wait_for_long(
    sqlite, admin, settings, second, postgres_server, monkeypatch
):
    site = admin(FILES)
    monkeypatch.setattr(postgresql_connection, "_LOOK_TIMEOUT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        second(
            settings,
            ENGINE="django.db.backends.postgresql",
            NAME="x",
            USER="nobody",
            HOST="127.0.0.1",
            PORT=str(silent.getsockname()[1]),
        )

        page = visible(site.text("?database=archive"))

    assert "timeout expired" in page
    assert "Check that the server runs" in page


def test_index_when_the_status_is_looked_at_asks_few_queries(sqlite, admin):
    site = admin(FILES)

    with CaptureQueriesContext(connections["default"]) as captured:
        site.text("status/")

    assert len(captured) <= 6
