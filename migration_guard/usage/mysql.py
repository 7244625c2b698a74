"""MariaDB and MySQL: PREPARE, which knows names, and neither types nor required columns."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.schema.readers.lock_limits import brief_waits
from migration_guard.usage.servers import Finding, Server, Session, Undecided
from migration_guard.usage.statement import Statement

# Server errors about connections, locks and the limits of a session (mysqld_error.h).
_TRANSIENT: Final = frozenset({1040, 1158, 1159, 1160, 1161, 1205, 1213, 1317, 1461, 1969, 3024})
_LOCKED: Final = 1205
_LOST: Final = frozenset({2006, 2013})
# Errors of rights: it is planned no less.
_DENIED: Final = frozenset({1044, 1142, 1143, 1370})


class MySQLServer(Server):
    """The reading of statements that mysqlclient sends."""

    untold = (
        "more than names: no types, required columns, results or rights, nothing that depends on "
        "values, and no bodies of triggers and procedures"
    )

    @contextmanager
    def session(self, connection: BaseDatabaseWrapper, role: str = "") -> Iterator["MySQLSession"]:
        """Ask on this connection. Raises CannotTell for a role."""
        if role:
            raise CannotTell(
                "--as needs PostgreSQL: PREPARE looks at no rights here.", "Leave --as out."
            )
        with brief_waits(connection):
            yield MySQLSession(connection)


class MySQLSession(Session):
    """A server that prepares."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def judge(self, statement: Statement) -> Sequence[Finding] | Undecided:
        """Prepare a statement."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("PREPARE migration_guard_usage FROM %s", (statement.sql,))
                cursor.execute("DEALLOCATE PREPARE migration_guard_usage")
        except DatabaseError as error:
            if error.args[0] == _LOCKED:
                self._wait_less()
            return _explain(error)
        return []

    def reason(self, finding: Finding) -> str:
        """Return the error's number and name: its text has the database of one worker."""
        place = f" at {'.'.join(finding.name)}" if finding.name else ""
        return f"error {finding.actual.rpartition('(')[2].rstrip(')')}{place}"

    def _wait_less(self) -> None:
        """Wait no second time, since a thousand statements may name the table."""
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 1")


def _explain(error: DatabaseError) -> Sequence[Finding] | Undecided:
    number, text = (*error.args, "")[:2]
    if number in _LOST:
        raise CannotTell(f"The server was lost: {text}", "Run the check again.") from error
    if number in _DENIED:
        return []
    if number in _TRANSIENT:
        return Undecided(str(text))
    name = _name_in(number, text)
    return [Finding("usage-broken", "it to run", f"{text} ({number})", name, bool(name))]


# The errors whose first quoted word is a name, in any language of the server.
_UNKNOWN_COLUMN: Final = 1054
_UNKNOWN_TABLE: Final = 1146
_QUOTED: Final = re.compile(r"'([^']+)'")


def _name_in(number: Any, text: str) -> tuple[str, ...]:
    """Return the qualified name that the server does not know, () for other errors."""
    match = _QUOTED.search(str(text))
    if match is None or number not in {_UNKNOWN_COLUMN, _UNKNOWN_TABLE}:
        return ()
    qualifier, _, name = match[1].rpartition(".")
    # A table stands behind its database there.
    return (qualifier, name) if qualifier and number == _UNKNOWN_COLUMN else (name,)
