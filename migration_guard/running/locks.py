"""Waiting for the run lock, with a word about who holds it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from migration_guard.exceptions import Refused
from migration_guard.running.events import Observer, Waiting
from migration_guard.running.session import RunLock

# Between two tries, in seconds.
POLL = 0.2
# The lock's connection is looked at between migrations, but not more often than this (seconds).
CHECK_EVERY = 1.0


class Held:
    """A run lock that is held; ``check`` raises Refused once it is lost."""

    def __init__(self, lock: RunLock) -> None:
        self._lock = lock
        self._checked = time.monotonic()

    def suspect(self) -> None:
        """Another run was at work meanwhile: look at the next check, however soon it comes."""
        self._checked = float("-inf")

    def check(self) -> None:
        """Make sure that the lock is still ours."""
        if time.monotonic() - self._checked < CHECK_EVERY:
            return
        if not self._lock.held():
            raise Refused(
                "The run lock was lost: its connection has ended. What was applied stays applied.",
                "Run manage.py runsqlmigrations again.",
            )
        self._checked = time.monotonic()


@contextmanager
def holding(lock: RunLock, wait: float, observe: Observer) -> Iterator[Held]:
    """Hold ``lock``, waiting up to ``wait`` seconds; raise Refused if it stays taken."""
    try:
        deadline = time.monotonic() + wait
        told = ""
        while not lock.try_acquire():
            holder = lock.holder() or "holder unknown"
            if time.monotonic() >= deadline:
                raise Refused(
                    f"Another run of the SQL migrations holds the run lock: {holder}. "
                    f"Gave up after {wait:g} s; nothing was changed.",
                    "Wait for it, or look what it does; it gives the lock back when it ends.",
                )
            if holder != told:
                observe(Waiting(holder))
                told = holder
            time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
        yield Held(lock)
    finally:
        lock.release()
