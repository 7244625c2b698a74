"""PostgreSQL: PREPARE with the driver's types, then EXPLAIN of the generic plan.

Each statement is undone, in a transaction that only reads. EXPLAIN runs no statement; planning may
run functions that are immutable or stable.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

import psycopg
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.dialects import dialect
from migration_guard.usage.postgresql.plans import Plans
from migration_guard.usage.postgresql.preparation import SAVEPOINT, Preparation, head, prepare
from migration_guard.usage.postgresql.types import Types
from migration_guard.usage.servers import NO_NAME, NOT_PREPARED, Finding, Session, Undecided
from migration_guard.usage.statement import UNTYPED, Column, Parameter, Statement, widest

_DENIED: Final = "42501"
_LOCKED: Final = "55P03"
# No such schema, table, column, function, or other object.
_MISSING: Final = frozenset({"3F000", "42P01", "42703", "42883", "42704"})
# Locks, cancelled statements and lost resources say nothing of the statement.
_TRANSIENT: Final = ("53", "55006", "57", "58", "40", "08", "XX")
# What a function raises that planning runs: it writes, or it says no. The setting that it reads may
# be one that the project's sessions make.
_OF_FUNCTIONS: Final = ("25", "P0")
_NO_SETTING: Final = ("42704", "guc")
# A column with its table, and perhaps the sign that gives it a value.
_OPERAND: Final = re.compile(r"""((?:(?:"[^"]+"|[^\W\d]\w*)\.)?(?:"[^"]+"|[^\W\d]\w*))\s*=?\s*\Z""")
# After a lock was waited for, the next waits are short: a thousand statements may name the table.
_SHORT_WAIT: Final = "100ms"
_SETTINGS: Final = """
SELECT pg_catalog.set_config('search_path', substr(setting, 13), true)
FROM pg_catalog.pg_db_role_setting, unnest(setconfig) setting
WHERE setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)
    AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
                            WHERE datname = pg_catalog.current_database()))
    AND setting LIKE 'search\\_path=%%'
    AND (SELECT source FROM pg_catalog.pg_settings WHERE name = 'search_path')
        NOT IN ('client', 'session')
