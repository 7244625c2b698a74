"""The proof that a run which plans again has come further, so that it ends.

Another process that applies a migration, or counts its statements, moves the history or the
journal. A migration that clears markers does so once: two of them could clear each other forever.
"""

from collections.abc import Sequence

from migration_guard.exceptions import Refused
from migration_guard.planning.history_rows import JournalRow, RecordedHistory
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Planned


class NoProgressError(Refused):
    """A run would go round in a circle; the message says where."""


class Progress:
    """What the rounds of one run have seen, by migration id."""

    def __init__(self) -> None:
        self._entries: dict[str, set[JournalRow]] = {}
        self._clearing: set[str] = set()

    def begin(self, planned: Planned, applied: Sequence[str]) -> None:
        """Remember the journal entry with which a migration begins.

        Raises NoProgressError if the migration has removed markers in this run already.
        """
        if planned.id in self._clearing:
            raise NoProgressError(
                f"{planned.id} removed markers of other migrations in this run, and one of those "
                f"removed its marker in turn: applied again, they would clear each other forever. "
                f"The run has stopped before it.\nApplied in this run: {list_ids(applied)}.",
                f"Next: let at most one of these migrations remove markers, and for {planned.id}, "
                "whose statements are done: manage.py repairsqlmigrations "
                f"{planned.id} --mark-applied --reason TEXT.",
            )
        if planned.entry is not None:
            self._entries.setdefault(planned.id, set()).add(planned.entry)

    def check(self, planned: Planned, recorded: RecordedHistory, applied: Sequence[str]) -> None:
        """Raise NoProgressError unless the round that ended at ``planned`` came further."""
        if applied and applied[-1] == planned.id:
            self._clearing.add(planned.id)
            return
        entry = recorded.journal.get(planned.id)
        has_moved = entry is not None and entry not in self._entries.get(planned.id, ())
        if planned.id in recorded.rows or has_moved:
            return
        done = f"{entry.done} of {entry.total} statements" if entry else "no statement"
        raise NoProgressError(
            f"{planned.id} was taken for applied by another process, but neither the history nor "
            f"the journal has moved: {planned.id} is not applied, and the journal counts {done} of "
            "it as done. Its own statements may have changed the app's tables, or its entry was "
            "deleted meanwhile. The run has stopped instead of trying forever.\n"
            f"Applied before it in this run: {list_ids(applied) or 'none'}.",
            f"Next: see that {planned.file.path if planned.file else planned.id} leaves the tables "
            "applied_migrations and migration_guard_* alone and that no other run is at work, and "
            "run manage.py runsqlmigrations again.",
        )
