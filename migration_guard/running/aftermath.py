"""What the database holds after a failure or an interrupt, over another connection if need be."""

from contextlib import suppress

from migration_guard.exceptions import Refused
from migration_guard.planning.plan import make_plan
from migration_guard.planning.scripts import Script, is_journaled
from migration_guard.running import continuation, half_done, own_tables
from migration_guard.running.continuation import Outlook
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.lost_session import await_end, errors_of_reaching, openings
from migration_guard.running.survey import Survey


def look_again(survey: Survey, current: str) -> None:
    """Read the history after a failure: an interrupt may have come behind a COMMIT.

    ``current`` is the migration that was being applied. Without an answer, only what is surely
    applied is reported as applied.
    """
    if not survey.outcome.plan.migrations:
        return
    for opening in openings(survey.connection):
        with suppress(*errors_of_reaching(survey.connection)), opening as connection:
            connection.rollback()
            recorded = own_tables.open_history(connection, survey.facts).read(survey.files.files)
            outcome = survey.outcome
            plan = make_plan(survey.files.files, recorded, outcome.environment, outcome.vendor)
            survey.set(plan=plan, rows=tuple(recorded.rows.values()))
            if current in recorded.rows and current not in survey.applied:
                survey.applied.append(current)
            return


def find_changed_history(survey: Survey) -> Refused | None:
    """Return what the next run says of a history that a migration changed, if it can be read."""
    with suppress(*errors_of_reaching(survey.connection)):
        return half_done.find_changed_history(survey.history.read())
    return None


def look_ahead(
    survey: Survey, script: Script, error: StatementError | None = None
) -> Outlook | None:
    """Return what the next run will find of a migration, where what was sent may have stayed.

    That is so for what the journal claims, and for a COMMIT whose answer was lost. None for
    others, and where the database gives no answer.
    """
    is_lost = error is not None and error.kind is Kind.LOST
    is_open = is_lost and error is not None and error.committing
    is_claimed = script.file.id in survey.recorded.journal
    if not (is_open or is_claimed or is_journaled(script, survey.connection.vendor)):
        return None
    for opening in openings(survey.connection):
        with suppress(*errors_of_reaching(survey.connection)), opening as connection:
            is_settled = not is_lost or await_end(survey.connection, connection)
            connection.rollback()
            history = own_tables.open_history(connection, survey.facts)
            outlook = continuation.look_ahead(connection, history, script)
            return outlook._replace(is_settled=is_settled)
    return None
