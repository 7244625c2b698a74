"""Fixtures: a real, empty database for a test, a folder of migrations, and the commands."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.checks.registry import registry
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import OutputWrapper
from django.db import connections
from django.db.utils import ConnectionHandler
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from migration_guard.schema import deparse
from migration_guard.schema.readers import lock_limits
from tests import reporting, servers, site_settings
from tests.fresh.support import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_django.fixtures import SettingsWrapper
    from pytest_django.plugin import DjangoDbBlocker

    from tests.servers import Database

ROOT = Path(__file__).resolve().parent.parent
# Many containers set it. Each process that a test starts would compile Django anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A machine may be busy with other tests, so no example is too slow.
for profile, max_examples in {"few": 20, "ci": 400}.items():
    hypothesis_settings.register_profile(
        profile,
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))
FIXTURE_OF_VENDOR = {"postgresql": "postgres", "sqlite": "sqlite", "mariadb": "mariadb"}


# Databases


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """Start PostgreSQL when the first test asks for it."""
    with servers.postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.MariaDBServer]:
    """Start MariaDB when the first test asks for it; skip the test where there is none."""
    if reason := servers.mariadb_missing():
        pytest.skip(f"MariaDB: {reason}")
    with servers.mariadb_server() as server:
        yield server


@pytest.fixture
def postgres(
    postgres_server: servers.PostgresServer, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Give an empty PostgreSQL database as Django's `default`."""
    with postgres_server.database() as database, installed(database, django_db_blocker):
        yield database


