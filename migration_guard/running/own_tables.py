"""Making and upgrading the app's own tables, which are known by their shape.

Django's record of the app's migrations may be of another schema, deleted or faked, so it decides
nothing alone. They are carried out by ``MigrationExecutor``; ``migrate`` would also send signals to
other apps (``pre_migrate``, ``post_migrate``).
"""

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from django.apps import apps
from django.db import DatabaseError, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AddField, AlterField, CreateModel, Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import migrations
from migration_guard.exceptions import CannotTell
from migration_guard.history import History, Identity, who
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.running import schema_of_history
from migration_guard.running.connection import Connection
from migration_guard.running.django_loading import loading
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts, TableShape
from migration_guard.sql.dialects import dialect

Shapes: TypeAlias = Mapping[str, TableShape]

APP = "migration_guard"
MODELS = (AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry)
TABLE = AppliedMigration._meta.db_table
# Where a table that the team had is kept after its rows were adopted.
SET_ASIDE = f"{TABLE}_before_adoption"
# A table that lacks no more columns of ours than this is ours, and was damaged.
_DAMAGE = 2


def open_history(connection: Connection, facts: Facts) -> History:
    """Return the history where it was found, or will be made."""
    new_tables = None if facts.search_path is None else facts.new_tables
    return History(connection, facts.schema, Identity(who(), facts.user), new_tables)


def read_shapes(connection: Connection, facts: Facts) -> Shapes:
    """Return the shapes of the relations by the names of the own tables."""
    names = [model._meta.db_table for model in MODELS]
    with connection.failing():
        return connection.shapes(facts.schema, [*names, SET_ASIDE])


def are_present(connection: Connection, facts: Facts) -> bool:
    """Return whether the history table exists and is ours; writes nothing.

    Raises CannotTell for a foreign table of that name.
    """
    shape = read_shapes(connection, facts).get(TABLE)
    if shape is not None and not is_history(shape):
        raise foreign_table_error(TABLE, shape)
    return shape is not None


def is_history(shape: TableShape) -> bool:
    """Return whether a table of the history's name is ours."""
    return shape.is_table and shape.columns.keys() >= _columns(AppliedMigration).keys()


def refuse_hidden(connection: Connection, schema: str | None) -> None:
    """Raise CannotTell where not every row of the own tables in ``schema`` is seen."""
    with connection.failing():
        reason = connection.why_hidden(schema, OWN_TABLES)
    if reason is not None:
        raise reason


def ensure(connection: Connection, facts: Facts, files: Sequence[MigrationFile]) -> None:
    """Create or upgrade the own tables; two queries when they are current.

    Raises CannotTell where a router denies the app, the user lacks the right, a foreign table has
    the name, or the history of ``files`` is in another schema.
    """
    shapes = read_shapes(connection, facts)
    recorded = applied_django_migrations(connection)
    is_allowed = router.allow_migrate(connection.wrapper.alias, APP)
    if _are_current(shapes) and (_migrations() <= recorded or not is_allowed):
        return
    if not is_allowed:
        raise _router_error(connection)
    schema_of_history.refuse_no_schema(facts)
    schema_of_history.refuse_missing_tenant(facts)
    _refuse_foreign(shapes)
    if TABLE not in shapes:
        schema_of_history.refuse_second(connection, facts, files)
    _migrate(connection, facts, shapes)


def foreign_table_error(table: str, shape: TableShape) -> CannotTell:
    """Build the error for a table of an own table's name that is not ours."""
    listed = ", ".join(shape.columns)
    lacking = _columns(AppliedMigration).keys() - shape.columns.keys()
    if is_adoptable(table, shape):
        hint = (
            "If it lists applied migrations by id, take it over: manage.py runsqlmigrations "
            f"--adopt (its rows and times stay; the table is kept as {SET_ASIDE})."
        )
    elif table == TABLE and shape.is_table and len(lacking) <= _DAMAGE:
        hint = f"It is the app's, without {', '.join(sorted(lacking))}: restore the column, or the "
        hint += "table from a backup."
    else:
        hint = "Rename it, or use another schema for this app."
    what = "table" if shape.is_table else "view"
    return CannotTell(f"The database has a {what} {table} of its own, with columns {listed}.", hint)


def is_adoptable(table: str, shape: TableShape) -> bool:
    """Return whether a foreign table may be a team's own list of applied migrations."""
    lacking = _columns(AppliedMigration).keys() - shape.columns.keys()
    is_list = shape.is_table and not lacking & {"id", "applied_at"}
    return table == TABLE and is_list and len(lacking) > _DAMAGE


def applied_django_migrations(connection: Connection) -> set[tuple[str, str]]:
    """Return (app, name) of the Django migrations that are applied."""
    table = MigrationRecorder.Migration._meta.db_table
    try:
        return {(row[0], row[1]) for row in connection.fetch(f"SELECT app, name FROM {table}")}
    except connection.driver_error as error:
        if not connection.is_missing_table(error):
            raise
        return set()


def _columns(model: Any) -> dict[str, int | None]:
    """Return the columns of a model, with the longest text that each must hold."""
    return {field.column: field.max_length for field in model._meta.concrete_fields}


def _are_current(shapes: Shapes) -> bool:
    return all(
        model._meta.db_table in shapes
        and all(
            _holds(shapes[model._meta.db_table], column, length)
            for column, length in _columns(model).items()
        )
        for model in MODELS
    )


def _holds(shape: TableShape, column: str, length: int | None) -> bool:
    """Return whether a table has a column, wide enough for text of this length."""
    if column not in shape.columns:
        return False
    width = shape.columns[column]
    return width is None or length is None or width >= length


