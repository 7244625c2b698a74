"""Sending statements together, by libpq's pipeline mode or several in one message.

psycopg's cursors and its own pipeline, a packet for each statement, are most of what a small
migration costs its client. Sources: libpq manual, "Pipeline Mode"; psycopg manual, "psycopg.pq";
PostgreSQL manual, "Message Flow", "PREPARE".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from migration_guard.running.postgresql.unread_rows import DONE, read_result
from migration_guard.sql.statements import Statement

if TYPE_CHECKING:
    # A recording of usage also runs in projects without this app, which have no models of it.
    from migration_guard.history import Rows

# psycopg does not promise these names; without them the runner sends statement by statement.
_NAMES: Final = ("execute", "fetch", "fetch_many", "send")
IS_AVAILABLE: Final = all(hasattr(generators, name) for name in _NAMES)
_NUMBERS: Final = count(1)  # of prepared statements: a name is never given twice
# Statements that the server has prepared: their names, by text and types of parameters.
Key = tuple[str, tuple[int, ...]]
Prepared = dict[Key, bytes]


class Command:
    """What is sent to libpq, and its answer once the pipeline has run.

    ``send`` is a method of libpq's connection; ``statement`` is None for one of the runner's own.
    """

    __slots__ = ("arguments", "prepares", "result", "rows", "send", "statement")

    def __init__(
        self,
        send: Callable[..., None],
        arguments: tuple[Any, ...],
        statement: Statement | None = None,
    ) -> None:
        self.send, self.arguments, self.statement = send, arguments, statement
        self.result: PGresult | None = None
        self.rows: Rows | None = None
        self.prepares: Key | None = None

    @property
    def is_done(self) -> bool:
        """Whether the server did it."""
        return self.result is not None and self.result.status in DONE


class Pipeline:
    """Commands of one connection; ``stopped_at`` is the first that the last run did not do.

    To ``prepared`` it adds what it will prepare, and takes back what the server did not answer.
    """

    def __init__(self, driver: psycopg.Connection[Any], prepared: Prepared) -> None:
        self.stopped_at: Command | None = None
        self._driver = driver
        self._prepared = prepared
        self._encoding = driver.info.encoding
        self._adapting = Transformer(driver)
        self._waiting: list[Command] = []

    def add(
        self, sql: str, params: Sequence[Any] = (), statement: Statement | None = None
    ) -> Command:
        """Let ``sql`` wait, with %s for each of ``params``; its rows are read as text.

        Those of a ``statement`` are not read. Raises UnicodeEncodeError.
        """
        send = self._driver.pgconn.send_query_params
        if params:
            values, types, formats = self._adapt(params)
            text = _number_parameters(sql).encode(self._encoding)
            return self._wait(Command(send, (text, values, types, formats)))
        return self._wait(Command(send, (sql.encode(self._encoding), None), statement))

    def add_prepared(self, sql: str, params: Sequence[Any]) -> Command:
        """Let a statement wait that comes again; the server parses and plans it only once."""
        values, types, formats = self._adapt(params)
        connection, key = self._driver.pgconn, (sql, types)
        name = self._prepared.get(key)
        if name is None:
            text = (_number_parameters(sql) if params else sql).encode(self._encoding)
            name = self._prepared[key] = b"migration_guard_%d" % next(_NUMBERS)
            preparing = self._wait(Command(connection.send_prepare, (name, text, types)))
            preparing.prepares = key
        return self._wait(Command(connection.send_query_prepared, (name, values, formats)))

    def add_description(self, sql: str) -> Command:
        """Let a statement wait that is described, and not run; its result has the columns."""
        connection = self._driver.pgconn
        self._wait(Command(connection.send_prepare, (b"", sql.encode(self._encoding))))
        return self._wait(Command(connection.send_describe_prepared, (b"",)))

    def _adapt(
        self, params: Sequence[Any]
    ) -> tuple[Sequence[Any], tuple[int, ...], Sequence[Format] | None]:
        values = self._adapting.dump_sequence(params, [PyFormat.AUTO] * len(params))
        return values, self._adapting.types or (), self._adapting.formats

    def _wait(self, command: Command) -> Command:
        self._waiting.append(command)
        return command

    def rows(self, command: Command) -> Rows:
        """Return what a command of the runner's own answered."""
        result = command.result
        if command.rows is None and result is not None:
            self._adapting.set_pgresult(result)
            command.rows = self._adapting.load_rows(0, result.ntuples, tuple)
        return command.rows or []

    def run(self) -> None:
        """Send what waits, and read all answers; raise the error of the first that fails.

        Beyond it the server passes over the rest. A signal closes the connection.
        """
        commands, self._waiting = self._waiting, []
        lost = None
        try:
            self._driver.wait(self._exchange(commands))
        except BaseException as error:
            self._driver.close()  # what is left in it would answer to the next command
            if not isinstance(error, psycopg.Error):
                raise
            lost = error  # the server may have said why, before it hung up
        finally:
            self.stopped_at = next((command for command in commands if not command.is_done), None)
            for command in commands:
                if command.prepares and not command.is_done:
                    del self._prepared[command.prepares]
        if self.stopped_at is not None and self.stopped_at.result is not None:
            raise error_from_result(self.stopped_at.result, encoding=self._encoding) from lost
        if lost is not None:
            raise lost

    def _exchange(self, commands: Sequence[Command]) -> PQGen[None]:
        connection = self._driver.pgconn
        connection.enter_pipeline_mode()
        for command in commands:
            command.send(*command.arguments)
        connection.pipeline_sync()
        yield from generators.send(connection)
        for command in commands:
            if command.statement is not None:
                command.result, _rows = yield from read_result(connection)
            else:
                results = yield from generators.fetch_many(connection)
                command.result = results[0] if results else None
            if command.result is None:
                raise psycopg.OperationalError(connection.get_error_message())
        for last in (yield from generators.fetch_many(connection)):
            if last.status != ExecStatus.PIPELINE_SYNC:
                raise error_from_result(last, encoding=self._encoding)
        connection.exit_pipeline_mode()


def run_together(driver: psycopg.Connection[Any], sql: str) -> Rows:
    """Run several statements in one message; return the rows of the last, as text."""
    driver.pgconn.send_query(sql.encode(driver.info.encoding))
    results = driver.wait(generators.execute(driver.pgconn))
    for result in results:
        if result.status not in DONE:
            raise error_from_result(result, encoding=driver.info.encoding)
    if not results:
        raise psycopg.OperationalError(driver.pgconn.get_error_message())
    adapting = Transformer(driver)
    adapting.set_pgresult(results[-1])
    return adapting.load_rows(0, results[-1].ntuples, tuple)


@lru_cache(maxsize=64)
def _number_parameters(sql: str) -> str:
    """Return ``sql`` with $1, $2 … where it has %s, and % where it has %%."""
    numbers = count(1)
    return re.sub("%[%s]", lambda match: "%" if match[0] == "%%" else f"${next(numbers)}", sql)
