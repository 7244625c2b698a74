"""Which migrations of an app become files, which stay with Django, and why."""

import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations import RunSQL
from django.db.migrations.state import ProjectState

from migration_guard import conf
from migration_guard.adopting.files import convert
from migration_guard.adopting.runsql.edited_module import refuse_difference
from migration_guard.adopting.runsql.operations import StaysWithDjango, runs_sql, sql_operations
from migration_guard.adopting.runsql.script import write_script
from migration_guard.adopting.runsql.source_edit import edit_source
from migration_guard.adopting.tool import ForeignFile, ForeignProblem
from migration_guard.exceptions import CannotTell
from migration_guard.planning.names import number_of
from migration_guard.planning.one_order import Key
from migration_guard.running.django_loading import loading

_TRIAL: Final = "0001_trial"
_INSTALLED: Final = ("purelib", "platlib", "stdlib")


class LeftOut(NamedTuple):
    """A migration with RunSQL that stays with Django, as ``app.name``, and the reason."""

    name: str
    reason: str


class Taken(NamedTuple):
    """A migration that becomes a file; ``path`` and ``source`` are those of the Python file."""

    migration: Migration
    path: Path
    source: bytes
    file: ForeignFile


class Selection(NamedTuple):
    """The migrations that run SQL, in the order in which Django runs them."""

    taken: tuple[Taken, ...]
    left: tuple[LeftOut, ...]
    loader: MigrationLoader


def select(apps: Sequence[str], wrapper: BaseDatabaseWrapper) -> Selection:
    """Return what becomes of each migration of ``apps`` that has a RunSQL.

    Raises CannotTell for an app without migrations.
    """
    loader = _load(apps)
    taken: list[Taken] = []
    left: list[LeftOut] = []
    state = ProjectState(real_apps=loader.unmigrated_apps)
    order = graph_order(loader.graph)
    # Replaced migrations are not in the graph; they are named, too.
    for key in [*order, *sorted(loader.disk_migrations.keys() - order)]:
        migration = loader.disk_migrations[key]
        if key[0] in apps and runs_sql(migration.operations):
            try:
                _refuse_squash(key, loader)
                taken.append(_take(migration, state, wrapper, is_alone=len(apps) == 1))
            except StaysWithDjango as error:
                left.append(LeftOut(".".join(key), str(error)))
        if key in loader.graph.nodes:
            state = migration.mutate_state(state, preserve=False)
    return Selection((*with_requirements(taken, loader.graph),), tuple(left), loader)


def graph_order(graph: MigrationGraph) -> list[Key]:
    """Return all migrations of Django's graph, each after those that it depends on."""
    return [*dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))]


def _load(apps: Sequence[str]) -> MigrationLoader:
    with loading():
        loader = MigrationLoader(None)
    known = sorted({label for label, _name in loader.disk_migrations})
    for app in apps:
        if app not in known:
            near = conf.nearest(app, known)
            raise CannotTell(
                f"{app} is not an app with migrations in this project.",
                f"Did you mean django:{near}?" if near else "Is it in INSTALLED_APPS?",
            )
    return loader


def _take(
    migration: Migration, before: ProjectState, wrapper: BaseDatabaseWrapper, *, is_alone: bool
) -> Taken:
    """Return a migration with its file; ``before`` is the state of the models in front of it."""
    app, name = migration.app_label, migration.name
    operations = [*sql_operations(migration.operations)]
    _refuse_routed(app, operations, wrapper.alias)
    path = _source_path(migration)
    source = path.read_bytes()
    text = write_script(operations, wrapper)
    if not text:
        raise StaysWithDjango("its RunSQL runs nothing")
    stem = name.lstrip("0123456789").strip("_") or name
    file = ForeignFile(
        key=f"{app}.{name}",
        number=number_of(name),
        name=stem if is_alone else f"{app}_{stem}",
        text=text,
        path=path,
        in_transaction=migration.atomic,
        down_parts=sum(operation.reverse_sql not in (None, "") for operation in operations),
    )
    _refuse_problems(file, wrapper.vendor)
    edited = edit_source(source, migration.operations, _TRIAL)
    refuse_difference(migration, edited, before)
    return Taken(migration, path, source, file)


def _refuse_squash(key: Key, loader: MigrationLoader) -> None:
    replaced = {old for squash in loader.replacements.values() for old in squash.replaces}
    if key in replaced or key in loader.replacements:
        raise StaysWithDjango(
            "it belongs to a squash. Where every database has the squash, delete what it "
            "replaces and its `replaces`, and take it then"
        )


def _refuse_routed(app: str, operations: Sequence[RunSQL], alias: str) -> None:
    """Leave a migration of which the project's routers keep SQL away from this database."""
    if not all(router.allow_migrate(alias, app, **operation.hints) for operation in operations):
        raise StaysWithDjango(f'DATABASE_ROUTERS keep its SQL away from "{alias}"')


def _source_path(migration: Migration) -> Path:
    path = Path(getattr(sys.modules[type(migration).__module__], "__file__", None) or "")
    if path.suffix != ".py" or not path.is_file():
        raise StaysWithDjango("it has no source file")
    path = path.resolve()
    installed = (Path(sysconfig.get_path(name)).resolve() for name in _INSTALLED)
    if any(path.is_relative_to(folder) for folder in installed):
        raise StaysWithDjango(
            f"{path} belongs to an installed package, which the next installation writes again. "
            "MIGRATION_MODULES can give the app a copy in the project"
        )
    return path


def _refuse_problems(file: ForeignFile, vendor: str) -> None:
    """Leave a migration whose SQL the runner would refuse as a file."""
    try:
        convert([file], (), vendor)
    except ForeignProblem as error:
        reason = str(error).removeprefix(f"{file.path}: ")
        raise StaysWithDjango(f"its SQL is refused as a file: {reason}") from error


def with_requirements(taken: Sequence[Taken], graph: MigrationGraph) -> Iterator[Taken]:
    """Yield each with what it depends on; what is taken itself comes first by its number."""
    keys = {(item.migration.app_label, item.migration.name) for item in taken}
    for item in taken:
        node = graph.node_map[item.migration.app_label, item.migration.name]
        after = sorted(parent.key for parent in node.parents if parent.key not in keys)
        yield item._replace(file=replace(item.file, requires=tuple(map(".".join, after))))
