"""Which function a statement is said to be from: each way in which code comes to send one."""

import sys
from types import ModuleType

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command, get_commands
from django.db import connection
from django.test import AsyncClient, Client, override_settings
from django.urls import path as route

from migration_guard.usage.places import place
from migration_guard.usage.recorder import record
from tests.usage.models import Club, make_clubs

IMPORTS = """\
import threading
from functools import partial
from django.db import connection
from django.http import HttpResponse
from django.template import Context, Template, engines
from django.template.response import TemplateResponse
from django.views.generic import ListView, View
from tests.usage.models import Club
def run(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
def work():
    SEND
    connection.close()
"""


@pytest.fixture(autouse=True)
def templates(settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]


@pytest.fixture
def module(code, monkeypatch):
    """Give `module(source, path)`: a module of the project; SEND in it sends a statement."""

    def write(source, path="shop/views.py"):
        text = (IMPORTS + source).replace("SEND", "Club.objects.count()")
        names = code.function(text, name="run", path=path).__globals__
        module = ModuleType(names["__name__"])
        module.__file__ = str(code.root / path)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return write


@pytest.fixture
def package(monkeypatch):
    """Give `package(source)`: a module of an installed package, whose file need not be there."""

    def make(source):
        module = ModuleType("a_package.code")
        module.__file__ = "/lib/site-packages/a_package/code.py"
        text = (IMPORTS + source).replace("SEND", "Club.objects.count()")
        exec(compile(text, module.__file__, "exec"), vars(module))  # noqa: S102
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return make


def ask(*views):
    """Send a request to each view."""

    class Urls:
        urlpatterns = tuple(route(str(place), view) for place, view in enumerate(views))

    with override_settings(ROOT_URLCONF=Urls):
        for place in range(len(views)):
            Client(raise_request_exception=False).get(f"/{place}")


def callers(statements):
    return {caller for statement in statements for caller in statement.callers}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("call = lambda: SEND", "<lambda>"),
        ("def call():\n    return (lambda: SEND)()", "call"),
        ("def call():\n    return [SEND for _time in range(2)]", "call"),
        ("def call():\n    def inner():\n        SEND\n    inner()", "call.inner"),
        ("def call():\n    return list(rows())\ndef rows():\n    yield SEND", "rows"),
        ("class Page:\n    def get(self):\n        SEND\ncall = Page().get", "Page.get"),
        ("def call():\n    run(work)", "work"),
        ("def task(n):\n    SEND\ncall = partial(task, 1)", "task"),
        (
            "def call():\n    clubs = Club.objects.all()\n"
            "    Template('{% for club in clubs %}{% endfor %}', engine=engines['django'].engine)"
            ".render(Context({'clubs': clubs}))",
            "call",
        ),
    ],
)
def test_caller_when_code_sends_is_its_function(sqlite, code, module, source, name):
    make_clubs()
    call = module(source).call

    with record("default", code.root) as statements:
        call()

    assert callers(statements) == {f"shop/views.py:{name}"}


VIEWS = [
    ("def view(request):\n    return HttpResponse(SEND)", "view"),
    ("async def view(request):\n    return HttpResponse(await Club.objects.acount())", "view"),
    (
        "class Clubs(View):\n    async def get(self, request):\n"
        "        return HttpResponse([club async for club in Club.objects.all()])\n"
        "view = Clubs.as_view()",
        "Clubs.get",
    ),
    (
        "class Clubs(ListView):\n    model = Club\n    paginate_by = 5\n"
        "    allow_empty = False\nview = Clubs.as_view()",
        "Clubs.get",
    ),
    (
        "class Clubs(ListView):\n    def get_queryset(self):\n"
        "        return Club.objects.filter(id__in=[SEND])\nview = Clubs.as_view()",
        "Clubs.get_queryset",
    ),
    (
        "def view(request):\n    clubs = Club.objects.all()\n"
        "    template = engines['django'].from_string('{% for club in clubs %}{% endfor %}')\n"
        "    return TemplateResponse(request, template, {'clubs': clubs})",
        "view",
    ),
]


@pytest.mark.parametrize("is_async", [False, True], ids=["client", "async client"])
@pytest.mark.parametrize(("source", "name"), VIEWS, ids=range(len(VIEWS)))
def test_caller_when_a_request_is_served_is_the_view(sqlite, code, module, source, name, is_async):
    make_clubs()

    class Urls:
        urlpatterns = (route("", module(source).view),)

    async def ask():
        await AsyncClient(raise_request_exception=False).get("/")

    with override_settings(ROOT_URLCONF=Urls), record("default", code.root) as statements:
        if is_async:
            async_to_sync(ask)()
        else:
            Client(raise_request_exception=False).get("/")

    # In the thread of a synchronous view nothing but its class is seen.
    names = {f"shop/views.py:{name}", f"shop/views.py:{name.removesuffix('.get')}"}
    assert names & callers(statements)
    assert {caller.partition(":")[0] for caller in callers(statements)} == {"shop/views.py"}


def test_caller_when_a_middleware_of_a_package_sends_is_the_middleware(
    sqlite, code, module, package
):
    make_clubs()
    package(
        "from django.utils.deprecation import MiddlewareMixin\n"
        "class Counting(MiddlewareMixin):\n"
        "    def process_request(self, request):\n"
        "        SEND\n"
    )
    view = module("def view(request): return HttpResponse()").view
    middleware = ["django.middleware.common.CommonMiddleware", "a_package.code.Counting"]

    with override_settings(MIDDLEWARE=middleware), record("default", code.root) as statements:
        ask(view)

    assert callers(statements) == {"a_package/code.py:Counting.__call__"}


