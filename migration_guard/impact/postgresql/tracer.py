"""PostgreSQL: one look at the session's own locks after each statement of a migration.

Within a transaction the server keeps every lock to the end, so a look behind each statement misses
none but those that the statement gave back itself. Sources: PostgreSQL manual, "pg_locks",
"Table-Level Locks", "SAVEPOINT".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, Final, NamedTuple, cast

import psycopg
from django.db.migrations.recorder import MigrationRecorder
from psycopg.pq import TransactionStatus

from migration_guard.impact.postgresql import queries
from migration_guard.impact.postgresql.effects import (
    NAMED,
    Known,
    Timed,
    Transaction,
    measure_samples,
    merge_samples,
)
from migration_guard.impact.postgresql.queries import Look, Relation
from migration_guard.impact.postgresql.sampler import Samples, sample
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.planning.scripts import Script
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.pipeline import Command, Pipeline
from migration_guard.running.postgresql.pooler import Pooling
from migration_guard.running.tracer import Tracer
from migration_guard.sql.classify import is_session, show_statement, words
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.statements import Statement

_SHOWN: Final = 200  # characters of a statement
_NOT_COUNTED: Final = "track_counts is off, so what it reads was not seen"
_OF_ROWS: Final = {("SELECT",), ("INSERT",), ("UPDATE",), ("DELETE",)}
# Written to by whoever records a migration.
_BOOKKEEPING: Final = {*OWN_TABLES, MigrationRecorder.Migration._meta.db_table}
_GUARD: Final = "migration_guard_look"
_OWN: Final = {queries.BEGIN, queries.LOOK, queries.END}
Answer = Callable[[], tuple[Any, ...]]  # raises _UnseenError


class _UnseenError(Exception):
    """A look that was not answered; the transaction goes on."""


class _Place(NamedTuple):
    """A statement of a file, or of Django's."""

    number: int
    line: int
    text: str


class _Open:
    """A transaction that is not committed yet: its answers are read at its end."""

    def __init__(self, pipeline: Pipeline | None) -> None:
        self.pipeline = pipeline
        self.start: Answer | None = None
        self.commands: list[Command] = []
        self.looks: list[tuple[_Place, Answer]] = []
        self.end: Answer | None = None


