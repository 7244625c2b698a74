"""What a developer waits for: `pytest` of 20 tests in a project with hundreds of migrations."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from benchmarks import peers, servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import Contestant, Measured, in_turn, run
from benchmarks.options import Options
from benchmarks.picture import Bar
from benchmarks.site import Site, python_path

SIZES = (500,)
TESTS = 20
PLAIN = "20 tests without a database"

DJANGO = "RunSQL, pytest-django"
COLD = "migration_guard, no templates"
FIRST = "migration_guard, a first run"
UNCHANGED = "migration_guard, unchanged"
ADDED = "migration_guard, one SQL file added"
EDITED = "migration_guard, the SQL file in the middle edited"
DJANGO_ADDED = "migration_guard, one Django migration added"
REUSE = "--reuse-db, unchanged"
COPY = "psql, the server's own copy and drop"

_PLUGINS = ("no:cacheprovider", "pytest_django.plugin")
_SUITE = """\
from pathlib import Path

import pytest
from django.db import connection

FILES = [*Path().glob("sql_migrations/*.sql"), *Path().glob("bench/migrations/*_table_*.py")]

@pytest.mark.django_db
@pytest.mark.parametrize("number", range({tests}))
def test_row(number):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO t00001 (id, name) VALUES (1, 'a')")
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$'")
        assert cursor.fetchone() == (len(FILES),)
"""
_PLAIN = """\
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_row(number):
    assert number < {tests}
