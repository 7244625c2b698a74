"""What a vendor's server and driver tell of a statement: one room each.

A room prepares statements and never runs one.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.usage.statement import Column, Statement
from migration_guard.vendors import VENDORS, load

# What a column of a result is called whose name may hold a value; PostgreSQL calls so one of none.
NO_NAME: Final = "?column?"
NOT_PREPARED: Final = "the server does not prepare it"


class Finding(NamedTuple):
    """What a schema does to a statement. ``name`` is the qualified name at which it fails.

    ``actual`` is the server's word, ``expected`` what the code relies on. ``is_missing`` says that
    the schema has nothing of that name, ``is_retyped`` that it probably has another type.
    """

    rule: str
    expected: str
    actual: str
    name: tuple[str, ...] = ()
    is_missing: bool = False
    is_retyped: bool = False


class Undecided(NamedTuple):
    """The server did not tell, and why."""

    why: str


class Session(ABC):
    """A server that is asked; each statement for itself."""

    def complete(
        self,
        statement: Statement,
        samples: Sequence[tuple[Any, ...]],  # noqa: ARG002 - for servers that tell types
        columns: Sequence[tuple[str, Any]],
    ) -> Statement:
        """Return a recorded statement with what this server tells of it: here, names alone.

        Where the server cannot prepare it, it has the reason.
        """
        named = replace(statement, columns=tuple(Column(name) for name, _type in columns))
        answer = self.judge(named)
        if isinstance(answer, Undecided):
            return replace(named, unchecked=f"{NOT_PREPARED}: {answer.why}")
        reasons = ", ".join(map(self.reason, answer))
        return replace(named, unchecked=f"{NOT_PREPARED}: {reasons}" if reasons else "")

    def reason(self, finding: Finding) -> str:
        """Return why a statement cannot be prepared, in words that are the same in each run."""
        return finding.actual

    @abstractmethod
    def judge(self, statement: Statement) -> Sequence[Finding] | Undecided:
        """Return what this schema does to a statement, nothing where it is kept."""


class Server(ABC):
    """The reading of one vendor's statements."""

    placeholder: ClassVar[str] = "?"
    # What the server does not tell of a statement, as the end of a sentence.
    untold: ClassVar[str]

    @abstractmethod
    def session(
        self, connection: BaseDatabaseWrapper, role: str = ""
    ) -> AbstractContextManager[Session]:
        """Open a session on a connection, as ``role`` if one is given."""

    def placeholders(self, sql: str) -> str:
        """Return a text for Django's cursor with the placeholders of the server."""
        numbers: dict[str, int] = {}

        def place(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%"
            number = numbers.setdefault(match[1] or str(len(numbers)), len(numbers) + 1)
            return self.placeholder.format(number)

        return _PLACEHOLDER.sub(place, sql)

    def text(self, sql: Any, _cursor: Any) -> str:
        """Return the text of what was given to Django's cursor."""
        return sql.decode(errors="replace") if isinstance(sql, bytes) else str(sql)

    def has_values(self, _sql: Any) -> bool:
        """Return True for a composed statement that holds a value."""
        return False

    def values(self, sql: str, params: Any) -> Sequence[Any]:
        """Return the values of a text's placeholders, in their order."""
        if not isinstance(params, Mapping):
            return tuple(params or ())
        names = [match[1] for match in _PLACEHOLDER.finditer(sql) if match[1]]
        return [params[name] for name in self._order(names)]

    def columns(self, cursor: Any) -> tuple[tuple[str, Any], ...]:
        """Return the names of a result's columns, with types where the server tells them."""
        return tuple((column[0], None) for column in cursor.description or ())

    def sent_types(self, _cursor: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return a type for each value as the driver sends it."""
        return tuple(None for _value in values)

    def _order(self, names: Sequence[str]) -> Sequence[str]:
        return names


# The driver's placeholders: %s, psycopg's %b and %t, and %(name)s.
_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\))?[sbt]|%%")


def server(vendor: str) -> Server:
    """Return the room of a vendor."""
    room: Server = load(VENDORS[vendor].usage)()
    return room
