"""Django's migrations as the one order takes them: the whole graph, and what is applied."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation

from migration_guard.exceptions import CannotTell, Refused
from migration_guard.operations import RequiresSQL
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import DjangoMigration, Key, Project
from migration_guard.running.connection import Connection
from migration_guard.running.django_loading import loading
from migration_guard.running.own_tables import APP


class DjangoGraph(NamedTuple):
    """The migrations of both kinds, and the keys of those of Django that are applied."""

    project: Project
    applied: set[Key]


def read_graph(
    connection: Connection, files: Sequence[MigrationFile], recorded: Iterable[Key] = ()
) -> DjangoGraph:
    """Return Django's graph as it is for this database; it says what stands for ``recorded``.

    The app's own migrations are not among them: they are carried out before. Raises CannotTell
    where migrations cannot be loaded, and Refused where two branches of an app are not merged.
    """
    with loading():
        executor = MigrationExecutor(connection.wrapper)
    loader = executor.loader
    refuse_unusable(loader, connection.wrapper)
    names = {*recorded, *(key for file in files for key in file.directives.requires)}
    return DjangoGraph(
        make_project(full_plan(executor), loader, files, names), set(loader.applied_migrations)
    )


def full_plan(executor: MigrationExecutor) -> list[Migration]:
    """Return all of Django's migrations, in the order of ``migrate`` on an empty database."""
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    return [migration for migration, _backwards in plan]


def make_project(
    migrations: Iterable[Migration],
    loader: MigrationLoader,
    files: Sequence[MigrationFile],
    names: Iterable[Key],
) -> Project:
    """Return both kinds of migrations without the app's own, and what stands for ``names``."""
    django = [
        _django_migration(migration, loader)
        for migration in migrations
        if migration.app_label != APP
    ]
    return Project(django, files, {key: [*_find_in_graph(key, loader)] for key in names})


def has_requirements() -> bool:
    """Return whether any Django migration of the project requires an SQL one."""
    try:
        with loading():
            loader = MigrationLoader(None)
    except CannotTell:  # ``migrate`` has a better message
        return False
    return any(needs_of(migration.operations) for migration in loader.disk_migrations.values())


def refuse_unusable(loader: MigrationLoader, wrapper: BaseDatabaseWrapper) -> None:
    """Raise Refused, as ``migrate`` does, for an inconsistent history and for branches."""
    try:
        loader.check_consistent_history(wrapper)
    except InconsistentMigrationHistory as error:
        raise Refused(
            f"Django's own history is not consistent: {error}",
            "manage.py migrate says the same; repair that history first.",
        ) from error
    conflicts = loader.detect_conflicts()
    if conflicts:
        listed = "; ".join(f"{app}: {', '.join(sorted(ends))}" for app, ends in conflicts.items())
        raise Refused(
            f"Django's migrations have several ends in one app ({listed}).",
            "Merge them: manage.py makemigrations --merge.",
        )


def key_of(migration: Migration) -> Key:
    """Return (app, name)."""
    return migration.app_label, migration.name


def _django_migration(migration: Migration, loader: MigrationLoader) -> DjangoMigration:
    key = key_of(migration)
    after = frozenset(node.key for node in loader.graph.node_map[key].parents)
    replaces = frozenset((app, name) for app, name in migration.replaces)
    return DjangoMigration(key, after, needs_of(migration.operations), replaces)


def needs_of(operations: Sequence[Operation]) -> tuple[tuple[int, str], ...]:
    """Return the SQL migrations that operations of Django require, as number and name."""
    needs: list[tuple[int, str]] = []
    for operation in operations:
        if isinstance(operation, RequiresSQL):
            needs.append((operation.number, operation.migration))
        elif isinstance(operation, SeparateDatabaseAndState):
            needs += needs_of(operation.database_operations)
    return tuple(needs)


def _find_in_graph(key: Key, loader: MigrationLoader) -> set[Key]:
    """Return what stands for a migration in the graph: a squash, or those that it replaces.

    A squash stands there only where all of what it replaces is applied, or nothing of it.
    """

    def walk(start: Key, following: Callable[[Key], Iterator[Key]]) -> set[Key]:
        found, seen, ahead = set[Key](), set[Key](), [start]
        while ahead:
            key = ahead.pop()
            if key in loader.graph.nodes:
                found.add(key)
            elif key not in seen:
                seen.add(key)
                ahead += following(key)
        return found

    def replacing(key: Key) -> Iterator[Key]:
        return (new for new, squash in loader.replacements.items() if key in squash.replaces)

    def replaced(key: Key) -> Iterator[Key]:
        squash = loader.replacements.get(key)
        return iter(squash.replaces if squash is not None else ())

    return walk(key, replacing) or walk(key, replaced)
