"""A migration that cannot be one transaction: statement by statement, through the journal.

The claim is the committed journal entry. It counts the statements done, with a digest of their
text, so that the next run goes on at the statement that failed, and refuses if the part already
done was edited. Where the vendor can, a statement commits together with its count; only one that
commits by itself can be in doubt, and then the vendor's session looks what became of it.
"""

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress

from migration_guard.history import How
from migration_guard.models import JournalEntry
from migration_guard.planning.digests import feed
from migration_guard.planning.history_rows import HistoryRow, JournalRow
from migration_guard.planning.preflight import Unit
from migration_guard.running import half_done
from migration_guard.running.failures import server_message
from migration_guard.running.session import Doubt, Kind, StatementError
from migration_guard.running.transactional import (
    AppliedByAnotherError,
    Done,
    HistoryChangedError,
    Task,
    audit_order,
    check_writes,
    reads_history,
    with_lock_retries,
)
from migration_guard.sql.classify import is_session, makes_temporary, mask_secrets, words
from migration_guard.sql.lexer import normalized
from migration_guard.sql.statements import Statement

HISTORY_CHANGED = "changed the migration history"
# First words of statements that run code, which may write what it likes and commit on its way.
_CODE = {"CALL", "DO", "EXECUTE", "PREPARE"}


def apply(task: Task, entry: JournalRow | None) -> Done:
    """Apply and record, going on behind what ``entry`` says is done.

    Raises StatementError (what is done stays done and counted), AppliedByAnotherError,
    HalfDoneError, HistoryChangedError.
    """
    return _Run(task).apply(entry)


