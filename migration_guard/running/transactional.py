"""One migration, one transaction: applied and recorded, or neither.

The history row is inserted first (the claim: a unique violation means that another process was
faster) and completed last. What a lock time-out rolled back is tried again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import DatabaseError

from migration_guard.conf import Conf
from migration_guard.history import CLEARED, History, Rows
from migration_guard.planning.directives import Directives
from migration_guard.planning.preflight import Script, excludes_production
from migration_guard.running.session import (
    Kind,
    Session,
    StatementError,
    Writes,
)

MAX_DELAY = 5.0
_CLAIM_GONE = "it removed its own marker, or ended the runner's transaction"
Outcome = TypeVar("Outcome")


class Limits(NamedTuple):
    """The time-outs of one migration in seconds (None: no limit), and how often a lock is tried."""

    lock_timeout: float | None
    statement_timeout: float | None
    lock_retries: int

    @classmethod
    def of(cls, directives: Directives, loaded: Conf) -> "Limits":
        """Take what the file says (0: no limit), else what the setting says."""
        return cls(
            _either(directives.lock_timeout, loaded.lock_timeout),
            _either(directives.statement_timeout, loaded.statement_timeout),
            loaded.lock_retries,
        )


class Done(NamedTuple):
    """A migration is applied; ``cleared`` are the ids whose markers it removed."""

    applied_at: datetime
    duration_ms: int
    cleared: tuple[str, ...] = ()


class HistoryChangedError(Exception):
    """A migration did to the history what it may not do; it was rolled back."""


class AppliedByAnotherError(Exception):
    """Another process holds or has the claim of this migration."""


class Task(NamedTuple):
    """One migration to apply, with all that it takes; ``after`` is the last time in this run.

    ``out_of_order``: it runs after a higher number because the operator said so, which is audited.
    ``stepwise``: wait for each statement before the next is sent.
    """

    session: Session
    history: History
    script: Script
    fingerprint: str
    environment: str
    limits: Limits
    after: datetime | None
    out_of_order: bool
    stepwise: bool
    step: Callable[[int], None]
    retrying: Callable[[int, float, str], None]


def apply(task: Task) -> Done:
    """Apply and record; raise StatementError with everything rolled back.

    Raises AppliedByAnotherError, HistoryChangedError.
    """
    return with_lock_retries(task, lambda: _attempt(task))


def with_lock_retries(task: Task, attempt: Callable[[], Outcome]) -> Outcome:
    """Call ``attempt`` until no lock stands in its way, with back-off, as often as the limits say.

    While the last attempt waits, another thread looks who blocks it: ``error.blockers``.
    """
    attempts = task.limits.lock_retries + 1
    for number in range(1, attempts):
        try:
            return attempt()
        except StatementError as error:
            if error.kind is not Kind.LOCKED:
                raise
            # Jitter, so that two that block each other do not meet again.
            delay = min(0.1 * 2**number, MAX_DELAY) * random.uniform(0.5, 1.0)  # noqa: S311
            task.retrying(number, delay, task.session.message(error.error).splitlines()[0])
            time.sleep(delay)
    with _blockers(task) as seen:
        try:
            return attempt()
        except StatementError as error:
            error.blockers = "\n".join(seen)
            raise


def check_writes(task: Task, before: set[str]) -> tuple[str, ...]:
    """Return the ids whose markers this transaction removed, after writing them to the audit.

    ``before`` are the ids in the history before it. Raises HistoryChangedError where it changed
    what it may not: anything in a file that may run in production, and in others anything but
    removing markers of other migrations.
    """
    file, history = task.script.file, task.history
    writes = task.session.writes(history.table)
    if not (reads_history(task.script) if writes is None else any(writes)):
        return ()
    if not excludes_production(file) and writes is not None:
        raise HistoryChangedError(_described(writes))
    after = history.ids()
    cleared = tuple(sorted(before - after))
    if after - before - {file.id} or (writes is not None and (writes.inserted or writes.updated)):
        raise HistoryChangedError("it inserted or updated rows there")
    if cleared and not excludes_production(file):
        raise HistoryChangedError("it deleted rows there")
    for migration_id in cleared:
        history.audit(CLEARED, migration_id, f"cleared by {file.id}, to be applied again")
    return cleared


def audit_order(task: Task) -> None:
    """Write down that the migration runs after a higher number because the operator said so."""
    if task.out_of_order:
        task.history.audit("out-of-order", task.script.file.id, "--allow-out-of-order")


def _either(directive: float | None, setting: float | None) -> float | None:
    return setting if directive is None else directive or None


def _described(writes: Writes) -> str:
    verbs = [verb for verb, count in zip(Writes._fields, writes, strict=True) if count]
    return f"it {' and '.join(verbs)} rows there"


def reads_history(script: Script) -> bool:
    """Tell whether the ids in the history must be compared before and after the file."""
    return script.touches_history or excludes_production(script.file)


def _attempt(task: Task) -> Done:
    started = time.monotonic()
    try:
        before, answer = _work(task)
        with task.session.failing():
            completed = _completed(task, answer) if answer else None
            if answer is None:
                _check_claim(task)
            cleared = check_writes(task, before)
            audit_order(task)
            applied_at, duration = completed or _complete(task, started)
        _commit(task)
    except StatementError as error:
        task.session.rollback()
        task.session.clean()
        if task.session.is_fault_of_ours(error):
            return _attempt(task)
        # A duplicate is the claim, unless it was a deferred constraint of the file's own.
        claim = error.kind is Kind.DUPLICATE and error.statement is None
        if claim and task.script.file.id in task.history.ids():
            raise AppliedByAnotherError from error
        raise
    except BaseException:
        with suppress(Exception):
            task.session.rollback()
        raise
    return Done(applied_at, duration, cleared)


def _work(task: Task) -> tuple[set[str], Callable[[], Rows] | None]:
    """Claim and run; return the ids that were in the history before, where they matter.

    And, where one statement can do it, complete the claim: then its answer too.
    """
    session, script, history = task.session, task.script, task.history
    with session.batch() if script.small and not task.stepwise else nullcontext():
        before = _fill(task)
        if not session.completes_at_once:
            return before, None
        with session.failing():
            return before, session.complete(*history.completion(script.file.id, task.after))


def _fill(task: Task) -> set[str]:
    """Claim, run and settle; return the ids that were in the history before, where they matter."""
    session, script, history = task.session, task.script, task.history
    before: set[str] = set()
    with session.failing():
        session.begin_limited(task.limits.lock_timeout, task.limits.statement_timeout)
        claim = history.claim(script.file, task.fingerprint, task.environment)
        session.claim(history.table, *claim)
        if reads_history(script):
            before = history.ids()
    for unit in script.units:
        session.run(unit, script.file.text, task.step)
    with session.failing():
        session.settle()
    return before


def _completed(task: Task, answer: Callable[[], Rows]) -> tuple[datetime, int]:
    rows = answer()
    if not rows:
        raise HistoryChangedError(_CLAIM_GONE)
    return task.history.completed(rows[0])


def _complete(task: Task, started: float) -> tuple[datetime, int]:
    duration = round((time.monotonic() - started) * 1000)
    return task.history.complete(task.script.file.id, duration, task.after), duration


def _check_claim(task: Task) -> None:
    if not task.session.claimed(task.history.table, task.script.file.id):
        raise HistoryChangedError(_CLAIM_GONE)


def _commit(task: Task) -> None:
    try:
        with task.session.failing():
            task.session.finish()
    except StatementError as error:
        if _is_recorded(task):  # what failed came behind it, and shows itself at the next step
            return
        error.committing = True
        raise


def _is_recorded(task: Task) -> bool:
    """Tell whether the claim is committed; a connection that is lost cannot tell."""
    with suppress(task.session.driver_error, DatabaseError):
        task.session.rollback()
        return task.script.file.id in task.history.ids()
    return False


@contextmanager
def _blockers(task: Task) -> Iterator[list[str]]:
    """Collect the sessions that block this one; the last ones seen remain."""
    seen: list[str] = []
    stop = threading.Event()

    def look() -> None:
        pause = (task.limits.lock_timeout or 1.0) / 4
        while not stop.wait(pause):
            # Without a connection to spare, the message has to do without the blockers.
            with suppress(DatabaseError, task.session.driver_error):
                found = task.session.blockers()
                if found:
                    seen[:] = [found]

    thread = threading.Thread(target=look, name="migration_guard blockers", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
