"""Replay a history in a throwaway database, and compare it with a fresh and the live database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from migration_guard import conf
from migration_guard.contracts.causes import Causes
from migration_guard.contracts.causes.shown import ShownCauses
from migration_guard.fresh.drift import explain, source_of
from migration_guard.fresh.replay.databases import Built, Recipe, build
from migration_guard.fresh.replay.differences import (
    Wording,
    compare_with_fresh,
    compare_with_live,
)
from migration_guard.fresh.replay.doubts import find_doubts, find_late
from migration_guard.fresh.replay.files import stored_files
from migration_guard.history import How
from migration_guard.planning.evidence import Evidence
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Plan, State
from migration_guard.results import Assertion, Doubt, Late, Replay, Verdict
from migration_guard.running.recorded import Recorded
from migration_guard.schema.objects import Snapshot

_NAMED: Final = 3  # doubts in one message


@dataclass(frozen=True, slots=True)
class Sides:
    """What a replay is compared with; ``plan`` is that of the live database.

    ``apps`` has the Django app by table; ``ignore`` has patterns of names that may differ.
    """

    fresh: Snapshot
    live: Snapshot
    plan: Plan
    apps: Mapping[str, str]
    ignore: Sequence[str]


def check_replay(recipe: Recipe, sides: Sides) -> tuple[Replay, list[Assertion]]:
    """Build, compare and drop. Raises CannotTell."""
    started = perf_counter()
    recorded, migrations = recipe.recorded, sides.plan.migrations
    # A file may be that of a row with another id.
    with_file = [(migration.row, migration.file) for migration in migrations if migration.file]
    today = {row.id: file for row, file in with_file if row is not None}
    pending = tuple(file for row, file in with_file if row is None)
    stored = stored_files(recorded, today, conf.load().environments)
    replayed = build(recipe, stored, pending)
    ties = _find_ties(recorded, replayed)
    doubts = (
        *find_doubts(recorded, today, recipe.environment, sides.live.vendor),
        *(Doubt(name, why) for name, why in replayed.order.doubts.items()),
        *(Doubt(first, f"it was recorded at the same time as {second}") for first, second in ties),
    )
    late = find_late(recorded)
    wording = _wording(recipe, sides, doubts, late)
    parts = [*_unknown_parts(replayed, ties)]

    def build_today() -> Snapshot | None:
        built = build(recipe, today, pending)
        if built.complete is None:
            why = f"today's files cannot be built in the recorded order: {built.failure}"
            parts.append(_unknown("today", "the cause of what differs", why))
        return built.complete

    assertions: list[Assertion] = []
    if (complete := replayed.complete) is not None:
        assertions += compare_with_fresh(sides.fresh, complete, build_today, wording, sides.ignore)
    if replayed.recorded is not None:
        assertions += compare_with_live(replayed.recorded, sides.live, wording, sides.ignore)
    order = tuple(name for step in replayed.order.steps for name in step.names)
    return Replay(order, late, doubts, perf_counter() - started), [*parts, *assertions]


def _find_ties(recorded: Recorded, replayed: Built) -> list[tuple[str, str]]:
    """Return the pairs that ran, and whose order nothing tells."""
    # The time of a row that was not run tells no order, which its own doubt says.
    marked = {row.id for row in recorded.history.rows.values() if row.how != How.RUN}
    return [tie for tie in replayed.order.ties if not marked & {*tie}]


def _unknown_parts(replayed: Built, ties: Sequence[tuple[str, str]]) -> Iterator[Assertion]:
    """Yield what of the replay could not be had."""
    if replayed.complete is None:
        part = "the recorded order" if replayed.recorded is None else "what is pending after it"
        why = f"it cannot be built again: {replayed.failure}"
        yield _unknown("build", part, why)
    for first, second in ties:
        why = f"{first} and {second} were recorded at the same time"
        yield _unknown("order", f"the order of {first} and {second}", why)


def _unknown(part: str, subject: str, why: str) -> Assertion:
    id_ = f"replay::{part}::{subject}"
    return Assertion(id_, "", subject, "", Verdict.UNKNOWN, unknown=why)


# -- wording


def _wording(
    recipe: Recipe, sides: Sides, doubts: Sequence[Doubt], late: Sequence[Late]
) -> Wording:
    edited = [
        planned.id
        for planned in sides.plan.migrations
        if planned.row is not None and planned.state in {State.EDITED, State.MISSING}
    ]
    ran_late = [migration.migration for migration in late]
    option = conf.database_option(recipe.alias)
    evidence = Evidence(recipe.recorded.acts)
    causes = Causes(sides.plan, sides.live.vendor)
    return Wording(
        sides.live.vendor,
        doubts_about_files=_sum_up([doubt for doubt in doubts if doubt.files]),
        doubts_about_live=_sum_up([doubt for doubt in doubts if doubt.live]),
        late=f"Ran late: {list_ids(ran_late)}." if late else "",
        edited=f"Edited or missing: {list_ids(edited)}." if edited else "",
        apps=sides.apps,
        option=option,
        source=lambda comparison: source_of(explain(causes, comparison)),
        script=ShownCauses(None, evidence, sides.live.vendor, option).of_script,
    )


def _sum_up(doubts: Sequence[Doubt]) -> str:
    if not doubts:
        return ""
    listed = "; ".join(f"{doubt.migration}: {doubt.why}" for doubt in doubts[:_NAMED])
    more = f"; and {len(doubts) - _NAMED} more" if len(doubts) > _NAMED else ""
    return f"it differs, and the history does not tell why ({listed}{more})"
