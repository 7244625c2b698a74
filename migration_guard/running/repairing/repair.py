"""Changing the history or the environment stamp by hand, which nothing else does.

Invariants: a repair happens as a whole, together with its audit entries, or not at all; what it
decides rests on what the database says inside that transaction, under the run lock; it creates no
history and no file.
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from django.db import DEFAULT_DB_ALIAS

from migration_guard import conf
from migration_guard.conf import PRODUCTION, Conf, nearest, nearest_environment
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import FileSet
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.plan import Planned
from migration_guard.results import Action, Change, Repaired
from migration_guard.running import connecting, events, failures, own_tables, schema_of_history
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts
from migration_guard.running.failure_text import server_message
from migration_guard.running.locks import hold, run_lock
from migration_guard.running.repairing.acts import ACTS
from migration_guard.running.repairing.stamp import stamp
from migration_guard.running.repairing.target import SHOW_STATES, UNCHANGED, Repair, Target


def repair(
    request: Repair,
    alias: str = DEFAULT_DB_ALIAS,
    observe: events.Observer = lambda _event: None,
) -> Repaired:
    """Do one act, all or nothing.

    Nothing is raised: ``Repaired.error`` holds what stood in the way.
    """
    outcome = Repaired(alias, request.action)
    try:
        _check_usage(request)
        loaded = conf.load()
        outcome = outcome._replace(environment=loaded.environment)
        outcome = outcome._replace(vendor=connecting.supported_connection(alias).vendor)
        return _repair(request, loaded, outcome, observe)
    except GuardError as error:
        return outcome._replace(error=error)
    except KeyboardInterrupt:
        interrupted = "Interrupted: the repair and its audit entry are there, or neither."
        return outcome._replace(error=Refused(interrupted, SHOW_STATES))


def _check_usage(request: Repair) -> None:
    if not request.reason.strip():
        raise CannotTell(
            "--reason is blank.", "Say why, for those who read the audit: --reason TEXT."
        )
    if request.action is Action.STAMP:
        if request.ids:
            raise CannotTell(
                "--stamp is about the whole database and takes no migration id.",
                f"Leave out {' '.join(request.ids)}.",
            )
        return
    if request.confirm is not None:
        raise CannotTell("--confirm belongs to --stamp.", f"--{request.action} does without it.")
    if not request.ids:
        raise CannotTell(f"--{request.action} needs the id of at least one migration.", SHOW_STATES)


def _repair(request: Repair, loaded: Conf, outcome: Repaired, observe: events.Observer) -> Repaired:
    alias = outcome.database
    files = FileSet((), ())
    if request.action is Action.STAMP:
        request = replace(request, environment=_environment(request.environment, loaded))
    else:
        files = planning_files.read(loaded.folders(alias), outcome.vendor, loaded.environments)
    # Looked at read-only first: a plain open would create a missing SQLite file.
    with connecting.open_connection(alias, read_only=True) as (connection, facts):
        _require_own_tables(connection, facts)
    with connecting.open_connection(alias) as (connection, facts):
        history = own_tables.open_history(connection, facts)
        target = Target(connection, facts, history, loaded, files)
        try:
            own_tables.refuse_hidden(connection, facts.schema)
            with hold(run_lock(connection), loaded.wait, observe):
                own_tables.ensure(connection, facts, files.files)  # those of an earlier version
                with connection.transaction(loaded.lock_timeout):
                    return _act(target, request, outcome)
        except StatementError as error:
            if error.kind is Kind.LOST:
                raise _lost_connection(connection, error) from error
            raise failures.step_failure(connection, error) from error


def _lost_connection(connection: Connection, error: StatementError) -> CannotTell:
    state = "the repair and its audit entry are there, or neither"
    return CannotTell(
        f"{server_message(connection, error)}\nState: {state if error.committing else UNCHANGED}.",
        f"Next: check that the server is up, and look: {SHOW_STATES}",
    )


def _environment(name: str, loaded: Conf) -> str:
    try:
        return conf.environment(name, loaded.environments)
    except CannotTell as error:
        near = nearest_environment(name, loaded.environments)
        meant = f'Did you mean "{near}"? ' if near else ""
        raise CannotTell(
            error.message, f'{meant}A new name is added to {conf.SETTING}["ENVIRONMENTS"].'
        ) from error


def _require_own_tables(connection: Connection, facts: Facts) -> None:
    if not own_tables.are_present(connection, facts):
        raise CannotTell(
            f'The database "{connection.wrapper.alias}" has no migration history, so there is '
            "nothing to repair.",
            "manage.py runsqlmigrations creates it. If you expected one: check --database, and "
            "the search_path.",
        )


def _act(target: Target, request: Repair, outcome: Repaired) -> Repaired:
    if request.action is Action.STAMP:
        previous = stamp(target, request)
        return outcome._replace(environment=request.environment, previous_stamp=previous)
    recorded = target.history.read(target.files.files)
    environment = recorded.environment or target.conf.environment
    schema_of_history.check(target.connection, target.facts, recorded, target.files.files)
    if request.action is Action.FORGET:
        _refuse_production(target, recorded)
    chosen = _choose(target.plan(recorded), request.ids)
    ACTS[request.action](target, request, chosen)
    after = target.plan(target.history.read(target.files.files))
    changes = tuple(
        Change(planned.id, planned.state, after[planned.id].state if planned.id in after else None)
        for planned in chosen
    )
    return outcome._replace(environment=environment, previous_stamp=recorded.stamp, changes=changes)


def _choose(plan: dict[str, Planned], ids: Sequence[str]) -> list[Planned]:
    """Return the migrations named by ``ids``, in numeric order."""
    for planned in plan.values():
        former = [row.id for row in planned.former if row.id in ids and row.id not in plan]
        if former:
            raise Refused(
                f"{former[0]} is in the history, and {planned.id} stands for it now; {UNCHANGED}.",
                f"Name {planned.id}, or take its line -- guard: formerly or replaces out first.",
            )
    for migration_id in ids:
        if migration_id not in plan:
            near = nearest(migration_id, plan)
            raise CannotTell(
                f'There is no migration "{migration_id}"; {UNCHANGED}.',
                f'Did you mean "{near}"?' if near else SHOW_STATES,
            )
    return [planned for planned in plan.values() if planned.id in ids]


def _refuse_production(target: Target, recorded: RecordedHistory) -> None:
    environment = recorded.environment
    if PRODUCTION not in (environment, target.conf.environment):
        return
    if environment == PRODUCTION:
        verb = "is stamped" if recorded.stamp else "has lost its stamp, so it counts as"
        fact = f'the database "{target.facts.database}" {verb} production'
        hint = (
            "If it is a restored dump: manage.py repairsqlmigrations --stamp NAME --confirm "
            f"{shlex.quote(target.facts.database)} --reason TEXT, and repeat this command."
        )
    else:
        fact = f'{conf.SETTING}["ENVIRONMENT"] is production (which is what it is when unset)'
        name = environment or "the right name"
        hint = f"If this is not production, set it to {name} and repeat."
    raise Refused(
        f"--forget is refused: {fact}; {UNCHANGED}.",
        f"In production, restore the file or put it right with a new migration. {hint}",
    )
