"""Readiness: a pod is in once the database has what its image ships, and never goes out again."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from django.urls import path

from migration_guard import health, views
from migration_guard.results import Readiness
from tests.commands.refusals import tables
from tests.running.support import wait_until
from tests.test_schemas import validate

ROOT = Path(__file__).resolve().parents[1]
urlpatterns = [path("ready/", views.readiness)]
FILES = {
    "0001_a.sql": "CREATE TABLE a (id integer PRIMARY KEY);",
    "0002_b.sql": "CREATE TABLE b (id integer PRIMARY KEY);",
}
DEV = {"0003_dev.sql": "-- guard: environments = dev, test\nSELECT 1;"}


@pytest.fixture(autouse=True)
def _fresh_process():
    health.forget()
    yield
    health.forget()


@contextmanager
def queries():
    """Collect how many queries `ready` sends; a process that was ready sends none."""
    asked = []
    find = health._find_missing
    health._find_missing = lambda *args, **kwargs: asked.append(args) or find(*args, **kwargs)
    try:
        yield asked
    finally:
        health._find_missing = find


def answer(**options):
    """Return status and JSON of the view."""
    request = RequestFactory(headers={"accept": "application/json"}).get("/ready/")
    response = views.readiness(request, **options)
    return response.status_code, json.loads(response.content)


def test_ready_when_ids_are_missing_names_them_and_writes_nothing(database, migrations, guard):
    migrations(FILES)

    before = health.ready()
    partly = guard("runsqlmigrations", "--target", "1").code, health.ready()
    then = guard("runsqlmigrations").code, health.ready()

    assert before == Readiness("default", ("0001_a", "0002_b"))
    assert partly == (0, Readiness("default", ("0002_b",)))
    assert then == (0, Readiness("default"))
    assert tables(database) == {"a", "b"}


def test_ready_when_it_was_ready_asks_nothing_any_more(database, migrations, guard):
    folder = migrations(FILES)
    assert guard("runsqlmigrations").code == 0

    with queries() as asked:
        first = health.ready()
        (folder / "0003_c.sql").write_text("SELECT 1;")
        second = health.ready()

    assert (first.is_ready, second.is_ready, len(asked)) == (True, True, 1)


def test_ready_when_the_database_is_ahead_stays_so(database, migrations, guard):
    folder = migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    (folder / "0002_b.sql").unlink()

    assert health.ready().is_ready


def test_ready_when_a_later_release_has_failed_stays_so(database, migrations, guard):
    folder = migrations({**FILES, "0003_c.sql": "CREATE TABLE c (id integer); SELECT nothing;"})
    assert guard("runsqlmigrations").code == 1
    (folder / "0003_c.sql").unlink()

    assert health.ready().is_ready


def test_ready_when_a_file_was_edited_is_no_judge_of_it(database, migrations, guard):
    folder = migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    (folder / "0002_b.sql").write_text("CREATE TABLE other (id integer PRIMARY KEY);")

    assert guard("runsqlmigrations", "--check").code == 1
    assert health.ready().is_ready


@pytest.mark.parametrize("environment", ["production", "dev"])
def test_ready_when_a_file_is_for_other_environments_does_not_wait_for_it(
    database, migrations, guard, environment
):
    migrations({**FILES, **DEV}, ENVIRONMENT=environment)
    assert guard("runsqlmigrations", "--target", "2").code == 0

    missing = ("0003_dev",) if environment == "dev" else ()
    assert health.ready() == Readiness("default", missing)


def test_ready_when_the_stamp_forbids_a_file_does_not_wait_for_it(database, migrations, guard):
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    migrations({**FILES, **DEV}, ENVIRONMENT="dev")

    assert health.ready().is_ready


def test_ready_when_the_files_have_problems_cannot_tell(database, migrations, guard):
    migrations({**FILES, "0002_c.sql": "SELECT 1;"})

    found = health.ready()

    assert not found.is_ready
    assert found.reason == "the settings or the files of the migrations cannot be read"


def test_ready_when_django_counts_names_its_migrations(database, migrations, guard):
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0

    alone, both = health.ready(), health.ready(django=True)

    assert alone.is_ready
    assert "contenttypes.0001_initial" in both.missing
    assert guard("runsqlmigrations", "--with-django").code == 0
    assert health.ready(django=True).is_ready


def test_ready_when_the_server_is_gone_says_so_without_a_secret(postgres, migrations, caplog):
    migrations(FILES)
    postgres.configure(PORT="1", PASSWORD="swordfish")

    found = health.ready()

    assert found == Readiness("default", reason="the database gives no answer")
    assert "swordfish" not in caplog.text
    assert 'The readiness of "default" is not known' in caplog.text


@pytest.mark.parametrize("django", [True, False])
def test_ready_when_a_table_is_locked_answers_in_time(postgres, migrations, guard, django):
    migrations(FILES)
    assert guard("runsqlmigrations", "--with-django").code == 0
    locked = "django_migrations" if django else "applied_migrations"
    with closing(postgres.connect()) as other:
        other.autocommit = False
        other.execute(f"LOCK TABLE {locked}")
        started = time.monotonic()
        found = [health.ready(django=django) for _ in range(3)]
        seconds = time.monotonic() - started

    assert [one.reason for one in found] == ["the database gives no answer"] * 3
    assert seconds < 3 * (health.PATIENCE + 5)
    wait_until(lambda: health.ready(django=django).is_ready)


def test_ready_when_the_environment_is_named_asks_for_its_files(database, migrations, guard):
    migrations({**FILES, **DEV}, ENVIRONMENT="dev")
    assert guard("runsqlmigrations", "--environment", "dev", "--target", "2").code == 0

    assert health.ready(environment="dev").missing == ("0003_dev",)
    assert health.ready(environment="production").is_ready


# -- waiting for it, in an init container


def test_check_when_it_waits_ends_as_soon_as_another_run_has_applied_all(
    database, migrations, guard, guard_process
):
    migrations(FILES)
    waiting = guard_process.start("runsqlmigrations", "--check", "--wait", "60")

    assert guard("runsqlmigrations").code == 0
    assert waiting.wait(60) == 0, waiting.stderr.read()


def test_check_when_a_run_has_failed_waits_for_the_one_that_is_right(
    database, migrations, guard, guard_process
):
    folder = migrations({**FILES, "0003_c.sql": "CREATE TABLE c (id integer); SELECT nothing;"})
    assert guard("runsqlmigrations").code == 1
    over = guard("runsqlmigrations", "--check", "--wait", "0.1")
    waiting = guard_process.start("runsqlmigrations", "--check", "--wait", "60")

    (folder / "0003_c.sql").write_text("CREATE TABLE c (id integer);")
    database.execute("DROP TABLE IF EXISTS c")
    database.execute("DELETE FROM migration_guard_journal")
    again = guard("runsqlmigrations")

    assert (over.code, again.code) == (1, 0), again.err
    assert "1 not there yet: 0003_c." in over.err
    assert waiting.wait(60) == 0, waiting.stderr.read()


def test_check_when_the_time_is_over_names_what_is_missing(database, migrations, guard):
    migrations(FILES)

    told = guard("runsqlmigrations", "--check", "--wait", "0.1", "--environment", "dev")
    result = guard("runsqlmigrations", "--check", "--wait", "0.1", "--format", "json")

    assert (told.code, result.code) == (1, 1)
    assert "2 not there yet: 0001_a, 0002_b." in told.err
    assert "or: manage.py runsqlmigrations --environment dev." in told.err
    validate("readiness", result.json)
    assert result.json == {
        "database": "default",
        "ready": False,
        "missing": ["0001_a", "0002_b"],
        "reason": "",
    }


def test_check_when_a_file_was_edited_stops_no_pod_that_waits(database, migrations, guard):
    folder = migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    (folder / "0002_b.sql").write_text("CREATE TABLE other (id integer PRIMARY KEY);")

    assert guard("runsqlmigrations", "--check").code == 1
    assert guard("runsqlmigrations", "--check", "--no-wait").code == 1
    assert guard("runsqlmigrations", "--check", "--wait", "1").code == 0


@pytest.mark.parametrize("number", ["0", "1"])
def test_check_when_it_waits_takes_no_option_that_asks_for_less(sqlite, migrations, guard, number):
    migrations(FILES)

    result = guard("runsqlmigrations", "--check", "--wait", "1", "--target", number)

    assert result.code == 2
    assert "--check --wait asks for all that these files ship." in result.err


def test_check_when_the_server_was_never_reached_is_2(postgres, migrations, guard):
    migrations(FILES)
    postgres.configure(PORT="1")

    result = guard("runsqlmigrations", "--check", "--wait", "0.1")

    assert result.code == 2
    assert "the database gives no answer" in result.err


# -- the view


def test_view_when_asked_answers_503_and_then_200(database, migrations, guard):
    migrations(FILES)

    before = answer()
    assert guard("runsqlmigrations").code == 0
    then = answer()

    assert before == (
        503,
        {
            "ready": False,
            "databases": {
                "default": {"ready": False, "missing": ["0001_a", "0002_b"], "reason": ""}
            },
        },
    )
    assert then[0] == 200
    assert then[1]["ready"]


def test_view_when_text_is_asked_for_is_never_cached(database, migrations, guard):
    migrations(FILES)

    response = views.readiness(RequestFactory().get("/ready/"))

    assert response.content.decode() == "not ready\ndefault: 0001_a, 0002_b\n"
    assert response.status_code == 503
    assert "no-store" in response.headers["Cache-Control"]
    assert views.readiness(RequestFactory().post("/ready/")).status_code == 405
    assert views.readiness._non_atomic_requests == {"default"}


def test_view_when_the_database_gives_no_answer_is_503(postgres, migrations):
    migrations(FILES)
    postgres.configure(PORT="1")

    status, document = answer()

    assert status == 503
    assert document["databases"]["default"]["reason"] == "the database gives no answer"


@pytest.mark.parametrize("guard_settings", [{"LOCK_TIMEOUT": "abc"}, {"DIRS": {}}])
def test_view_when_the_settings_say_nothing_is_503(sqlite, settings, guard_settings):
    settings.MIGRATION_GUARD = guard_settings

    status, document = answer()

    assert (status, document["ready"]) == (503, False)


@pytest.mark.parametrize(
    ("changes", "host", "status"),
    [
        ({}, "pod.example.org", 503),
        ({}, "10.0.0.1", 400),
        ({"SECURE_SSL_REDIRECT": True}, "pod.example.org", 301),
        (
            {"SECURE_SSL_REDIRECT": True, "SECURE_REDIRECT_EXEMPT": ["^ready/$"]},
            "pod.example.org",
            503,
        ),
    ],
)
def test_view_when_something_stands_before_it_answers_as_the_page_says(
    sqlite, migrations, settings, changes, host, status
):
    migrations(FILES)
    settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = __name__, ["pod.example.org"]
    settings.MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    for name, value in changes.items():
        setattr(settings, name, value)

    assert Client().get("/ready/", headers={"host": host}).status_code == status


# -- eight pods

POD = """
import sys
import django
django.setup()
from django.test import RequestFactory
from migration_guard import views
for _line in sys.stdin:
    print(views.readiness(RequestFactory().get("/ready/")).status_code, flush=True)