class _Run:
    """One pass over one file; ``_digest`` is that of the statements done."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.session = task.session
        self.file = task.script.file
        self._digest = hashlib.sha256()
        self._cleared: tuple[str, ...] = ()
        self._done = 0
        self._ours = False

    def apply(self, entry: JournalRow | None) -> Done:
        started = time.monotonic()
        before = self.task.history.rows() if self._opaque() else None
        try:
            with self.session.failing():
                self.session.fresh()
                self.session.limit(
                    self.task.limits.lock_timeout, self.task.limits.statement_timeout
                )
            if entry is None:
                self._claim()
            done = self._resume(entry) if entry is not None else 0
            for unit in self.task.script.units:
                if unit.last > done:
                    self._run_unit(unit)
            return self._finish(before, started)
        except StatementError as error:
            if error.kind is not Kind.LOST:
                self._fail(server_message(self.session, error), error.statement)
            raise
        except HistoryChangedError as error:
            self._fail(f"{HISTORY_CHANGED}: {error}", None)
            raise
        finally:
            with suppress(StatementError, self.session.driver_error):
                self.session.rollback()
                self.session.clean()

    # -- where to begin

    def _claim(self) -> None:
        script = self.task.script
        try:
            with self.session.failing():
                self.session.begin()
                self.task.history.journal_open(script.file, script.total, self.task.environment)
                # Inserted first, then looked: who applied it meanwhile has closed its entry.
                if script.file.id in self.task.history.ids():
                    self.session.rollback()
                    raise AppliedByAnotherError
                self.session.commit()
        except StatementError as error:
            self.session.rollback()
            if error.kind is Kind.DUPLICATE:
                raise AppliedByAnotherError from error
            raise
        self._ours = True

    def _resume(self, entry: JournalRow) -> int:
        """Check what is done against the file, and bring the session to where it was."""
        entry = self._settled(entry)
        self._done, self._ours = entry.done, True
        units = self.task.script.units
        if entry.done == self.task.script.total and entry.error.startswith(HISTORY_CHANGED):
            raise half_done.changed_history(self.task, entry)
        finished = [unit for unit in units if unit.last <= entry.done]
        for unit in finished:
            self._digest_unit(unit)
        at_edge = entry.done in {0, *(unit.last for unit in units)}
        if not at_edge or (entry.done and self._digest.hexdigest() != entry.done_digest):
            raise half_done.edited(self.task, entry)
        vendor = self.session.vendor
        statements = [statement for unit in finished for statement in unit.statements]
        for statement in statements:
            if makes_temporary(statement.text, vendor):
                raise half_done.session_lost(self.task, entry, statement, "made a temporary table")
        rest = [one for unit in units if unit.last > entry.done for one in unit.statements]
        if lost := self.session.unrepeatable(statements, rest):
            raise half_done.session_lost(self.task, entry, *lost)
        self._note(state=JournalEntry.State.RUNNING, total=self.task.script.total, error="")
        for statement in statements:
            if is_session(statement.text, vendor):
                with self.session.failing(statement):
                    self.session.execute(statement, self.file.text)
        return self._settle_doubt(entry) if entry.doubt else entry.done

    def _settled(self, entry: JournalRow) -> JournalRow:
        """Read the entry again, behind a COMMIT that was on its way when its client died."""
        self._note()
        with self.session.failing():
            found = self.task.history.journal().get(entry.id)
        if found is None:
            raise AppliedByAnotherError
        return found

    def _settle_doubt(self, entry: JournalRow) -> int:
        """Find out what became of the statement that was interrupted; return what is done."""
        became = with_lock_retries(self.task, lambda: self._became(entry))
        unit = next((unit for unit in self.task.script.units if unit.first > entry.done), None)
        same = unit is not None and self._masked(unit.statements[0]) == entry.statement
        if became is Doubt.DONE and unit is not None and same:
            self._count(unit, self._ids())
            return unit.last
        if became is Doubt.NOT_DONE or self.file.directives.rerun_safe:
            self._note(doubt=0, note="", statement="")
            return entry.done
        raise half_done.in_doubt(self.task, entry)

    def _became(self, entry: JournalRow) -> Doubt:
        with self.session.failing():
            return self.session.mend(entry.statement, entry.note, failed=False)

    # -- units

    def _run_unit(self, unit: Unit) -> None:
        """Run one unit together with its count, or alone if it cannot run in a transaction."""
        self.task.step(unit.first)
        if not self.session.runs_alone(unit):
            try:
                with_lock_retries(self.task, lambda: self._run_counted(unit))
            except StatementError as error:
                if error.kind is not Kind.ALONE or len(unit.statements) > 1:
                    raise
            else:
                return
        self._run_alone(unit)

    def _run_counted(self, unit: Unit) -> None:
        digest, done = self._digest.copy(), self._done
        try:
            with self.session.failing():
                self.session.begin()
                before = self._ids()
                self.session.watch(self.task.history.table)
            self.session.run(
                unit, self.file.text, lambda number: self.task.step(unit.first + number - 1)
            )
            with self.session.failing():
                self.session.as_owner()
                self._cleared += check_writes(self.task, before)
                self._count_row(unit)
                self.session.commit()
        except BaseException:
            self._digest, self._done = digest, done
            with suppress(Exception):
                self.session.rollback()
            raise

    def _run_alone(self, unit: Unit) -> None:
        """Note the intent, run, check, count: a kill in between leaves a doubt, not a lie."""
        statement = unit.statements[0]
        text = self._masked(statement)
        with self.session.failing():
            ids = self._ids()

        def attempt() -> None:
            with self.session.failing(statement):
                before = self.session.before_alone(text)
            self._intend(doubt=unit.last, note=before, statement=text)
            try:
                with self.session.waiting(self.file.directives.lock_timeout):
                    self.session.run(unit, self.file.text, lambda _: None)
            except StatementError as error:
                if error.kind is not Kind.LOST and not self._settle_failure(text, before):
                    # It may have committed a part: never again by itself.
                    error.kind = Kind.OTHER
                raise

        with_lock_retries(self.task, attempt)
        self._count(unit, ids)

    def _settle_failure(self, text: str, before: str) -> bool:
        """Clear what a failed statement left; if it may have committed, keep the doubt.

        Returns whether it is certain that nothing of it was done.
        """
        with suppress(StatementError):
            with self.session.failing():
                became = self.session.mend(text, before, failed=True)
            if became is Doubt.NOT_DONE:
                self._note(doubt=0, note="", statement="")
                return True
        return False

    # -- the journal

    def _note(self, **values: object) -> None:
        with self.session.failing():
            self.session.begin()
            self.session.as_owner()
            self.task.history.journal_write(self.file.id, **values)
            self.session.commit()

    def _intend(self, **values: object) -> None:
        """Note a statement that will run alone, unless another run has noted or counted it."""
        with self.session.failing():
            self.session.begin()
            self.session.as_owner()
            if self._still_ours().doubt:
                raise AppliedByAnotherError
            self.task.history.journal_write(self.file.id, **values)
            self.session.commit()

    def _count(self, unit: Unit, before: set[str]) -> None:
        with self.session.failing():
            self.session.begin()
            self.session.as_owner()
            self._cleared += check_writes(self.task, before)
            self._count_row(unit)
            self.session.commit()

    def _still_ours(self) -> JournalRow:
        """Lock the entry, and see that no other run has counted on; else roll back."""
        self.task.history.journal_write(self.file.id)
        entry = self.task.history.journal().get(self.file.id)
        if entry is None or entry.done != self._done:
            raise AppliedByAnotherError
        return entry

    def _count_row(self, unit: Unit) -> None:
        self._still_ours()
        self._digest_unit(unit)
        self.task.history.journal_write(
            self.file.id,
            done=unit.last,
            done_digest=self._digest.hexdigest(),
            doubt=0,
            note="",
            statement="",
        )
        self._done = unit.last

    def _digest_unit(self, unit: Unit) -> None:
        """Add to the digest what the database sees of the statements: no comments, no space."""
        for statement in unit.statements:
            tokens = "\0".join((*normalized(statement.text, self.session.vendor), ""))
            self._digest.update(f"{tokens}\0".encode())
            if statement.data:
                feed(self._digest, self.file.text[slice(*statement.data)])
            self._digest.update(b"\0")

    def _masked(self, statement: Statement) -> str:
        return mask_secrets(statement.text, self.session.vendor)

    # -- the end

    def _ids(self) -> set[str]:
        """Return the ids in the history, where they must be compared."""
        return self.task.history.ids() if reads_history(self.task.script) else set()

    def _opaque(self) -> bool:
        """Tell whether the file has code whose writes no transaction of ours can count."""
        if reads_history(self.task.script):
            return False
        vendor = self.session.vendor
        firsts = {"".join(words(one.text, vendor, 1)) for one in self.task.script.statements}
        return bool(firsts & _CODE)

    def _finish(self, before: Mapping[str, HistoryRow] | None, started: float) -> Done:
        """Turn the journal entry into the history row, in one transaction."""
        history = self.task.history
        self.session.fresh()
        with self.session.failing():
            self.session.begin()
            self._still_ours()
            if before is not None and history.rows() != before:
                raise HistoryChangedError("it changed rows there")
            duration = round((time.monotonic() - started) * 1000)
            applied_at = history.record(
                self.file,
                self.task.fingerprint,
                self.task.environment,
                How.RUN,
                duration,
                self.task.after,
            )
            audit_order(self.task)
            history.journal_close(self.file.id)
            self.session.commit()
        return Done(applied_at, duration, self._cleared)

    def _fail(self, error: str, statement: Statement | None) -> None:
        """Write the failure down; with the connection gone, the entry stays `running`.

        Raises AppliedByAnotherError where the statement met what another run had done meanwhile.
        """
        self.session.rollback()
        values = {"state": JournalEntry.State.FAILED, "error": error}
        if statement is not None:
            values["statement"] = self._masked(statement)
        with suppress(StatementError, self.session.driver_error):
            self.session.fresh()
            with self.session.failing():
                self.session.begin()
                self.session.as_owner()
                if self._ours:
                    self._still_ours()
                self.task.history.journal_write(self.file.id, **values)
                self.session.commit()
