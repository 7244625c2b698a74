"""Stamping a database with its environment, and what stands against a run under that stamp."""

from collections.abc import Mapping

from migration_guard.conf import PRODUCTION
from migration_guard.history import History
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.stamp import stamp_command
from migration_guard.problems import Problem, Severity
from migration_guard.results import Action, Stamped
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts

_MISSING = "Its stamp was missing beside a history, which counts as production."


def find_problems(
    connection: Connection,
    facts: Facts,
    history: History,
    recorded: RecordedHistory,
    environment: str,
) -> list[Problem]:
    """Return what is wrong with the stamp, for a run that says ``environment``."""
    command = stamp_command(environment, facts.database, connection.wrapper.alias)
    if recorded.stamp is None and recorded.environment is not None:
        return [_missing(environment, history.environments(), command)]
    if recorded.stamp not in (None, environment):
        return [_mismatch(str(recorded.stamp), environment, command)]
    return []


def is_missing(problem: Problem) -> bool:
    """Return whether the problem is a missing stamp."""
    return problem.rule == "missing-stamp"


def stamp(
    connection: Connection,
    history: History,
    recorded: RecordedHistory | None,
    environment: str,
    lock_timeout: float | None,
) -> Stamped:
    """Stamp the database; audited where it had a history, ``recorded``, and no stamp."""
    again = recorded is not None and recorded.environment is not None
    with connection.transaction(lock_timeout):
        history.stamp.write(environment)
        if again:
            history.audit.write(Action.STAMP, "", _MISSING, {"from": None, "to": environment})
    return Stamped(environment, again)


def _missing(environment: str, rows: Mapping[str, int], command: str) -> Problem:
    listed = ", ".join(f"{name or 'none'} ({number})" for name, number in rows.items()) or "none"
    fact = (
        "the database has a history, and its environment stamp is missing (the row of "
        "migration_guard_environment), so it counts as production; the environments in the "
        f"rows of the history: {listed}"
    )
    if environment == PRODUCTION:
        hint = "The next run stamps it production again, audited."
        return Problem("missing-stamp", fact, hint, Severity.WARNING)
    return Problem(
        "missing-stamp",
        f"{fact}. This run says {environment}, so it stops",
        f"If the database is {environment}: {command}. If it is production: run with the "
        "environment production, which stamps it again.",
    )


def _mismatch(stamp: str, environment: str, command: str) -> Problem:
    return Problem(
        "environment-mismatch",
        f"the database is stamped {stamp}, and this run says {environment}: a migration with "
        "environments runs only where both allow it",
        f"Set the environment to {stamp}; or, if the stamp is wrong (a restored dump): {command}.",
        Severity.WARNING,
    )