def _router_error(connection: Connection) -> CannotTell:
    return CannotTell(
        f'A database router denies the app {APP} on the database "{connection.wrapper.alias}", '
        "so its history table cannot be created.",
        f'Let allow_migrate() return True: if app_label == "{APP}": return True '
        f'(django-tenants: "{APP}" in TENANT_APPS, and in SHARED_APPS for the public schema).',
    )


def _refuse_foreign(shapes: Shapes) -> None:
    """Raise CannotTell for a relation that has the name of an own table and not its columns."""
    for model in MODELS:
        table = model._meta.db_table
        shape = shapes.get(table)
        # A column of a later version comes with the upgrade.
        columns = _columns(model).keys() - {"schema_name"}
        if shape is not None and not (shape.is_table and columns <= shape.columns.keys()):
            raise foreign_table_error(table, shape)


def _migrations() -> set[tuple[str, str]]:
    return {(APP, module.name) for module in pkgutil.iter_modules(migrations.__path__)}


class _Recorder(MigrationRecorder):
    """Records a migration once: the record may be that of another schema."""

    def record_applied(self, app: str, name: str) -> None:
        """Record it, unless it is."""
        if (app, name) not in self.applied_migrations():
            super().record_applied(app, name)


class _Executor(MigrationExecutor):
    """Carries out of the app's migrations what the tables lack."""

    def __init__(self, wrapper: BaseDatabaseWrapper, shapes: Shapes) -> None:
        super().__init__(wrapper)
        self.recorder = _Recorder(wrapper)
        self._shapes = shapes
        self._recorded = set(self.loader.applied_migrations)
        own = sorted(key for key in self.loader.disk_migrations if key[0] == APP)
        lacking = [key for key in own if self._is_lacking(self.loader.disk_migrations[key])]
        for key in own[own.index(lacking[0]) :] if lacking else ():
            self.loader.applied_migrations.pop(key, None)

    def apply_migration(self, state: Any, migration: Migration, *args: Any, **kwargs: Any) -> Any:
        """Apply those operations whose result is not there."""
        operations = cast("list[Operation]", migration.operations)
        operations[:] = [
            SeparateDatabaseAndState(
                [part for part in _parts(operation) if self._is_done(part) is not True],
                operation.state_operations,
            )
            if isinstance(operation, SeparateDatabaseAndState)
            else operation
            for operation in operations
        ]
        return super().apply_migration(state, migration, *args, **kwargs)

    def _is_lacking(self, migration: Migration) -> bool:
        parts = [part for operation in migration.operations for part in _parts(operation)]
        return (migration.app_label, migration.name) not in self._recorded or any(
            self._is_done(part) is False for part in parts
        )

    def _is_done(self, operation: Operation) -> bool | None:
        """Return whether the result of an operation is there; None where columns do not show it."""
        if isinstance(operation, CreateModel):
            return operation.options["db_table"] in self._shapes
        if not isinstance(operation, AddField | AlterField):
            return None
        model = apps.get_model(APP, operation.model_name)
        shape = self._shapes.get(model._meta.db_table)
        return shape is not None and _holds(shape, operation.name, operation.field.max_length)


def _parts(operation: Operation) -> Sequence[Operation]:
    """Return the operations on the database that make up an operation."""
    return getattr(operation, "database_operations", [operation])


def _migrate(connection: Connection, facts: Facts, shapes: Shapes) -> None:
    try:
        with _all_or_none(connection.wrapper):
            if facts.new_tables != facts.schema:
                path = f"{dialect(connection.vendor).quote(facts.schema)}, {facts.search_path}"
                connection.fetch("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))
            with loading():
                executor = _Executor(connection.wrapper, shapes)
            executor.migrate(executor.loader.graph.leaf_nodes(APP))
    except DatabaseError as error:
        cause = connection.driver_cause(error)
        if cause is not None and (kind := connection.kind(cause)) in (Kind.READ_ONLY, Kind.LOST):
            raise StatementError(cause, kind, None) from error
        # Another process may have made them just now: `migrate` takes no lock.
        if _are_current(read_shapes(connection, facts)):
            return
        act, right = (
            ("upgraded", f'to own the tables of the app in "{facts.schema}"')
            if TABLE in shapes
            else ("created", f'the right to create tables in "{facts.schema}"')
        )
        raise CannotTell(
            f"The history table cannot be {act}: {str(error).strip()}",
            f'The user "{facts.user}" needs {right}, once; '
            f"or run manage.py migrate {APP} as a user who has it.",
        ) from error
    if not _are_current(read_shapes(connection, facts)):
        raise CannotTell(
            f"The migrations of the app {APP} ran, and its tables are not complete.",
            "A database router keeps its models out, or MIGRATION_MODULES its migrations: let both "
            "in.",
        )


@contextmanager
def _all_or_none(wrapper: BaseDatabaseWrapper) -> Iterator[None]:
    """Make all own tables or none: Django commits its record of a migration after the migration.

    SQLite has no lock that spans a run: this holds the write lock from the first look to the end.
    There Django would also look for rows without their parent in all tables, and refuse old ones;
    the own tables have no foreign keys.
    """
    if not wrapper.features.can_rollback_ddl:
        # The server commits each CREATE TABLE by itself; the next run makes those that lack.
        yield
        return
    wrapper.check_constraints = lambda *_args: None  # type: ignore[method-assign]
    try:
        # Inside the transaction the pragma that the schema editor asks for would do nothing.
        with wrapper.constraint_checks_disabled(), transaction.atomic(wrapper.alias):
            yield
    finally:
        del wrapper.check_constraints
