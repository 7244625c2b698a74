"""Test databases that get the SQL migrations, with any test runner and no configuration.

Every runner (``manage.py test``, pytest-django, pytest-xdist, ``manage.py testserver``) makes its
databases through ``BaseDatabaseCreation.create_test_db``. ``install`` wraps that method: after
Django's own ``migrate``, and before a database is cloned for parallel workers, it applies the SQL
migrations of the alias.

Nothing is wrapped when Django starts. ``install`` is called by the app's ``test`` and
``testserver`` commands, by the pytest plugin, and in the worker processes of a parallel test run. A
script with a test runner of its own calls it before it creates databases::

    django.setup()
    migration_guard.testing.install()

- The database is stamped ``test``, and so is the run's environment, whatever the settings say.
- A kept database (``--reuse-db``, ``--keepdb``) gets only what is pending; its kept clones too.
- Where a Django migration of the project says ``RequiresSQL``, both kinds are applied in the order
  that it asks for, before Django's own ``migrate``.
- An alias without ``DIRS`` and a ``MIRROR`` are left alone; with ``APPLY_IN_TESTS`` off, all are.
- A migration that fails ends the test run with the runner's message.
- On PostgreSQL the database gets ``synchronous_commit = off``: nobody needs it after a power cut.

``TransactionTestCase`` (pytest-django's ``transactional_db``) flushes the tables of managed models
after each test, the history and other raw tables not. PostgreSQL refuses to truncate a table that a
raw one references, SQLite to delete its rows, and MariaDB leaves orphans. So ``install`` also lets
**a raw table that references a managed one, directly or through others, be emptied with it**. All
other raw tables keep their rows, also those that a test wrote: a test that commits rows there
deletes them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.apps import apps
from django.core.management import CommandError
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.creation import BaseDatabaseCreation

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.vendors import VENDORS, load

if TYPE_CHECKING:
    from migration_guard.template_databases.test_database import Build

APP: Final = "migration_guard"
ENVIRONMENT: Final = "test"


class NotMigrated(CommandError):
    """A test database did not get its SQL migrations; the message says why."""


@cache
def install() -> None:
    """Let the test databases of this process get the SQL migrations. A second call does nothing."""
    from django.test import TransactionTestCase

    creation: Any = BaseDatabaseCreation
    creation.create_test_db = _migrating_creation(creation.create_test_db)
    creation.clone_test_db = _migrating_clone(creation.clone_test_db)
    case: Any = TransactionTestCase
    case._fixture_teardown = _cascading_teardown(case._fixture_teardown)  # noqa: SLF001


def applies_to(alias: str) -> bool:
    """Tell whether the test database of ``alias`` gets SQL migrations."""
    settings = conf.load()
    return settings.apply_in_tests and bool(settings.dirs.get(alias))


def migrate(alias: str, target: int | None = None) -> tuple[str, ...]:
    """Apply what is pending to the test database that ``alias`` is now, and return the ids.

    ``target`` leaves out the migrations above that number. Raises NotMigrated.
    """
    # Imported late: a test run whose databases have no DIRS needs no runner.
    from migration_guard.problems import errors
    from migration_guard.reports import text
    from migration_guard.running import executor
    from migration_guard.running.options import Options

    options = Options(environment=ENVIRONMENT, restamp=True, target=target)
    with _app_migrations_on(connections[alias]):
        outcome = executor.run(alias, options)
    if outcome.error is not None:
        message = text.failure(outcome.error, errors(outcome.problems))
        raise _not_migrated(alias, message, outcome.returncode)
    return outcome.applied


# -- creating and cloning a test database


@contextmanager
def _relax_commits(creation: Any) -> Iterator[None]:
    """Let test databases made inside this block commit without waiting, where this user may.

    A database that is copied from another one does not get its settings.
    """
    from migration_guard.template_databases.shelf import replaced

    connection = creation.connection
    vendor = VENDORS.get(connection.vendor)
    statement = load(vendor.host).relax if vendor is not None else ""
    if not statement:
        yield
        return
    create, configured = creation._execute_create_test_db, connection.settings_dict["NAME"]  # noqa: SLF001

    def create_relaxed(cursor: Any, parameters: dict[str, str], keepdb: bool = False) -> None:
        create(cursor, parameters, keepdb)
        if parameters["dbname"] != connection.ops.quote_name(configured):
            with suppress(DatabaseError):
                cursor.execute(statement.format(parameters["dbname"]))

    with replaced(creation, "_execute_create_test_db", create_relaxed):
        yield


def _migrating_creation(create_test_db: Callable[..., str]) -> Callable[..., str]:
    """Return a ``create_test_db`` that also applies the SQL migrations."""

    @wraps(create_test_db)
    def create_migrated(creation: BaseDatabaseCreation, *args: Any, **kwargs: Any) -> str:
        connection = creation.connection
        if not _applies_to(connection.alias):
            return create_test_db(creation, *args, **kwargs)
        # Imported late: a test run whose databases have no DIRS needs no templates.
        from migration_guard.template_databases.test_database import prepared

        with prepared(creation, ENVIRONMENT) as build:
            with _relax_commits(creation), _sql_first(creation, build):
                name = create_test_db(creation, *args, **kwargs)
            build.run_sql(lambda target: migrate(connection.alias, target))
        if account := build.account(kwargs.get("verbosity", args[0] if args else 1)):
            from migration_guard.reports.escaping import escape_text

            creation.log(escape_text(account))
        if hasattr(connection, "_test_serialized_contents"):
            # Django took them before the SQL migrations put rows into managed tables.
            contents = creation.serialize_db_to_string()
            connection._test_serialized_contents = contents  # noqa: SLF001
        return name

    return create_migrated


def _migrating_clone(clone_test_db: Callable[..., None]) -> Callable[..., None]:
    """Return a ``clone_test_db`` that also applies what a kept clone lacks."""

    @wraps(clone_test_db)
    def clone_migrated(
        creation: BaseDatabaseCreation,
        suffix: str,
        verbosity: int = 1,
        autoclobber: bool = False,
        keepdb: bool = False,
    ) -> None:
        if not _applies_to(creation.connection.alias):
            clone_test_db(creation, suffix, verbosity, autoclobber, keepdb)
            return
        with _relax_commits(creation):
            clone_test_db(creation, suffix, verbosity, autoclobber, keepdb)
        settings = creation.connection.settings_dict
        original, clone = settings["NAME"], creation.get_test_db_clone_settings(suffix)["NAME"]
        # Django keeps an existing clone as it is, even where its original moved on.
        if keepdb and clone != original:
            settings["NAME"] = clone
            try:
                migrate(creation.connection.alias)
            finally:
                settings["NAME"] = original

    return clone_migrated


@contextmanager
def _sql_first(creation: BaseDatabaseCreation, build: "Build") -> Iterator[None]:
    """Apply both kinds of migrations before Django's ``migrate``, if one says ``RequiresSQL``."""
    from migration_guard.running.django_graph import has_requirements
    from migration_guard.template_databases.shelf import replaced

    alias = creation.connection.alias
    if creation.connection.settings_dict["TEST"]["MIGRATE"] is False or not (has_requirements()):
        yield
        return
    # Imported late: most test databases need no runner before Django's.
    from migration_guard.fresh import building

    create: Any = creation._create_test_db  # type: ignore[attr-defined]  # noqa: SLF001
    options = building.BuildOptions(alias, ENVIRONMENT, restamp=True)
    with ExitStack() as stack:

        def create_and_build(*args: Any, **kwargs: Any) -> str:
            name: str = create(*args, **kwargs)
            with _connected_to(creation.connection, name, stack):
                try:
                    build.run_mixed(lambda: building.build(options))
                except GuardError as error:
                    raise _not_migrated(alias, str(error), error.returncode) from error
            return name

        with replaced(creation, "_create_test_db", create_and_build):
            yield


