"""Recording migrations without running them (``--fake``, ``--baseline``); each is audited."""

from collections.abc import Sequence

from migration_guard.conf import nearest
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.history import History, How
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.running.connection import Connection


def check_number(files: FileSet, number: int | None) -> None:
    """Raise CannotTell where an option names a ``number`` that no file has."""
    if number is not None and all(file.number != number for file in files.files):
        raise CannotTell(
            f"There is no migration with the number {number}; nothing was changed.",
            "manage.py runsqlmigrations --plan lists all.",
        )


def choose_fakes(plan: Plan, ids: Sequence[str]) -> list[Planned]:
    """Return the migrations named by ``ids``, in order; none may be applied.

    Raises CannotTell for an unknown id, Refused for one that is applied, half done or skipped.
    """
    by_id = {planned.id: planned for planned in plan.migrations if planned.file is not None}
    for migration_id in ids:
        if migration_id not in by_id:
            near = nearest(migration_id, by_id)
            raise CannotTell(
                f'There is no migration "{migration_id}".',
                f'Did you mean "{near}"?'
                if near
                else "manage.py runsqlmigrations --plan lists all.",
            )
        _refuse_marking(by_id[migration_id])
    return [planned for planned in plan.migrations if planned.id in set(ids)]


def choose_baseline(plan: Plan, number: int) -> list[Planned]:
    """Return the migrations up to and with ``number`` that run in this environment.

    Raises Refused where the history is not empty: a baseline is where a history begins.
    """
    applied = [planned for planned in plan.migrations if planned.row is not None]
    if applied:
        raise Refused(
            f"A baseline begins a history, and this one has {len(applied)} migrations "
            f"({applied[0].id} …); nothing was changed.",
            "Record single migrations with --fake ID.",
        )
    chosen = [
        planned
        for planned in plan.migrations
        if planned.number <= number and planned.state is not State.SKIPPED
    ]
    for planned in chosen:
        _refuse_marking(planned)
    return chosen


def _refuse_marking(planned: Planned) -> None:
    """Raise Refused for a migration that is applied, half done, or not for this environment."""
    if planned.row is not None:
        raise Refused(f"{planned.id} is applied already; nothing was changed.")
    if planned.entry is not None:
        raise Refused(
            f"{planned.id} is half done ({planned.entry.done} of {planned.entry.total} "
            "statements); nothing was changed.",
            "Finish it by hand, and record that: "
            f"manage.py repairsqlmigrations {planned.id} --mark-applied --reason TEXT.",
        )
    if planned.state is State.SKIPPED:
        raise Refused(
            f"{planned.id} does not run in this environment; nothing was changed.",
            "It stays skipped here.",
        )


def mark(
    connection: Connection,
    history: History,
    chosen: Sequence[Planned],
    how: How,
    environment: str,
    reason: str,
    lock_timeout: float | None,
) -> None:
    """Record ``chosen`` as applied, all or none, with an audit entry each."""
    after = None
    with connection.transaction(lock_timeout):
        for planned in chosen:
            if planned.file is None:
                continue
            digest = fingerprint(planned.file.text, connection.vendor)
            after = history.record(planned.file, digest, environment, how, None, after)
            history.journal.close(planned.id)
            history.audit.write(how, planned.id, reason)
