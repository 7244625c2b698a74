"""Where templates are kept: what makes one unusable, what bounds them, and who drops them."""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from migration_guard.template_databases import shelf as shelves
from migration_guard.template_databases.shelf import Obstacle, longest, longest_shared, open_shelf
from tests.fresh.support import templates
from tests.servers import unique_name

KEYS = ["0" * 64, "1" * 64, "2" * 64]
both = pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)


@pytest.fixture
def shelf(database, tmp_path, monkeypatch):
    """Give the shelf of a database on each vendor, empty before and after."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with open_shelf("default", any_place=False) as shelf:
        drop_all(shelf)
        yield shelf
        drop_all(shelf)


def drop_all(shelf):
    shelf.sweep()
    for template in shelf.read_all():
        assert shelf.drop(template)


def keep(shelf, keys=KEYS, age=0):
    shelf.keep(connection, keys, shelf.now() - age)


def names(shelf):
    return [template.key[0] for template in shelf.list_usable()]


@both
def test_template_when_it_is_kept_is_found_by_the_longest_key(shelf):
    keep(shelf, KEYS[:2])
    keep(shelf, KEYS)

    length, template = longest([*KEYS, "3" * 64], shelf.list_usable())

    assert (length, template.key) == (2, KEYS[2])


@both
def test_template_when_it_is_older_than_a_day_is_not_used_and_dropped(shelf):
    keep(shelf, age=shelves.LONGEST_AGE + 1)
    assert shelf.list_usable() == []

    keep(shelf, KEYS[:2])

    assert [template.key for template in shelf.read_all()] == [KEYS[1]]


@both
def test_template_when_the_clock_was_set_back_after_it_is_not_used_and_dropped(shelf):
    keep(shelf, age=-3600)
    assert shelf.list_usable() == []

    keep(shelf)

    assert names(shelf) == [KEYS[-1][0]]


@both
def test_templates_when_they_are_many_lose_the_oldest(shelf, monkeypatch):
    monkeypatch.setattr(shelves, "MOST", 2)

    for place, age in enumerate((30, 60, 10)):
        keep(shelf, [KEYS[0], str(place) * 64], age)

    assert sorted(names(shelf)) == ["0", "2"]


@both
def test_templates_when_they_are_large_lose_the_oldest(shelf, database, monkeypatch):
    database.execute("CREATE TABLE books (id integer)")
    database.close()
    keep(shelf, [KEYS[0], "0" * 64], 60)
    size = shelf.read_all()[0].bytes
    monkeypatch.setattr(type(shelf), "most_bytes", size * 2.5)

    keep(shelf, [KEYS[0], "1" * 64], 30)
    keep(shelf, [KEYS[0], "2" * 64])
    monkeypatch.setattr(type(shelf), "most_bytes", size / 2)
    keep(shelf, [KEYS[0], "3" * 64])

    assert sorted(names(shelf)) == ["1", "2"]


def test_shared_beginning_when_another_template_went_on_otherwise_ends_before_it():
    other = [*KEYS[:2], "9" * 64, "8" * 64]
    template = shelves.Template("x", other[-1], 0.0, 0, shelves.abbreviate(other))

    assert longest_shared(KEYS, [template]) == (1, [template])
    assert longest_shared(["7" * 64, *KEYS[1:]], [template]) == (0, [])


# PostgreSQL

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@on_postgresql
def test_template_when_it_lacks_its_comment_is_not_used_and_dropped(shelf, database):
    """A run that is killed before its last step leaves such a database."""
    keep(shelf)
    (name,) = templates(database)
    database.execute(f'COMMENT ON DATABASE "{name}" IS NULL')

    assert shelf.list_usable() == []
    assert shelf.sweep() == [name]


@on_postgresql
def test_template_when_a_key_is_noted_in_it_has_it_and_is_otherwise_the_same(shelf):
    keep(shelf)
    (template,) = shelf.read_all()

    shelf.note(template, "9" * 64)

    assert shelf.read_all() == [template._replace(asked="9" * 64)]


@on_postgresql
def test_key_when_another_run_waits_for_it_is_awaited(shelf):
    key = KEYS[2]
    with ThreadPoolExecutor() as pool:
        with shelf.lock(key):
            alone = shelf.is_awaited()
            waiting = pool.submit(take, key)
            end = time.monotonic() + 10
            while not (awaited := shelf.is_awaited()) and time.monotonic() < end:
                time.sleep(0.01)
        waiting.result()

    assert not alone
    assert awaited


def take(key):
    with open_shelf("default", any_place=False) as other, other.lock(key):
        pass


@on_postgresql
def test_template_when_another_role_made_it_is_not_used(shelf, database):
    role = unique_name()
    keep(shelf)
    (name,) = templates(database)
    user = database.settings["USER"]
    database.execute(f"CREATE ROLE {role}")
    database.execute(f'ALTER DATABASE "{name}" OWNER TO {role}')

    usable = shelf.list_usable()

    database.execute(f'ALTER DATABASE "{name}" OWNER TO "{user}"')
    database.execute(f"DROP ROLE {role}")
    assert usable == []


@on_postgresql
def test_template_when_somebody_copies_it_is_not_dropped(shelf):
    keep(shelf)
    (template,) = shelf.read_all()

    with open_shelf("default", any_place=False) as other, other.using(template):
        assert not shelf.drop(template)

    assert shelf.drop(template)


@on_postgresql
def test_template_when_somebody_would_change_it_lets_nobody_in(shelf, database):
    keep(shelf)
    url = database.url.rpartition("/")[0]

    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(f"{url}/{templates(database)[0]}")


@on_postgresql
def test_template_when_somebody_is_connected_to_the_database_is_not_kept(shelf, database):
    database.connect()

    keep(shelf)

    assert templates(database) == []


@pytest.fixture
def source(postgres):
    """Give an empty database of which test databases are copies, as TEST["TEMPLATE"]."""
    name = unique_name()
    postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    postgres.configure(TEST={"TEMPLATE": name, "NAME": None, "MIGRATE": True})
    yield name
    postgres.execute(f'DROP DATABASE "{name}"')


@contextmanager
def changed(postgres, change, restore):
    for statement in change:
        postgres.execute(statement)
    try:
        yield
    finally:
        for statement in restore:
            postgres.execute(statement)


ROLE = f"guard_likeness_{os.getpid()}"
CHANGES = {
    "a role": ([f"CREATE ROLE {ROLE}"], [f"DROP ROLE {ROLE}"]),
    "a member": (
        [f"CREATE ROLE {ROLE}", f"GRANT {ROLE} TO CURRENT_USER"],
        [f"DROP ROLE {ROLE}"],
    ),
    "a setting of the role": (
        ["ALTER ROLE CURRENT_USER SET work_mem = '5MB'"],
        ["ALTER ROLE CURRENT_USER RESET work_mem"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_likeness_when_the_server_changes_is_another(postgres, name):
    with open_shelf("default", any_place=False) as shelf:
        before = shelf.likeness()
        with changed(postgres, *CHANGES[name]), open_shelf("default", any_place=False) as later:
            after = later.likeness()
        same = shelf.likeness()

    assert before != after
    assert before == same


def test_likeness_when_the_template_of_all_changes_is_another(postgres, source):
    with open_shelf("default", any_place=False) as shelf:
        before = shelf.likeness()
        url = f"{postgres.url.rpartition('/')[0]}/{source}"
        with psycopg.connect(url, autocommit=True) as inside:
            inside.execute("CREATE TABLE planted (id int)")
        wait_for_end(postgres, source)
        after = shelf.likeness()

    assert before != after


def wait_for_end(postgres, name):
    """Wait until nobody is connected: the server counts what a session did at its end."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s"
    end = time.monotonic() + 10
    while postgres.execute(query, (name,)) and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("wait", [0, 0.2])
