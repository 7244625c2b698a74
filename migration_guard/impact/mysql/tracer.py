"""The tracer of MariaDB: which algorithm the server accepts, in a database that is thrown away.

MariaDB does not tell which locks a finished statement held. Where rows are at stake, a statement
runs as it is written: then its time is known, and its locks where its kind alone decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, ClassVar, Final, cast

from django.db import DatabaseError

from migration_guard.impact.mysql import effects as effects_of_ddl
from migration_guard.impact.mysql.asking import run_as_accepted
from migration_guard.impact.mysql.trials import Trial, optimized_tables, rebuild_trials, trials
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.planning.scripts import Script
from migration_guard.running.tracer import Tracer, TraceRequest
from migration_guard.sql.classify import show_statement
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.statements import Statement

_SHOWN: Final = 200  # characters of a statement
_IS_CODE: Final = "it is code, and which tables it locks is not seen"
_LOCKS_ALL: Final = "it locks tables until another statement gives them back"
_NOT_TRIED: Final = (
    "MariaDB does not tell its locks afterwards; checkschema --fresh --impact tries its algorithm"
)
_NOT_MARIADB: Final = "only MariaDB is asked which algorithm it accepts"
_NO_ANSWER: Final = "it ran as it is written, and with no algorithm that was named"


class MySQLTracer(Tracer):
    """Traces DDL. Each statement that locks a table commits by itself."""

    note: ClassVar = (
        "MariaDB does not tell its locks: in a throwaway database each algorithm of a statement is "
        "tried, and elsewhere its time alone is known. What changes rows locks rows, and no table."
    )

    def __init__(self, connection: Any, request: TraceRequest) -> None:
        super().__init__(connection, request)
        self._name = ""
        self._script: Script | None = None
        self._traces: dict[int, StatementTrace] = {}
        self._made: set[str] = set()  # tables that what is traced has made

    def start(self, name: str, script: Script | None) -> None:
        """Watch a migration from now on."""
        self._name, self._script, self._traces = name, script, {}

    def take(self) -> tuple[StatementTrace, ...]:
        """Return the statements that ran, in order."""
        traces, self._name = tuple(self._traces.values()), ""
        return traces

    def execute(self, statement: Statement, source: str) -> int | None:
        """Run a statement, by the first algorithm that is accepted where no row is at stake."""

        def run(sql: str) -> int | None:
            return cast(
                "int | None", self._connection.execute(statement._replace(text=sql), source)
            )

        number = self._script.number_of(statement) if self._script is not None else 0
        place, error = (number, statement.line), self._connection.driver_error
        rows: int | None = self._run(statement.text, place, run, error)
        return rows

    @contextmanager
    def watch_django(self) -> Iterator[None]:
        """Run the statements that Django sends in the block in the same way."""

        def send(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            # Rows have parameters, and so has the default of a column that is added.
            if not self._name or many or (params and read_ddl(str(sql), "mysql") is None):
                return execute(sql, params, many, context)
            place = len(self._traces) + 1, 0
            run = lambda text: execute(text, params, many, context)  # noqa: E731
            return self._run(str(sql), place, run, DatabaseError)

        with self._connection.wrapper.execute_wrapper(send):
            yield

    def _run(self, sql: str, place: tuple[int, int], run: Any, error: type[Exception]) -> Any:
        tries = self._connection.is_mariadb and not self.request.measures
        candidates = trials(sql) if tries else []
        optimized = {
            table: run_as_accepted("DO 0", rebuild_trials(table), run, error)[1]
            for table in (optimized_tables(sql) if tries else ())
        }
        before = perf_counter()
        answer, trial = run_as_accepted(sql, candidates, run, error)
        own_ms = (perf_counter() - before) * 1000
        seen, unknown = self._read(sql, trial, optimized)
        effects = tuple(effect for effect in seen if effect.table not in self._made)
        if self.request.measures:
            effects = tuple(effect._replace(held_ms=own_ms) for effect in effects)
        self._note_tables(sql)
        number, line = place
        self._traces[number] = StatementTrace(
            self._name,
            number,
            line,
            shorten(show_statement(sql, "mysql"), _SHOWN),
            own_ms if self.request.measures else None,
            effects,
            commits=True,
            unknown=unknown,
        )
        return answer

    def _read(
        self, sql: str, trial: Trial | None, optimized: dict[str, Trial | None]
    ) -> tuple[tuple[Effect, ...], str]:
        """Return the effects of a statement, or why they are not known."""
        if optimized:
            by_table = ((table, optimized[table]) for table in optimized)
            return tuple(effects_of_ddl.of_rebuild(*pair) for pair in by_table), ""
        if implicit_commit(sql) is Commit.MAY:
            return (), _IS_CODE
        if effects_of_ddl.locks_until_told(sql):
            return (), _LOCKS_ALL
        if trial is None and (trials(sql) or optimized_tables(sql)):
            if not self._connection.is_mariadb:
                return (), _NOT_MARIADB
            return (), _NOT_TRIED if self.request.measures else _NO_ANSWER
        return effects_of_ddl.effects_of(sql, trial), ""

    def _note_tables(self, sql: str) -> None:
        self._made.update(effects_of_ddl.made_by(sql))
        for old, new in effects_of_ddl.renamed_by(sql):
            if old in self._made:
                self._made = (self._made - {old}) | {new}
