"""PostgreSQL: PREPARE with the driver's types, then EXPLAIN of the generic plan.

Each statement stands under its own savepoint in a transaction that only reads. EXPLAIN runs no
statement; planning may run functions that are immutable or stable.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

from django.db import DatabaseError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import InterfaceError

from migration_guard.exceptions import CannotTell
from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.dialects import dialect
from migration_guard.usage.postgresql.plans import Plans
from migration_guard.usage.postgresql.types import Types, widest
from migration_guard.usage.servers import NOT_PREPARED, Finding, Session, Undecided
from migration_guard.usage.statement import UNTYPED, Column, Parameter, Statement

_NAME: Final = "migration_guard_usage"
_DENIED: Final = "42501"
# Locks, cancelled statements and lost resources say nothing of the statement.
_TRANSIENT: Final = ("53", "55", "57", "58", "40", "08", "XX")


class PostgreSQLSession(Session):
    """A server that prepares and plans."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._role = ""
        self._types = Types(connection)
        self._plans = Plans(connection)

    def begin(self, role: str) -> None:
        """Let the transaction only read, plan without values, and act as ``role``."""
        self._role = role
        with self._connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
            cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            if role:
                self._become(cursor, role)

    def complete(
        self,
        statement: Statement,
        samples: Sequence[tuple[Any, ...]],
        columns: Sequence[tuple[str, Any]],
    ) -> Statement:
        """Return a statement with the types that psycopg sends and this server takes."""
        sent = widest([[self._types.name(type_) for type_ in sample] for sample in samples])
        typed = replace(
            statement,
            parameters=tuple(Parameter(name) for name in sent),
            columns=tuple(Column(name, self._types.name(oid)) for name, oid in columns),
        )
        try:
            with self._prepared(typed) as description:
                numbers = [description.param_type(at) for at in range(description.nparams)]
                taken = [self._types.name(number) for number in numbers]
                self._plan(len(taken))
        except DatabaseError as error:
            return replace(typed, unchecked=f"{NOT_PREPARED}: {_first_line(error)}")
        pairs = zip_longest(sent[: len(taken)], taken, fillvalue=UNTYPED)
        return replace(typed, parameters=tuple(Parameter(*pair) for pair in pairs))

    def judge(self, statement: Statement) -> Sequence[Finding] | Undecided:
        """Prepare and plan a statement, and compare what the server says of it."""
        try:
            with self._prepared(statement) as description:
                findings = [
                    *self._compare_parameters(statement, description),
                    *self._compare_columns(statement, description),
                ]
                plan = self._plan(len(statement.parameters))
                findings += self._plans.find_missing_values(plan)
                if self._role:
                    findings += self._plans.find_denied_sequences(plan, self._role)
                return findings
        except (OperationalError, InterfaceError) as error:
            if _state(error)[:2] == "08" or not self._connection.is_usable():
                raise CannotTell(
                    f"The server was lost: {_first_line(error)}", "Run the check again."
                ) from error
            return Undecided(_first_line(error))
        except DatabaseError as error:
            return self._explain(statement, error)

    # -- asking

    @contextmanager
    def _prepared(self, statement: Statement) -> Iterator[Any]:
        """Prepare a statement under a savepoint; yield what the server describes."""
        alias = self._connection.alias
        is_prepared = False
        try:
            with transaction.atomic(alias), self._connection.cursor() as cursor:
                cursor.execute(_head(statement) + statement.sql)
                is_prepared = True
                yield self._connection.connection.pgconn.describe_prepared(_NAME.encode())
                transaction.set_rollback(True, alias)
        except Exception:
            if is_prepared and self._connection.is_usable():
                self._forget()
            raise
        self._forget()

    def _forget(self) -> None:
        """Drop the prepared statement: no rollback does, and an aborted transaction cannot."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"DEALLOCATE {_NAME}")

    def _plan(self, parameters: int) -> Any:
        nulls = ", ".join(["NULL"] * parameters)
        call = f"{_NAME} ({nulls})" if nulls else _NAME
        with self._connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {call}")
            plan = cursor.fetchone()[0]
        return json.loads(plan) if isinstance(plan, str) else plan

    def _become(self, cursor: Any, role: str) -> None:
        name = self._connection.ops.quote_name(role)
        try:
            with transaction.atomic(self._connection.alias):
                cursor.execute(f"SET LOCAL ROLE {name}")
        except DatabaseError as error:
            raise CannotTell(
                f'The check cannot act as the role "{role}": {_first_line(error)}',
                f"Let the user of the check be a member of it: GRANT {name} TO the user.",
            ) from error

    # -- judging

    def _explain(self, statement: Statement, error: DatabaseError) -> Sequence[Finding] | Undecided:
        state = _state(error)
        if state == _DENIED:
            rule, expected = "usage-denied", f'the right to run it as "{self._role}"'
            return [Finding(rule, expected, _first_line(error))] if self._role else []
        if state.startswith(_TRANSIENT) or not state:
            return Undecided(_first_line(error))
        actual = f"{_first_line(error)} ({state})"
        return [Finding("usage-broken", "it to run", actual, _name_at(statement, error))]

    def _compare_parameters(self, statement: Statement, description: Any) -> list[Finding]:
        """Return the untyped parameters that the server takes for another category of type."""
        findings = []
        for at, parameter in enumerate(statement.parameters):
            taken = self._types.name(description.param_type(at))
            if parameter.sent != UNTYPED or not parameter.taken or taken == parameter.taken:
                continue
            if self._types.category(taken) != self._types.category(parameter.taken):
                expected = f"parameter {at + 1} to be {parameter.taken}"
                findings.append(Finding("usage-parameter", expected, taken))
        return findings

    def _compare_columns(self, statement: Statement, description: Any) -> list[Finding]:
        """Return how a result differs; columns that were added at the end are no difference."""
        actual = [
            Column(description.fname(at).decode(), self._types.name(description.ftype(at)))
            for at in range(description.nfields)
        ]
        for at, column in enumerate(statement.columns):
            if at >= len(actual) or actual[at].name != column.name:
                expected = f"column {at + 1} of the result to be {column.name}"
                other = actual[at].name if at < len(actual) else "no such column"
                return [Finding("usage-result", expected, other)]
            if not self._types.loads_alike(actual[at].type, column.type):
                expected = f"the result {column.name} as {column.type}"
                return [Finding("usage-result", expected, actual[at].type)]
        return []


def _head(statement: Statement) -> str:
    types = ", ".join(parameter.sent for parameter in statement.parameters)
    return f"PREPARE {_NAME} ({types}) AS " if types else f"PREPARE {_NAME} AS "


def _name_at(statement: Statement, error: DatabaseError) -> tuple[str, ...]:
    """Return the name at which the server stopped, with its qualifier; () where it tells none."""
    diagnosis = getattr(error.__cause__, "diag", None)
    position = int(getattr(diagnosis, "statement_position", None) or 0)
    start = position - 1 - len(_head(statement))
    if start < 0:
        return ()
    name = read_tokens(statement.sql[start:], dialect("postgresql")).take_name()
    return tuple(filter(None, (name.schema, name.name))) if name is not None else ()


def _state(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
