"""The errors of a half-done migration that cannot go on by itself, with what to do about it."""

from migration_guard.exceptions import Refused
from migration_guard.planning.history_rows import JournalRow
from migration_guard.running.task import Task
from migration_guard.sql.statements import Statement


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


def changed_history_error(task: Task, entry: JournalRow) -> HalfDoneError:
    """Refuse because the statements, all done, changed the migration history."""
    return HalfDoneError(
        f"{task.script.file.id} ran to its end and {entry.error}. It could not be rolled back, so "
        "it does not count as applied.",
        "Next: put the history right with manage.py repairsqlmigrations, and "
        f"{_finish_by_hand(task)}",
    )


def in_doubt_error(task: Task, entry: JournalRow) -> HalfDoneError:
    """Refuse because a statement that commits by itself was interrupted."""
    return HalfDoneError(
        f"{_half_done(task, entry)} Statement {entry.doubt} commits by itself and was interrupted: "
        f"whether it took effect is not known. Nothing was changed.\n    {entry.statement}",
        "Next: look whether it did. If it may simply be run again, add -- guard: rerun = safe to "
        f"{task.script.file.path} and run again; else {_finish_by_hand(task)}",
    )
