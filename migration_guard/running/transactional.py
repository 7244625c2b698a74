"""One migration, one transaction: applied and recorded, or neither.

The history row is inserted first (the claim: a unique violation means that another process was
faster) and completed last. What a lock time-out rolled back is tried again.
"""

from contextlib import suppress
from typing import Final

from django.db import DatabaseError

from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.history_changes import audit_order, check_changes, reads_history
from migration_guard.running.task import AppliedByAnotherError, Done, HistoryChangedError, Task
from migration_guard.running.transaction import MigrationTransaction, transaction_on

_CLAIM_GONE: Final = "it removed its own marker, or ended the runner's transaction"


def apply(task: Task) -> Done:
    """Apply and record; raise StatementError with everything rolled back.

    Raises AppliedByAnotherError, HistoryChangedError.
    """
    transaction = transaction_on(task.connection, task.history)
    return task.retries.run(lambda: _attempt(task, transaction))


def _attempt(task: Task, transaction: MigrationTransaction) -> Done:
    tracer = task.connection.tracer
    try:
        with task.connection.failing():
            done = _work(task, transaction)
        _commit(task, transaction)
        if tracer is not None:
            tracer.commit()
    except StatementError as error:
        is_lost = error.kind is Kind.LOST
        is_fault_of_tracer = tracer is not None and not is_lost and tracer.is_at_fault()
        transaction.rollback()
        if transaction.is_ours_to_retry(error) or is_fault_of_tracer:
            return _attempt(task, transaction)
        # A duplicate is the claim, unless it was a deferred constraint of the file's own.
        is_claim = error.kind is Kind.DUPLICATE and error.statement is None
        if is_claim and task.script.file.id in task.history.ids():
            raise AppliedByAnotherError from error
        raise
    except BaseException:
        with suppress(Exception):
            task.connection.rollback()
        raise
    return done


def _work(task: Task, transaction: MigrationTransaction) -> Done:
    """Do all but the commit."""
    script, history = task.script, task.history
    limits = transaction.set_up_session(script, task.retries.limits, task.step)
    transaction.open(limits, together=script.small and not task.stepwise)
    transaction.claim(script.file, task.fingerprint, task.environment)
    before = history.ids() if reads_history(script) else set()
    tracer = task.connection.tracer
    if tracer is not None:
        tracer.begin()
    transaction.run(script, task.step)
    if tracer is not None:
        tracer.end()
    completed = transaction.complete(script.file.id, task.after)
    if completed is None:
        raise HistoryChangedError(_CLAIM_GONE)
    cleared = check_changes(task, transaction.changes(), before)
    audit_order(task)
    return Done(*completed, cleared)


def _commit(task: Task, transaction: MigrationTransaction) -> None:
    try:
        with task.connection.committing():
            transaction.commit()
    except StatementError:
        if not _is_recorded(task):  # else what failed came behind it, and shows itself later
            raise


def _is_recorded(task: Task) -> bool:
    """Return whether the claim is committed; False where a lost connection cannot say."""
    with suppress(task.connection.driver_error, DatabaseError):
        task.connection.rollback()
        return task.script.file.id in task.history.ids()
    return False
