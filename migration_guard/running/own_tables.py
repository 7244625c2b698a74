"""Making and upgrading the app's own tables, or taking over a table that the team had.

They are created by the app's own Django migrations through ``MigrationExecutor``; ``migrate``
would also send signals to other apps (``pre_migrate``, ``post_migrate``).
"""

import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import (
    AmbiguityError,
    BadMigrationError,
    CircularDependencyError,
    NodeNotFoundError,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import migrations
from migration_guard.exceptions import CannotTell
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.running.connection import Connection, Facts, Kind

APP = "migration_guard"
# What Django raises where the migrations of any app cannot be loaded.
LOADER_ERRORS = (NodeNotFoundError, CircularDependencyError, BadMigrationError, AmbiguityError)
TABLE = AppliedMigration._meta.db_table
# Where a table that the team had is kept after its rows were adopted.
SET_ASIDE = f"{TABLE}_before_adoption"


def are_present(connection: Connection) -> bool:
    """Return whether the history table exists and is ours; writes nothing.

    Raises CannotTell for a foreign table of that name.
    """
    columns = columns_of(connection, TABLE)
    if columns is None:
        return False
    ours = {field.column for field in AppliedMigration._meta.concrete_fields}
    if not ours <= set(columns):
        raise foreign_table_error(columns)
    return True


def refuse_hidden(connection: Connection, schema: str | None) -> None:
    """Raise CannotTell where not every row of the own tables in ``schema`` is seen."""
    with connection.failing():
        reason = connection.why_hidden(schema, OWN_TABLES)
    if reason is not None:
        raise reason


def ensure(connection: Connection, facts: Facts) -> None:
    """Create or upgrade the own tables; one query when they are current.

    Raises CannotTell where a router denies the app, the user lacks the right, or a foreign table
    has the name.
    """
    wrapper = connection.wrapper
    applied = applied_django_migrations(connection)
    if _migrations() <= applied:
        return
    if not router.allow_migrate(wrapper.alias, APP):
        raise CannotTell(
            f'A database router denies the app {APP} on the database "{wrapper.alias}", so its '
            "history table cannot be created.",
            f'Let allow_migrate() return True: if app_label == "{APP}": return True',
        )
    if not facts.schema:
        raise CannotTell(
            "No schema of the search_path exists, so there is no place for the history table.",
            "Create the schema, or correct search_path in OPTIONS or of the database user.",
        )
    if not wrapper.features.can_rollback_ddl:
        _drop_remains(connection)
    if not any(app == APP for app, _ in applied):
        columns = columns_of(connection, TABLE)
        if columns is not None:
            raise foreign_table_error(columns)
    _migrate(connection, facts)


def foreign_table_error(columns: Sequence[str]) -> CannotTell:
    """Build the error for a table of that name that is not ours."""
    listed = ", ".join(columns)
    if {"id", "applied_at"} <= set(columns):
        hint = (
            "If it lists applied migrations by id, take it over: manage.py runsqlmigrations "
            f"--adopt (its rows and times stay; the table is kept as {SET_ASIDE})."
        )
    else:
        hint = "Rename it, or use another schema for this app."
    return CannotTell(f"The database has a table {TABLE} of its own, with columns {listed}.", hint)


def loader_error(error: Exception) -> CannotTell:
    """Build the error for Django migrations that cannot be loaded."""
    return CannotTell(
        f"Django's own migrations cannot be loaded: {error}",
        "manage.py showmigrations shows the same; mend that app first.",
    )


def columns_of(connection: Connection, table: str) -> list[str] | None:
    """Return the columns of a table that an unqualified name finds, None where there is none."""
    wrapper = connection.wrapper
    with wrapper.cursor() as cursor:
        if table not in wrapper.introspection.table_names(cursor):
            return None
        description = wrapper.introspection.get_table_description(cursor, table)
    return [column.name for column in description]


def applied_django_migrations(connection: Connection) -> set[tuple[str, str]]:
    """Return (app, name) of the Django migrations that are applied."""
    table = MigrationRecorder.Migration._meta.db_table
    try:
        return {(row[0], row[1]) for row in connection.fetch(f"SELECT app, name FROM {table}")}
    except connection.driver_error:
        with connection.wrapper.cursor() as cursor:
            if table in connection.wrapper.introspection.table_names(cursor):
                raise
        return set()  # no such table: nothing is applied


def _drop_remains(connection: Connection) -> None:
    """Drop the own tables that a run left which died while it made them: they are empty.

    Nothing can be recorded before all of them are there.
    """
    quote = connection.wrapper.ops.quote_name
    remains = []
    for model in (AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry):
        columns = columns_of(connection, model._meta.db_table)
        if columns is not None:
            table = quote(model._meta.db_table)
            ours = [field.column for field in model._meta.concrete_fields]
            if columns != ours or connection.fetch(f"SELECT 1 FROM {table} LIMIT 1"):
                return
            remains.append(table)
    for table in remains:
        connection.send(f"DROP TABLE {table}")


def _migrations() -> set[tuple[str, str]]:
    return {(APP, module.name) for module in pkgutil.iter_modules(migrations.__path__)}


def _migrate(connection: Connection, facts: Facts) -> None:
    try:
        with _all_or_none(connection.wrapper):
            executor = MigrationExecutor(connection.wrapper)
            executor.migrate(executor.loader.graph.leaf_nodes(APP))
    except LOADER_ERRORS as error:
        raise loader_error(error) from error
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, connection.driver_error) and connection.kind(cause) is Kind.READ_ONLY:
            raise
        # Another process may have made them just now: `migrate` takes no lock.
        if _migrations() <= applied_django_migrations(connection):
            return
        raise CannotTell(
            f"The history table cannot be created: {str(error).strip()}",
            f'The user "{facts.user}" needs the right to create tables in "{facts.schema}", once; '
            f"or run manage.py migrate {APP} as a user who has it.",
        ) from error


@contextmanager
def _all_or_none(wrapper: BaseDatabaseWrapper) -> Iterator[None]:
    """Make all own tables or none: Django commits its record of a migration after the migration.

    SQLite has no lock that spans a run: this holds the write lock from the first look to the end.
    There Django would also look for rows without their parent in all tables, and refuse old ones;
    the own tables have no foreign keys.
    """
    if not wrapper.features.can_rollback_ddl:
        # The server commits each CREATE TABLE by itself: see _drop_remains.
        yield
        return
    wrapper.check_constraints = lambda *_args: None  # type: ignore[method-assign]
    try:
        # Inside the transaction the pragma that the schema editor asks for would do nothing.
        with wrapper.constraint_checks_disabled(), transaction.atomic(wrapper.alias):
            yield
    finally:
        del wrapper.check_constraints