"""


class _Project:
    """A project whose tests are run; ``numbers`` are those of its changes, each a new one."""

    def __init__(
        self, path: Path, server: servers.PostgreSQL, size: int, *, is_django: bool
    ) -> None:
        apps = ["bench"] if is_django else ["migration_guard", "bench"]
        self.site, self.settle = Site(path, server.database.settings, apps), server.settle
        self.files, self.numbers = 0 if is_django else size, count(90_001)
        self._plugins = [*_PLUGINS, *([] if is_django else ["migration_guard.pytest_plugin"])]
        self._write_django(range(1, size + 1) if is_django else [90_000])
        sql.write_migrations(self.site.folder, self.files)
        self.site.write("pytest.ini", "[pytest]\n")
        self.site.write("test_suite.py", _SUITE.format(tests=TESTS))
        self.site.write("test_plain.py", _PLAIN.format(tests=TESTS))
        self.configure(f'DATABASES["default"]["TEST"] = {{"NAME": "test_{path.name}"}}\n')

    def configure(self, text: str) -> None:
        """Add to the settings."""
        settings = self.site.path / "site_settings.py"
        self.site.write("site_settings.py", settings.read_text(encoding="utf-8") + text)

    def pytest(
        self, name: str, *options: str, change: Callable[[], None] | None = None
    ) -> Contestant:
        """Return pytest; before each run it runs unmeasured, and then ``change`` is made."""
        plugins = [word for plugin in self._plugins for word in ("-p", plugin)]
        command = [sys.executable, "-m", "pytest", "-q", *plugins, *(options or ("test_suite.py",))]
        environment = {
            **python_path(self.site.path),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        verify = verifying.says(f"^{TESTS} passed")
        measured = Contestant(name, command, self.site.path, environment, verify=verify)

        def prepare() -> None:
            if change is not None:
                self._restore()
                run(measured)
                change()
            self.settle()

        return replace(measured, prepare=prepare)

    def leave(self) -> None:
        """Change nothing."""

    def renew(self) -> None:
        """Change a setting, so that no template has any of it."""
        self.configure(f"NUMBER = {next(self.numbers)}\n")

    def add_sql(self) -> None:
        """Add an SQL file behind the others."""
        number = next(self.numbers)
        self.site.write(f"sql_migrations/{sql.migration_id(number)}.sql", sql.migration(number))

    def edit(self, number: int) -> None:
        """Let an SQL file add one more column."""
        more = f"ALTER TABLE t{number:05} ADD COLUMN c{next(self.numbers)} integer;\n"
        name = f"sql_migrations/{sql.migration_id(number)}.sql"
        self.site.write(name, sql.migration(number) + more)

    def add_django(self) -> None:
        """Add a migration to the Django app."""
        self._write_django([90_000, next(self.numbers)])

    def _write_django(self, numbers: Sequence[int]) -> None:
        pairs = [(sql.migration_id(number), sql.migration(number)) for number in numbers]
        self.site.app("bench", pairs)

    def _restore(self) -> None:
        for path in (
            *self.site.folder.glob("9*.sql"),
            *self.site.path.glob("bench/migrations/9*.py"),
        ):
            if path.stem != sql.migration_id(90_000):
                path.unlink()
        sql.write_migrations(self.site.folder, self.files)


def tables(options: Options) -> Iterator[Table]:
    """Measure with a disk that is waited for, and without."""
    for size in options.sizes_or(SIZES):
        for title, configuration in (("", ()), (", fsync off", ("fsync=off",))):
            with servers.postgresql(configuration) as server:
                contestants = [*_contestants(server, size), _copy(server, size, configuration)]
                measured = in_turn(contestants, options.rounds)
            yield compared(
                f"pytest of {TESTS} tests, {size:,} migrations{title}",
                measured,
                ADDED,
                _goals(measured),
                bars=() if title else _bars(measured),
            )


def _contestants(server: servers.PostgreSQL, size: int) -> list[Contestant]:
    folder = servers.folder()

    def project(name: str, *, is_django: bool = False) -> _Project:
        return _Project(folder / name, server, size, is_django=is_django)

    cold, first, unchanged = project("cold"), project("first"), project("unchanged")
    added, edited, django = project("added"), project("edited"), project("django_added")
    theirs, kept = project("runsql", is_django=True), project("kept", is_django=True)
    cold.configure('MIGRATION_GUARD["TEMPLATES_IN_TESTS"] = False\n')
    reuse = ("--reuse-db", "test_suite.py")
    return [
        cold.pytest(PLAIN, "test_plain.py"),
        peers.psql(folder / "psql", server.database, size, server.empty),
        theirs.pytest(DJANGO),
        kept.pytest(f"{DJANGO} {REUSE}", *reuse, change=kept.leave),
        cold.pytest(COLD),
        first.pytest(FIRST, change=first.renew),
        unchanged.pytest(UNCHANGED, change=unchanged.leave),
        added.pytest(ADDED, change=added.add_sql),
        edited.pytest(EDITED, change=lambda: edited.edit(size // 2 or 1)),
        django.pytest(DJANGO_ADDED, change=django.add_django),
    ]


def _copy(server: servers.PostgreSQL, size: int, configuration: Sequence[str]) -> Contestant:
    """Return what no template can do without: a copy of what psql built, and its end."""
    psql, database = (
        peers.psql(servers.folder(), server.database, size, server.empty),
        server.database,
    )

    def prepare() -> None:
        psql.prepare()
        run(psql)
        server.settle()

    name, strategy = database.settings["NAME"], " STRATEGY file_copy" if configuration else ""
    statements = (
        f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"{strategy}',
        f'DROP DATABASE "{name}_copy"',
    )
    maintenance = database.url.rpartition("/")[0] + f"/{server.server.maintenance_database}"
    words = [word for statement in statements for word in ("-c", statement)]
    command = [psql.command[0], "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, maintenance]
    return Contestant(COPY, command, prepare=prepare, missing=psql.missing)


def _goals(measured: list[Measured]) -> str:
    of = {each.name: each for each in measured if each.runs}
    if not {PLAIN, "psql -f", ADDED, UNCHANGED, COPY} <= of.keys():
        return ""
    start, psql, reuse = of[PLAIN], of["psql -f"].wall, of.get(f"{DJANGO} {REUSE}")
    added = (of[ADDED].wall - start.wall) / psql
    beyond_reuse = (
        f" Beyond `{reuse.name}`, which runs the same tests in a database that is there, one added "
        f"file takes {(of[ADDED].wall - reuse.wall) / psql:.2f} x psql."
        if reuse
        else ""
    )
    cpu = of[UNCHANGED].cpu - start.cpu
    return (
        f"Beyond `{PLAIN}`: one added file takes {added:.2f} x psql (goal: 0.25 with fsync off, "
        f"0.15 with it on); unchanged takes {cpu:.2f} s of processor (goal: 0.3)."
        f"{beyond_reuse} The server's own copy and drop take {of[COPY].wall / psql:.2f} x psql."
    )


def _bars(measured: list[Measured]) -> tuple[Bar, ...]:
    """Return what the picture shows: who waits how long, and for what."""
    texts = {
        DJANGO: "Django's RunSQL migrations",
        COLD: "SQL files, templates off",
        DJANGO_ADDED: "templates: one Django migration added",
        EDITED: "templates: the middle file edited",
        ADDED: "templates: one SQL file added",
        UNCHANGED: "templates: nothing changed",
        PLAIN: "20 tests without a database",
    }
    of = {each.name: each.wall for each in measured if each.runs}
    ours = {DJANGO_ADDED, EDITED, ADDED, UNCHANGED}
    return tuple(
        Bar(text, of[name], is_ours=name in ours) for name, text in texts.items() if name in of
    )
