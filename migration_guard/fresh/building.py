"""Build a database from nothing: Django's migrations and the SQL ones, in one order.

The database is whatever the alias stands for (see ``throwaway``); what is applied already stays, so
a kept test database is brought up to date by the same steps.
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
from migration_guard.running.executor import Options
from migration_guard.running.failures import Interrupted, MigrationFailed

# Told after each migration: its name, and its file if it is an SQL migration.
Watch: TypeAlias = Callable[[str, MigrationFile | None], None]


class BuildFailed(Refused):
    """The database could not be built.

    ``django`` and ``rows`` are how far Django's and the SQL migrations came.
    """

    def __init__(
        self,
        error: GuardError,
        django: tuple[str, ...] = (),
        rows: tuple[HistoryRow, ...] = (),
        hint: str | None = None,
    ) -> None:
        found = error.problems if isinstance(error, Refused) else ()
        super().__init__(error.message, error.hint if hint is None else hint, found)
        self.returncode = error.returncode
        self.django = django
        self.rows = rows


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build: the environment (None: the setting), and who is told what."""

    alias: str
    environment: str | None = None
    restamp: bool = False
    observe: events.Observer = lambda _event: None
    watch: Watch = lambda _name, _file: None


@dataclass(slots=True)
class _Progress:
    """What is applied so far, in order."""

    django: list[str] = field(default_factory=list)
    rows: tuple[HistoryRow, ...] = ()

    def failed(self, error: GuardError) -> BuildFailed:
        """Return the error with how far the build came."""
        return BuildFailed(error, tuple(self.django), self.rows)


def needs_interleaving() -> bool:
    """Tell whether any Django migration of the project requires an SQL one."""
    from django.db.migrations.loader import MigrationLoader

    try:
        loader = MigrationLoader(None)
    except own_tables.LOADER_ERRORS:  # ``migrate`` says it better
        return False
    return any(_needs(migration) for migration in loader.disk_migrations.values())


def build(building: BuildOptions) -> tuple[tuple[str, ...], tuple[HistoryRow, ...]]:
    """Apply all that is missing; return Django's migrations as applied, and the SQL history.

    Raises BuildFailed, which names the migration, and CannotTell.
    """
    progress = _Progress()
    try:
        files = _files(building.alias)
        steps = _steps(building.alias, files)
    except GuardError as error:
        raise progress.failed(error) from error
    last_of_django = max(
        (place for place, step in enumerate(steps) if isinstance(step, DjangoStep)), default=-1
    )
    for place, step in enumerate(steps):
        if isinstance(step, SQLStep):
            _run_sql(building, step, files, progress)
        else:
            _migrate(building, step, progress, everything=place == last_of_django)
    return tuple(progress.django), progress.rows


def _files(alias: str) -> FileSet:
    settings = conf.load()
    vendor = connections[alias].vendor
    return planning_files.read(settings.folders(alias), vendor, settings.environments)


def _steps(alias: str, files: FileSet) -> tuple[Step, ...]:
    connection = connections[alias]
    try:
        django_executor = MigrationExecutor(connection)
    except own_tables.LOADER_ERRORS as error:
        raise own_tables.loader_error(error) from error
    loader = django_executor.loader
    plan = django_executor.migration_plan(loader.graph.leaf_nodes())
    waiting = [_described(migration, loader.graph.node_map) for migration, _ in plan]
    stands_for = {old: key for key, new in loader.replacements.items() for old in new.replaces}
    return order(waiting, files.files, stands_for)


def _described(migration: Migration, nodes: Mapping[Key, Any]) -> DjangoMigration:
    key = (migration.app_label, migration.name)
    after = frozenset(node.key for node in nodes[key].parents)
    return DjangoMigration(key, after, _needs(migration))


def _needs(migration: Migration) -> tuple[tuple[int, str], ...]:
    found = (one for one in migration.operations if isinstance(one, RequiresSQL))
    return tuple((one.number, one.migration) for one in found)


# -- the two kinds of steps


def _run_sql(building: BuildOptions, step: SQLStep, files: FileSet, progress: _Progress) -> None:
    by_id = {file.id: file for file in files.files}
    everything = step.files[-1] is files.files[-1]

    def observe(event: events.Event) -> None:
        building.observe(event)
        if isinstance(event, events.Applied):
            building.watch(event.id, by_id[event.id])

    target = None if everything else step.files[-1].number
    outcome = executor.run(
        building.alias,
        Options(target=target, environment=building.environment, restamp=building.restamp),
        observe,
    )
    progress.rows = outcome.rows
    if isinstance(outcome.error, Interrupted):
        raise KeyboardInterrupt
    if outcome.error is not None:
        raise progress.failed(_cause(outcome, outcome.error)) from outcome.error


def _cause(outcome: Outcome, error: GuardError) -> GuardError:
    """Return the error without what the runner says of a database that stays."""
    if isinstance(error, MigrationFailed):
        return Refused(error.account, "", error.problems)
    if isinstance(error, Refused):
        return Refused(error.message, error.hint, errors(outcome.problems))
    return error


class _Migrate(migrate.Command):
    """Django's ``migrate``, which tells of each migration."""

    def __init__(self, building: BuildOptions, progress: _Progress) -> None:
        super().__init__(stdout=StringIO(), stderr=StringIO())
        self._building = building
        self._progress = progress
        self.current = ""

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: ARG002
    ) -> None:
        """Note what runs, and tell of what is applied."""
        if migration is None:
            return
        self.current = f"{migration.app_label}.{migration.name}"
        if action == "apply_success":
            self._progress.django.append(self.current)
            self._building.watch(self.current, None)


def _migrate(
    building: BuildOptions, step: DjangoStep, progress: _Progress, *, everything: bool
) -> None:
    """Run what a deploy would type: ``migrate``, or ``migrate APP NAME`` for a part."""
    command = _Migrate(building, progress)
    targets = [()] if everything else step.targets
    try:
        for target in targets:
            call_command(
                command, *target, database=building.alias, interactive=False, skip_checks=True
            )
    except GuardError as error:
        raise progress.failed(error) from error
    # A migration may run any code of the project.
    except Exception as error:
        what = f"Django's migration {command.current}" if command.current else "migrate"
        shown = (
            str(error).strip()
            if isinstance(error, DatabaseError | CommandError)
            else (f"{type(error).__name__}: {error}")
        )
        hint = (
            "Correct that migration; if it needs what an SQL migration makes, add the operation "
            'migration_guard.operations.RequiresSQL("NUMBER") to it.'
        )
        raise progress.failed(Refused(f"{what} failed: {shown}", hint)) from error
