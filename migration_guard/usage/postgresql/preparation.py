"""What PostgreSQL tells of one statement: its parameters, its result, and its generic plan.

The questions leave together. Each of them goes by the extended protocol, which refuses a second
statement behind the first: a text such as ``SELECT 1; COMMIT; DELETE …`` would run otherwise.
Sources: PostgreSQL manual, "PREPARE", "EXPLAIN", "Extended Query".
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.pq.abc import PGresult

from migration_guard.running.postgresql.pipeline import Pipeline

NAME: Final = "migration_guard_usage"
SAVEPOINT: Final = f"SAVEPOINT {NAME}"
_ROLLBACK: Final = f"ROLLBACK TO SAVEPOINT {NAME}"
_DEALLOCATE: Final = f"DEALLOCATE {NAME}"


class Preparation(NamedTuple):
    """The numbers of the parameters' types, the result's names and types, and the plan.

    ``error`` is why there is no plan; ``is_prepared`` says that planning met it.
    """

    parameters: tuple[int, ...] = ()
    columns: tuple[tuple[str, int], ...] = ()
    plan: Any = None
    error: psycopg.Error | None = None
    is_prepared: bool = False


def head(types: Sequence[str]) -> str:
    """Return what stands before a statement that is prepared with these types."""
    return f"PREPARE {NAME} ({', '.join(types)}) AS " if types else f"PREPARE {NAME} AS "


def prepare(driver: psycopg.Connection[Any], sql: str, types: Sequence[str]) -> Preparation:
    """Prepare and plan a statement, and undo it; the transaction must hold our savepoint."""
    nulls = ", ".join(["NULL"] * len(types))
    call = f"EXECUTE {NAME} ({nulls})" if nulls else f"EXECUTE {NAME}"
    pipeline = Pipeline(driver, {})
    prepared = pipeline.add(head(types) + sql)
    parameters = pipeline.add(
        "SELECT parameter_types::oid[]::text FROM pg_catalog.pg_prepared_statements "
        f"WHERE name = '{NAME}'"
    )
    # Described without a name: PgBouncer knows no name that SQL gave.
    description = pipeline.add_description(call)
    plan = pipeline.add(f"EXPLAIN (VERBOSE, FORMAT JSON) {call}")
    pipeline.add(_ROLLBACK)
    pipeline.add(_DEALLOCATE)  # no rollback forgets a prepared statement
    try:
        pipeline.run()
    except psycopg.Error as error:
        if not driver.closed:
            _undo(driver, is_prepared=prepared.is_done)
        told = pipeline.rows(parameters) if parameters.is_done else []
        return Preparation(_numbers(told), error=error, is_prepared=prepared.is_done)
    text = pipeline.rows(plan)[0][0]
    return Preparation(
        _numbers(pipeline.rows(parameters)),
        _columns(description.result, driver.info.encoding),
        json.loads(text) if isinstance(text, str) else text,
        is_prepared=True,
    )


def _undo(driver: psycopg.Connection[Any], *, is_prepared: bool) -> None:
    pipeline = Pipeline(driver, {})
    pipeline.add(_ROLLBACK)
    if is_prepared:
        pipeline.add(_DEALLOCATE)
    pipeline.run()


def _columns(result: PGresult | None, encoding: str) -> tuple[tuple[str, int], ...]:
    if result is None:
        return ()
    return tuple(
        ((result.fname(at) or b"").decode(encoding), result.ftype(at))
        for at in range(result.nfields)
    )


def _numbers(rows: Sequence[Sequence[Any]]) -> tuple[int, ...]:
    text = rows[0][0].strip("{}") if rows else ""
    return tuple(map(int, text.split(","))) if text else ()
