"""The messages of a run that failed: the fact, its place, the state left, the next step."""

from collections.abc import Sequence
from typing import Final

from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.planning.names import list_ids
from migration_guard.planning.scripts import Script
from migration_guard.problems import MIGRATION_FAILED, Problem, place
from migration_guard.running.connection import Connection
from migration_guard.running.continuation import Outlook
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.failure_text import describe_failure, server_message
from migration_guard.running.next_step import RUN_AGAIN, part, state_and_next

_GOES_ON: Final = f"{RUN_AGAIN}; it continues where this run stopped."


class MigrationFailed(Refused):
    """A migration failed; ``problems`` holds one problem, with file and line.

    ``account`` is what happened and where, without the state of the database and the next step.
    """

    account = ""


def migration_failure(
    connection: Connection,
    script: Script,
    error: StatementError,
    outlook: Outlook | None,
    applied: Sequence[str],
) -> MigrationFailed:
    """Build the one message of a failed migration.

    ``outlook`` is what the next run will find (None: the database gives no answer), ``applied``
    are the ids applied before it in this run.
    """
    lines, line = describe_failure(connection, script, error)
    if outlook is not None and outlook.is_applied:
        path, line = script.file.path, None
        lines = [f"{script.file.id} ({place(path)}):", server_message(connection, error)]
    state, next_step = state_and_next(connection, script, error, outlook)
    return _failure(script, lines, state, next_step, applied, line)


def history_change_failure(
    script: Script, error: Exception, applied: Sequence[str], refusal: Refused | None
) -> MigrationFailed:
    """Build the message of a migration that did to the history what it may not.

    ``refusal`` is what the next run will say, where the change was committed.
    """
    name = script.file.id
    lines = [f"{name} ({place(script.file.path)}) changed the migration history: {error}."]
    if refusal is not None:
        state, next_step = refusal.message, refusal.hint.removeprefix("Next: ")
    else:
        state = (
            f"{name} is not recorded as applied, and what one transaction holds was rolled back: "
            "all of it, or with transaction = off and on MySQL the statement in question."
        )
        next_step = (
            f"remove that statement, and {RUN_AGAIN}; only a migration whose environments exclude "
            "production may remove markers (manage.py repairsqlmigrations is the way by hand)."
        )
    return _failure(script, lines, state, next_step, applied, None)


def step_failure(connection: Connection, error: StatementError) -> GuardError:
    """Build the error for a step of the runner's own that the database refused."""
    answer = server_message(connection, error)
    if error.kind is Kind.LOST:
        return CannotTell(
            f"{answer}\nIt was lost in a step of the runner, not in a statement of a migration.\n"
            "State: what was applied stays applied; the next run finds out whether the step took "
            "effect.",
            connection.remedy(error.error, error.kind),
        )
    message = f"The database refused a step of the runner: {answer}"
    if error.kind is Kind.READ_ONLY:
        return Refused(message, "Run against a database that accepts writes.")
    if error.kind is Kind.LOCKED:
        return Refused(message, f"Nothing was changed; {RUN_AGAIN}.")
    return CannotTell(message, connection.remedy(error.error, error.kind))


class Interrupted(Refused):
    """Ctrl-C or SIGTERM ended the run."""


def interruption(
    applied: Sequence[str], script: Script | None, outlook: Outlook | None
) -> Interrupted:
    """Build the error for Ctrl-C or SIGTERM.

    ``script`` is the migration that was running and is no single transaction, None for others.
    """
    before = list_ids(applied) or "none"
    state, next_step = "the migration that was running was rolled back, and", _GOES_ON
    if script is not None and (outlook is None or outlook.entry or outlook.is_applied):
        state, next_step = part(script, outlook, "")
        state += "\nThe session is closed, and"
    return Interrupted(
        f"Interrupted: {state} the run lock is released.\nApplied before it in this run: {before}.",
        f"Next: {next_step}",
    )


def _failure(
    script: Script,
    lines: list[str],
    state: str,
    next_step: str,
    applied: Sequence[str],
    line: int | None,
) -> MigrationFailed:
    before = list_ids(applied) or "none"
    account = "\n".join(lines)
    message = f"{account}\nApplied before it in this run: {before}.\nState: {state}"
    problem = Problem(MIGRATION_FAILED, message, next_step, path=script.file.path, line=line)
    failed = MigrationFailed(message, f"Next: {next_step}", [problem])
    failed.account = account
    return failed