ORDER BY setdatabase DESC
LIMIT 1
"""


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
            cursor.execute("SET LOCAL jit = off")
            if role:
                self._become(cursor, role)
            cursor.execute(SAVEPOINT)

    def complete(
        self,
        statement: Statement,
        samples: Sequence[tuple[Any, ...]],
        columns: Sequence[tuple[str, Any]],
    ) -> Statement:
        """Return a statement with the types that psycopg sends and this server takes."""
        parameters = widest(
            [Parameter(self._types.name(type_)) for type_ in sample] for sample in samples
        )
        sent = [parameter.sent for parameter in parameters]
        typed = replace(
            statement,
            parameters=parameters,
            columns=tuple(Column(name, self._types.name(oid)) for name, oid in columns),
        )
        answer = self._prepare(typed.sql, sent)
        if answer.error is not None:
            return replace(typed, unchecked=f"{NOT_PREPARED}: {_condition(typed, answer.error)}")
        taken = [self._types.name(number) for number in answer.parameters]
        pairs = zip_longest(sent[: len(taken)], taken, fillvalue=UNTYPED)
        return replace(typed, parameters=tuple(Parameter(*pair) for pair in pairs))

    def judge(self, statement: Statement) -> Sequence[Finding] | Undecided:
        """Prepare and plan a statement, and compare what the server says of it."""
        answer = self._prepare(
            statement.sql, [parameter.sent for parameter in statement.parameters]
        )
        if answer.error is not None:
            return self._explain(statement, answer)
        findings = [
            *self._compare_parameters(statement, answer),
            *self._compare_columns(statement, answer),
            *self._plans.find_missing_values(answer.plan, statement.sql),
        ]
        if self._role:
            findings += self._plans.find_denied_sequences(answer.plan, self._role)
        return findings

    # -- asking

    def _prepare(self, sql: str, types: Sequence[str]) -> Preparation:
        driver = self._connection.connection
        answer = prepare(driver, sql, types)
        if answer.error is not None and answer.is_prepared and len(answer.parameters) != len(types):
            # EXECUTE needs a value for each of them.
            types = [*types, *[UNTYPED] * len(answer.parameters)][: len(answer.parameters)]
            answer = prepare(driver, sql, types)
        if answer.error is not None and answer.is_prepared and _state(answer.error)[:2] == "23":
            # NULL is none of a domain's values.
            types = [self._types.base(number) for number in answer.parameters]
            answer = prepare(driver, sql, types)._replace(parameters=answer.parameters)
        if driver.closed:
            text = _first_line(answer.error or psycopg.Error())
            raise CannotTell(f"The server was lost: {text}", "Run it again.") from answer.error
        return answer

    def _become(self, cursor: Any, role: str) -> None:
        name = dialect("postgresql").quote(role)
        try:
            with transaction.atomic(self._connection.alias):
                cursor.execute(_SETTINGS, (role,))
                cursor.execute(f"SET LOCAL ROLE {name}")
        except DatabaseError as error:
            is_denied = getattr(error.__cause__, "sqlstate", "") == _DENIED
            raise CannotTell(
                f'The check cannot act as the role "{role}": {_first_line(error)}',
                f"Let the user of the check be a member of it: GRANT {name} TO the user."
                if is_denied
                else "Name a role of this server: --as ROLE.",
            ) from error

    # -- judging

    def _explain(self, statement: Statement, answer: Preparation) -> Sequence[Finding] | Undecided:
        error = answer.error or psycopg.Error()
        state, text = _state(error), _first_line(error)
        name = _name_at(statement, error)
        if answer.is_prepared and _is_of_function(error):
            return Undecided(f"planning runs a function of it, which fails here: {text}")
        if state == _DENIED or (state.startswith("42") and self._runs_as_the_user(statement)):
            return self._explain_denied(text, is_planned=answer.is_prepared)
        if state == _LOCKED:
            self._wait_less()
            locked = f"another session holds a lock on {name[-1]}" if name else "a lock is held"
            return Undecided(f"{locked}: {text}")
        if state.startswith(_TRANSIENT) or not state:
            return Undecided(text)
        actual = f"{text} ({state})"
        if not name:  # it stopped at an operator or a value
            operand = _operand_before(statement, error)
            return [Finding("usage-broken", "it to run", actual, operand, is_retyped=bool(operand))]
        return [Finding("usage-broken", "it to run", actual, name, state in _MISSING)]

    def _explain_denied(self, text: str, *, is_planned: bool) -> Sequence[Finding] | Undecided:
        if self._role:
            expected = f'the right to run it as "{self._role}"'
            return [Finding("usage-denied", expected, text)]
        return [] if is_planned else Undecided(f"the user of the check may not look at it: {text}")

    def _runs_as_the_user(self, statement: Statement) -> bool:
        """Return True if the user of the check sees what its role does not: a schema, for one."""
        if not self._role:
            return False
        with self._connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE NONE")  # until the statement is undone
        types = [parameter.sent for parameter in statement.parameters]
        return self._prepare(statement.sql, types).error is None

    def _wait_less(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(f"RELEASE {SAVEPOINT}")
            cursor.execute(f"SET LOCAL lock_timeout = '{_SHORT_WAIT}'")
            cursor.execute(SAVEPOINT)

    def _compare_parameters(self, statement: Statement, answer: Preparation) -> list[Finding]:
        """Return the untyped parameters that the server takes for another category of type."""
        findings = []
        for at, (parameter, number) in enumerate(
            zip(statement.parameters, answer.parameters, strict=False), 1
        ):
            taken = self._types.name(number)
            if parameter.sent != UNTYPED or not parameter.taken:
                continue
            if not self._types.holds_alike(taken, parameter.taken):
                expected = f"parameter {at} to be {parameter.taken}"
                findings.append(Finding("usage-parameter", expected, taken))
        return findings

    def _compare_columns(self, statement: Statement, answer: Preparation) -> list[Finding]:
        """Return how a result differs; columns that were added at the end are no difference."""
        actual = [Column(name, self._types.name(number)) for name, number in answer.columns]
        for at, column in enumerate(statement.columns):
            is_named = at < len(actual) and column.name in {actual[at].name, NO_NAME}
            if not is_named:
                expected = f"column {at + 1} of the result to be {column.name}"
                other = actual[at].name if at < len(actual) else "no such column"
                is_missing = column.name not in {other.name for other in actual}
                return [Finding("usage-result", expected, other, (column.name,), is_missing)]
            if not self._types.loads_alike(actual[at].type, column.type):
                expected = f"the result {column.name} as {column.type}"
                return [Finding("usage-result", expected, actual[at].type, (column.name,))]
        return []


def _name_at(statement: Statement, error: psycopg.Error) -> tuple[str, ...]:
    """Return the name at which the server stopped, with its qualifier; () where it tells none."""
    start = _place_of(statement, error)
    if start < 0 or statement.sql.startswith("$", start):
        return ()
    name = read_tokens(statement.sql[start:], dialect("postgresql")).take_name()
    return tuple(filter(None, (name.schema, name.name))) if name is not None else ()


def _operand_before(statement: Statement, error: psycopg.Error) -> tuple[str, ...]:
    """Return the column that stands before the operator or value at which the server stopped."""
    match = _OPERAND.search(statement.sql[: max(_place_of(statement, error), 0)])
    if match is None:
        return ()
    name = read_tokens(match[1], dialect("postgresql")).take_name()
    return tuple(filter(None, (name.schema, name.name))) if name is not None else ()


def _place_of(statement: Statement, error: psycopg.Error) -> int:
    """Return where in a statement the server stopped, a negative number where it tells none."""
    position = int(error.diag.statement_position or 0)
    return position - 1 - len(head([parameter.sent for parameter in statement.parameters]))


def _is_of_function(error: psycopg.Error) -> bool:
    """Return True for what the body of a function says, and not the statement.

    The file of the server's source tells what its text does not in every language.
    """
    file = (error.diag.source_file or "").rpartition("/")[2]
    state, prefix = _NO_SETTING
    is_setting = _state(error) == state and file.startswith(prefix)
    return _state(error).startswith(_OF_FUNCTIONS) or is_setting


def _condition(statement: Statement, error: psycopg.Error) -> str:
    """Return what an error is, and where; its text may have values that a function reads."""
    state = _state(error)
    name = ".".join(_name_at(statement, error))
    with suppress(KeyError):
        words = re.findall("[A-Z][a-z]*", psycopg.errors.lookup(state).__name__)
        state = f"{' '.join(words).lower()} ({state})"
    return f"{state} at {name}" if name else state


def _state(error: psycopg.Error) -> str:
    return error.sqlstate or ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
