"""The claim on a migration that is no single transaction: its committed entry in the journal.

It counts the statements done, with a digest of their text. Each count locks the entry first, so
that of two runs only one counts: what another has counted is never counted again.
"""

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.models import JournalEntry
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.scripts import Unit
from migration_guard.running import continuation
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.statement_work import StatementWork
from migration_guard.running.task import AppliedByAnotherError, Task
from migration_guard.sql.classify import mask_secrets, show_statement
from migration_guard.sql.lexer import fingerprint_tokens
from migration_guard.sql.statements import Statement

if TYPE_CHECKING:
    from hashlib import _Hash

# In characters: what the journal notes of a statement must itself fit into a message.
_NOTED: Final = 64 * 1024


class DonePart(NamedTuple):
    """How many statements are done, and the digest of them, which is never updated."""

    done: int
    digest: "_Hash"


class Claim:
    """The entry of one migration, as this run knows it.

    ``done_part`` goes back with the transaction in which it was counted. Where another run has the
    migration, a method raises AppliedByAnotherError.
    """

    def __init__(self, task: Task, work: StatementWork) -> None:
        self._task = task
        self._work = work
        self._journal, self._id = task.history.journal, task.script.file.id
        self.done_part = DonePart(0, hashlib.sha256())
        self._is_held = False

    def take(self) -> None:
        """Insert the entry."""
        task = self._task
        try:
            with self._work.recording():
                self._journal.open(task.script.file, task.script.total, task.environment)
                # Inserted first, then looked: who applied it meanwhile has closed its entry.
                if task.history.has(self._id):
                    raise AppliedByAnotherError
        except StatementError as error:
            task.connection.rollback()
            if error.kind is Kind.DUPLICATE:
                raise AppliedByAnotherError from error
            raise
        self._is_held = True

    def take_over(self) -> JournalRow:
        """Return the entry of an earlier run, which this one goes on with."""
        self.note()  # behind a COMMIT that was on its way when its client died
        with self._task.connection.failing():
            entry = self._journal.rows().get(self._id)
        if entry is None:
            raise AppliedByAnotherError
        self.done_part, self._is_held = self.done_part._replace(done=entry.done), True
        return entry

    def go_on(self, entry: JournalRow) -> None:
        """Run again behind what the entry counts."""
        script, vendor = self._task.script, self._task.connection.vendor
        finished = continuation.finished_units(script, entry)
        digest = continuation.digest_of(finished, script.file.text, vendor)
        self.done_part = DonePart(entry.done, digest)
        self.note(state=JournalEntry.State.RUNNING, total=script.total, error="")

    # -- each of these commits

    def note(self, **values: object) -> None:
        """Write into the entry."""
        with self._work.recording():
            self._journal.write(self._id, **values)

    def intend(self, unit: Unit, text: str, note: str) -> None:
        """Note a statement that will commit by itself, unless another run has noted it."""
        with self._work.recording():
            if self.lock().doubt:
                raise AppliedByAnotherError
            self._journal.write(self._id, doubt=unit.last, note=note, statement=text)

    def clear_doubt(self) -> None:
        """Note that nothing of the statement in doubt was done."""
        self.note(doubt=0, note="", statement="")

    def fail(self, message: str, statement: Statement | None) -> None:
        """Write a failure down, with the statement that failed if that is known."""
        values = {"state": JournalEntry.State.FAILED, "error": message}
        with self._work.recording():
            entry = self.lock() if self._is_held else None
            # A statement in doubt stays as it was noted: it is compared with the file's.
            if statement is not None and (entry is None or not entry.doubt):
                shown = show_statement(statement.text, self._task.connection.vendor)
                values["statement"] = shown[:_NOTED]
            self._journal.write(self._id, **values)

    def fail_for_good(self, message: str) -> None:
        """Write a failure down also where the statement has deleted the entry."""
        task = self._task
        if self._id not in self._journal.rows():
            with self._work.recording():
                self._journal.open(task.script.file, task.script.total, task.environment)
        self.note(state=JournalEntry.State.FAILED, error=message)

    # -- these belong to a transaction that is open

    def lock(self) -> JournalRow:
        """Return the entry, which no other run can count meanwhile, or has counted before."""
        self._journal.write(self._id)
        entry = self._journal.rows().get(self._id)
        if entry is None or entry.done != self.done_part.done:
            raise AppliedByAnotherError
        return entry

    def count(self, unit: Unit) -> None:
        """Count the statements of a unit as done."""
        self.lock()
        digest, task = self.done_part.digest.copy(), self._task
        continuation.add_to_digest(digest, unit, task.script.file.text, task.connection.vendor)
        self._journal.write(
            self._id,
            done=unit.last,
            done_digest=digest.hexdigest(),
            doubt=0,
            note="",
            statement="",
        )
        self.done_part = DonePart(unit.last, digest)

    def close(self) -> None:
        """Delete the entry, in place of which the history has a row now."""
        self._journal.close(self._id)

    # -- what the entry says of a statement

    def text_of(self, statement: Statement) -> str:
        """Return what the journal notes of a statement."""
        return mask_secrets(statement.text, self._task.connection.vendor)[:_NOTED]

    def is_text_of(self, statement: Statement, text: str) -> bool:
        """Return whether a statement is the one that was noted, but for its layout."""
        now = self.text_of(statement)
        if now == text or len(now) >= _NOTED or len(text) >= _NOTED:
            return now == text
        vendor = self._task.connection.vendor
        return list(fingerprint_tokens(now, vendor)) == list(fingerprint_tokens(text, vendor))
