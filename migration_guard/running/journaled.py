"""Applying a migration that cannot be one transaction, through the journal.

The claim is the committed journal entry. It counts the statements done, with a digest of their
text, so that the next run goes on at the statement that failed, and refuses if the part already
done was edited. Where the vendor can, a statement commits together with its count; only one that
commits by itself can be in doubt, and then the vendor's room finds out what became of it.
"""

import time
from contextlib import suppress
from typing import Final

from migration_guard.history import How
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.scripts import Unit
from migration_guard.running import continuation, half_done
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.failure_text import server_message
from migration_guard.running.history_changes import audit_order, check_changes, reads_history
from migration_guard.running.journal_claim import Claim
from migration_guard.running.own_table_rows import OwnTableRows, compare_rows
from migration_guard.running.statement_work import Effect, work_on
from migration_guard.running.task import AppliedByAnotherError, Done, HistoryChangedError, Task
from migration_guard.running.transaction import HistoryChanges
from migration_guard.sql.statements import Statement

HISTORY_CHANGED: Final = "changed the migration history"


def apply(task: Task, entry: JournalRow | None) -> Done:
    """Apply and record, going on behind what ``entry`` says is done.

    Raises StatementError (what is done stays done and counted), AppliedByAnotherError,
    HalfDoneError, HistoryChangedError.
    """
    return _Run(task).apply(entry)