def test_lock_when_another_run_builds_is_waited_for_no_longer_than_the_setting(
    postgres, settings, wait
):
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "WAIT": wait}
    with (
        open_shelf("default", any_place=False) as builder,
        open_shelf("default", any_place=False) as waiter,
        builder.lock(KEYS[0]),
        pytest.raises(OperationalError),
        waiter.lock(KEYS[0]),
    ):
        pass


def test_clearing_when_a_role_is_granted_to_lets_it_be_dropped(
    postgres, guard, migrations, dropped_templates
):
    postgres.execute(f"CREATE ROLE {ROLE}")
    postgres.execute("CREATE TABLE books (id int)")
    postgres.execute(f"GRANT SELECT ON books TO {ROLE}")
    postgres.close()
    with open_shelf("default", any_place=False) as shelf:
        keep(shelf)
    postgres.execute("DROP TABLE books")
    migrations({"0001_role.sql": f"DROP ROLE {ROLE};"})
    (name,) = templates(postgres)

    stopped = guard("runsqlmigrations")
    done = guard("checkschema", "--clear-templates")
    again = guard("checkschema", "--clear-templates")

    assert (
        "Next: drop the templates of test databases: manage.py checkschema --clear-t" in stopped.err
    )
    assert done.code == again.code == 0
    assert done.out.startswith(f"Dropped 1 template:\n  {name} (")
    assert again.out == "There was no template of this user.\n"
    assert guard("runsqlmigrations").code == 0


