"""Looks of a transaction at its own locks, which leave the transaction as it is.

A query goes with what waits in a pipeline, or by itself behind a savepoint. Sources: PostgreSQL
manual, "pg_locks", "SAVEPOINT".
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from migration_guard.impact.postgresql import queries
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.pipeline import Command

_GUARD: Final = "migration_guard_look"
_OWN: Final = {queries.BEGIN, queries.LOOK, queries.END}
Answer = Callable[[], tuple[Any, ...]]  # raises UnseenError


class UnseenError(Exception):
    """A look that was not answered; the transaction goes on."""


class Place(NamedTuple):
    """A statement of a file, or of Django's."""

    number: int
    line: int
    text: str


class OwnLooks:
    """The looks of a transaction that is not committed yet: its answers are read at its end.

    ``fingerprint`` is that of the known relations. With ``unknown``, nothing is asked any more.
    """

    def __init__(self, connection: PostgreSQLConnection, fingerprint: str, unknown: str) -> None:
        self._connection = connection
        self._pipeline = connection.pipeline
        self._unknown = unknown
        self._commands: list[Command] = []
        # The counters begin anew where no transaction is open yet: its first look must not be ours.
        if self._pipeline is None and not self._is_in_transaction:
            with suppress(psycopg.Error):
                psycopg.Cursor(connection.driver).execute(queries.FLUSH)
        self.start = self._ask(queries.BEGIN, fingerprint)
        self.looks: list[tuple[Place, Answer]] = []
        self.end: Answer = _unseen("its transaction was not looked at to its end")

    @property
    def is_open(self) -> bool:
        """Whether the transaction goes on, so that its locks are still there to be seen."""
        return self._pipeline is not None or self._is_in_transaction

    @property
    def is_over(self) -> bool:
        """Whether a statement that is sent now is of another transaction: Django has committed."""
        is_idle = self._connection.driver.info.transaction_status == TransactionStatus.IDLE
        return self._pipeline is None and is_idle

    def add(self, place: Place) -> None:
        """Look behind a statement."""
        self.looks.append((place, self._ask(queries.LOOK)))

    def close(self) -> None:
        """Ask for the time, and what there is now."""
        self.end = self._ask(queries.END)

    def find_fault(self) -> str:
        """Return why a look failed within a pipeline, which ends the transaction; "" if none."""
        stopped = self._pipeline.stopped_at if self._pipeline is not None else None
        if stopped is None:
            return ""
        if stopped not in self._commands and (stopped.prepares or ("",))[0] not in _OWN:
            return ""
        message = stopped.result.error_message if stopped.result is not None else b""
        return _explain(message.decode(errors="replace"))

    @property
    def _is_in_transaction(self) -> bool:
        driver = self._connection.driver
        # Where Django has begun a transaction, the first statement opens it.
        return not driver.autocommit or driver.info.transaction_status != TransactionStatus.IDLE

    def _ask(self, sql: str, *params: str) -> Answer:
        """Send a query with what waits, or by itself; return what reads its answer."""
        if self._unknown:
            return _unseen(self._unknown)
        pipeline = self._pipeline
        if pipeline is None:
            return self._ask_guarded(queries.begin(*params) if params else sql)
        command = self._connection.add_prepared(pipeline, sql, params)
        self._commands.append(command)
        return lambda: pipeline.rows(command)[0]

    def _ask_guarded(self, sql: str) -> Answer:
        """Ask so that an error does not end the transaction."""
        driver = self._connection.driver
        is_open = self._is_in_transaction
        message = f"SAVEPOINT {_GUARD}; {sql}; RELEASE SAVEPOINT {_GUARD}" if is_open else sql
        cursor = psycopg.Cursor(driver)
        try:
            with self._connection.closing_on_signal():
                cursor.execute(message.encode(), prepare=False)
            if is_open:
                cursor.nextset()
            row = cursor.fetchone() or ()
        except psycopg.Error as error:
            if is_open:
                with suppress(psycopg.Error):
                    back = f"ROLLBACK TO SAVEPOINT {_GUARD}; RELEASE SAVEPOINT {_GUARD}"
                    psycopg.Cursor(driver).execute(back.encode())
            return _unseen(_explain(str(error)))
        return lambda: row


def _unseen(why: str) -> Answer:
    def answer() -> tuple[Any, ...]:
        raise UnseenError(why)

    return answer


def _explain(message: str) -> str:
    first_line = next(iter(message.strip().splitlines()), "")
    return f"the look at its locks failed: {first_line}"