class _Run:
    """One pass over one file."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.connection = task.connection
        self.work = work_on(task.connection, task.history)
        self.file = task.script.file
        self.claim = Claim(task, self.work)
        self._cleared: tuple[str, ...] = ()
        self._started = time.monotonic()
        self._recorded: Done | None = None
        # The ids in the history before the last statement that ran alone.
        self._known: set[str] = set()

    def apply(self, entry: JournalRow | None) -> Done:
        try:
            with self.connection.failing():
                self.connection.fresh()
                self.connection.limit(self.task.retries.limits)
            if entry is None:
                self.claim.take()
            self._run_units(self._resume() if entry is not None else 0)
            return self._recorded or self._finish()
        except StatementError as error:
            if error.kind is not Kind.LOST:
                self._fail(server_message(self.connection, error), error.statement)
            raise
        except HistoryChangedError as error:
            if error.committed:
                self._remember(error)
            else:
                self._fail(f"{HISTORY_CHANGED}: {error}", None)
            raise
        finally:
            with suppress(StatementError, self.connection.driver_error):
                self.connection.rollback()
                self.connection.clean()

    # -- where to begin

    def _resume(self) -> int:
        """Check what is done against the file, and bring the session to where it was."""
        script, entry = self.task.script, self.claim.take_over()
        if obstacle := continuation.find_obstacle(self.work, script, entry):
            raise obstacle
        self.claim.go_on(entry)
        continuation.restore_session(self.connection, script, entry)
        return self._settle_doubt(entry) if entry.doubt else entry.done

    def _settle_doubt(self, entry: JournalRow) -> int:
        """Find out what became of the interrupted statement; return the count of those done."""
        effect = self.task.retries.run(lambda: self._effect(entry))
        unit = next((unit for unit in self.task.script.units if unit.first > entry.done), None)
        if unit is not None and self.claim.is_text_of(unit.statements[0], entry.statement):
            if effect is Effect.HALF_DONE:
                self._finish_statement(unit, entry)
            if effect in (Effect.DONE, Effect.HALF_DONE):
                self._count(unit, self._ids(), self.work.look())
                return unit.last
        elif effect is Effect.HALF_DONE:
            effect = Effect.NOT_DONE  # another statement stands there now, and it runs
        if effect is Effect.NOT_DONE or self.file.directives.rerun_safe:
            self.claim.clear_doubt()
            return entry.done
        raise half_done.in_doubt_error(self.file, entry)

    def _finish_statement(self, unit: Unit, entry: JournalRow) -> None:
        self.task.step(unit.all_statements[0])

        def attempt() -> None:
            with self.connection.failing(unit.statements[0]):
                self.work.finish(entry.statement, entry.note)

        self.task.retries.run(attempt)

    def _effect(self, entry: JournalRow) -> Effect:
        with self.connection.failing():
            return self.work.what_became_of(entry.statement, entry.note, failed=False)

    # -- units

    def _run_units(self, done: int) -> None:
        """Run what comes behind statement ``done``, and check what the file as a whole left."""
        units = self.task.script.units
        finished = [unit for unit in units if unit.last <= done]
        done_statements = [statement for unit in finished for statement in unit.statements]
        self.work.remember_start(done_statements, self.task.script.statements)
        if self.task.script.session is not None:
            self.connection.run(self.task.script.session, self.file.text, self.task.step)
        for unit in units[len(finished) :]:
            self._run_unit(unit)
        self.work.check_end(self.task.script.statements)

    def _run_unit(self, unit: Unit) -> None:
        """Run one unit together with its count, or alone if it cannot run in a transaction."""
        self.task.step(unit.all_statements[0])
        if not self.work.runs_alone(unit):
            try:
                self.task.retries.run(lambda: self._run_in_transaction(unit))
            except StatementError as error:
                if self.work.is_ours_to_retry(error):
                    self._run_unit(unit)
                    return
                is_single = len(unit.statements) == 1 and unit.modes is None
                if error.kind is not Kind.ALONE or not is_single:
                    raise
            else:
                return
        self._run_alone(unit)

    def _run_in_transaction(self, unit: Unit) -> None:
        done_part, tracer = self.claim.done_part, self.connection.tracer
        with self.connection.failing():
            outlives = self.work.outlives_rollback(unit)
        if outlives:
            text = self.claim.text_of(unit.statements[0])
            with self.connection.failing():
                note = self.work.note_before(text)
            self.claim.intend(unit, text, note)
        try:
            if unit.modes is not None:  # its snapshot may hide that another run was faster
                with self.work.recording():
                    self.claim.lock()
            with self.connection.failing():
                before = self._ids()
                if tracer is not None and unit.modes is not None:
                    tracer.begin()  # within, it would take the snapshot
                self.work.begin(unit)
                if tracer is not None and unit.modes is None:
                    tracer.begin()
            self.work.run(unit, self.file.text, self.task.step)
            with self.connection.failing():
                if tracer is not None:
                    tracer.end()
                self._cleared += self._check_changes(self.work.changes(), before)
                self.claim.count(unit)
                if unit.modes is not None and unit.last == self.task.script.total:
                    self._recorded = self._record()
                with self.connection.committing():
                    self.connection.commit()
            if tracer is not None:
                tracer.commit()
        except BaseException as error:
            self.claim.done_part = done_part
            with suppress(Exception):
                self.connection.rollback()
            if outlives and isinstance(error, StatementError):
                self._settle_writes(unit, error)
            raise

    def _settle_writes(self, unit: Unit, error: StatementError) -> None:
        """Clear the doubt about what no rollback undoes, where surely nothing was written."""
        if error.statement is unit.statements[0] and self.work.never_began(error):
            with suppress(StatementError):
                self.claim.clear_doubt()
        elif error.kind is not Kind.LOST:
            error.kind = Kind.OTHER  # never again by itself

    def _run_alone(self, unit: Unit) -> None:
        """Note the intent, run the statement, and count it; a kill in between leaves a doubt."""
        statement = unit.statements[0]
        text = self.claim.text_of(statement)
        with self.connection.failing():
            ids = self._ids()
        rows = OwnTableRows({}, {})

        def attempt() -> None:
            nonlocal rows
            with self.connection.failing(statement):
                before = self.work.note_before(text)
            self.claim.intend(unit, text, before)
            with self.connection.failing():
                rows = self.work.look()
                self._known = set(rows.history) or ids
            try:
                self.work.run_alone(unit, self.file.text, self.file.directives.lock_timeout)
            except StatementError as error:
                if error.kind is not Kind.LOST:
                    with suppress(StatementError), self.connection.failing():
                        error.remains = self.work.describe_remains(text, before)
                    if not self._settle_failure(text, before):
                        # It may have committed a part: never again by itself.
                        error.kind = Kind.OTHER
                raise

        # One that fails half done is not tried again, so each attempt may be the last.
        self.task.retries.run(attempt, watch=self.file.directives.lock_timeout is not None)
        self._count(unit, ids, rows)

    def _settle_failure(self, text: str, before: str) -> bool:
        """Clear what a failed statement left, and the doubt unless it may have committed.

        Returns whether surely nothing of it was done.
        """
        with suppress(StatementError):
            with self.connection.failing():
                effect = self.work.what_became_of(text, before, failed=True)
            if effect is Effect.NOT_DONE:
                self.claim.clear_doubt()
                return True
        return False

    # -- the journal

    def _count(self, unit: Unit, before: set[str], rows: OwnTableRows) -> None:
        """Count a unit that committed by itself, unless it changed the own tables."""
        try:
            # Behind BEGIN, which also ends LOCK TABLES.
            with self.work.recording():
                changes = compare_rows(rows, self.work.look())
                self._check_changes(changes, before, alone=True)
                self.claim.count(unit)
        except HistoryChangedError as error:
            error.committed = True
            raise

    def _check_changes(
        self, changes: HistoryChanges, before: set[str], *, alone: bool = False
    ) -> tuple[str, ...]:
        """Check what a unit changed, unless another run did it, which then has this migration."""
        if any(changes) and self.task.history.has(self.file.id):
            raise AppliedByAnotherError
        cleared = check_changes(self.task, changes, before)
        if alone and changes.deleted:
            raise HistoryChangedError("a statement that commits by itself deleted rows there")
        return cleared

    # -- the end

    def _ids(self) -> set[str]:
        """Return the ids in the history, where they must be compared."""
        return self.task.history.ids() if reads_history(self.task.script) else set()

    def _finish(self) -> Done:
        """Turn the journal entry into the history row, in one transaction."""
        self.connection.fresh()
        with self.connection.failing():
            self.connection.limit(self.task.retries.limits)
        with self.work.recording():
            self.claim.lock()
            return self._record()

    def _record(self) -> Done:
        """Write the history row in place of the journal entry."""
        history = self.task.history
        duration = round((time.monotonic() - self._started) * 1000)
        applied_at = history.record(
            self.file,
            self.task.fingerprint,
            self.task.environment,
            How.RUN,
            duration,
            self.task.after,
        )
        audit_order(self.task)
        self.claim.close()
        return Done(applied_at, duration, self._cleared)

    def _remember(self, error: HistoryChangedError) -> None:
        """Write down a change that was committed, so that the next run does not begin anew."""
        self.connection.rollback()
        with suppress(StatementError, self.connection.driver_error):
            self.connection.fresh()
            lost = self._known - self.task.history.ids()
            self.claim.fail_for_good(half_done.describe_committed_change(error, lost))

    def _fail(self, error: str, statement: Statement | None) -> None:
        """Write the failure down; if the connection is lost, the entry stays ``running``.

        Raises AppliedByAnotherError where the statement met what another run had done meanwhile.
        """
        self.connection.rollback()
        with suppress(StatementError, self.connection.driver_error):
            self.connection.fresh()
            self.connection.limit(self.task.retries.limits)
            self.claim.fail(error, statement)
