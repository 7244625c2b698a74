"""Build a database from Django's migrations and the SQL migrations, in one order.

The database is that of the alias (see ``throwaway``). What is applied already stays, so the same
steps bring a kept test database up to date.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, TypeAlias

from django.core.management import CommandError, call_command
from django.core.management.commands import migrate
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from migration_guard import conf
from migration_guard.exceptions import GuardError, Refused
from migration_guard.fresh.ordering import DjangoMigration, DjangoStep, Key, SQLStep, Step, order
from migration_guard.operations import RequiresSQL
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import FileSet, MigrationFile
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.problems import errors
from migration_guard.results import Outcome
from migration_guard.running import events, executor, own_tables
from migration_guard.running.failures import Interrupted, MigrationFailed
from migration_guard.running.options import Options

# It is called after each migration with the name, and with the file of an SQL migration.
Watch: TypeAlias = Callable[[str, MigrationFile | None], None]


class BuildFailed(Refused):
    """The database could not be built.

    ``django`` and ``rows`` are the migrations of Django and the SQL ones that were applied before.
    """

    def __init__(
        self,
        error: GuardError,
        django: tuple[str, ...] = (),
        rows: tuple[HistoryRow, ...] = (),
        hint: str | None = None,
    ) -> None:
        problems = error.problems if isinstance(error, Refused) else ()
        super().__init__(error.message, error.hint if hint is None else hint, problems)
        self.returncode = error.returncode
        self.django = django
        self.rows = rows


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build a database; the environment None stands for the setting."""

    alias: str
    environment: str | None = None
    restamp: bool = False
    observe: events.Observer = lambda _event: None
    watch: Watch = lambda _name, _file: None


@dataclass(slots=True)
class _Progress:
    """The migrations that are applied so far, in order."""

    django: list[str] = field(default_factory=list)
    rows: tuple[HistoryRow, ...] = ()

    def failure(self, error: GuardError) -> BuildFailed:
        """Return the error with the migrations that were applied before it."""
        return BuildFailed(error, tuple(self.django), self.rows)


def needs_interleaving() -> bool:
    """Return whether any Django migration of the project requires an SQL one."""
    from django.db.migrations.loader import MigrationLoader

    try:
        loader = MigrationLoader(None)
    except own_tables.LOADER_ERRORS:  # ``migrate`` has a better message
        return False
    return any(_requirements(migration) for migration in loader.disk_migrations.values())


def build(options: BuildOptions) -> tuple[tuple[str, ...], tuple[HistoryRow, ...]]:
    """Apply all pending migrations. Return those of Django in order, and the SQL history.

    Raises BuildFailed, which names the migration, and CannotTell.
    """
    progress = _Progress()
    alias = options.alias
    try:
        settings = conf.load()
        files = planning_files.read(
            settings.folders(alias), connections[alias].vendor, settings.environments
        )
        steps = _steps(alias, files)
    except GuardError as error:
        raise progress.failure(error) from error
    last_of_django = max(
        (place for place, step in enumerate(steps) if isinstance(step, DjangoStep)), default=-1
    )
    for place, step in enumerate(steps):
        if isinstance(step, SQLStep):
            _run_sql(options, step, files, progress)
        else:
            _migrate(options, step, progress, everything=place == last_of_django)
    return tuple(progress.django), progress.rows


def _steps(alias: str, files: FileSet) -> tuple[Step, ...]:
    connection = connections[alias]
    try:
        django_executor = MigrationExecutor(connection)
    except own_tables.LOADER_ERRORS as error:
        raise own_tables.loader_error(error) from error
    loader = django_executor.loader
    plan = django_executor.migration_plan(loader.graph.leaf_nodes())
    pending = [_django_migration(migration, loader.graph.node_map) for migration, _ in plan]
    replacements = {old: key for key, new in loader.replacements.items() for old in new.replaces}
    return order(pending, files.files, replacements)


def _django_migration(migration: Migration, nodes: Mapping[Key, Any]) -> DjangoMigration:
    key = (migration.app_label, migration.name)
    after = frozenset(node.key for node in nodes[key].parents)
    return DjangoMigration(key, after, _requirements(migration))


def _requirements(migration: Migration) -> tuple[tuple[int, str], ...]:
    """Return the SQL migrations that a Django migration requires, as number and name."""
    operations = (
        operation for operation in migration.operations if isinstance(operation, RequiresSQL)
    )
    return tuple((operation.number, operation.migration) for operation in operations)


# -- the two kinds of steps


def _run_sql(options: BuildOptions, step: SQLStep, files: FileSet, progress: _Progress) -> None:
    by_id = {file.id: file for file in files.files}
    everything = step.files[-1] is files.files[-1]

    def observe(event: events.Event) -> None:
        options.observe(event)
        if isinstance(event, events.Applied):
            options.watch(event.id, by_id[event.id])

    target = None if everything else step.files[-1].number
    outcome = executor.run(
        options.alias,
        Options(target=target, environment=options.environment, restamp=options.restamp),
        observe,
    )
    progress.rows = outcome.rows
    if isinstance(outcome.error, Interrupted):
        raise KeyboardInterrupt
    if outcome.error is not None:
        raise progress.failure(_cause(outcome, outcome.error)) from outcome.error


def _cause(outcome: Outcome, error: GuardError) -> GuardError:
    """Return the error without the runner's next steps, since this database is dropped."""
    if isinstance(error, MigrationFailed):
        return Refused(error.account, "", error.problems)
    if isinstance(error, Refused):
        return Refused(error.message, error.hint, errors(outcome.problems))
    return error


class _Migrate(migrate.Command):
    """Django's ``migrate``, which reports each migration."""

    def __init__(self, options: BuildOptions, progress: _Progress) -> None:
        super().__init__(stdout=StringIO(), stderr=StringIO())
        self._options = options
        self._progress = progress
        self.current = ""

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: ARG002
    ) -> None:
        """Remember the migration that runs, and report it when it is applied."""
        if migration is None:
            return
        self.current = f"{migration.app_label}.{migration.name}"
        if action == "apply_success":
            self._progress.django.append(self.current)
            self._options.watch(self.current, None)


def _migrate(
    options: BuildOptions, step: DjangoStep, progress: _Progress, *, everything: bool
) -> None:
    """Run what a deploy runs: ``migrate``, or ``migrate APP NAME`` for a part."""
    command = _Migrate(options, progress)
    targets = [()] if everything else step.targets
    try:
        for target in targets:
            call_command(
                command, *target, database=options.alias, interactive=False, skip_checks=True
            )
    except GuardError as error:
        raise progress.failure(error) from error
    # A migration may run any code of the project.
    except Exception as error:
        subject = f"Django's migration {command.current}" if command.current else "migrate"
        is_expected = isinstance(error, DatabaseError | CommandError)
        message = str(error).strip() if is_expected else f"{type(error).__name__}: {error}"
        hint = (
            "Correct that migration; if it needs what an SQL migration makes, add the operation "
            'migration_guard.operations.RequiresSQL("NUMBER") to it.'
        )
        raise progress.failure(Refused(f"{subject} failed: {message}", hint)) from error
