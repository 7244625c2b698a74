"""The acts on migrations, by hand: accept an edit, mark as applied, forget.

Each refuses what it must not do, and writes what it changes into the audit.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from migration_guard.exceptions import Refused
from migration_guard.history import How
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Planned, State
from migration_guard.problems import errors
from migration_guard.results import Action
from migration_guard.running.repairing.target import SHOW_STATES, UNCHANGED, Repair, Target
from migration_guard.sql.statements import SQLError, split


def _accept_edits(target: Target, request: Repair, chosen: Sequence[Planned]) -> None:
    for planned in chosen:
        if planned.row is None:
            raise Refused(
                f"{planned.id} is {planned.state}, not applied, so there is no edit to accept; "
                f"{UNCHANGED}.",
                "Just edit the file, or record it with --mark-applied if this database has it.",
            )
        file = _sound_file(target, planned)
        digest = _fingerprint(file, target.connection.vendor)
        if planned.row.checksum == file.checksum:
            raise Refused(
                f"{planned.id} is as it was when it was applied; {UNCHANGED}.", SHOW_STATES
            )
        _refuse_former(planned)
        before = _before(target, planned)
        target.history.accept_edit(file, digest)
        target.audit(request, planned.id, {**before, "accepted_checksum": file.checksum})


def _mark_applied(target: Target, request: Repair, chosen: Sequence[Planned]) -> None:
    last: datetime | None = None
    for planned in chosen:
        if planned.row is not None:
            raise Refused(f"{planned.id} is applied already; {UNCHANGED}.", SHOW_STATES)
        file = _sound_file(target, planned)
        if planned.state is State.SKIPPED:
            raise Refused(
                f"{planned.id} is skipped here: its environments exclude this database, so it "
                f"must not count as applied; {UNCHANGED}.",
                "If this database is of another environment, see --stamp.",
            )
        digest = _fingerprint(file, target.connection.vendor)
        before = _before(target, planned)
        last = target.history.record(file, digest, target.conf.environment, How.FAKE, None, last)
        target.history.journal.close(planned.id)
        target.audit(request, planned.id, before)


def _forget(target: Target, request: Repair, chosen: Sequence[Planned]) -> None:
    for planned in chosen:
        if planned.row is None and planned.entry is None:
            raise Refused(
                f"{planned.id} is {planned.state}: neither history nor journal has it, so there "
                f"is nothing to forget; {UNCHANGED}.",
                SHOW_STATES,
            )
        _refuse_former(planned)
        before = _before(target, planned)
        target.history.forget(planned.id)
        target.audit(request, planned.id, before)


def _refuse_former(planned: Planned) -> None:
    """Raise Refused where a migration counts as applied through rows of other ids."""
    if planned.row is not None and planned.row.id != planned.id:
        raise Refused(
            f"{planned.id} has no row of its own: it counts as applied through "
            f"{list_ids([row.id for row in planned.former])}; {UNCHANGED}.",
            "Its file says so (-- guard: formerly, -- guard: replaces); without these lines the "
            "old rows can be named.",
        )


ACTS: Final[Mapping[Action, Callable[[Target, Repair, Sequence[Planned]], None]]] = {
    Action.ACCEPT_EDIT: _accept_edits,
    Action.MARK_APPLIED: _mark_applied,
    Action.FORGET: _forget,
}


# -- what the acts share


def _sound_file(target: Target, planned: Planned) -> MigrationFile:
    """Return the file of ``planned``; raise Refused where its text cannot be recorded."""
    if planned.file is None:
        raise Refused(
            f"{planned.id} has no file whose text could be recorded; {UNCHANGED}.",
            "Restore the file from version control and repeat.",
        )
    problems = errors(
        problem for problem in target.files.problems if problem.path == planned.file.path
    )
    if problems:
        listed = "; ".join(f"{problem.place}: {problem.message}" for problem in problems)
        raise Refused(
            f"{planned.id} has a problem of its own; {UNCHANGED}. {listed}.",
            "Correct the file first, and repeat.",
            problems,
        )
    return planned.file


def _fingerprint(file: MigrationFile, vendor: str) -> str:
    try:
        split(file.text, vendor)
    except SQLError as error:
        raise Refused(
            f"{file.path} cannot be read as SQL: {error}; {UNCHANGED}.",
            "Correct the file first, and repeat.",
        ) from error
    return fingerprint(file.text, vendor)


def _before(target: Target, planned: Planned) -> dict[str, Any]:
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
