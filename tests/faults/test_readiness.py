"""Probes while images roll, a server restarts, or only a standby answers: real HTTP, real processes."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from migration_guard import health
from tests.conftest import installed
from tests.faults.own_server import own_server, standby_of
from tests.faults.proxy import Proxy
from tests.projects import Project
from tests.running.support import applied, wait_until, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD = {
    "0001_a.sql": "CREATE TABLE a (id integer PRIMARY KEY);\nINSERT INTO a VALUES (1);",
    "0002_b.sql": "CREATE TABLE b (id integer PRIMARY KEY);",
}
NEW = {**OLD, "0003_c.sql": "CREATE TABLE c (id integer);\nALTER TABLE b ADD COLUMN name text;"}
# A pod: probes, and a view of the code that this release ships.
SITE = {
    "pod.py": """\
        from wsgiref.simple_server import WSGIRequestHandler, make_server
        from django.core.wsgi import get_wsgi_application

        WSGIRequestHandler.log_message = lambda *_: None
        with make_server("127.0.0.1", 0, get_wsgi_application()) as server:
            print(server.server_port, flush=True)
            server.serve_forever()
    """,
    "site_urls.py": """\
        from django.db import connection
        from django.http import HttpResponse
        from django.urls import path
        from migration_guard.views import readiness

        def page(request):
            with connection.cursor() as cursor:
                cursor.execute("SELECT id FROM a")
                return HttpResponse(str(cursor.fetchall()))

        urlpatterns = [path("ready/", readiness), path("page/", page)]
    """,
}
SETTINGS = '\nROOT_URLCONF = "site_urls"\nALLOWED_HOSTS = ["127.0.0.1"]\n'
PODS = 8
HISTORY = "SELECT id, number"


@pytest.fixture
def own(django_db_blocker):
    """Give a PostgreSQL server of the test's own, and a database there as Django's `default`."""
    with (
        own_server() as server,
        server.server.database() as database,
        installed(database, django_db_blocker),
    ):
        yield server, database


@dataclass
class Pod:
    """A process that serves one image over HTTP."""

    site: Project
    process: subprocess.Popen[str]
    port: int = 0

    def get(self, path: str = "/ready/") -> int:
        """Return the status of the answer; 0 where there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            return connection.getresponse().status
        return 0


