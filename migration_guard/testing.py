"""Test databases get the SQL migrations by themselves, with any test runner and no configuration.

Every runner (``manage.py test``, pytest-django, pytest-xdist, ``manage.py testserver``) makes its
databases through ``BaseDatabaseCreation.create_test_db``, and nothing else calls that. ``install``
wraps it when Django starts: after Django's own ``migrate``, and before the contents are serialized
or the database is cloned for parallel workers, the SQL migrations of the alias are applied.

- The database is stamped ``test``, and so is the run's environment, whatever the settings say.
- A kept database (``--reuse-db``, ``--keepdb``) gets only what is pending; its kept clones too.
- Where a Django migration of the project says ``RequiresSQL``, both kinds are applied in the order
  that it asks for, before Django's own ``migrate``.
- An alias without ``DIRS`` and a ``MIRROR`` are left alone; with ``APPLY_IN_TESTS`` off, all are.
- A migration that fails ends the test run with the runner's message.

``TransactionTestCase`` (pytest-django's ``transactional_db``) flushes the tables of managed models
after each test, the history and other raw tables not. PostgreSQL refuses to truncate a table that a
raw one references, SQLite to delete its rows, and MariaDB leaves orphans; so here **a raw table
that references a managed one, directly or through others, is emptied with it**. All other raw
tables keep their rows, also those that a test wrote: a test that commits rows there deletes them.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import wraps
from typing import Any

from django.apps import apps
from django.core.management import CommandError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.creation import BaseDatabaseCreation

from migration_guard import conf
from migration_guard.exceptions import GuardError

APP = "migration_guard"
ENVIRONMENT = "test"

# Tables and the tables they reference; PostgreSQL needs none, its TRUNCATE can cascade.
_REFERENCES = {
    "sqlite": 'SELECT child.name, parent."table" FROM sqlite_master AS child '
    "JOIN pragma_foreign_key_list(child.name) AS parent WHERE child.type = 'table'",
    "mysql": "SELECT table_name, referenced_table_name FROM information_schema.key_column_usage "
    "WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()",
}

_create_test_db = BaseDatabaseCreation.create_test_db
_clone_test_db = BaseDatabaseCreation.clone_test_db


class NotMigrated(CommandError):
    """A test database did not get its SQL migrations; the message says why."""


def install() -> None:
    """Wrap the creation of test databases; called when Django starts, once or more."""
    BaseDatabaseCreation.create_test_db = _create_migrated  # type: ignore[assignment, method-assign]
    BaseDatabaseCreation.clone_test_db = _clone_migrated  # type: ignore[assignment, method-assign]
    # A spawned worker of a parallel run creates no database; it imports the runner before set-up.
    if "django.test.testcases" in sys.modules:
        _cascade_flushes()


def applies_to(alias: str) -> bool:
    """Tell whether the test database of ``alias`` gets SQL migrations."""
    settings = conf.load()
    return settings.apply_in_tests and bool(settings.dirs.get(alias))


def migrate(alias: str) -> tuple[str, ...]:
    """Apply what is pending to the test database that ``alias`` is now; return the ids.

    Raises NotMigrated.
    """
    # Imported late: this module is loaded by every start of Django.
    from migration_guard.problems import errors
    from migration_guard.reports import text
    from migration_guard.running import executor

    options = executor.Options(environment=ENVIRONMENT, restamp=True)
    with _own_migrations(connections[alias]):
        outcome = executor.run(alias, options)
    if outcome.error is not None:
        message = text.failure(outcome.error, errors(outcome.problems))
        raise _not_migrated(alias, message, outcome.returncode)
    return outcome.applied


def _create_migrated(creation: BaseDatabaseCreation, *args: Any, **kwargs: Any) -> str:
    connection = creation.connection
    with _interleaved(creation) if _wanted(connection.alias) else nullcontext():
        name = _create_test_db(creation, *args, **kwargs)
    if _wanted(connection.alias):
        _cascade_flushes()
        migrate(connection.alias)
        if hasattr(connection, "_test_serialized_contents"):
            # Taken before our migrations put rows into managed tables.
            connection._test_serialized_contents = creation.serialize_db_to_string()  # noqa: SLF001
    return name


@contextmanager
def _interleaved(creation: BaseDatabaseCreation) -> Iterator[None]:
    """Build the database that is created in here, if an order is asked for, before ``migrate``."""
    from migration_guard.fresh import building

    alias = creation.connection.alias
    if creation.connection.settings_dict["TEST"]["MIGRATE"] is False or not (
        building.needs_interleaving()
    ):
        yield
        return
    create: Any = creation._create_test_db  # type: ignore[attr-defined]  # noqa: SLF001
    with ExitStack() as stack:

        def created(*args: Any, **kwargs: Any) -> str:
            name: str = create(*args, **kwargs)
            with _named(creation.connection, name, stack):
                try:
                    building.build(building.Building(alias, ENVIRONMENT, restamp=True))
                except GuardError as error:
                    raise _not_migrated(alias, str(error), error.returncode) from error
            return name

        creation._create_test_db = created  # type: ignore[attr-defined]  # noqa: SLF001
        stack.callback(delattr, creation, "_create_test_db")
        yield


@contextmanager
def _named(connection: BaseDatabaseWrapper, name: str, stack: ExitStack) -> Iterator[None]:
    """Let the connection be one to the test database, as Django does a moment later."""
    settings = connection.settings_dict
    configured = settings["NAME"]
    connection.close()
    settings["NAME"] = name
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        # It lives as long as a connection to it, and Django closes this one.
        keeper = connection.copy()
        keeper.ensure_connection()
        stack.callback(keeper.connection.close)
    try:
        yield
    finally:
        settings["NAME"] = configured
        connection.close()


def _clone_migrated(
    creation: BaseDatabaseCreation,
    suffix: str,
    verbosity: int = 1,
    autoclobber: bool = False,
    keepdb: bool = False,
) -> None:
    _clone_test_db(creation, suffix, verbosity, autoclobber, keepdb)
    settings = creation.connection.settings_dict
    original, clone = settings["NAME"], creation.get_test_db_clone_settings(suffix)["NAME"]
    # Django keeps an existing clone as it is, even where the database it was made of moved on.
    if keepdb and clone != original and _wanted(creation.connection.alias):
        settings["NAME"] = clone
        try:
            migrate(creation.connection.alias)
        finally:
            settings["NAME"] = original


def _wanted(alias: str) -> bool:
    try:
        return applies_to(alias)
    except GuardError as error:
        raise _not_migrated(alias, str(error), error.returncode) from error


def _not_migrated(alias: str, message: str, returncode: int) -> NotMigrated:
    return NotMigrated(
        f'The test database of "{alias}" did not get its SQL migrations.\n{message}\n'
        "If it was kept from an earlier run, make it anew: pytest --create-db, or manage.py test "
        "without --keepdb.",
        returncode=returncode,
    )


@contextmanager
def _own_migrations(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the app's own migrations run where the project's are off (``--no-migrations``)."""
    from django.db.migrations.loader import MigrationLoader
    from django.test import override_settings

    off = connection.settings_dict["TEST"]["MIGRATE"] is False
    if not off and MigrationLoader.migrations_module(APP)[0] is not None:
        yield
        return
    modules = {config.label: None for config in apps.get_app_configs() if config.label != APP}
    with override_settings(MIGRATION_MODULES=modules):
        yield


