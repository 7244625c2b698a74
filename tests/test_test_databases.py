"""Test databases get the SQL migrations by themselves, whatever runs the tests."""

import importlib.util
import inspect

import django.test.runner
import pytest

from tests.projects import Project

BOOKS = {
    "0001_books.sql": """\
        CREATE TABLE books (
            id integer PRIMARY KEY,
            author_id integer NOT NULL,
            title varchar(40) NOT NULL,
            FOREIGN KEY (author_id) REFERENCES shop_author (id)
        );
        CREATE TABLE reviews (
            id integer PRIMARY KEY,
            book_id integer NOT NULL,
            FOREIGN KEY (book_id) REFERENCES books (id)
        );
        CREATE TABLE genres (name varchar(40) PRIMARY KEY);
        INSERT INTO genres VALUES ('poetry');
    """,
    "0002_sandbox.sql": """\
        -- guard: environments = test
        CREATE TABLE sandbox (id integer PRIMARY KEY);
    """,
    "0003_founders.sql": "INSERT INTO shop_author (name) VALUES ('Sappho');\n"
    "INSERT INTO clubs_club (name) VALUES ('founders');",
}

# How a test looks at its database: the tables, the history and the stamp.
LOOK = """\
from django.db import connection
from django.test import TestCase, TransactionTestCase

from shop.models import Author, Book

ALL = ["0001_books", "0002_sandbox", "0003_founders"]

def rows(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())

def applied():
    return [row[0] for row in rows("SELECT id FROM applied_migrations ORDER BY applied_at")]

def stamp():
    return rows("SELECT environment FROM migration_guard_environment")
"""

MIGRATED = (
    LOOK
    + """
class MigratedTest(TestCase):
    def test_database(self):
        self.assertEqual(applied(), ALL)
        self.assertEqual(stamp(), [("test",)])
        self.assertEqual(len(rows("SELECT * FROM sandbox")), 0)
        self.assertEqual(Author.objects.get().name, "Sappho")
        self.assertEqual(Book.objects.count(), 0)
"""
)

SETTINGS_OF_THIS = """\
    SELECT s.setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    WHERE d.datname = current_database()
"""

# Two classes, because a parallel run gives each worker whole classes; each commits rows that
# reference each other, and finds the database as the migrations left it.
FLUSHED = (
    LOOK
    + """
class FirstFlush(TransactionTestCase):
    def use_the_tables(self):
        self.assertEqual(applied(), ALL)
        self.assertEqual(Book.objects.count(), 0)
        self.assertEqual(len(rows("SELECT * FROM reviews")), 0)
        self.assertEqual(len(rows("SELECT * FROM genres")), 1)
        if connection.vendor == "postgresql":
            setting = "FROM pg_settings WHERE name = 'synchronous_commit'"
            self.assertEqual(rows(f"SELECT setting, source {setting}"), [("off", "database")])
        Book.objects.create(id=1, title="Fragments", author=Author.objects.create(name="Sappho"))
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO reviews (id, book_id) VALUES (1, 1)")

    def test_once(self):
        self.use_the_tables()

    def test_twice(self):
        self.use_the_tables()

class SecondFlush(FirstFlush):
    pass
"""
)

LEFT_ALONE = (
    LOOK
    + """
class LeftAlone(TestCase):
    databases = "__all__"

    def test_database(self):
        names = connection.introspection.table_names()
        self.assertIn("shop_author", names)
        self.assertNotIn("books", names)
        self.assertNotIn("sandbox", names)
"""
)

SERIALIZED = (
    LOOK
    + """
from clubs.models import Club

class Serialized(TransactionTestCase):
    serialized_rollback = True

    def test_once(self):
        self.assertEqual([club.name for club in Club.objects.all()], ["founders"])

    def test_twice(self):
        self.test_once()
"""
)

# As in a copy of a database that is none of a test.
RESTAMPED = (
    LOOK
    + """
class Restamped(TransactionTestCase):
    def test_stamp(self):
        self.assertEqual(stamp(), [("test",)])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE migration_guard_environment SET environment = 'production'")
"""
)

RUNNERS = {
    "manage-test": lambda project, *args: project.manage("test", "--noinput", *args),
    "pytest": lambda project, *args: project.pytest(*args),
}
KEEP = {"manage-test": "--keepdb", "pytest": "--reuse-db"}
PARALLEL = {"manage-test": ("--parallel", "2"), "pytest": ("-n", "2")}
needs_xdist = pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed"
)
both_parallel = pytest.mark.parametrize(
    "runner", ["manage-test", pytest.param("pytest", marks=needs_xdist)], indirect=True
)


