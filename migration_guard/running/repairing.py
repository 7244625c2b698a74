"""Changing the history or the environment stamp by hand, which nothing else does.

Invariants: a repair happens as a whole, together with its audit entries, or not at all; what it
decides rests on what the database says inside that transaction, under the run lock; it creates no
history and no file.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from migration_guard import conf
from migration_guard.conf import PRODUCTION, Conf, nearest, nearest_environment
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.history import History, How
from migration_guard.planning import files as planning_files
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet, MigrationFile
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Planned, State, make_plan
from migration_guard.planning.stamp import describe_stamp
from migration_guard.problems import errors
from migration_guard.results import Action, Change, Repaired
from migration_guard.running import (
    connecting,
    events,
    failures,
    own_tables,
    schema_of_history,
)
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts
from migration_guard.running.failure_text import server_message
from migration_guard.running.locks import hold, run_lock
from migration_guard.sql.statements import SQLError, split

_UNCHANGED = "nothing was changed"
_SHOW_STATES = "manage.py runsqlmigrations --plan shows the state of each migration."


@dataclass(frozen=True, slots=True)
class Repair:
    """One act on the migrations ``ids``, or on the stamp (``environment``, ``confirm``).

    ``confirm`` is the database's name, typed by the person who says that it is not production.
    """

    action: Action
    reason: str
    ids: tuple[str, ...] = ()
    environment: str = ""
    confirm: str | None = None


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
        return outcome._replace(error=Refused(interrupted, _SHOW_STATES))


@dataclass(frozen=True, slots=True)
class _Target:
    """The database that is repaired, with its files, under the lock and in a transaction."""

    connection: Connection
    facts: Facts
    history: History
    conf: Conf
    files: FileSet

    def plan(self, recorded: RecordedHistory) -> dict[str, Planned]:
        plan = make_plan(self.files.files, recorded, self.conf.environment, self.connection.vendor)
        return {planned.id: planned for planned in plan.migrations}


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
        raise CannotTell(
            f"--{request.action} needs the id of at least one migration.", _SHOW_STATES
        )


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
        target = _Target(connection, facts, history, loaded, files)
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
        f"{server_message(connection, error)}\nState: {state if error.committing else _UNCHANGED}.",
        f"Next: check that the server is up, and look: {_SHOW_STATES}",
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


def _act(target: _Target, request: Repair, outcome: Repaired) -> Repaired:
    if request.action is Action.STAMP:
        previous = _stamp(target, request)
        return outcome._replace(environment=request.environment, previous_stamp=previous)
    recorded = target.history.read(target.files.files)
    environment = recorded.environment or target.conf.environment
    schema_of_history.check(target.connection, target.facts, recorded, target.files.files)
    if request.action is Action.FORGET:
        _refuse_production(target, recorded)
    chosen = _choose(target.plan(recorded), request.ids)
    _ACTS[request.action](target, request, chosen)
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
                f"{former[0]} is in the history, and {planned.id} stands for it now; {_UNCHANGED}.",
                f"Name {planned.id}, or take its line -- guard: formerly or replaces out first.",
            )
    for migration_id in ids:
        if migration_id not in plan:
            near = nearest(migration_id, plan)
            raise CannotTell(
                f'There is no migration "{migration_id}"; {_UNCHANGED}.',
                f'Did you mean "{near}"?' if near else _SHOW_STATES,
            )
    return [planned for planned in plan.values() if planned.id in ids]


# -- the acts


def _accept_edits(target: _Target, request: Repair, chosen: Sequence[Planned]) -> None:
    for planned in chosen:
        if planned.row is None:
            raise Refused(
                f"{planned.id} is {planned.state}, not applied, so there is no edit to accept; "
                f"{_UNCHANGED}.",
                "Just edit the file, or record it with --mark-applied if this database has it.",
            )
        file = _sound_file(target, planned)
        digest = _fingerprint(file, target.connection.vendor)
        if planned.row.checksum == file.checksum:
            raise Refused(
                f"{planned.id} is as it was when it was applied; {_UNCHANGED}.", _SHOW_STATES
            )
        _refuse_former(planned)
        before = _before(target, planned)
        target.history.accept_edit(file, digest)
        _audit(target, request, planned.id, {**before, "accepted_checksum": file.checksum})


def _mark_applied(target: _Target, request: Repair, chosen: Sequence[Planned]) -> None:
    last: datetime | None = None
    for planned in chosen:
        if planned.row is not None:
            raise Refused(f"{planned.id} is applied already; {_UNCHANGED}.", _SHOW_STATES)
        file = _sound_file(target, planned)
        if planned.state is State.SKIPPED:
            raise Refused(
                f"{planned.id} is skipped here: its environments exclude this database, so it "
                f"must not count as applied; {_UNCHANGED}.",
                "If this database is of another environment, see --stamp.",
            )
        digest = _fingerprint(file, target.connection.vendor)
        before = _before(target, planned)
        last = target.history.record(file, digest, target.conf.environment, How.FAKE, None, last)
        target.history.journal.close(planned.id)
        _audit(target, request, planned.id, before)


def _forget(target: _Target, request: Repair, chosen: Sequence[Planned]) -> None:
    for planned in chosen:
        if planned.row is None and planned.entry is None:
            raise Refused(
                f"{planned.id} is {planned.state}: neither history nor journal has it, so there "
                f"is nothing to forget; {_UNCHANGED}.",
                _SHOW_STATES,
            )
        _refuse_former(planned)
        before = _before(target, planned)
        target.history.forget(planned.id)
        _audit(target, request, planned.id, before)


def _refuse_former(planned: Planned) -> None:
    """Raise Refused where a migration counts as applied through rows of other ids."""
    if planned.row is not None and planned.row.id != planned.id:
        raise Refused(
            f"{planned.id} has no row of its own: it counts as applied through "
            f"{list_ids([row.id for row in planned.former])}; {_UNCHANGED}.",
            "Its file says so (-- guard: formerly, -- guard: replaces); without these lines the "
            "old rows can be named.",
        )


_ACTS: dict[Action, Callable[[_Target, Repair, Sequence[Planned]], None]] = {
    Action.ACCEPT_EDIT: _accept_edits,
    Action.MARK_APPLIED: _mark_applied,
    Action.FORGET: _forget,
}


def _stamp(target: _Target, request: Repair) -> str | None:
    """Stamp the database; return what it carried before."""
    name, new = target.facts.database, request.environment
    rows = target.history.stamp.rows()
    old, old_schema = describe_stamp(rows), rows[0].schema if rows else None
    schema = target.history.stamp.new_tables
    if (old, old_schema) == (new, schema):
        raise Refused(f'The database "{name}" is stamped {new} already; {_UNCHANGED}.')
    if request.confirm not in (None, name):
        raise Refused(
            f'--confirm says "{request.confirm}", and this database is "{name}"; {_UNCHANGED}.',
            f"Check --database. If it is the one you mean: --confirm {shlex.quote(name)}",
        )
    if new != PRODUCTION and request.confirm is None and _counts_as_production(target):
        raise Refused(
            f'The database "{name}" is production, or counts as it. Stamped {new}, it would run '
            f"migrations that must never run there; {_UNCHANGED}.",
            f"If it is no longer production (a restored dump), repeat the command with "
            f"--confirm {shlex.quote(name)}",
        )
    target.history.stamp.write(new)
    details = {"from": old, "to": new}
    if rows and old_schema != schema:
        details |= {"from_schema": old_schema, "to_schema": schema}
    _audit(target, request, "", details)
    return old


def _counts_as_production(target: _Target) -> bool:
    """Return whether the database is production, also where its stamp is missing or unclear."""
    try:
        environment = target.history.read().environment
    except CannotTell:
        return True
    return (environment or target.conf.environment) == PRODUCTION


def _refuse_production(target: _Target, recorded: RecordedHistory) -> None:
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
        f"--forget is refused: {fact}; {_UNCHANGED}.",
        f"In production, restore the file or put it right with a new migration. {hint}",
    )


# -- what the acts share


def _sound_file(target: _Target, planned: Planned) -> MigrationFile:
    """Return the file of ``planned``; raise Refused where its text cannot be recorded."""
    if planned.file is None:
        raise Refused(
            f"{planned.id} has no file whose text could be recorded; {_UNCHANGED}.",
            "Restore the file from version control and repeat.",
        )
    problems = errors(
        problem for problem in target.files.problems if problem.path == planned.file.path
    )
    if problems:
        listed = "; ".join(f"{problem.place}: {problem.message}" for problem in problems)
        raise Refused(
            f"{planned.id} has a problem of its own; {_UNCHANGED}. {listed}.",
            "Correct the file first, and repeat.",
            problems,
        )
    return planned.file


def _fingerprint(file: MigrationFile, vendor: str) -> str:
    try:
        split(file.text, vendor)
    except SQLError as error:
        raise Refused(
            f"{file.path} cannot be read as SQL: {error}; {_UNCHANGED}.",
            "Correct the file first, and repeat.",
        ) from error
    return fingerprint(file.text, vendor)


def _before(target: _Target, planned: Planned) -> dict[str, Any]:
    """Return what the audit needs to put a migration's rows back."""
    row, entry = planned.row, planned.entry
    details: dict[str, Any] = {"state": planned.state}
    if row is not None:
        details |= {
            "checksum": row.checksum,
            "fingerprint": row.fingerprint,
            "applied_at": row.applied_at.isoformat(),
            "sql": target.history.applied_sql([planned.id]).get(planned.id),
        }
    if entry is not None:
        details |= {"done": entry.done, "total": entry.total, "error": entry.error}
    return details


def _audit(target: _Target, request: Repair, migration_id: str, details: dict[str, Any]) -> None:
    target.history.audit.write(request.action, migration_id, request.reason.strip(), details)
