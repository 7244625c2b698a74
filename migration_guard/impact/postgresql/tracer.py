"""PostgreSQL: one look at the session's own locks after each statement of a migration.

Within a transaction the server keeps every lock to the end, so a look behind each statement misses
none but those that the statement gave back itself. Sources: PostgreSQL manual, "pg_locks",
"Table-Level Locks", "SAVEPOINT".
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

from migration_guard.impact.postgresql import queries
from migration_guard.impact.postgresql.effects import Timed, Transaction
from migration_guard.impact.postgresql.inventory import Inventory
from migration_guard.impact.postgresql.own_looks import OwnLooks, Place, UnseenError
from migration_guard.impact.postgresql.queries import Look
from migration_guard.impact.postgresql.sampler import sample
from migration_guard.impact.postgresql.samples import Seen, read_samples
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.planning.scripts import Script
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.pooler import Pooling
from migration_guard.running.tracer import Tracer
from migration_guard.sql.classify import is_session, show_statement, words
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.statements import Statement

_SHOWN: Final = 200  # characters of a statement
_NOT_COUNTED: Final = "track_counts is off, so what it reads was not seen"
_OF_ROWS: Final = {("SELECT",), ("INSERT",), ("UPDATE",), ("DELETE",)}
_POOLED: Final = "a pooler chooses its session, so no other connection could look"


class PostgreSQLTracer(Tracer):
    """Traces by ``pg_locks``, the files of tables and the session's counters."""

    _connection: PostgreSQLConnection

    def __init__(self, connection: Any, request: Any) -> None:
        super().__init__(connection, request)
        self._name = ""
        self._script: Script | None = None
        self._count = 0  # of Django's statements
        self._open: OwnLooks | None = None
        self._traces: list[StatementTrace] = []
        self._unknown = ""  # why this migration is not traced any more
        self._inventory = Inventory()

    def start(self, name: str, script: Script | None) -> None:
        """Watch a migration from now on."""
        self._name, self._script, self._count = name, script, 0
        self._open, self._traces, self._unknown = None, [], ""

    def forget(self) -> None:
        """Take nothing for known: something runs that is not traced."""
        self._inventory.forget()

    def take(self) -> tuple[StatementTrace, ...]:
        """Return what was seen, and forget it."""
        traces, self._traces, self._name = tuple(self._traces), [], ""
        return traces

    # -- a transaction

    def begin(self) -> None:
        """Look at what there is."""
        self._open = OwnLooks(self._connection, self._inventory.fingerprint, self._unknown)

    def execute(self, statement: Statement, source: str) -> int | None:
        """Run a statement and look."""
        opened = self._open
        if opened is None or not opened.is_open:
            self._open = None
            return self._execute_alone(statement, source)
        rows = self._connection.execute(statement, source)
        opened.add(self._place_of(statement))
        return rows

    def end(self) -> None:
        """Ask for the time."""
        if self._open is not None:
            self._open.close()

    def commit(self) -> None:
        """Turn the answers into traces."""
        opened, self._open = self._open, None
        if opened is None or not opened.looks:
            return
        try:
            self._traces += self._read(opened)
        except Exception as error:  # noqa: BLE001, the transaction is committed, whatever it is
            self.forget()
            places = [place for place, _look in opened.looks]
            self._traces += _end(self._trace(place, unknown=_explain(error)) for place in places)

    def is_at_fault(self) -> bool:
        """Return whether a look ended the transaction; nothing more of the migration is traced."""
        if self._open is None or self._unknown:
            return False
        self._unknown = self._open.find_fault()
        return bool(self._unknown)

    def _read(self, opened: OwnLooks) -> list[StatementTrace]:
        """Return the traces of a transaction; raise UnseenError where a look has no answer."""
        inventory = self._inventory
        start, end = queries.read_start(opened.start()), queries.read_end(opened.end())
        if start.relations is not None:
            inventory.learn(start.relations, self._connection.schema)
        transaction = Transaction(inventory.known, start)
        seen: list[tuple[Place, Look, float, list[Timed]]] = []
        for place, answer in opened.looks:
            look = queries.read_look(answer())
            seen.append((place, look, *transaction.add(look)))
        inventory.made |= transaction.made
        inventory.known = inventory.known._replace(relations=transaction.relations)
        inventory.fingerprint = queries.UNKNOWN if transaction.has_renamed else end.fingerprint
        measures = self.request.measures and transaction.is_measurable
        ended = end.started if measures else None
        return _end(
            self._trace(
                place,
                own_ms if measures else None,
                tuple(
                    effect._replace(held_ms=(ended - taken) / 1000 if ended is not None else None)
                    for taken, effect in effects
                ),
                unknown="" if look.counts else _NOT_COUNTED,
            )
            for place, look, own_ms, effects in seen
        )

    # -- what commits by itself

    def _execute_alone(self, statement: Statement, source: str) -> int | None:
        connection = self._connection
        if self._shuts_nobody_out(statement.text):
            return connection.execute(statement, source)
        with self._sample(self._place_of(statement)):
            return connection.execute(statement, source)

    def _shuts_nobody_out(self, sql: str) -> bool:
        """Return whether a statement by itself locks rows at most, or changes only its session."""
        vendor = self._connection.vendor
        return is_session(sql, vendor) or words(sql, vendor, 1) in _OF_ROWS

    @contextmanager
    def _sample(self, place: Place) -> Iterator[None]:
        """Trace a statement by what another connection sees of it."""
        connection = self._connection
        if connection.pooling is Pooling.TRANSACTION:
            yield
            self._traces.append(self._trace(place, unknown=_POOLED)._replace(commits=True))
            return
        measures = self.request.measures
        with sample(connection, may_delay=not measures) as samples:
            before = perf_counter()
            yield
            own_ms = (perf_counter() - before) * 1000
        self.forget()
        try:
            seen = read_samples(
                samples, self._inventory, connection.schema, own_ms if measures else None
            )
        except Exception as error:  # noqa: BLE001, the statement is committed, whatever it is
            seen = Seen((), is_measurable=False, unknown=_explain(error))
        measured = own_ms if seen.is_measurable else None
        trace = self._trace(place, measured, seen.effects, unknown=seen.unknown)
        self._traces.append(trace._replace(is_sampled=True, commits=True))

    # -- Django

    @contextmanager
    def watch_django(self) -> Iterator[None]:
        """Look at each statement that Django sends in the block."""

        def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            self._count += 1
            place = Place(self._count, 0, str(sql))
            if not self._name:
                return execute(sql, params, many, context)
            is_alone = not context["connection"].in_atomic_block
            if is_alone and self._shuts_nobody_out(place.text):
                return execute(sql, params, many, context)
            if is_alone or (self._open is not None and self._open.is_over):
                self.end()
                self.commit()
            if is_alone:
                with self._sample(place):
                    return execute(sql, params, many, context)
            if self._open is None:
                self.begin()
            answer = execute(sql, params, many, context)
            if self._open is not None:
                self._open.add(place)
            return answer

        with self._connection.wrapper.execute_wrapper(look):
            yield

    # -- helpers

    def _place_of(self, statement: Statement) -> Place:
        number = self._script.number_of(statement) if self._script is not None else 0
        return Place(number, statement.line, statement.text)

    def _trace(
        self,
        place: Place,
        own_ms: float | None = None,
        effects: tuple[Effect, ...] = (),
        *,
        unknown: str = "",
    ) -> StatementTrace:
        text = shorten(show_statement(place.text, self._connection.vendor), _SHOWN)
        return StatementTrace(
            self._name, place.number, place.line, text, own_ms, effects, unknown=unknown
        )


def _explain(error: Exception) -> str:
    return str(error) if isinstance(error, UnseenError) else f"the trace failed: {error!r}"


def _end(traces: Iterable[StatementTrace]) -> list[StatementTrace]:
    """Return the traces of a transaction, the last of which commits."""
    *before, last = traces
    return [*before, last._replace(commits=True)]
