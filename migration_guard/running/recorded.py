"""Reads all that a database tells of how it came about; writes nothing."""

from collections.abc import Mapping
from typing import NamedTuple

from django.db.migrations.recorder import MigrationRecorder

from migration_guard.exceptions import CannotTell
from migration_guard.history import History
from migration_guard.planning.evidence import Act
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.one_order import Key
from migration_guard.planning.recorded_order import RecordedRow
from migration_guard.running import connecting, own_tables
from migration_guard.running.connection import Connection


class Recorded(NamedTuple):
    """The history with its SQL, and the rows of ``django_migrations`` in the order of their ids.

    ``sql`` has the stored SQL by id.
    """

    history: RecordedHistory
    sql: Mapping[str, str]
    django: tuple[RecordedRow[Key], ...]
    acts: tuple[Act, ...]

    def has_rows_of(self, other: "Recorded") -> bool:
        """Return whether both have the same migrations, and the same of them half done."""
        ours, theirs = self.history, other.history
        return (ours.rows, ours.journal, self.django) == (theirs.rows, theirs.journal, other.django)


def read_recorded(alias: str) -> Recorded:
    """Return what the database ``alias`` tells. Raises CannotTell where it has no history."""
    with connecting.open_connection(alias, read_only=True) as (connection, facts):
        if not own_tables.are_present(connection, facts):
            raise CannotTell(
                f"{connecting.describe(connection.wrapper)} has no migration history, so there is "
                "nothing to replay.",
                "If you expected one: check --database, and the search_path.",
            )
        own_tables.refuse_hidden(connection, facts.schema)
        history = own_tables.open_history(connection, facts)
        with connection.failing():
            recorded, acts = history.read(), history.audit.acts()
            sql = history.applied_sql([*recorded.rows])
        return Recorded(recorded, sql, _read_django(connection, history), acts)


def _read_django(connection: Connection, history: History) -> tuple[RecordedRow[Key], ...]:
    recorder = MigrationRecorder(connection.wrapper)
    if not recorder.has_table():
        return ()
    # The app's own are carried out before all others.
    rows = recorder.migration_qs.exclude(app=own_tables.APP).order_by("id")
    try:
        times = {(app, name): at for app, name, at in rows.values_list("app", "name", "applied")}
    except (ValueError, TypeError) as error:
        raise _unreadable_time(str(error)) from error
    # Django's backends read a time that is none as None.
    for key, at in times.items():
        if at is None:
            raise _unreadable_time(".".join(key))
    return tuple(RecordedRow(key, history.moment(at)) for key, at in times.items())


def _unreadable_time(what: str) -> CannotTell:
    table = MigrationRecorder.Migration._meta.db_table
    return CannotTell(
        f"A time in {table} cannot be read: {what}.",
        "Correct the column applied of that row, and run it again.",
    )
