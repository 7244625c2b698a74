"""A step of Django's migrations within a run: one ``migrate``, by what is pending then.

``migrate APP NAME`` would unapply what another process has applied beyond NAME; this applies a list
of migrations, and each step has an executor and signals of its own. Source: Django,
``core/management/commands/migrate.py``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import StringIO
from typing import Any

from django.apps import apps
from django.core.management.base import OutputWrapper, no_translations
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.utils.module_loading import module_has_submodule

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.one_order import DjangoStep, Key
from migration_guard.running import interrupts
from migration_guard.running.connection import Connection
from migration_guard.running.django_failures import Stop, django_failure, django_interruption
from migration_guard.running.django_graph import key_of, refuse_unusable
from migration_guard.running.django_loading import LOADER_ERRORS, loader_error
from migration_guard.running.django_record import Record, find_record

# Called with ``app.name`` when a migration begins, and when it is applied.
Observe = Callable[[str, bool], None]


def run_step(
    connection: Connection,
    step: DjangoStep,
    lock_timeout: float | None,
    applied: Sequence[str],
    observe: Observe,
) -> None:
    """Apply what is pending of a step; an empty step only sends the signals of ``migrate``.

    ``applied`` is what this run has applied, and grows meanwhile. Raises DjangoFailed for a
    migration or a receiver of a signal that fails, and Interrupted.
    """
    migrate = _Migrate(connection, lock_timeout, observe)
    try:
        migrate.run({migration.key for migration in step.migrations})
    except GuardError:
        raise
    except LOADER_ERRORS as error:
        raise loader_error(error) from error
    # A migration may run any code of the project.
    except (KeyboardInterrupt, Exception) as error:
        raise _explain(connection, migrate, error, applied, observe) from error


def _explain(
    connection: Connection,
    migrate: "_Migrate",
    error: BaseException,
    applied: Sequence[str],
    observe: Observe,
) -> GuardError:
    """Return the message of an error, by what the database has now; tell what proves applied."""
    place = migrate.place
    record = Record.UNKNOWN if isinstance(place, str) else find_record(connection, place)
    stop = Stop(place, migrate.has_run, record)
    failure: GuardError
    if isinstance(error, Exception) and not interrupts.is_behind(error):
        failure = django_failure(connection, stop, error, applied)
    else:
        failure = django_interruption(connection, stop, applied)
    if record is Record.PRESENT:
        observe(_name(place), True)
    return failure


class _Migrate:
    """One ``migrate``; ``place`` says what it is at."""

    def __init__(
        self, connection: Connection, lock_timeout: float | None, observe: Observe
    ) -> None:
        self._connection = connection
        self._wrapper = connection.wrapper
        self._lock_timeout = lock_timeout
        self._observe = observe
        self.place: Migration | str = ""
        self._executor: Any = None

    @property
    def has_run(self) -> bool:
        """Whether all statements of the migration have run."""
        return self._executor is not None and self._executor.has_run

    @no_translations
    def run(self, keys: set[Key]) -> None:
        """Apply the migrations of these keys, as far as they are pending now."""
        for config in apps.get_app_configs():  # where receivers of the signals live
            if config.module is not None and module_has_submodule(config.module, "management"):
                import_module(".management", config.name)
        self._wrapper.prepare_database()
        executor: Any = _Executor(self._wrapper, self._begin_or_end, self._limit)
        self._executor = executor
        loader = executor.loader
        refuse_unusable(loader, self._wrapper)
        whole = executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)
        plan = [
            (migration, False)
            for migration, _backwards in whole
            if key_of(migration) in keys - loader.applied_migrations.keys()
        ]
        if not keys <= {key_of(one) for one, _ in plan} | loader.applied_migrations.keys():
            raise Refused(
                "Django's migration graph changed during this run: a squash was recorded.",
                "Next: run manage.py runsqlmigrations --with-django again.",
            )
        if keys and not plan:
            return  # another process was faster
        state = executor._create_project_state(with_applied_migrations=True)  # noqa: SLF001
        self._send(emit_pre_migrate_signal, state, plan)
        state = executor.migrate([], plan=plan, state=state.clone())
        state.clear_delayed_apps_cache()
        _render_real_models(state)
        self._send(emit_post_migrate_signal, state, plan)

    def _send(self, emit: Callable[..., None], state: ProjectState, plan: Any) -> None:
        self.place = "pre_migrate" if emit is emit_pre_migrate_signal else "post_migrate"
        # Standard output may be JSON.
        out = OutputWrapper(StringIO())
        emit(0, False, self._wrapper.alias, stdout=out, apps=state.apps, plan=plan)

    def _begin_or_end(self, action: str, migration: Any = None, _fake: bool = False) -> None:
        if migration is None:
            return
        is_applied = action == "apply_success"
        self.place = "" if is_applied else migration
        if is_applied or action == "apply_start":
            self._observe(_name(migration), is_applied)

    @contextmanager
    def _limit(self, migration: Migration) -> Iterator[None]:
        """Limit how long an atomic migration waits for a lock, where the vendor can."""
        if not migration.atomic:
            yield
            return
        with self._connection.limiting_django(self._lock_timeout):
            yield


class _Executor(MigrationExecutor):
    """Django's executor, with a context around each migration.

    A migration and its record are one transaction where the vendor has one for DDL. Django
    commits between them where statements are deferred to the end, such as those of an index.
    """

    def __init__(self, wrapper: Any, callback: Any, around: Callable[[Migration], Any]) -> None:
        super().__init__(wrapper, callback)
        self._around = around
        self.has_run = False

    def apply_migration(
        self, state: Any, migration: Any, *args: Any, **kwargs: Any
    ) -> ProjectState:
        """Apply it within that context."""
        self.has_run = False
        operations = migration.operations
        migration.operations = [*operations, _RunDeferred()]
        try:
            with self._around(migration):
                applied: ProjectState = super().apply_migration(state, migration, *args, **kwargs)
                return applied
        finally:
            migration.operations = operations

    def record_migration(self, *args: Any, **kwargs: Any) -> None:
        """Record it."""
        self.has_run = True
        super().record_migration(*args, **kwargs)  # other arguments since Django 6.0


class _RunDeferred(Operation):
    """Run what the operations before it have deferred, so that Django records within."""

    atomic = False  # as the schema editor runs it at its end: in no transaction but the migration's

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing."""

    def database_forwards(self, _app_label: str, schema_editor: Any, *_states: Any) -> None:
        """Run it, and leave nothing for the end."""
        for statement in schema_editor.deferred_sql:
            schema_editor.execute(statement, None)
        schema_editor.deferred_sql.clear()


def _name(place: Any) -> str:
    return f"{place.app_label}.{place.name}"


def _render_real_models(state: ProjectState) -> None:
    """Give receivers of post_migrate the models of real apps with their relations."""
    rendered = state.apps
    with rendered.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in rendered.real_models]
        for key in keys:
            rendered.unregister_model(*key)
    rendered.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