# The flush after a TransactionTestCase


def _cascade_flushes() -> None:
    """Let a flush after a test, and no other, empty the raw tables that reference managed ones."""
    from django.test import TransactionTestCase

    teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # noqa: SLF001
    if hasattr(teardown, "__wrapped__"):
        return

    @wraps(teardown)
    def cascading(case: Any) -> None:
        with ExitStack() as stack:
            for alias in case._databases_names(include_mirrors=False):  # noqa: SLF001
                stack.enter_context(_cascading(alias))
            teardown(case)

    TransactionTestCase._fixture_teardown = cascading  # type: ignore[attr-defined]  # noqa: SLF001


@contextmanager
def _cascading(alias: str) -> Iterator[None]:
    try:
        wanted = applies_to(alias)
    except GuardError:  # a test may have the setting broken on purpose
        wanted = False
    connection = connections[alias]
    with _overridden(connection.ops, _sql_flush(connection)) if wanted else nullcontext():
        yield


@contextmanager
def _overridden(ops: Any, sql_flush: Callable[..., list[str]]) -> Iterator[None]:
    ops.sql_flush = sql_flush
    try:
        yield
    finally:
        del ops.sql_flush


def _sql_flush(connection: BaseDatabaseWrapper) -> Callable[..., list[str]]:
    original = connection.ops.sql_flush

    def sql_flush(style: Any, tables: list[str], **options: Any) -> list[str]:
        if connection.vendor not in _REFERENCES:
            return original(style, tables, **{**options, "allow_cascade": True})
        statements = original(style, _with_referencing(connection, tables), **options)
        # Where children and parents reference each other, no order is right.
        pragma = ["PRAGMA defer_foreign_keys = ON;"] if connection.vendor == "sqlite" else []
        return [*pragma, *statements]

    return sql_flush


def _with_referencing(connection: BaseDatabaseWrapper, tables: list[str]) -> list[str]:
    """Return ``tables`` behind those that reference them, the farthest first."""
    with connection.cursor() as cursor:
        cursor.execute(_REFERENCES[connection.vendor])
        references = cursor.fetchall()
    known, ordered, newest = set(tables), list(tables), set(tables)
    while newest:
        newest = {child for child, parent in references if parent in newest} - known
        known |= newest
        ordered = [*sorted(newest), *ordered]
    return ordered
