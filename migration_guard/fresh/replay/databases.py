"""Builds a throwaway database in the recorded order, by the function that builds every other.

What is pending runs afterwards, as the next deploy would run it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from migration_guard.fresh import building
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.host import Host
from migration_guard.fresh.replay.files import as_applied
from migration_guard.fresh.throwaway import throwaway
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.recorded_order import RecordedOrder, RecordedRow, recorded_order
from migration_guard.problems import errors
from migration_guard.running import connecting, events
from migration_guard.running.django_graph import read_graph
from migration_guard.running.recorded import Recorded
from migration_guard.schema.objects import Snapshot
from migration_guard.schema_check import read_schema

_NAMED: Final = 3  # problems in one message


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is the same for each database that is built: the recorded order, and where."""

    alias: str
    recorded: Recorded
    environment: str
    host: Host
    observe: events.Observer


@dataclass(frozen=True, slots=True)
class Built:
    """What was built: as ``recorded``, and with what is pending; None where that failed.

    ``failure`` says why.
    """

    order: RecordedOrder
    recorded: Snapshot | None = None
    complete: Snapshot | None = None
    failure: str = ""


def build(
    recipe: Recipe, files: Mapping[str, MigrationFile], pending: tuple[MigrationFile, ...]
) -> Built:
    """Run ``files`` in the recorded order and then ``pending``; read the database, and drop it.

    ``files`` are by the id of their row. Raises CannotTell.
    """
    applied = as_applied(sorted(files.values(), key=lambda file: file.key), recipe.environment)
    options = BuildOptions(recipe.alias, recipe.environment, observe=recipe.observe, files=applied)
    recorded: Snapshot | None = None
    with throwaway(recipe.alias, recipe.host):
        order, is_whole = _read_order(recipe, files)
        try:
            building.build(replace(options, steps=order.steps))
            recorded = read_schema(recipe.alias)
            if is_whole and not pending:
                return Built(order, recorded, recorded)
            building.build(replace(options, files=(*applied, *pending)))
        except BuildFailed as error:
            return Built(order, recorded, failure=_describe(error))
        return Built(order, recorded, read_schema(recipe.alias))


def _describe(error: BuildFailed) -> str:
    """Return what failed, on one line."""
    causes = [problem.message for problem in errors(error.problems)]
    # The message of a migration that failed has its problem, that of a refusal only their number.
    others = [cause for cause in causes if cause not in error.message][:_NAMED]
    return " ".join("; ".join(others or [error.message]).split())


def _read_order(recipe: Recipe, files: Mapping[str, MigrationFile]) -> tuple[RecordedOrder, bool]:
    """Return the recorded order, and whether it has all of Django's migrations."""
    django, rows = recipe.recorded.django, recipe.recorded.history.rows
    sql = [RecordedRow(files[id_].id, row.applied_at) for id_, row in rows.items() if id_ in files]
    with connecting.open_connection(recipe.alias) as (connection, _facts):
        graph = read_graph(connection, [*files.values()], [row.name for row in django])
    order = recorded_order(graph.project, django, sql)
    names = {name for step in order.steps for name in step.names}
    return order, names.issuperset(map(str, graph.project.django))
