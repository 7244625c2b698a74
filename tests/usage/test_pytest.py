"""`pytest --record-usage`: a whole project, its views, commands and tests."""

import re

import pytest

from migration_guard.usage.statement import parse
from tests.projects import Project

SITE = {
    "shop/views.py": """\
        from django.http import HttpResponse
        from shop.models import Club

        def members(club):
            return Club.objects.filter(name=club).count()

        def page(request):
            return HttpResponse(members("chess"))
        """,
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/tidy.py": """\
        from django.core.management.base import BaseCommand
        from shop.models import Club

        class Command(BaseCommand):
            def handle(self, **options):
                Club.objects.filter(name="").delete()
        """,
    "shop/specification.py": """\
        import pytest
        from shop.models import Club

        @pytest.mark.django_db
        def test_clubs():
            assert not Club.objects.order_by("name").first()
        """,
    "shop/urls.py": """\
        from django.urls import path
        from shop.views import page
        urlpatterns = [path("", page)]
        """,
}
TESTS = """\
    import pytest
    from django.core.management import call_command
    from shop.models import Club
    from shop.views import members

    @pytest.mark.django_db
    def test_page(client):
        Club.objects.create(name="chess")
        assert client.get("/").content == b"1"

    @pytest.mark.django_db
    def test_members():
        assert members("go") == 0
        assert not Club.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_tidy():
        call_command("tidy")
    """
"""A project whose tests send statements by themselves and through its code."""
DJANGO_TESTS = """\
    from django.core.management import call_command
    from django.test import TestCase
    from shop.models import Club
    from shop.views import members

    class PageTest(TestCase):
        def test_page(self):
            Club.objects.create(name="chess")
            assert self.client.get("/").content == b"1"

        def test_members(self):
            assert members("go") == 0

    class TidyTest(TestCase):
        def test_tidy(self):
            call_command("tidy")
    """
CALLERS = {"shop/views.py:members", "shop/management/commands/tidy.py:Command.handle"}


def make_project(path, database):
    """Return a project with views, a command and tests of each kind."""
    project = Project(path, database)
    models = "from clubs.models import Club\n"
    settings = (path / "site_settings.py").read_text() + 'ROOT_URLCONF = "shop.urls"\n'
    project.write(SITE | {"shop/models.py": models, "site_settings.py": settings})
    project.write({"test_shop.py": TESTS, "shop/tests.py": DJANGO_TESTS})
    project.migrations({"0001_books.sql": "CREATE TABLE books (id integer PRIMARY KEY);"})
    return project


def callers(project):
    text = (project.path / "usage.jsonl").read_text()
    assert "chess" not in text
    return {caller for statement in parse(text) for caller in statement.callers}


def test_pytest_when_recording_keeps_what_the_code_sends(tmp_path, database):
    project = make_project(tmp_path, database)

    files = ("test_shop.py", "shop/specification.py")
    run = project.pytest("-q", *files, "--record-usage", "usage.jsonl", "-p", "no:xdist")

    project.drop_test_databases()
    assert run.code == 0, run.out
    assert "usage.jsonl; 0 of them cannot" in run.out
    assert callers(project) == CALLERS


def test_pytest_when_recorded_otherwise_keeps_the_same(tmp_path, sqlite):
    project = make_project(tmp_path, sqlite)
    other_order = [f"test_shop.py::test_{name}" for name in ("tidy", "members", "page")]
    texts = set()
    workers, kept = ["-n", "2", "test_shop.py"], ["--reuse-db", "test_shop.py"]
    for arguments in (["test_shop.py"], other_order, workers, kept):
        run = project.pytest("-q", "--record-usage", "usage.jsonl", *arguments)
        assert run.code == 0, run.out
        texts.add((project.path / "usage.jsonl").read_text())

    assert len(texts) == 1


OPTIONS = {"one": [], "parallel": ["--parallel", "2"], "kept database": ["--keepdb"]}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_runner_when_recording_keeps_what_the_code_sends(tmp_path, sqlite, options):
    project = make_project(tmp_path, sqlite)

    run = project.manage("test", "shop", "--record-usage", "usage.jsonl", *options)

    assert run.code == 0, run.out
    assert callers(project) == CALLERS


# What else sends in the code's name: a server in a thread, a signal's receiver, a task of a queue.
BESIDE = """\
    from urllib.request import urlopen
    from django.test import LiveServerTestCase, TestCase
    from shop.beside import count, sent

    class ServerTest(LiveServerTestCase):
        def test_page(self):
            assert urlopen(self.live_server_url).read() == b"0"

    class BesideTest(TestCase):
        def test_each(self):
            for number in range(2):
                with self.subTest(number=number):
                    sent.send(self)
                    count.delay()
    """
QUEUE = """\
    from django.dispatch import Signal
    from shop.models import Club

    sent = Signal()

    class Task:
        def __init__(self, run):
            self.run = run

        def delay(self):
            return self()

        def __call__(self):
            return self.run()

    @Task
    def count():
        return Club.objects.count()

    def receive(sender, **options):
        Club.objects.filter(id=5).exists()

    sent.connect(receive)
    """


def test_pytest_when_code_runs_beside_tests_keeps_what_it_sends(tmp_path, sqlite):
    project = make_project(tmp_path, sqlite)
    settings = (tmp_path / "site_settings.py").read_text() + 'STATIC_URL = "static/"\n'
    project.write({"shop/beside.py": QUEUE, "test_beside.py": BESIDE, "site_settings.py": settings})

    run = project.pytest("-q", "test_beside.py", "--record-usage", "usage.jsonl")

    assert run.code == 0, run.out
    functions = ("beside.py:count", "beside.py:receive", "views.py:members")
    assert callers(project) == {f"shop/{function}" for function in functions}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/usage.jsonl", "there is no folder"),
        (".", "cannot be written: Is a directory."),
        (f"{'long' * 70}.jsonl", "cannot be written: File name too long."),
    ],
)
def test_pytest_when_the_file_cannot_be_written_says_so_before_it_runs(
    tmp_path, sqlite, path, message
):
    run = Project(tmp_path, sqlite).pytest("--record-usage", path)

    assert run.code == 4
    assert message in run.out
    assert "INTERNALERROR" not in run.out


def test_django_runner_when_the_file_cannot_be_written_says_so_before_it_runs(tmp_path, sqlite):
    run = Project(tmp_path, sqlite).manage("test", "--record-usage", ".")

    assert (run.code, "Creating test database" in run.out) == (2, False)
    assert "CommandError: . cannot be written: Is a directory." in run.out


def test_pytest_when_it_takes_the_file_for_a_test_says_how_to_write_it(
    sqlite, tmp_path, tmp_path_factory
):
    project = make_project(tmp_path, sqlite)
    file = tmp_path_factory.mktemp("elsewhere") / "usage.jsonl"
    file.write_text("")

    apart = project.pytest("-q", "--record-usage", str(file))
    written = project.pytest("-q", f"--record-usage={file}")

    assert apart.code == 4
    assert f"Write --record-usage={file}." in apart.out
    assert written.code == 0, written.out
    assert len(parse(file.read_text())) > 1


# A part of a recording would pass for all of it.
@pytest.mark.parametrize(
    "command", [("pytest", "-x"), ("manage", "test", "shop", "--failfast")], ids=lambda it: it[0]
)
def test_recording_when_run_stops_early_leaves_the_file(tmp_path, sqlite, command):
    project = make_project(tmp_path, sqlite)
    project.write(
        {"shop/views.py": SITE["shop/views.py"].replace("count()", "no()"), "usage.jsonl": "old"}
    )

    verb, *arguments = command
    run = getattr(project, verb)(*arguments, "--record-usage", "usage.jsonl")

    assert run.code == 1, run.out
    assert "usage.jsonl was not written: the run stopped before its last test" in run.out
    assert (tmp_path / "usage.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    ("options", "code"), [(["--collect-only"], 0), (["-k", "no_such_test"], 5)]
)
def test_pytest_when_no_test_runs_leaves_the_file(tmp_path, sqlite, options, code):
    project = make_project(tmp_path, sqlite)
    project.write({"usage.jsonl": "old"})

    run = project.pytest("test_shop.py", *options, "--record-usage", "usage.jsonl")

    assert run.code == code, run.out
    assert ("usage.jsonl was not written: no test ran" in run.out) is (code == 5)
    assert (tmp_path / "usage.jsonl").read_text() == "old"


@pytest.mark.parametrize("options", [(), ("--parallel", "2")])
def test_runner_when_no_test_runs_leaves_the_file(tmp_path, sqlite, options):
    project = make_project(tmp_path, sqlite)
    project.write({"usage.jsonl": "old"})

    run = project.manage("test", "-k", "no_such_test", "--record-usage", "usage.jsonl", *options)

    assert run.code == 2, run.out
    assert "usage.jsonl was not written: no test ran.\nRun the tests again." in run.out
    assert (tmp_path / "usage.jsonl").read_text() == "old"


def test_recording_when_tests_fail_keeps_what_was_sent(tmp_path, sqlite):
    project = make_project(tmp_path, sqlite)
    project.write({"shop/views.py": SITE["shop/views.py"].replace("count()", "no()")})

    run = project.pytest("test_shop.py", "--record-usage", "usage.jsonl")

    assert run.code == 1, run.out
    assert "Tests failed, so the file may lack what their code sends." in run.out
    assert callers(project) == {"shop/management/commands/tidy.py:Command.handle"}


def test_pytest_when_a_worker_crashes_leaves_the_file(tmp_path, sqlite):
    project = make_project(tmp_path, sqlite)
    crash = SITE["shop/views.py"].replace("return Club", "import os; os._exit(3); return Club")
    project.write({"shop/views.py": crash, "usage.jsonl": "old"})

    run = project.pytest("test_shop.py", "-n", "2", "--record-usage", "usage.jsonl")

    assert run.code == 1, run.out
    assert re.search(r"usage.jsonl was not written: the worker gw\d+ crashed", run.out)
    assert (tmp_path / "usage.jsonl").read_text() == "old"


def test_pytest_when_a_place_formats_for_two_databases_gives_a_line_each(sqlite, tmp_path):
    project = Project(tmp_path, sqlite)
    settings = (tmp_path / "site_settings.py").read_text()
    calls = "".join(
        f"@pytest.mark.django_db(databases=['default', 'other'])\ndef test_{number}():\n"
        f"    ask('zq' + 'xj' * {number})\n\n"
        for number in range(2, 6)
    )
    project.write(
        {
            "site_settings.py": f"{settings}{TWO_DATABASES}",
            "one/1_a.sql": "SELECT 1;",
            "two/1_b.sql": "SELECT 1;",
            "shop/ask.py": ASK.replace("ask()", "ask(word)").replace(
                "SELECT id FROM {table}", "SELECT '{word}'"
            ),
            "tests/test_ask.py": f"import pytest\nfrom shop.ask import ask\n\n{calls}",
        }
    )

    run = project.pytest("--record-usage", "usage.jsonl", "-n", "2")

    assert run.code == 0, run.out
    lines = parse((tmp_path / "usage.jsonl").read_text())
    assert sorted(line.database for line in lines) == ["default", "other"]


def test_usage_when_code_sends_to_two_databases_asks_each_for_its_own(sqlite, tmp_path):
    """Both have the vendor, and each lacks the table of the other."""
    project = Project(tmp_path, sqlite)
    settings = (tmp_path / "site_settings.py").read_text()
    project.write(
        {
            "site_settings.py": f"{settings}{TWO_DATABASES}",
            "one/1_a.sql": "CREATE TABLE a (id integer);",
            "two/1_b.sql": "CREATE TABLE b (id integer);",
            "shop/ask.py": ASK,
            "tests/test_ask.py": "import pytest\nfrom shop.ask import ask\n\n"
            "@pytest.mark.django_db(databases='__all__')\ndef test_ask():\n    ask()\n",
        }
    )
    assert project.pytest("--record-usage", "usage.jsonl").code == 0

    for alias in ("default", "other"):
        options = ("--no-models", "--fresh", "--usage", "usage.jsonl", "--database", alias)
        run = project.manage("checkschema", *options)
        assert run.code == 0, run.out
        assert "1 kept" in run.out


TWO_DATABASES = """
DATABASES["other"] = {**DATABASES["default"], "NAME": str(BASE_DIR / "other.sqlite3")}
MIGRATION_GUARD["DIRS"] = {"default": [BASE_DIR / "one"], "other": [BASE_DIR / "two"]}
"""
ASK = """\
    from django.db import connections

    def ask():
        for alias, table in (("default", "a"), ("other", "b")):
            with connections[alias].cursor() as cursor:
                cursor.execute(f"SELECT id FROM {table}")
    """