@pytest.fixture
def project(database, tmp_path):
    """Give a project on an empty database of each vendor, with three migrations."""
    project = Project(tmp_path / "site", database, templates="auto")
    project.write({"pytest.ini": "[pytest]\npython_files = tests.py\n"})
    project.migrations(BOOKS)
    yield project
    project.drop_test_databases()


@pytest.fixture(params=RUNNERS)
def runner(request):
    return request.param


@pytest.fixture
def run(project, runner):
    return lambda *args: RUNNERS[runner](project, *args)


def kept_database(project):
    """Return where `--keepdb` leaves the test database: SQLite's needs a file."""
    if project.database.vendor == "sqlite":
        return {"NAME": str(project.path / "test.sqlite3")}
    return {}


def add_a_migration(project):
    """Add a fourth migration, and let the tests expect it."""
    project.migrations({"0004_later.sql": "INSERT INTO genres VALUES ('drama');"})
    tests = (project.path / "shop/tests.py").read_text()
    tests = tests.replace('"0003_founders"]', '"0003_founders", "0004_later"]')
    tests = tests.replace('"SELECT * FROM genres")), 1', '"SELECT * FROM genres")), 2')
    project.write({"shop/tests.py": tests})


def test_test_database_when_created_has_the_migrations_and_is_stamped_test(project, run):
    project.write({"shop/tests.py": MIGRATED})

    done = run()

    assert done.code == 0, done.out


def test_test_database_when_a_test_commits_and_django_flushes_is_as_migrated(project, run):
    project.write({"shop/tests.py": FLUSHED})

    done = run()

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_test_database_when_it_is_kept_gets_only_what_is_new(project, runner, run):
    project.configure(test=kept_database(project))
    project.write({"shop/tests.py": FLUSHED})
    first = run(KEEP[runner])
    add_a_migration(project)

    second = run(KEEP[runner])

    assert first.code == 0, first.out
    assert second.code == 0, second.out


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_test_database_when_it_was_kept_and_a_file_was_edited_says_how_to_make_it_anew(
    project, runner, run
):
    project.write({"shop/tests.py": MIGRATED})
    run(KEEP[runner])
    project.migrations({"0002_sandbox.sql": BOOKS["0002_sandbox.sql"].replace("id", "id2")})

    kept = run(KEEP[runner])
    anew = run(*(["--reuse-db", "--create-db"] if runner == "pytest" else []))

    assert kept.code == 1, kept.out
    assert "edited" in kept.out
    assert "pytest --create-db, or manage.py test without --keepdb" in kept.out
    assert anew.code == 0, anew.out


@both_parallel
def test_test_database_when_workers_are_parallel_is_migrated_for_each(project, runner, run):
    project.write({"shop/tests.py": FLUSHED})

    done = run(*PARALLEL[runner])

    assert done.code == 0, done.out
    assert runner == "pytest" or "Cloning test database" in done.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
@pytest.mark.parametrize("runner", ["manage-test"], indirect=True)
@pytest.mark.parametrize(
    "method",
    [
        "spawn",
        pytest.param(
            "forkserver",
            marks=pytest.mark.skipif(
                "forkserver" not in inspect.getsource(django.test.runner),
                reason="this Django runs no tests in parallel with forkserver",
            ),
        ),
    ],
)
def test_test_database_when_workers_are_spawned_is_migrated_for_each(project, runner, run, method):
    settings = (project.path / "site_settings.py").read_text()
    start = f"import multiprocessing\nmultiprocessing.set_start_method('{method}', force=True)\n"
    project.write({"shop/tests.py": FLUSHED, "site_settings.py": settings + start})

    done = run(*PARALLEL[runner])

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@both_parallel
def test_test_database_when_parallel_and_kept_gets_what_is_new_in_each_clone(project, runner, run):
    project.configure(test=kept_database(project))
    project.write({"shop/tests.py": FLUSHED})
    first = run(*PARALLEL[runner], KEEP[runner])
    add_a_migration(project)

    second = run(*PARALLEL[runner], KEEP[runner])

    assert first.code == 0, first.out
    assert second.code == 0, second.out
    assert project.database.execute(SETTINGS_OF_THIS) == []


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_test_database_when_serialized_includes_the_rows_of_migrations(project, run):
    project.write({"shop/tests.py": SERIALIZED})

    done = run()

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_test_database_when_a_migration_fails_ends_the_run_with_one_message(project, run):
    project.write({"shop/tests.py": FLUSHED})
    project.migrations({"0004_broken.sql": "CREATE TABLE fine (id integer);\nSELECT nonsense;"})

    done = run()

    assert done.code == 1, done.out
    assert done.out.count("did not get its SQL migrations") == 1
    assert "0004_broken.sql:2" in done.out
    assert "Traceback" not in done.out


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@needs_xdist
@pytest.mark.parametrize("runner", ["pytest"], indirect=True)
def test_test_database_when_a_migration_fails_in_parallel_workers_says_why(project, run):
    project.write({"shop/tests.py": FLUSHED})
    project.migrations({"0004_broken.sql": "SELECT nonsense;"})

    done = run("-n", "2")

    assert done.code == 2, done.out  # xdist's, of a run that a worker ends
    assert "0004_broken.sql:1" in done.out
    assert "Traceback" not in done.out
    assert "During handling" not in done.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_test_database_when_the_setting_is_wrong_ends_the_run_with_one_message(project, run):
    project.write({"shop/tests.py": MIGRATED})
    project.configure(WAIT="soon")

    done = run()

    assert done.code == 2, done.out
    assert 'MIGRATION_GUARD["WAIT"]' in done.out
    assert "Traceback" not in done.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("guard", [{"APPLY_IN_TESTS": False}, {"DIRS": {}}], ids=str)