def test_clearing_when_another_database_needs_it_is_told_with_its_name(
    postgres, guard, migrations, settings
):
    migrations(
        {
            "0001_a.sql": "DO $$ BEGIN RAISE 'in migration_guard_template_1' "
            "USING ERRCODE = '2BP01'; END $$;"
        }
    )
    postgres.configure()
    connections.settings["reports"] = connections.settings["default"]
    dirs = settings.MIGRATION_GUARD["DIRS"]
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "DIRS": {"reports": dirs["default"]}}

    stopped = guard("runsqlmigrations", "--database", "reports")

    assert "manage.py checkschema --clear-templates --database reports" in stopped.err
    assert guard("checkschema", "--clear-templates", "--database", "reports").code == 0


@pytest.mark.parametrize("option", ["--fresh", "--format=json", "--upgrade-from=main"])
def test_clearing_when_it_is_asked_beside_a_check_is_refused(sqlite, guard, option):
    done = guard("checkschema", "--clear-templates", option)

    assert done.code == 2
    assert "--clear-templates drops templates" in done.err


# SQLite

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@on_sqlite
def test_file_when_it_is_kept_is_the_users_alone(shelf, tmp_path):
    keep(shelf)

    (file,) = (tmp_path / "cache/migration_guard/templates").glob("*.sqlite3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@on_sqlite
def test_folder_when_others_may_write_there_is_not_used(shelf, tmp_path):
    (tmp_path / "cache/migration_guard/templates").chmod(0o770)

    with pytest.raises(Obstacle, match="other users"), open_shelf("default", any_place=False):
        pass

    (tmp_path / "cache/migration_guard/templates").chmod(0o700)


@on_sqlite
def test_file_when_a_killed_run_left_it_unfinished_is_dropped_after_a_day(shelf, tmp_path):
    left = tmp_path / "cache/migration_guard/templates/0.unfinished"
    left.write_bytes(b"")
    young = shelf.sweep()
    day_ago = time.time() - shelves.LONGEST_AGE - 1
    os.utime(left, (day_ago, day_ago))

    assert young == []
    assert shelf.sweep() == [str(left)]
    assert shelf.read_all() == []


@on_sqlite
@pytest.mark.parametrize("length", [0, 4096])
def test_file_when_it_lost_its_end_is_not_used_and_dropped(shelf, database, tmp_path, length):
    database.execute("CREATE TABLE books (id integer)")
    database.close()
    keep(shelf)
    (file,) = (tmp_path / "cache/migration_guard/templates").glob("*.sqlite3")
    os.truncate(file, length)

    assert shelf.read_all() == []
    keep(shelf)
    assert names(shelf) == [KEYS[-1][0]]


@on_sqlite
def test_clearing_when_others_may_write_in_the_folder_says_what_to_do(shelf, guard, tmp_path):
    keep(shelf)
    (tmp_path / "cache/migration_guard/templates").chmod(0o770)
    refused = guard("checkschema", "--clear-templates")
    (tmp_path / "cache/migration_guard/templates").chmod(0o700)
    done = guard("checkschema", "--clear-templates")

    assert refused.code == 2
    assert "No template can be dropped: other users may open" in refused.err
    assert f"(chmod 700 {tmp_path}/cache/migration_guard/templates)" in refused.err
    assert "Dropped 1 template" in done.out