@contextmanager
def _connected_to(connection: BaseDatabaseWrapper, name: str, stack: ExitStack) -> Iterator[None]:
    """Let the connection be one to the database ``name``, as Django does a moment later."""
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


@contextmanager
def _app_migrations_on(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Switch the app's own migrations on where the project's are off (``--no-migrations``)."""
    from django.db.migrations.loader import MigrationLoader
    from django.test import override_settings

    is_off = connection.settings_dict["TEST"]["MIGRATE"] is False
    if not is_off and MigrationLoader.migrations_module(APP)[0] is not None:
        yield
        return
    modules = {config.label: None for config in apps.get_app_configs() if config.label != APP}
    with override_settings(MIGRATION_MODULES=modules):
        yield


def _applies_to(alias: str) -> bool:
    """Return what ``applies_to`` returns; raise NotMigrated where the setting is wrong."""
    try:
        return applies_to(alias)
    except GuardError as error:
        raise _not_migrated(alias, str(error), error.returncode) from error


def _not_migrated(alias: str, message: str, returncode: int) -> NotMigrated:
    from migration_guard.reports.escaping import escape_text

    return NotMigrated(
        f'The test database of "{alias}" did not get its SQL migrations.\n{escape_text(message)}\n'
        "If it was kept from an earlier run, create it again: pytest --create-db, or "
        "manage.py test without --keepdb.",
        returncode=returncode,
    )


# -- the flush after a TransactionTestCase


class _Flush(NamedTuple):
    """How a vendor empties the tables that reference others.

    ``references`` asks for pairs of a table and a table that it references; ``before`` are
    statements that precede the flush.
    """

    references: str
    before: tuple[str, ...] = ()


# None: the server's TRUNCATE can cascade.
_FLUSHES: Final[Mapping[str, _Flush | None]] = {
    "postgresql": None,
    "mysql": _Flush(
        "SELECT table_name, referenced_table_name FROM information_schema.key_column_usage "
        "WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()"
    ),
    "sqlite": _Flush(
        'SELECT child.name, parent."table" FROM sqlite_master AS child '
        "JOIN pragma_foreign_key_list(child.name) AS parent WHERE child.type = 'table'",
        # Where tables reference each other, no order is right.
        before=("PRAGMA defer_foreign_keys = ON;",),
    ),
}


def _cascading_teardown(teardown: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a teardown whose flush, and no other, empties raw tables that reference managed ones.

    ``teardown`` is the ``_fixture_teardown`` of ``TransactionTestCase``.
    """

    @wraps(teardown)
    def cascading_teardown(case: Any) -> None:
        with ExitStack() as stack:
            for alias in case._databases_names(include_mirrors=False):  # noqa: SLF001
                stack.enter_context(_cascading_flush(alias))
            teardown(case)

    return cascading_teardown


@contextmanager
def _cascading_flush(alias: str) -> Iterator[None]:
    try:
        is_migrated = applies_to(alias)
    except GuardError:  # a test may have the setting broken on purpose
        is_migrated = False
    if not is_migrated:
        yield
        return
    operations: Any = connections[alias].ops
    operations.sql_flush = _sql_flush(connections[alias])
    try:
        yield
    finally:
        del operations.sql_flush


def _sql_flush(connection: BaseDatabaseWrapper) -> Callable[..., list[str]]:
    django_sql_flush = connection.ops.sql_flush
    flush = _FLUSHES.get(connection.vendor)

    def sql_flush(style: Any, tables: list[str], **options: Any) -> list[str]:
        if flush is None:
            return django_sql_flush(style, tables, **{**options, "allow_cascade": True})
        with connection.cursor() as cursor:
            cursor.execute(flush.references)
            references = cursor.fetchall()
        all_tables = _with_referencing(tables, references)
        return [*flush.before, *django_sql_flush(style, all_tables, **options)]

    return sql_flush


def _with_referencing(tables: list[str], references: list[tuple[str, str]]) -> list[str]:
    """Return ``tables`` behind those that reference them, the farthest first."""
    seen, ordered, newest = set(tables), list(tables), set(tables)
    while newest:
        newest = {child for child, parent in references if parent in newest} - seen
        seen |= newest
        ordered = [*sorted(newest), *ordered]
    return ordered
