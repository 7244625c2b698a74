"""PostgreSQL: PREPARE with the driver's types, then EXPLAIN of the generic plan.

Each statement stands under its own savepoint in a transaction that only reads. EXPLAIN runs no
statement; planning may run functions that are immutable or stable.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from migration_guard.usage.servers import NOT_PREPARED, Finding, Server, Session, Undecided
from migration_guard.usage.statement import UNTYPED, Column, Parameter, Statement

_NAME: Final = "migration_guard_usage"
_DENIED: Final = "42501"
# Locks, cancelled statements and lost resources say nothing of the statement.
_TRANSIENT: Final = ("53", "55", "57", "58", "40", "08", "XX")
_INTEGER: Final = re.compile(r"\s*-?\d+\Z")


class PostgreSQLServer(Server):
    """The reading of statements that psycopg sends."""

    placeholder = "${}"
    limits = "CHECKs, foreign keys, lengths and trigger bodies, which depend on values"

    @contextmanager
    def session(
        self, connection: BaseDatabaseWrapper, role: str = ""
    ) -> Iterator["PostgreSQLSession"]:
        """Open a transaction that only reads, and undo it."""
        with transaction.atomic(connection.alias, savepoint=True):
            session = PostgreSQLSession(connection)
            session.begin(role)
            yield session
            transaction.set_rollback(True, connection.alias)

    def text(self, sql: Any, cursor: Any) -> str:
        """Return the text of a statement, "" for a composed one that holds a Literal."""
        if isinstance(sql, str):
            return sql
        if isinstance(sql, bytes):
            return sql.decode(errors="replace")
        # A Literal is a value, and no value is kept.
        return "" if _has_literal(sql) else str(sql.as_string(cursor.cursor))

    def columns(self, cursor: Any) -> tuple[tuple[str, Any], ...]:
        """Return names and type numbers of a result."""
        return tuple((column.name, column.type_code) for column in cursor.description or ())

    def sent_types(self, cursor: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return for each value the number of its type, or the name that its literal has."""
        from psycopg import ClientCursor
        from psycopg.adapt import PyFormat, Transformer

        raw = cursor.cursor
        transformer = Transformer.from_context(raw)
        types: list[Any] = []
        for value in values:
            if value is None:
                types.append(UNTYPED)
                continue
            dumper = transformer.get_dumper(value, PyFormat.AUTO)
            if isinstance(raw, ClientCursor):
                literal = bytes(transformer.get_dumper(value, PyFormat.TEXT).quote(value))
                types.append(_literal_type(literal, dumper.oid))
            else:
                types.append(dumper.oid or UNTYPED)
        return tuple(types)

    def _order(self, names: Sequence[str]) -> Sequence[str]:
        return list(dict.fromkeys(names))


class PostgreSQLSession(Session):
    """A server that prepares and plans."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._role = ""
        self._names: dict[int, str] = {}
        self._numbers: dict[str, tuple[str, int]] = {}
        self._required: dict[str, dict[int, str]] = {}

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
        sent = _widest([[self._type_name(type_) for type_ in sample] for sample in samples])
        typed = replace(
            statement,
            parameters=tuple(Parameter(name) for name in sent),
            columns=tuple(Column(name, self._type_name(oid)) for name, oid in columns),
        )
        try:
            with self._prepared(typed) as description:
                numbers = [description.param_type(at) for at in range(description.nparams)]
                taken = [self._type_name(number) for number in numbers]
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
                findings += self._find_missing_values(plan)
                if self._role:
                    findings += self._find_denied_sequences(plan)
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
        finally:
            # No rollback drops it, and an aborted transaction takes no command.
            if is_prepared and self._connection.is_usable():
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
            taken = self._type_name(description.param_type(at))
            if parameter.sent != UNTYPED or not parameter.taken or taken == parameter.taken:
                continue
            if self._category(taken) != self._category(parameter.taken):
                expected = f"parameter {at + 1} to be {parameter.taken}"
                findings.append(Finding("usage-parameter", expected, taken))
        return findings

    def _compare_columns(self, statement: Statement, description: Any) -> list[Finding]:
        """Return how a result differs; columns that were added at the end are no difference."""
        actual = [
            Column(description.fname(at).decode(), self._type_name(description.ftype(at)))
            for at in range(description.nfields)
        ]
        for at, column in enumerate(statement.columns):
            if at >= len(actual) or actual[at].name != column.name:
                expected = f"column {at + 1} of the result to be {column.name}"
                other = actual[at].name if at < len(actual) else "no such column"
                return [Finding("usage-result", expected, other)]
            if not self._loads_alike(actual[at].type, column.type):
                expected = f"the result {column.name} as {column.type}"
                return [Finding("usage-result", expected, actual[at].type)]
        return []

    def _find_missing_values(self, plan: Any) -> list[Finding]:
        """Return the NOT NULL columns that an INSERT leaves NULL, by the plan's output."""
        findings = []
        for node in _inserts(plan):
            label = f"{node['Schema']}.{node['Relation Name']}"
            output = _rows(node).get("Output", [])
            for place, column in self._required_columns(label).items():
                if place <= len(output) and _IS_NULL.match(output[place - 1]):
                    table = node["Relation Name"]
                    findings.append(
                        Finding(
                            "usage-misses-required",
                            f"a row without {table}.{column}",
                            f"{table}.{column} is NOT NULL and has no default",
                            (table, column),
                        )
                    )
        return findings

    def _required_columns(self, label: str) -> dict[int, str]:
        """Return the NOT NULL columns of a table by place, none where a trigger fills rows."""
        if label not in self._required:
            schema, _, table = label.partition(".")
            with self._connection.cursor() as cursor:
                cursor.execute(_REQUIRED, (schema, table))
                self._required[label] = dict(cursor.fetchall())
        return self._required[label]

    def _find_denied_sequences(self, plan: Any) -> list[Finding]:
        """Return the sequences that the plan calls and the role may not; EXPLAIN sees none."""
        findings = []
        for sequence in dict.fromkeys(_NEXTVAL.findall(json.dumps(plan))):
            name = sequence.replace("\\", "").replace("''", "'")
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT has_sequence_privilege(%s, 'USAGE, UPDATE')", (name,))
                if not cursor.fetchone()[0]:
                    expected = f'the right to run it as "{self._role}"'
                    actual = f"permission denied for sequence {name}"
                    findings.append(Finding("usage-denied", expected, actual))
        return findings

    # -- types

    def _type_name(self, type_: Any) -> str:
        """Return the name of a type number; names stay."""
        if isinstance(type_, str):
            return type_
        if type_ not in self._names:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT typname = 'unknown', format_type(oid, NULL) FROM pg_type "
                    "WHERE oid = %s",
                    (type_,),
                )
                row = cursor.fetchone()
            self._names[type_] = UNTYPED if row is None or row[0] else row[1]
        return self._names[type_]

    def _category(self, name: str) -> str:
        return self._types(name)[0]

    def _types(self, name: str) -> tuple[str, int]:
        """Return the category and the number of a type, ("", 0) for a name that is none."""
        if name not in self._numbers:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT typcategory::text, oid::int8 FROM pg_type WHERE oid = to_regtype(%s)",
                    (name,),
                )
                self._numbers[name] = cursor.fetchone() or ("", 0)
        return self._numbers[name]

    def _loads_alike(self, actual: str, recorded: str) -> bool:
        """Return True if the driver makes the same Python type of both."""
        if actual == recorded:
            return True
        from psycopg.adapt import Transformer
        from psycopg.pq import Format

        transformer = Transformer.from_context(self._connection.connection)
        loaders = {
            type(transformer.get_loader(self._types(name)[1], Format.TEXT))
            for name in (actual, recorded)
        }
        return len(loaders) == 1