@pytest.fixture
def sqlite(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """Give an empty SQLite database as Django's `default`; the file does not exist yet."""
    path = tmp_path / "db.sqlite3"
    with servers.sqlite_database(path) as database, installed(database, django_db_blocker):
        yield database


@pytest.fixture
def mariadb(
    mariadb_server: servers.MariaDBServer, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """Give an empty MariaDB database as Django's `default`."""
    with mariadb_server.database() as database, installed(database, django_db_blocker):
        yield database


@pytest.fixture(params=FIXTURE_OF_VENDOR)
def database(request: pytest.FixtureRequest) -> Database:
    """Give an empty database of each vendor in turn."""
    database: Database = request.getfixturevalue(FIXTURE_OF_VENDOR[request.param])
    return database


@contextlib.contextmanager
def installed(database: Database, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make the database Django's `default`; afterwards restore every alias as it was."""
    before = dict(connections.settings)
    servers.forget_connection(database.alias)
    # A handler of its own fills in the defaults that Django gives every entry.
    connections.settings.update(ConnectionHandler({database.alias: database.settings}).settings)
    with blocker.unblock():
        try:
            yield
        finally:
            for alias in list(connections.settings):
                servers.forget_connection(alias)
            connections.settings.clear()
            connections.settings.update(before)


# Apps


@contextlib.contextmanager
def keep_checks() -> Iterator[None]:
    """Forget the checks that the block registers: without their app they would fail."""
    before = registry.registered_checks, registry.deployment_checks
    registry.registered_checks, registry.deployment_checks = map(set, before)
    try:
        yield
    finally:
        registry.registered_checks, registry.deployment_checks = before


@contextlib.contextmanager
def apps_installed(*apps: str) -> Iterator[None]:
    """Set INSTALLED_APPS; afterwards everything is as before."""
    with keep_checks(), override_settings(INSTALLED_APPS=apps):
        yield


@pytest.fixture
def install_apps(settings: SettingsWrapper) -> Iterator[Callable[..., None]]:
    """Give `install_apps(*apps, **settings)`, which sets both until the test ends.

    It sets them through the fixture `settings`, which undoes all changes in the right order.
    """

    def install(*apps: str, **changes: Any) -> None:
        for name, value in {**changes, "INSTALLED_APPS": list(apps)}.items():
            setattr(settings, name, value)

    with keep_checks():
        yield install


@pytest.fixture
def site_apps(install_apps: Callable[..., None]) -> None:
    """Install users, sessions and the admin for the length of a test."""
    install_apps(
        *site_settings.INSTALLED_APPS,
        MIDDLEWARE=site_settings.MIDDLEWARE,
        TEMPLATES=site_settings.TEMPLATES,
        ROOT_URLCONF=site_settings.ROOT_URLCONF,
    )


@pytest.fixture(scope="session")
def sqlite_site(tmp_path_factory: pytest.TempPathFactory) -> servers.FileTemplate:
    """Give the template of a SQLite database that was migrated for `site_apps`."""
    return servers.FileTemplate(tmp_path_factory.mktemp("site") / "template.sqlite3")


@pytest.fixture(scope="session")
def postgres_site(postgres_server: servers.PostgresServer) -> Iterator[servers.PostgresTemplate]:
    """Give the template of a PostgreSQL database that was migrated for `site_apps`."""
    template = servers.PostgresTemplate(postgres_server, servers.unique_name())
    yield template
    with postgres_server.open() as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{template.name}"')


@pytest.fixture
def migrate_site(site_apps: None, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Give a function that does what `migrate` does; an empty database becomes a copy."""

    def migrate() -> None:
        connection = connections[servers.ALIAS]
        fixture = {"sqlite": "sqlite_site", "postgresql": "postgres_site"}.get(connection.vendor)
        name, is_empty = (
            str(connection.settings_dict["NAME"]),
            not connection.introspection.table_names(),
        )
        servers.forget_connection(servers.ALIAS)
        template = request.getfixturevalue(fixture) if fixture and is_empty else None
        if template is not None and template.give(name):
            return
        call_command("migrate", verbosity=0)
        if template is not None:
            servers.forget_connection(servers.ALIAS)
            template.take(name)

    return migrate


@pytest.fixture
def dropped_templates(postgres: Database) -> Iterator[None]:
    """Drop the template databases that tests leave on the server."""

    def drop() -> None:
        for name in templates(postgres):
            postgres.execute(f'DROP DATABASE "{name}"')

    drop()
    yield
    drop()


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the templates of SQLite out of the folder of who runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the readers of schemas wait 0.2 s for a lock, instead of 2 s."""
    for module in (lock_limits, deparse):
        monkeypatch.setattr(module, "PATIENCE", 0.2)


@pytest.fixture
def unclosed_by_django() -> Iterator[None]:
    """Ignore the SQLite connection that Django leaves open where its first query fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


# Migrations and commands


@pytest.fixture
def sql_dir(tmp_path: Path) -> Path:
    """Give the folder that `migrations` writes to."""
    return tmp_path / "sql_migrations"


@pytest.fixture
def migrations(sql_dir: Path, settings: SettingsWrapper) -> Callable[..., Path]:
    """Give `migrations(files, **guard_settings)`, which makes the folder hold just these files.

    It points `MIGRATION_GUARD["DIRS"]["default"]` there. Other keys of the setting stay as they
    are; `ENVIRONMENT` is production unless it was given.
    """

    def write(files: Mapping[str, str | bytes], **guard_settings: Any) -> Path:
        shutil.rmtree(sql_dir, ignore_errors=True)
        sql_dir.mkdir()
        for name, content in files.items():
            path = sql_dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        current = settings.MIGRATION_GUARD
        settings.MIGRATION_GUARD = {
            "ENVIRONMENT": "production",
            **current,
            "DIRS": {**current.get("DIRS", {}), "default": [sql_dir]},
            **guard_settings,
        }
        return sql_dir

    return write


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Parse standard output, which must be JSON alone."""
        return json.loads(self.out)


@pytest.fixture
def guard() -> Callable[..., Result]:
    """Give `guard(command, *args)`: run a management command in this process as manage.py would."""

    def run(name: str, *args: str) -> Result:
        command = load_command_class(get_commands()[name], name)
        out, err, code = io.StringIO(), io.StringIO(), 0
        command.stdout, command.stderr = OutputWrapper(out), OutputWrapper(err)
        # argparse writes its usage message to the real standard error.
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                command.run_from_argv(["manage.py", name, *map(str, args)])
            except SystemExit as exit_:
                code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        reporting.hold((name, *args), code, out.getvalue(), err.getvalue())
        return Result(code, out.getvalue(), err.getvalue())

    return run


class GuardProcess:
    """Runs management commands in processes of their own, on the test's database and settings."""

    def __init__(self, settings: SettingsWrapper) -> None:
        self._settings = settings
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *args: str, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> Result:
        """Run a command to its end; `timeout` is in seconds."""
        process = self.start(*args, env=env)
        out, err = process.communicate(timeout=timeout)
        reporting.hold(args, process.returncode, out, err)
        return Result(process.returncode, out, err)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command and return at once; what still runs after the test is killed."""
        process = subprocess.Popen(
            [sys.executable, "-m", "django", *map(str, args)],
            cwd=ROOT,
            env={**self.environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def environment(self) -> dict[str, str]:
        """Return the environment that gives a process the test's database and settings."""
        shared = {
            "INSTALLED_APPS": list(self._settings.INSTALLED_APPS),
            "DATABASES": dict(connections.settings),
            "MIGRATION_GUARD": self._settings.MIGRATION_GUARD,
        }
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_SETTINGS_JSON": json.dumps(shared, default=str),
        }

    def stop(self) -> None:
        """Kill what still runs and close the pipes."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def guard_process(settings: SettingsWrapper) -> Iterator[GuardProcess]:
    """Give `guard_process(command, *args, env=…)` and `.start(…)`: real processes."""
    processes = GuardProcess(settings)
    yield processes
    processes.stop()


# What a test needs. A program that is not there: said loudly, never silently


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that the CI asks for when it tests with another PostgreSQL."""
    config.addinivalue_line("markers", "postgresql: needs a PostgreSQL server")
    # A shell starts what is in the background with SIGINT ignored, and the commands that tests
    # interrupt would inherit that; a handler is no longer one after an exec.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Say in the header whether the MariaDB tests will run."""
    reason = servers.mariadb_missing()
    return f"MariaDB: tests will NOT run: {reason}" if reason else "MariaDB: available"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the server that it needs."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        fixtures = getattr(item, "fixturenames", ())
        if params.get("database") == "postgresql" or "postgres_server" in fixtures:
            item.add_marker("postgresql")
        if params.get("database") == "mariadb" or "mariadb_server" in fixtures:
            item.add_marker("mariadb")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Close with the number of tests that did not run for want of a program, and the reason."""
    reasons = Counter(
        match[0]
        for report in terminalreporter.stats.get("skipped", [])
        if (
            match := re.search(
                r"\b(MariaDB|PgBouncer|Browser|Namespaces|Packages): [^\n]+", report.longrepr[2]
            )
        )
    )
    for reason, count in sorted(reasons.items()):
        program, _, why = reason.partition(": ")
        terminalreporter.section(program, sep="=", red=True, bold=True)
        tests = "1 test was" if count == 1 else f"{count} tests were"
        terminalreporter.write_line(f"{program}: {tests} NOT run: {why}", red=True)