ADMIN = (
    "from django.contrib.admin import AdminSite, ModelAdmin\n"
    "class Site(AdminSite):\n"
    "    def has_permission(self, request):\n        return True\n"
    "class ClubAdmin(ModelAdmin):\n    actions = None\n"
    "    def has_view_permission(self, request, obj=None):\n        return True\n"
    "view = ClubAdmin(Club, Site()).get_urls()[0].callback"
)
LAZY = (
    "def view(request):\n    clubs = Club.objects.all()\n"
    "    template = engines['django'].from_string('{% for club in clubs %}{% endfor %}')\n"
    "    return TemplateResponse(request, template, {'clubs': clubs})"
)


PARTIAL = LAZY.replace("def view(", "def page(") + "\nview = partial(page)"
OBJECT = (
    LAZY.replace("def view(request)", "def page(self, request)")
    + "\nclass Feed:\n    __call__ = page\nview = Feed()"
)


@pytest.mark.parametrize(
    ("source", "name"),
    [(ADMIN, "ClubAdmin.changelist_view"), (LAZY, "view"), (PARTIAL, "page"), (OBJECT, "Feed")],
    ids=["admin", "lazy", "partial", "object"],
)
@pytest.mark.parametrize("owner", ["project", "package"])
def test_caller_when_django_evaluates_for_a_view_is_the_view(
    sqlite, code, module, package, source, name, owner
):
    make_clubs()
    path, make = {
        "project": ("shop/views.py", module),
        "package": ("a_package/code.py", package),
    }[owner]

    with record("default", code.root) as statements:
        ask(make(source).view)

    assert callers(statements) == {f"{path}:{name}"}


@pytest.mark.parametrize("order", ["package first", "project first"])
def test_callers_when_calls_differ_in_one_frame_are_both(sqlite, code, module, package, order):
    make_clubs()
    serve = package(
        "def serve(call):\n    def view(request):\n"
        "        return HttpResponse(call(lambda: pass_on(lambda: SEND)))\n    return view\n"
        "def pass_on(call):\n    return call()"
    )
    ours = module("def pass_on(call):\n    return call()")
    views = [serve.serve(serve.pass_on), serve.serve(ours.pass_on)]
    test = code.function("def test(ask, views):\n    ask(*views)", "test", "tests/test_views.py")

    with record("default", code.root) as statements:
        test(ask, [*(views if order == "package first" else reversed(views)), *views])

    assert callers(statements) == {"a_package/code.py:serve.view", "shop/views.py:pass_on"}


def test_caller_when_a_command_of_django_sends_is_the_command(sqlite, code, capsys):
    make_clubs()

    with record("default", code.root) as statements:
        call_command("inspectdb")

    assert "inspectdb" in get_commands()
    names = {caller.rpartition(":")[0] for caller in callers(statements)}
    assert names == {"django/core/management/commands/inspectdb.py"}


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("shop/tests.py", True),
        ("shop/tests/helpers.py", True),
        ("shop/test_views.py", True),
        ("shop/views_test.py", True),
        ("shop/test_helpers/clubs.py", True),
        ("functional_tests/pages.py", True),
        ("conftest.py", True),
        ("shop/migrations/0001_initial.py", True),
        (".venv/lib/python3.12/site-packages/shop/views.py", True),
        ("shop/factories.py", False),
        ("shop/contest.py", False),
        ("latest/views.py", False),
        ("ab_test/views.py", False),
    ],
)
def test_caller_when_a_file_has_the_name_of_tests_is_none(sqlite, code, path, is_test):
    sqlite.execute("CREATE TABLE topics (id integer)")

    statements = code.record(("SELECT id FROM topics", None), path=path)

    assert callers(statements) == (set() if is_test else {f"{path}:ask"})


def test_caller_when_factory_boy_is_loaded_is_no_factory(sqlite, code, monkeypatch):
    sqlite.execute("CREATE TABLE topics (id integer)")
    monkeypatch.setitem(sys.modules, "factory", ModuleType("factory"))

    assert code.record(("SELECT id FROM topics", None), path="shop/factories.py") == []


@pytest.mark.parametrize("first", ["test", "project"])
def test_callers_when_tests_send_the_same_text_are_those_of_code(sqlite, code, first):
    sqlite.execute("CREATE TABLE topics (id integer)")
    test = code.sender("tests/test_topics.py")
    senders = [code.sender(f"shop/view_{place}.py") for place in range(7)]
    order = [*[test] * 9, *senders] if first == "test" else [*reversed(senders), test]

    with record("default", code.root) as statements:
        for _time in range(3):
            for ask in order:
                ask("SELECT id FROM topics")

    assert statements[0].callers == tuple(f"shop/view_{place}.py:ask" for place in range(7))


def test_callers_when_the_project_is_behind_a_link_are_found(sqlite, code, tmp_path):
    sqlite.execute("CREATE TABLE topics (id integer)")
    link = tmp_path / "link"
    link.symlink_to(code.root)
    ask = code.sender()

    with record("default", link) as statements:
        ask("SELECT id FROM topics")

    assert callers(statements) == {"shop/views.py:ask"}


def test_place_when_a_method_is_inherited_is_the_class(code):
    code.function("\n\nclass Clubs(object):\n    model = None\n", name="Clubs")

    assert place("shop/views.py:Clubs.get", code.root).endswith("shop/views.py:3")


def test_caller_when_a_view_of_a_package_sends_a_text_of_code_has_both(sqlite, code, module):
    make_clubs()
    views = module("def view(request):\n    return HttpResponse(SEND)")

    with record("default", code.root) as statements:
        views.view(None)
        views.work()
        Club.objects.count()

    assert callers(statements) == {"shop/views.py:view", "shop/views.py:work"}
    assert connection.execute_wrappers == []