"""


class Pod:
    """A process that serves one image: the files of `folder`."""

    def __init__(self, environment, folder):
        settings = json.loads(environment["TEST_SETTINGS_JSON"])
        settings["MIGRATION_GUARD"]["DIRS"] = {"default": [str(folder)]}
        self._process = subprocess.Popen(
            [sys.executable, "-c", POD],
            env={**environment, "TEST_SETTINGS_JSON": json.dumps(settings)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def status(self):
        """Probe it."""
        print(file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def stop(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def pod(guard_process):
    """Give `pod(folder)`: start a pod."""
    with ExitStack() as stack:

        def start(folder):
            started = Pod(guard_process.environment(), folder)
            stack.callback(started.stop)
            return started

        yield start


def statuses(pods):
    return [pod.status() for pod in pods]


def test_pods_when_releases_roll_are_never_all_out(
    postgres, migrations, guard, guard_process, pod, tmp_path
):
    later = migrations({**FILES, "0003_c.sql": "SELECT nothing;"})
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for name, text in FILES.items():
        (earlier / name).write_text(text)
    assert guard("runsqlmigrations", "--target", "2").code == 0

    old = [pod(earlier) for _ in range(4)]
    assert statuses(old) == [200] * 4
    new = [pod(later) for _ in range(4)]
    assert statuses(new) == [503] * 4

    # The new release's run fails: a pod of the old one that starts now is in.
    assert guard("runsqlmigrations").code == 1
    assert [*statuses(old), pod(earlier).status(), *statuses(new)] == [200] * 5 + [503] * 4

    # The corrected one takes long, and is in progress.
    (later / "0003_c.sql").write_text("CREATE TABLE c (id integer); SELECT pg_sleep(60);")
    run = guard_process.start("runsqlmigrations")
    waiting = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
    wait_until(lambda: postgres.execute(waiting))
    assert [*statuses(old), pod(earlier).status(), *statuses(new)] == [200] * 5 + [503] * 4
    postgres.execute(f"SELECT pg_cancel_backend(pid) FROM ({waiting}) AS run")
    assert run.wait(60) == 1

    # It is applied: the new pods are in, and so is an old one that starts after a rollback.
    (later / "0003_c.sql").write_text("CREATE TABLE c (id integer);")
    assert guard("runsqlmigrations").code == 0
    assert [*statuses(old), pod(earlier).status(), *statuses(new)] == [200] * 9

    # The server restarts: who was ready stays so.
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    assert statuses([*old, *new]) == [200] * 8