def test_test_database_when_it_is_not_asked_for_is_left_alone(project, run, guard):
    project.write({"shop/tests.py": LEFT_ALONE})
    project.configure(**guard)

    done = run()

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_test_database_when_it_is_a_mirror_is_left_alone(project, run):
    settings = (project.path / "site_settings.py").read_text()
    more = """
DATABASES["replica"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}
MIGRATION_GUARD["DIRS"]["replica"] = [BASE_DIR / "sql_migrations"]
"""
    tests = MIGRATED.replace("(TestCase):", "(TestCase):\n    databases = '__all__'\n")
    project.write({"site_settings.py": settings + more, "shop/tests.py": tests})

    done = run()

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["TEST", "option"])
def test_test_database_when_django_migrations_are_off_gets_the_sql_ones(project, how):
    project.write({"shop/tests.py": MIGRATED})
    project.configure(test={"MIGRATE": how != "TEST"})
    requires = "-- guard: requires = clubs.0001_initial\n"
    project.migrations({"0003_founders.sql": requires + BOOKS["0003_founders.sql"]})

    done = project.pytest(*(["--no-migrations"] if how == "option" else []))

    assert done.code == 0, done.out


@pytest.mark.parametrize("runner", ["manage-test"], indirect=True)
def test_test_database_when_it_had_another_stamp_is_stamped_test(project, runner, run):
    project.configure(test=kept_database(project))
    project.write({"shop/tests.py": RESTAMPED})
    first = run(KEEP[runner])

    second = run(KEEP[runner])

    assert first.code == 0, first.out
    assert second.code == 0, second.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", ["migrate", "flush"])
def test_database_when_it_is_no_test_database_is_never_touched(project, command):
    project.manage("migrate", "--run-syncdb")

    done = project.manage(command, "--noinput")

    assert done.code == 0, done.out
    names = {row[0] for row in project.database.execute("SELECT name FROM sqlite_master")}
    assert "shop_author" in names
    assert "books" not in names
    assert project.database.execute("SELECT * FROM migration_guard_environment") == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_flush_when_it_is_no_test_does_not_cascade(project):
    project.manage("migrate", "--run-syncdb")
    project.manage("runsqlmigrations")

    done = project.manage("flush", "--noinput")

    assert done.code == 1, done.out
    assert project.database.execute("SELECT count(*) FROM genres") == [(1,)]


# Who prepares for the test databases

COMMAND = """\
from django.core.management.commands.{name} import Command as DjangoCommand
{imports}
class Command(DjangoCommand):
    def handle(self, *args, **options):
        self.stdout.write("the project's own command")
        {call}
        super().handle(*args, **options)
"""
SCRIPT = """\
import sys

import django
from django.conf import settings
from django.test.utils import get_runner

if __name__ == "__main__":
    django.setup()
    from migration_guard import testing

    {install}
    runner = get_runner(settings)(interactive=False{options})
    sys.exit(bool(runner.run_tests(["shop"])))
"""
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def write_command(project, app, name, *, installs=False):
    """Give an app a command that extends Django's, before or behind ours."""
    imports, call = (
        ("from migration_guard import testing", "testing.install()") if installs else ("", "pass")
    )
    project.write(
        {
            f"{app}/__init__.py": "",
            f"{app}/management/__init__.py": "",
            f"{app}/management/commands/__init__.py": "",
            f"{app}/management/commands/{name}.py": COMMAND.format(
                name=name, imports=imports, call=call
            ),
        }
    )


