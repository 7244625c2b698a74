"""Whether a migration of Django's is recorded as applied, looked up after it failed."""

from contextlib import suppress
from enum import Enum, auto
from typing import Final

from django.db.migrations.migration import Migration

from migration_guard.running.connection import Connection
from migration_guard.running.lost_session import await_end, errors_of_reaching, openings

_QUERY: Final = "SELECT app, name FROM django_migrations"


class Record(Enum):
    """What ``django_migrations`` says of a migration."""

    PRESENT = auto()
    MISSING = auto()
    UNKNOWN = auto()  # no answer, or the server still works on the session that was lost


def find_record(connection: Connection, migration: Migration) -> Record:
    """Read it anew, over another connection where this one is lost; raise nothing.

    A squash counts as recorded once all that it replaces is, as Django records it.
    """
    for opening in openings(connection):
        with suppress(*errors_of_reaching(connection)), opening as reached:
            is_settled = reached is connection or await_end(connection, reached)
            reached.rollback()
            rows = _read(reached)
            own = {(migration.app_label, migration.name)}
            if own <= rows or {*(migration.replaces or own)} <= rows:
                return Record.PRESENT
            return Record.MISSING if is_settled else Record.UNKNOWN
    return Record.UNKNOWN


def _read(connection: Connection) -> set[tuple[str, str]]:
    try:
        return {(app, name) for app, name in connection.fetch(_QUERY)}
    except connection.driver_error as error:
        if connection.is_missing_table(error):
            return set()
        raise