@dataclass
class Cluster:
    """The pods that serve, in the order in which they were started, and what probes saw of them."""

    database: object
    new: Project
    pods: list[Pod] = field(default_factory=list)
    fewest: int = PODS
    too_early: list[Pod] = field(default_factory=list)
    is_applied: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, site: Project, number: int = 1) -> list[Pod]:
        """Start pods of an image; return once they listen."""
        pods = [
            Pod(
                site,
                subprocess.Popen(
                    [sys.executable, "pod.py"],
                    cwd=site.path,
                    env=site.environment(),
                    stdout=subprocess.PIPE,
                    text=True,
                ),
            )
            for _ in range(number)
        ]
        for pod in pods:
            assert pod.process.stdout is not None
            pod.port = int(pod.process.stdout.readline())
        self.pods = [*self.pods, *pods]
        return pods

    def stop(self, pod: Pod) -> None:
        """Take a pod out, and end it."""
        self.pods = [other for other in self.pods if other is not pod]
        pod.process.kill()
        pod.process.communicate()

    def replace(self, site: Project) -> None:
        """Replace the pods of the other image one by one, each once its successor is ready."""
        for pod in [pod for pod in self.pods if pod.site is not site]:
            (successor,) = self.start(site)
            wait_until(lambda new=successor: new.get() == 200)
            self.stop(pod)

    def statuses(self, path: str = "/ready/") -> list[int]:
        return [pod.get(path) for pod in self.pods]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Probe all pods again and again, from another thread."""
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            yield
        finally:
            self._stopping.set()
            watcher.join()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            before = self.pods
            ready = [pod for pod in before if pod.get() == 200]
            if before is self.pods:  # nobody came or went meanwhile
                self.fewest = min(self.fewest, len(ready))
            new = [pod for pod in ready if pod.site is self.new]
            if new and not self.is_applied:
                self.is_applied = "0003_c" in applied(self.database)
                self.too_early += [] if self.is_applied else new
            time.sleep(0.02)


@pytest.fixture
def sites(own, tmp_path):
    """Give the projects of the old and the new image."""
    _server, database = own
    projects = []
    for name, files in (("old", OLD), ("new", NEW)):
        project = Project(tmp_path / name, database)
        project.configure(LOCK_TIMEOUT="60s")
        text = (project.path / "site_settings.py").read_text()
        project.write({**SITE, "site_settings.py": text + SETTINGS})
        project.migrations(files)
        projects.append(project)
    return projects


@pytest.fixture
def cluster(own, sites):
    """Give a cluster without pods; what runs at the end is killed."""
    made = Cluster(own[1], sites[1])
    yield made
    for pod in made.pods:
        made.stop(pod)


def test_pods_when_images_roll_over_a_restarted_server_are_never_all_out(
    own, sites, cluster, tried
):
    (server, database), (old, new) = own, sites
    with ExitStack() as stack:
        assert old.manage("runsqlmigrations").code == 0
        cluster.start(old, PODS)
        assert cluster.statuses() == [200] * PODS
        stack.enter_context(cluster.watched())

        # The deploy job is in progress: it waits for a lock that the old code holds.
        holder = database.connect()
        holder.autocommit = False
        holder.execute("SELECT 1 FROM b")
        job = stack.enter_context(new.start("runsqlmigrations"))
        wait_until(lambda: waiting(database))
        (first,) = cluster.start(new)
        assert cluster.statuses() == [200] * PODS + [503]
        assert cluster.statuses("/page/") == [200] * (PODS + 1)

        # The server crashes: the job fails, and no pod of the old image is taken out.
        server.stop("immediate")
        database.close()
        assert job.wait(60) in (1, 2)  # by which of its sessions the server ends first
        assert cluster.statuses() == [200] * PODS + [503]
        (late,) = cluster.start(old)
        assert late.get() == 503
        server.start()
        wait_until(lambda: late.get() == 200)
        assert first.get() == 503
        assert cluster.statuses("/page/") == [200] * (PODS + 2)

        # The job again, and one pod after the other.
        cluster.stop(late)
        assert new.manage("runsqlmigrations").code == 0
        wait_until(lambda: first.get() == 200)
        cluster.stop(cluster.pods[0])
        cluster.replace(new)
        assert cluster.statuses() == [200] * PODS

        # Back to the old image, on a database that is ahead of it.
        cluster.replace(old)
        assert cluster.statuses() == cluster.statuses("/page/") == [200] * PODS

    assert cluster.fewest == PODS
    assert not cluster.too_early
    tried(
        "images roll and roll back over eight pods; the server restarts meanwhile",
        item=6,
        result="eight are ready at each moment, none before its migrations are applied",
    )


def test_readiness_when_only_a_standby_answers_is_told_as_it_has_it(
    own, migrations, guard, django_db_blocker, tried
):
    server, database = own
    migrations(OLD)
    assert guard("runsqlmigrations", "--with-django").code == 0
    with standby_of(server) as standby:
        copy = replace(
            database,
            settings={**database.settings, "PORT": str(standby.port)},
            open=lambda: standby.server.open(database.settings["NAME"]),
            _opened=[],
            _own=None,
        )
        assert copy.execute("SELECT pg_is_in_recovery()") == [(True,)]
        with installed(copy, django_db_blocker):
            told = [_ready(django=django) for django in (False, True)]
            migrations(NEW)
            lacking = _ready()
            waited = guard("runsqlmigrations", "--check", "--wait", "0.1").code
        copy.close()
        assert guard("runsqlmigrations").code == 0  # on the primary
        with installed(copy, django_db_blocker):
            wait_until(lambda: _ready().is_ready)  # once it has got there

    assert [answer.is_ready for answer in told] == [True, True]
    assert (lacking.missing, waited) == (("0003_c",), 1)
    tried(
        "readiness is asked of a hot standby",
        item=6,
        result="answered by what the standby has by then; nothing is written",
    )


def _ready(**options):
    health.forget()
    try:
        return health.ready(**options)
    finally:
        health.forget()


@pytest.fixture
def waiting_pod(guard_process):
    """Start `--check --wait`; give a function that does so."""
    return lambda seconds: guard_process.start(
        "runsqlmigrations", "--check", "--wait", str(seconds)
    )


def test_init_container_when_the_server_is_down_waits_for_it(
    own, migrations, guard, waiting_pod, tried
):
    server, database = own
    migrations(OLD)
    assert guard("runsqlmigrations").code == 0
    database.close()
    server.stop()

    process = waiting_pod(60)
    assert "is not known: No connection" in process.stderr.readline()
    assert process.poll() is None
    server.start()

    assert process.wait(60) == 0
    tried("an init container waits while the server is down", item=6, result="exit 0 once it is up")


def test_init_container_when_the_server_goes_down_later_knows_what_was_missing(
    own, migrations, guard, waiting_pod, tried
):
    server, database = own
    migrations(NEW)
    assert guard("runsqlmigrations", "--target", "2").code == 0
    with Proxy("127.0.0.1", server.port) as proxy:
        database.configure(PORT=str(proxy.port))
        process = waiting_pod(8)
        # A second question means that the first has its answer.
        wait_until(lambda: sum(HISTORY in sent.text for sent in [*proxy.trace]) > 1)
        database.close()
        server.stop()

    assert process.wait(60) == 1
    assert "1 not there yet: 0003_c." in process.stderr.read()
    server.start()
    tried(
        "the server goes down under an init container",
        item=6,
        result="exit 1, names what is missing",
    )
