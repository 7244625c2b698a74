"""A run that dies while it makes a template leaves none that is used, and nobody waiting."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from migration_guard.template_databases.shelf import open_shelf
from tests.conftest import installed
from tests.faults.own_server import own_server
from tests.fresh.support import templates
from tests.projects import Project

SETTINGS = """
import os

DATABASES["default"]["TEST"]["NAME"] = os.environ["TEST_NAME"]
"""
TESTS = "from django.test import TestCase\nclass Pass(TestCase):\n    def test(self): pass\n"
COMMENTING = """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE 'COMMENT ON DATABASE "migration_guard_template%'
"""
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def project(postgres, tmp_path, dropped_templates):
    project = Project(tmp_path / "site", postgres, templates="auto")
    settings = (project.path / "site_settings.py").read_text()
    project.write({"site_settings.py": settings + SETTINGS, "shop/tests.py": TESTS})
    project.migrations({"0001_books.sql": "CREATE TABLE books (id integer);"})
    yield project
    project.drop_test_databases()


@pytest.fixture
def start(project):
    started = []

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-m", "django", "test", "--noinput", "shop"],
            cwd=project.path,
            env={
                **project.environment(),
                "TEST_NAME": f"test_{project.database.settings['NAME']}_{name}",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def unfinished(database):
    """Return the templates without the comment that makes them usable."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    return [name for name in templates(database) if database.execute(query, (name,)) == [(None,)]]


def wait_for(database, query):
    """Return the first row's value as soon as the query has one."""
    end = time.monotonic() + 60
    while not (rows := database.execute(query)):
        assert time.monotonic() < end, query
        time.sleep(0.02)
    return rows[0][0]


def test_template_when_its_maker_is_killed_is_made_anew_by_who_waits(postgres, start, tried):
    holder = postgres.connect()
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE pg_shdescription IN SHARE MODE")
    killed = start("killed")
    session = wait_for(postgres, COMMENTING)
    waiting = start("waiting")
    wait_for(postgres, WAITING)

    killed.kill()
    postgres.execute(f"SELECT pg_terminate_backend({session}, 10000)")
    (half,) = unfinished(postgres)
    holder.execute("ROLLBACK")
    out, _ = waiting.communicate(timeout=60)
    again, _ = start("again").communicate(timeout=60)

    assert waiting.returncode == 0, out
    assert half not in out
    assert "Copied" in again
    assert unfinished(postgres) == []
    tried(
        "a test run is killed between the copy and the comment of its template",
        item=2,
        result="the next run builds by itself, and replaces the template",
    )


def test_likeness_when_the_server_forgets_its_counters_is_another(django_db_blocker, tried):
    """A crash sets them to zero, before and after the template of all databases was changed."""
    likenesses = []
    with own_server() as server, server.server.database() as database:
        for change in ("CREATE TABLE planted (id int)", ""):
            database.close()
            server.stop("immediate")
            server.start()
            with (
                installed(database, django_db_blocker),
                open_shelf("default", any_place=False) as shelf,
            ):
                likenesses.append(shelf.likeness())
            with server.server.open("template1") as inside:
                inside.execute(change)

    assert likenesses[0] != likenesses[1]
    tried(
        "the server crashes after template1 was changed, and forgets what it counted there",
        item=2,
        result="no template from before the crash is used",
    )
