"""The errors of a half-done migration that cannot go on by itself, with what to do about it."""

from collections.abc import Collection
from typing import Final

from migration_guard.exceptions import Refused
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import JournalRow, RecordedHistory
from migration_guard.running.errors import Kind
from migration_guard.sql.statements import Statement

# Errors that pass: the next run meets the same statement again, and may get past it.
PASSING: Final = (Kind.LOCKED, Kind.LOST)
COMMITTED_CHANGE: Final = "changed the migration history for good"
_REMOVED: Final = " Removed from the history: "


class HalfDoneError(Refused):
    """A half-done migration cannot go on by itself.

    ``reason`` says why, and ``remedy`` what to do; the message has both, and that nothing was
    changed.
    """

    def __init__(
        self, file: MigrationFile, entry: JournalRow, reason: str, remedy: str, detail: str = ""
    ) -> None:
        super().__init__(
            f"{file.id} is half done: {entry.done} of {entry.total} statements. {reason} "
            f"Nothing was changed.{detail}",
            f"Next: {remedy}",
        )
        self.reason = reason
        self.remedy = remedy


def _finish_by_hand(file: MigrationFile) -> str:
    return (
        "finish the migration by hand and record that: manage.py repairsqlmigrations "
        f"{file.id} --mark-applied --reason TEXT."
    )


def edited_error(file: MigrationFile, entry: JournalRow) -> HalfDoneError:
    """Refuse because the statements that are done were edited since."""
    return HalfDoneError(
        file,
        entry,
        "That part was edited since, so no run can continue after it.",
        f"restore those statements in {file.path} and run again; or {_finish_by_hand(file)}",
    )


def session_lost_error(
    file: MigrationFile, entry: JournalRow, statement: Statement, lost: str
) -> HalfDoneError:
    """Refuse because what ``statement`` made, which ``lost`` names, went with its session."""
    return HalfDoneError(
        file,
        entry,
        f"It {lost} (line {statement.line}), which ended with its session, so no run can continue.",
        _finish_by_hand(file),
    )


def setting_error(
    file: MigrationFile, entry: JournalRow, statement: Statement, message: str
) -> HalfDoneError:
    """Refuse because a setting of the session, which the rest may need, cannot be made again."""
    return HalfDoneError(
        file,
        entry,
        f"It made a setting (line {statement.line}), which went with its session and cannot be "
        f"made again: {message}\nSo no run can continue.",
        _finish_by_hand(file),
    )


def in_doubt_error(file: MigrationFile, entry: JournalRow) -> HalfDoneError:
    """Refuse because a statement that commits by itself was interrupted, or failed on its way."""
    if entry.failed:
        fact = (
            "commits by itself and failed: what it had committed by then stays, and how much "
            "that was is not known."
        )
        again = "correct it so that it may be run again, add"
    else:
        fact = "commits by itself and was interrupted: whether it took effect is not known."
        again = "If it may simply be run again, add"
    return HalfDoneError(
        file,
        entry,
        f"Statement {entry.doubt} {fact}",
        f"look what it did. {again[0].upper()}{again[1:]} -- guard: rerun = safe to {file.path}, "
        f"and run again; else {_finish_by_hand(file)}",
        f"\n    {entry.statement}",
    )


def find_changed_history(recorded: RecordedHistory) -> Refused | None:
    """Return why nothing runs where a migration changed the own tables and that was committed.

    What the history lacks since then would else count as new, and run again.
    """
    for entry in recorded.journal.values():
        if not entry.error.startswith(COMMITTED_CHANGE):
            continue
        lost = [name for name in _lost_ids(entry) if name not in recorded.rows]
        fake = f"record again what it removed: manage.py runsqlmigrations --fake {' '.join(lost)}; "
        return Refused(
            f"{entry.id} {entry.error}\nThat was committed and could not be rolled back, so the "
            "history may lack what is applied, and nothing runs until it is put right.",
            f"Next: {fake if lost else ''}see that the tables applied_migrations and "
            "migration_guard_* are as they were (manage.py runsqlmigrations --plan), and then: "
            f"manage.py repairsqlmigrations {entry.id} --mark-applied --reason TEXT (or --forget "
            "instead of --mark-applied, to run it again without that statement).",
        )
    return None


def describe_committed_change(error: Exception, lost: Collection[str]) -> str:
    """Return the journal's text of such a change; ``lost`` are the ids that it removed."""
    removed = f"{_REMOVED}{', '.join(sorted(lost))}." if lost else ""
    return f"{COMMITTED_CHANGE}: {error}.{removed}"


def _lost_ids(entry: JournalRow) -> list[str]:
    _, _, removed = entry.error.partition(_REMOVED)
    return removed.rstrip(".").split(", ") if removed else []
