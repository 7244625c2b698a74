"""The run lock, and waiting for it with a word about who holds it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import Refused
from migration_guard.running.connection import Connection
from migration_guard.running.events import Observer, Waiting
from migration_guard.vendors import VENDORS, load

# Between two tries, in seconds.
POLL: Final = 0.2
# The lock's connection is looked at between migrations, but not more often than this (seconds).
CHECK_EVERY: Final = 1.0


class Holder(NamedTuple):
    """Who holds the run lock and since when, and the SQL that ends its session, where known.

    ``is_run`` is False for a program whose lock on the database keeps a run out.
    """

    session: str = ""
    ending: str = ""
    is_run: bool = True


class RunLock(ABC):
    """The lock that makes concurrent runs wait for one another in an orderly way.

    Correctness does not rest on it: each migration is claimed by a unique key as well.
    """

    @staticmethod
    def find_barrier(wrapper: BaseDatabaseWrapper) -> Holder | None:  # noqa: ARG004
        """Return what keeps a new connection from being opened, None where nothing does."""
        return None

    @abstractmethod
    def try_acquire(self) -> bool:
        """Take the lock if it is free."""

    @abstractmethod
    def holder(self) -> Holder:
        """Describe who holds it, as far as the vendor knows."""

    @abstractmethod
    def is_held(self) -> bool:
        """Return whether this process still holds it; False too where no answer comes in time."""

    @abstractmethod
    def release(self) -> None:
        """Give it back and close its connection."""

    @abstractmethod
    def blockers(self) -> str:
        """Describe the sessions that block the run's connection now.

        It is called from another thread while the run's connection waits.
        """


def run_lock(connection: Connection) -> RunLock:
    """Return the run lock of this database, not yet taken."""
    with connection.failing():
        lock: RunLock = load(VENDORS[connection.vendor].run_lock)(connection)
    return lock


class HeldLock:
    """A run lock that is held; ``check`` raises Refused once it is lost."""

    def __init__(self, lock: RunLock) -> None:
        self._lock = lock
        self._checked = time.monotonic()

    def suspect(self) -> None:
        """Make the next check look at the connection, because another run was at work."""
        self._checked = float("-inf")

    def check(self) -> None:
        """Raise Refused if the lock is lost."""
        if time.monotonic() - self._checked < CHECK_EVERY:
            return
        if not self._lock.is_held():
            raise Refused(
                "The run lock was lost: its connection has ended, or gives no answer. What was "
                "applied stays applied.",
                "Run manage.py runsqlmigrations again.",
            )
        self._checked = time.monotonic()


@contextmanager
def hold(lock: RunLock, wait: float, observe: Observer) -> Iterator[HeldLock]:
    """Hold ``lock``, waiting up to ``wait`` seconds; raise Refused if it stays taken."""
    try:
        _wait(lambda: None if lock.try_acquire() else lock.holder(), wait, observe)
        yield HeldLock(lock)
    finally:
        lock.release()


def wait_to_open(alias: str, wait: float, observe: Observer) -> None:
    """Wait until a connection can be opened; raise Refused where another program prevents it."""
    wrapper = connections[alias]
    lock: type[RunLock] = load(VENDORS[wrapper.vendor].run_lock)
    _wait(lambda: lock.find_barrier(wrapper), wait, observe)


def _wait(find_holder: Callable[[], Holder | None], wait: float, observe: Observer) -> None:
    """Return once nobody is in the way; raise Refused after ``wait`` seconds."""
    deadline = time.monotonic() + wait
    announced = None
    while (holder := find_holder()) is not None:
        session = holder.session or "holder unknown"
        if time.monotonic() >= deadline:
            run = "Another run of the SQL migrations holds the run lock: " if holder.is_run else ""
            raise Refused(
                f"{run}{session}. Gave up after {wait:g} s; nothing was changed.",
                f"Wait for it, or check what it does{_ending(holder)}.",
            )
        known_by = holder.ending or session
        if known_by != announced:
            observe(Waiting(session, holder.ending, holder.is_run))
            announced = known_by
        time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))


def _ending(holder: Holder) -> str:
    if not holder.ending:
        return ""
    return f". If its host is gone, end its session with {holder.ending} and repeat the command"
