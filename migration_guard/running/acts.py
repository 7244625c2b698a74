"""What a run writes beside the migrations: stamp, markers, and rows taken over."""

from collections.abc import Sequence

from migration_guard.adopting.decision import Decision
from migration_guard.adopting.record import Source
from migration_guard.history import How
from migration_guard.planning.history_rows import NOTHING_RECORDED, RecordedHistory
from migration_guard.planning.scripts import Script
from migration_guard.planning.stamp import describe_stamp
from migration_guard.results import Adoption, Stamped
from migration_guard.running import (
    events,
    marking,
    own_tables,
    schema_of_history,
    stamping,
)
from migration_guard.running.adoption import own_list, recording
from migration_guard.running.survey import Survey


def adopt(survey: Survey, observe: events.Observer) -> None:
    """Record what another tool, or the team's own script, has applied; run nothing."""
    environment, limit = survey.outcome.environment, survey.conf.lock_timeout
    connection, facts, history = survey.connection, survey.facts, survey.history
    sources = survey.read_sources()
    adopted: list[str] = []
    is_stamped = False
    if not sources or own_list.is_there(connection, facts):
        adopted, is_stamped = own_list.adopt(
            connection, facts, history, survey.files, environment, limit
        )
    if sources:
        decisions = _decide(survey, sources)
        own_tables.ensure(connection, facts, survey.files.files)
        reason = survey.options.reason
        is_first = recording.record(connection, history, decisions, environment, reason, limit)
        is_stamped = is_stamped or is_first
        survey.set(adoptions=tuple(map(recording.describe, decisions)))
        adopted += [migration_id for item in survey.outcome.adoptions for migration_id in item.ids]
    if is_stamped:
        survey.set(stamped=Stamped(environment, again=False))
    survey.applied += adopted
    for migration_id in adopted:
        observe(events.Recorded(migration_id, How.ADOPTED))


def foresee_adoption(survey: Survey) -> None:
    """Say in the outcome what --adopt would record."""
    sources = survey.read_sources()
    connection, facts = survey.connection, survey.facts
    if not sources or own_list.is_there(connection, facts):
        rows = own_list.foresee(connection, facts)
        survey.set(adoptions=(Adoption("a script of the team", own_tables.TABLE, rows),))
        return
    decisions = _decide(survey, sources)
    survey.set(adoptions=tuple(map(recording.describe, decisions)))


def _decide(survey: Survey, sources: Sequence[Source]) -> list[Decision]:
    connection, facts, files = survey.connection, survey.facts, survey.files
    with connection.failing():
        is_present = own_tables.are_present(connection, facts)
        recorded = survey.history.read(files.files) if is_present else NOTHING_RECORDED
    return recording.decide(connection, facts, sources, files, recorded, survey.options.accept_edit)


def restamp(survey: Survey) -> None:
    """Stamp a test database, before a stamp that means nothing here stops the reading."""
    with survey.connection.failing():
        rows = survey.history.stamp.rows()
    if describe_stamp(rows) != survey.outcome.environment:
        stamp(survey, None)


def stamp(survey: Survey, recorded: RecordedHistory | None) -> None:
    """Stamp the database, and say so in the outcome."""
    limit, environment = survey.conf.lock_timeout, survey.outcome.environment
    stamped = stamping.stamp(survey.connection, survey.history, recorded, environment, limit)
    survey.set(stamped=stamped)


def complete_stamp(survey: Survey) -> None:
    """Let a stamp of an earlier version name the schema of new tables."""
    if schema_of_history.is_to_record(survey.facts, survey.recorded):
        _add_schema_to_stamp(survey)


def follow_move(survey: Survey, script: Script) -> None:
    """Let the stamp record the schema that a migration has put first in the search path."""
    stamp = survey.recorded.stamp or survey.outcome.environment
    moved = schema_of_history.follow_move(survey.connection, survey.facts, stamp, script.file)
    if moved != survey.facts:
        survey.facts = moved
        survey.history = own_tables.open_history(survey.connection, moved)
        _add_schema_to_stamp(survey)


def _add_schema_to_stamp(survey: Survey) -> None:
    with survey.connection.transaction(survey.conf.lock_timeout):
        survey.history.stamp.add_schema()


def mark(survey: Survey, observe: events.Observer) -> None:
    """Mark migrations as applied without running them."""
    plan = survey.outcome.plan
    if survey.options.baseline is not None:
        how, chosen = How.BASELINE, marking.choose_baseline(plan, survey.options.baseline)
        reason = f"--baseline {survey.options.baseline}"
    else:
        how, chosen = How.FAKE, marking.choose_fakes(plan, survey.options.fake)
        reason = "--fake"
    environment, limit = survey.outcome.environment, survey.conf.lock_timeout
    marking.mark(survey.connection, survey.history, chosen, how, environment, reason, limit)
    survey.applied += [planned.id for planned in chosen]
    for planned in chosen:
        observe(events.Recorded(planned.id, how))