def _head(statement: Statement) -> str:
    types = ", ".join(parameter.sent for parameter in statement.parameters)
    return f"PREPARE {_NAME} ({types}) AS " if types else f"PREPARE {_NAME} AS "


def _literal_type(literal: bytes, oid: int) -> Any:
    """Return the type that the server gives a literal of psycopg's client-side binding."""
    text = literal.decode(errors="replace").strip()
    if text.lower() in {"true", "false"}:
        return "boolean"
    if _INTEGER.match(text):
        number = int(text)
        return "integer" if abs(number) < 2**31 else "bigint" if abs(number) < 2**63 else "numeric"
    if text[:1].isdecimal() or text[:1] in "-.":
        return "numeric"
    is_text = oid in _TEXTS or not text.endswith("'")
    return UNTYPED if is_text and oid in {0, *_TEXTS} else oid or UNTYPED


def _inserts(plan: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each node of a plan that inserts rows."""
    if isinstance(plan, list):
        for part in plan:
            yield from _inserts(part)
    elif isinstance(plan, dict):
        if plan.get("Operation") == "Insert" and plan.get("Relation Name") and plan.get("Plans"):
            yield plan
        for key in ("Plan", "Plans"):
            yield from _inserts(plan.get(key))


def _has_literal(part: Any) -> bool:
    from psycopg.sql import Composed, Literal

    return isinstance(part, Literal) or (
        isinstance(part, Composed) and any(map(_has_literal, part))
    )


def _rows(insert: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan whose rows are inserted; those of WITH and of subqueries stand beside it."""
    sources = (plan for plan in insert["Plans"] if plan["Parent Relationship"] in _SOURCES)
    return next(sources, {})


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


# The literals that psycopg writes without a cast: text and name.
_TEXTS: Final = frozenset({25, 19, 1043})
_SOURCES: Final = frozenset({"Outer", "Member"})  # PostgreSQL 13 writes Member
_IS_NULL: Final = re.compile(r"NULL(?:::|\Z)")
_NEXTVAL: Final = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_REQUIRED: Final = """
SELECT a.attnum, a.attname
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = ''
    AND (a.attnotnull OR EXISTS (
        WITH RECURSIVE domains AS (
            SELECT typbasetype, typnotnull FROM pg_type WHERE oid = a.atttypid
            UNION ALL
            SELECT base.typbasetype, base.typnotnull
            FROM pg_type base JOIN domains ON base.oid = domains.typbasetype
        )
        SELECT FROM domains WHERE typnotnull
    ))
    AND NOT EXISTS (
        SELECT FROM pg_trigger t
        WHERE (t.tgrelid = c.oid OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid)))
            AND NOT t.tgisinternal AND t.tgenabled <> 'D'
            AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2 AND t.tgtype & 4 = 4
    )
"""


def _widest(samples: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the types of a statement whose parameters came with several ones.

    A typed value tells more than an untyped one, and a wide number more than a narrow one.
    """
    return tuple(max(types, key=_width) for types in zip(*samples, strict=True))


_NUMBERS: Final = ("smallint", "integer", "bigint", "numeric")


def _width(name: str) -> tuple[int, str]:
    if name == "unknown":
        return -1, name
    return (_NUMBERS.index(name), name) if name in _NUMBERS else (len(_NUMBERS), name)
