"""Trying again what a lock time-out rolled back, and finding out who holds the lock."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, TypeVar

from django.db import DatabaseError

from migration_guard.conf import Conf
from migration_guard.planning.files import MigrationFile
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.events import Observer, Retrying
from migration_guard.running.limits import Limits
from migration_guard.running.locks import RunLock

MAX_DELAY: Final = 5.0  # seconds
Outcome = TypeVar("Outcome")


class LockRetries(NamedTuple):
    """How often a step is tried again, under which limits, and who hears of it.

    ``observe`` is called with the number of the attempt, the delay in seconds, and the message.
    """

    connection: Connection
    lock: RunLock
    limits: Limits
    retries: int
    observe: Callable[[int, float, str], None]

    def run(self, attempt: Callable[[], Outcome], *, watch: bool = False) -> Outcome:
        """Call ``attempt`` until no lock stands in its way, with increasing delays.

        While the last attempt waits, or each with ``watch``, another thread looks who blocks it:
        ``error.blockers``.
        """
        for number in range(1, self.retries + 1):
            try:
                return self._watched(attempt) if watch else attempt()
            except StatementError as error:
                if error.kind is not Kind.LOCKED:
                    raise
                # Jitter, so that two that block each other do not meet again.
                delay = min(0.1 * 2**number, MAX_DELAY) * random.uniform(0.5, 1.0)  # noqa: S311
                message = self.connection.message(error.error).splitlines()[0]
                self.observe(number, delay, message)
                time.sleep(delay)
        return self._watched(attempt)

    def _watched(self, attempt: Callable[[], Outcome]) -> Outcome:
        with self._watching_blockers() as blockers:
            try:
                return attempt()
            except StatementError as error:
                error.blockers = "\n".join(blockers)
                raise

    @contextmanager
    def _watching_blockers(self) -> Iterator[list[str]]:
        """Collect the sessions that block this one; those seen last remain."""
        blockers: list[str] = []
        stop = threading.Event()

        def look() -> None:
            pause = (self.limits.lock_timeout or 1.0) / 4
            while not stop.wait(pause):
                # Without a connection to spare, the message has to do without the blockers.
                with suppress(DatabaseError, self.connection.driver_error):
                    blocking = self.lock.blockers()
                    if blocking:
                        blockers[:] = [blocking]

        thread = threading.Thread(target=look, name="migration_guard blockers", daemon=True)
        thread.start()
        try:
            yield blockers
        finally:
            stop.set()
            thread.join()


def retries_of(
    connection: Connection, lock: RunLock, file: MigrationFile, settings: Conf, observe: Observer
) -> LockRetries:
    """Return the retries of one file; ``observe`` hears of each as an event."""
    retries = settings.lock_retries
    return LockRetries(
        connection,
        lock,
        Limits.of(file.directives, settings),
        retries,
        lambda attempt, delay, message: observe(
            Retrying(file.id, attempt, retries, delay, message)
        ),
    )