def put_first(project, app):
    """Put an app before ours in INSTALLED_APPS."""
    settings = (project.path / "site_settings.py").read_text()
    project.write(
        {
            "site_settings.py": settings.replace(
                '    "migration_guard",', f'    "{app}",\n    "migration_guard",'
            )
        }
    )


@on_sqlite
def test_test_command_when_an_app_below_has_one_extends_that(project):
    project.write({"shop/tests.py": MIGRATED})
    write_command(project, "shop", "test")

    done = project.manage("test", "--noinput")

    assert done.code == 0, done.out
    assert "the project's own command" in done.out


@on_sqlite
@pytest.mark.parametrize("installs", [True, False])
def test_test_command_when_an_app_above_has_one_must_install(project, installs):
    project.write({"shop/tests.py": MIGRATED if installs else LEFT_ALONE})
    write_command(project, "fast_tests", "test", installs=installs)
    put_first(project, "fast_tests")

    checked = project.manage("check")
    done = project.manage("test", "--noinput")

    assert checked.code == 0, checked.out
    assert ("migration_guard.W003" in checked.out) is not installs
    assert done.code == 0, done.out


@on_sqlite
def test_test_command_when_called_by_code_migrates(project):
    project.write({"shop/tests.py": MIGRATED})
    call = (
        "import django; django.setup(); from django.core.management import call_command as call; "
    )

    done = project.python("-c", f"{call}call('test', interactive=False)")

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_testserver_when_started_has_a_migrated_database(project):
    looks = f"{LOOK}\nfrom django.core.management.base import BaseCommand\n"
    looks += "class Command(BaseCommand):\n    def add_arguments(self, parser):\n"
    looks += "        for name in ('addrport', 'shutdown_message', 'use_reloader', 'use_ipv6', 'use_threading'):\n"
    looks += "            parser.add_argument(f'--{name}')\n"
    looks += (
        "    def handle(self, **options):\n        self.stdout.write(f'{applied()} {stamp()}')\n"
    )
    project.write(
        {
            "shop/management/__init__.py": "",
            "shop/management/commands/__init__.py": "",
            "shop/management/commands/runserver.py": looks,
            "authors.json": '[{"model": "shop.author", "pk": 7, "fields": {"name": "Homer"}}]',
        }
    )

    done = project.manage("testserver", "--noinput", "authors.json")

    assert done.code == 0, done.out
    assert f"{[*(name.removesuffix('.sql') for name in BOOKS)]} [('test',)]" in done.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
@pytest.mark.parametrize("options", ["", ", parallel=2"])
def test_script_when_it_installs_before_its_own_runner_migrates(project, options):
    script = SCRIPT.format(install="testing.install()", options=options)
    project.write({"shop/tests.py": FLUSHED, "run_tests.py": script})

    done = project.python("run_tests.py")

    assert done.code == 0, done.out


@on_sqlite
def test_script_when_it_does_not_install_is_left_alone(project):
    project.write(
        {"shop/tests.py": LEFT_ALONE, "run_tests.py": SCRIPT.format(install="", options="")}
    )

    done = project.python("run_tests.py")

    assert done.code == 0, done.out


@on_sqlite
@pytest.mark.parametrize("set_up_in", ["conftest", "fixture"])
def test_pytest_without_pytest_django_when_the_project_sets_up_is_migrated(project, set_up_in):
    early, late = ("django.setup()", "") if set_up_in == "conftest" else ("", "django.setup()")
    conftest = f"""\
        import django
        import pytest
        from django.test.utils import (
            setup_databases,
            setup_test_environment,
            teardown_databases,
            teardown_test_environment,
        )

        {early}

        @pytest.fixture(scope="session", autouse=True)
        def databases():
            {late}
            setup_test_environment()
            old = setup_databases(verbosity=0, interactive=False)
            yield
            teardown_databases(old, verbosity=0)
            teardown_test_environment()
        """
    # Its models are imported in the test, once Django is set up.
    tests = """\
        def test_database():
            from django.db import connection

            assert "sandbox" in connection.introspection.table_names()
        """
    project.write({"conftest.py": conftest, "shop/tests.py": tests})

    done = project.pytest("-p", "no:django")

    assert done.code == 0, done.out
