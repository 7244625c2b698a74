"""The errors of a half-done migration that cannot go on by itself, with what to do about it."""

from collections.abc import Collection
from typing import Final

from migration_guard.exceptions import Refused
from migration_guard.planning.history_rows import JournalRow, RecordedHistory
from migration_guard.running.task import Task
from migration_guard.sql.statements import Statement

COMMITTED_CHANGE: Final = "changed the migration history for good"
_REMOVED: Final = " Removed from the history: "


class HalfDoneError(Refused):
    """A half-done migration cannot go on by itself; the message says what to do."""


def _half_done(task: Task, entry: JournalRow) -> str:
    return f"{task.script.file.id} is half done: {entry.done} of {entry.total} statements."


def _finish_by_hand(task: Task) -> str:
    return (
        "finish the migration by hand and say so: manage.py repairsqlmigrations "
        f"{task.script.file.id} --mark-applied --reason TEXT."
    )


def edited_error(task: Task, entry: JournalRow) -> HalfDoneError:
    """Refuse because the statements that are done were edited since."""
    return HalfDoneError(
        f"{_half_done(task, entry)} Since then the part that is done was edited, "
        "so the run cannot go on behind it. Nothing was changed.",
        f"Next: restore those statements in {task.script.file.path} and run again; "
        f"or {_finish_by_hand(task)}",
    )


def session_lost_error(
    task: Task, entry: JournalRow, statement: Statement, lost: str
) -> HalfDoneError:
    """Refuse because what ``statement`` made, which ``lost`` names, went with its session."""
    return HalfDoneError(
        f"{_half_done(task, entry)} It {lost} (line {statement.line}), which went "
        "with its session, so the run cannot go on behind it. Nothing was changed.",
        f"Next: {_finish_by_hand(task)}",
    )


def refuse_changed_history(recorded: RecordedHistory) -> None:
    """Raise HalfDoneError where a migration changed the own tables and that was committed.

    What the history lacks since then would else count as new, and run again.
    """
    for entry in recorded.journal.values():
        if not entry.error.startswith(COMMITTED_CHANGE):
            continue
        lost = [name for name in _lost_ids(entry) if name not in recorded.rows]
        fake = f"record again what it removed: manage.py runsqlmigrations --fake {' '.join(lost)}; "
        raise HalfDoneError(
            f"{entry.id} {entry.error}\nThat was committed and could not be rolled back, so the "
            "history may lack what is applied, and nothing runs until it is put right.",
            f"Next: {fake if lost else ''}see that the tables applied_migrations and "
            "migration_guard_* are as they were (manage.py runsqlmigrations --plan), and then: "
            f"manage.py repairsqlmigrations {entry.id} --mark-applied --reason TEXT (or --forget "
            "instead of --mark-applied, to run it again without that statement).",
        )


def describe_committed_change(error: Exception, lost: Collection[str]) -> str:
    """Return the journal's text of such a change; ``lost`` are the ids that it removed."""
    removed = f"{_REMOVED}{', '.join(sorted(lost))}." if lost else ""
    return f"{COMMITTED_CHANGE}: {error}.{removed}"


def _lost_ids(entry: JournalRow) -> list[str]:
    _, _, removed = entry.error.partition(_REMOVED)
    return removed.rstrip(".").split(", ") if removed else []


def in_doubt_error(task: Task, entry: JournalRow) -> HalfDoneError:
    """Refuse because a statement that commits by itself was interrupted."""
    return HalfDoneError(
        f"{_half_done(task, entry)} Statement {entry.doubt} commits by itself and was interrupted: "
        f"whether it took effect is not known. Nothing was changed.\n    {entry.statement}",
        "Next: look whether it did. If it may simply be run again, add -- guard: rerun = safe to "
        f"{task.script.file.path} and run again; else {_finish_by_hand(task)}",
    )