class PostgreSQLTracer(Tracer):
    """Traces by ``pg_locks``, the files of tables and the session's counters."""

    _connection: PostgreSQLConnection

    def __init__(self, connection: Any, request: Any) -> None:
        super().__init__(connection, request)
        self._name = ""
        self._script: Script | None = None
        self._count = 0  # of Django's statements
        self._open: _Open | None = None
        self._traces: list[StatementTrace] = []
        self._unknown = ""  # why this migration is not traced any more
        self._made: set[int] = set()  # by the migrations that were traced
        # What there is, and the fingerprint by which the server tells that it is still so.
        self._known = Known({}, {})
        self._fingerprint = queries.UNKNOWN

    def start(self, name: str, script: Script | None) -> None:
        """Watch a migration from now on."""
        self._name, self._script, self._count = name, script, 0
        self._open, self._traces, self._unknown = None, [], ""

    def forget(self) -> None:
        """Take nothing for known: something runs that is not traced."""
        self._fingerprint = queries.UNKNOWN

    def take(self) -> tuple[StatementTrace, ...]:
        """Return what was seen, and forget it."""
        traces, self._traces, self._name = tuple(self._traces), [], ""
        return traces

    # -- a transaction

    def begin(self) -> None:
        """Read the relations; their counters begin anew where no transaction is open yet."""
        pipeline = self._connection.pipeline
        if pipeline is None and not self._is_in_transaction:  # its first look must not be ours
            with suppress(psycopg.Error):
                psycopg.Cursor(self._connection.driver).execute(queries.FLUSH)
        self._open = _Open(pipeline)
        self._open.start = self._ask(queries.BEGIN, self._open)

    def execute(self, statement: Statement, source: str) -> int | None:
        """Run a statement and look."""
        opened = self._open
        if opened is None or not (opened.pipeline or self._is_in_transaction):
            self._open = None
            return self._execute_alone(statement, source)
        rows = self._connection.execute(statement, source)
        opened.looks.append((self._place_of(statement), self._ask(queries.LOOK, opened)))
        return rows

    def end(self) -> None:
        """Ask for the time."""
        if self._open is not None:
            self._open.end = self._ask(queries.END, self._open)

    def commit(self) -> None:
        """Turn the answers into traces."""
        opened, self._open = self._open, None
        if opened is None or not opened.looks:
            return
        try:
            self._traces += self._read(opened)
        except Exception as error:  # noqa: BLE001, the transaction is committed, whatever it is
            self.forget()
            why = str(error) if isinstance(error, _UnseenError) else f"the trace failed: {error!r}"
            places = [place for place, _look in opened.looks]
            self._traces += _end(self._trace(place, unknown=why) for place in places)

    def is_at_fault(self) -> bool:
        """Return whether a look failed within a pipeline, which ends the transaction."""
        opened = self._open
        stopped = opened.pipeline.stopped_at if opened and opened.pipeline else None
        if opened is None or stopped is None or self._unknown:
            return False
        is_own: bool = stopped in opened.commands or (stopped.prepares or ("",))[0] in _OWN
        if is_own:
            message = stopped.result.error_message if stopped.result is not None else b""
            self._unknown = _explain(message.decode(errors="replace"))
        return is_own

    def _read(self, opened: _Open) -> list[StatementTrace]:
        """Return the traces of a transaction; raise _UnseenError where a look has no answer."""
        start = queries.read_start(opened.start() if opened.start is not None else ())
        end = queries.read_end(opened.end() if opened.end is not None else ())
        if start.relations is not None:
            self._known = self._know(start.relations)
        transaction = Transaction(self._known, start)
        seen: list[tuple[_Place, Look, float, list[Timed]]] = []
        for place, answer in opened.looks:
            look = queries.read_look(answer())
            seen.append((place, look, *transaction.add(look)))
        self._made |= transaction.made
        self._known = self._known._replace(relations=transaction.relations)
        self._fingerprint = queries.UNKNOWN if transaction.has_renamed else end.fingerprint
        # Without rows, the time that reading takes says nothing.
        measures = self.request.measures and (transaction.has_read_data or not transaction.has_read)
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

    # -- a look

    @property
    def _is_in_transaction(self) -> bool:
        driver = self._connection.driver
        # Where Django has begun a transaction, the first statement opens it.
        return not driver.autocommit or driver.info.transaction_status != TransactionStatus.IDLE

    def _ask(self, sql: str, opened: _Open) -> Answer:
        """Send a query with what waits, or by itself; return what reads its answer."""
        if self._unknown:
            return _unseen(self._unknown)
        pipeline = opened.pipeline
        if pipeline is None:
            is_start = sql == queries.BEGIN
            return self._ask_guarded(queries.begin(self._fingerprint) if is_start else sql)
        params = (self._fingerprint,) if sql == queries.BEGIN else ()
        command = self._connection.add_prepared(pipeline, sql, params)
        opened.commands.append(command)
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
    def _sample(self, place: _Place) -> Iterator[None]:
        """Trace a statement by what another connection sees of it."""
        connection = self._connection
        if connection.pooling is Pooling.TRANSACTION:
            yield
            why = "a pooler chooses its session, so no other connection could look"
            self._traces.append(self._trace(place, unknown=why)._replace(commits=True))
            return
        is_awaited = not self.request.measures and self._waits_without_limit()
        with sample(connection, connection.pid, is_awaited=is_awaited) as samples:
            before = perf_counter()
            yield
            own_ms = (perf_counter() - before) * 1000
        self._traces.append(self._read_samples(place, samples, own_ms))

    def _waits_without_limit(self) -> bool:
        """Return whether a statement may wait for the sampler, and no time-out ends it."""
        with suppress(psycopg.Error):
            limits = self._connection.fetch(
                "SELECT pg_catalog.current_setting('lock_timeout'), "
                "pg_catalog.current_setting('statement_timeout')"
            )
            return limits == [("0", "0")]
        return False

    def _read_samples(self, place: _Place, samples: Samples, own_ms: float) -> StatementTrace:
        unknown, measured = samples.unknown, None
        effects: tuple[Effect, ...] = ()
        self.forget()
        before = samples.before and samples.before.relations
        after = samples.after and samples.after.relations
        if samples.before and before is not None and after is not None and samples.looks:
            known = self._know(before)
            transaction = Transaction(known, samples.before)
            merged = merge_samples(samples.looks, before, after)
            effects = tuple(
                effect for _taken, effect in transaction.add(merged, is_sampled=True)[1]
            )
            self._made |= transaction.made
            if self.request.measures and (transaction.has_read_data or not transaction.has_read):
                measured = own_ms
                effects = measure_samples(samples.looks, known, effects)
        if not effects and not unknown:
            unknown = "it held no lock at a moment when another connection looked"
        trace = self._trace(place, measured, effects, unknown=unknown)
        return trace._replace(is_sampled=True, commits=True)

    # -- Django

    @contextmanager
    def watch_django(self) -> Iterator[None]:
        """Look at each statement that Django sends in the block."""

        def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            self._count += 1
            place = _Place(self._count, 0, str(sql))
            if not self._name:
                return execute(sql, params, many, context)
            if not context["connection"].in_atomic_block:
                if self._shuts_nobody_out(place.text):
                    return execute(sql, params, many, context)
                self.end()
                self.commit()
                with self._sample(place):
                    return execute(sql, params, many, context)
            if self._open is None:
                self.begin()
            answer = execute(sql, params, many, context)
            opened = cast(_Open, self._open)
            opened.looks.append((place, self._ask(queries.LOOK, opened)))
            return answer

        with self._connection.wrapper.execute_wrapper(look):
            yield

    # -- helpers

    def _place_of(self, statement: Statement) -> _Place:
        number = self._script.number_of(statement) if self._script is not None else 0
        return _Place(number, statement.line, statement.text)

    def _trace(
        self,
        place: _Place,
        own_ms: float | None = None,
        effects: tuple[Effect, ...] = (),
        *,
        unknown: str = "",
    ) -> StatementTrace:
        text = shorten(show_statement(place.text, self._connection.vendor), _SHOWN)
        return StatementTrace(
            self._name, place.number, place.line, text, own_ms, effects, unknown=unknown
        )

    def _know(self, inventory: dict[int, Relation]) -> Known:
        """Return the relations that are not the app's own, nor made by what was traced."""
        relations: dict[int, Relation] = {}
        for oid, relation in inventory.items():
            table = inventory.get(relation.table)
            if table is not None and table.kind == "t":  # an index of a table's large values
                relation = relation._replace(table=table.table)  # noqa: PLW2901
            if oid not in self._made:
                relations[oid] = relation
        schema = self._connection.schema
        names = {
            oid: relation.name
            if relation.schema == schema
            else f"{relation.schema}.{relation.name}"
            for oid, relation in relations.items()
            if relation.kind in NAMED
            and not (relation.schema == schema and relation.name in _BOOKKEEPING)
        }
        return Known(relations, names)


def _unseen(why: str) -> Answer:
    def answer() -> tuple[Any, ...]:
        raise _UnseenError(why)

    return answer


def _explain(message: str) -> str:
    return f"the look at its locks failed: {message.strip().splitlines()[0] if message else ''}"


def _end(traces: Any) -> list[StatementTrace]:
    """Return the traces of a transaction, the last of which commits."""
    *before, last = traces
    return [*before, last._replace(commits=True)]
