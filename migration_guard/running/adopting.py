"""Taking over a table ``applied_migrations(id, applied_at)`` that the team already had.

The table is set aside under another name, ours is made, and the rows are copied with their times;
so the result is the very table that a new installation has, and no row is ever deleted. Killed in
between, the next ``--adopt`` goes on.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from migration_guard.exceptions import CannotTell, Refused
from migration_guard.history import History
from migration_guard.models import AppliedMigration
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet
from migration_guard.planning.names import number_of
from migration_guard.running import own_tables, schema_of_history
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts


def adopt(
    connection: Connection,
    facts: Facts,
    history: History,
    files: FileSet,
    environment: str,
    lock_timeout: float | None,
) -> tuple[list[str], bool]:
    """Adopt the table; return the ids of its rows, and whether the database was stamped.

    Raises CannotTell where there is no table to adopt.

    Rows keep their times; a time without a zone is read in the session's. Digests are filled in
    from the files, so that an edit from now on is seen.
    """
    shapes = own_tables.read_shapes(connection, facts)
    table = shapes.get(own_tables.TABLE)
    if table is not None and not own_tables.is_history(table):
        if not own_tables.is_adoptable(own_tables.TABLE, table):
            raise own_tables.foreign_table_error(own_tables.TABLE, table)
        _refuse_second_adoption(shapes)
        _read(connection, facts, own_tables.TABLE)  # refuses before anything is changed
        _refuse_elsewhere(facts)
        schema_of_history.refuse_second(connection, facts, files.files)
        _set_aside(connection, facts)
    elif own_tables.SET_ASIDE not in shapes:
        raise CannotTell(
            f"There is no table {own_tables.TABLE}(id, applied_at) to adopt.",
            "Run manage.py runsqlmigrations without --adopt.",
        )
    own_tables.ensure(connection, facts, files.files)
    with connection.transaction(lock_timeout):
        is_first = history.stamp.environment() is None
        if is_first:  # with the rows, since a history without a stamp counts as production
            history.stamp.write(environment)
        return _copy(connection, history, facts, files, environment), is_first


def refuse_unfinished(connection: Connection, facts: Facts, history: History) -> None:
    """Raise CannotTell where an adoption was interrupted, so that our history lacks its rows.

    To be called while the history is empty.
    """
    quote = connection.wrapper.ops.quote_name
    table = f"{quote(facts.schema)}.{quote(own_tables.SET_ASIDE)}"
    try:
        waiting = connection.fetch(f"SELECT 1 FROM {table}")
    except connection.driver_error:
        return
    if waiting and not history.was_adopted():
        raise CannotTell(
            f"An adoption was interrupted: the rows of {own_tables.SET_ASIDE} are not in the "
            "history yet. Nothing was run.",
            "Run manage.py runsqlmigrations --adopt again.",
        )


def _refuse_second_adoption(shapes: own_tables.Shapes) -> None:
    """Raise CannotTell where the place for the team's table is taken by an earlier adoption."""
    if own_tables.SET_ASIDE in shapes:
        raise CannotTell(
            f"The table {own_tables.TABLE} is none of the app's, and {own_tables.SET_ASIDE} is "
            "there from an earlier adoption. Nothing was changed.",
            f"Rename {own_tables.SET_ASIDE}, or {own_tables.TABLE} if another program made it "
            "since, and run --adopt again.",
        )


def _refuse_elsewhere(facts: Facts) -> None:
    """Raise CannotTell where our tables would be made in another schema than the team's table."""
    if facts.new_tables != facts.schema:
        raise CannotTell(
            f'{own_tables.TABLE} is in the schema "{facts.schema}", and new tables are made in '
            f'"{facts.new_tables}". Nothing was changed.',
            f'Put "{facts.schema}" first in the search_path (OPTIONS in DATABASES), or move the '
            "table.",
        )


def _set_aside(connection: Connection, facts: Facts) -> None:
    with connection.wrapper.schema_editor() as editor:
        try:
            editor.alter_db_table(AppliedMigration, own_tables.TABLE, own_tables.SET_ASIDE)
        except DatabaseError as error:
            raise CannotTell(
                f"The table {own_tables.TABLE} cannot be renamed: {str(error).strip()}",
                f'The user "{facts.user}" must own it.',
            ) from error


def _copy(
    connection: Connection, history: History, facts: Facts, files: FileSet, environment: str
) -> list[str]:
    by_id = {file.id: file for file in files.files}
    adopted = []
    recorded = history.ids()
    for migration_id, number, applied_at in _read(connection, facts, own_tables.SET_ASIDE):
        if migration_id in recorded:
            continue
        file = by_id.get(migration_id)
        digest = fingerprint(file.text, connection.vendor) if file is not None else None
        history.adopt(migration_id, number, applied_at, file, digest, environment)
        history.audit.write("adopted", migration_id, "--adopt")
        adopted.append(migration_id)
    return adopted


def _read(connection: Connection, facts: Facts, table: str) -> list[tuple[str, int, Any]]:
    """Return (id, number, applied_at as a parameter) of each row, in the order of time."""
    quote = connection.wrapper.ops.quote_name
    rows = connection.fetch(
        f"SELECT id, applied_at FROM {quote(facts.schema)}.{quote(table)} ORDER BY applied_at, id"
    )
    return [(str(row[0]), _number(str(row[0])), _time(connection, row[1])) for row in rows]


def _number(migration_id: str) -> int:
    number = number_of(migration_id)
    if number is None:
        raise Refused(
            f'The table {own_tables.TABLE} has the row "{migration_id}", '
            "which is not the id of a migration (number_name).",
            "Correct or remove that row, and run --adopt again.",
        )
    return number


def _time(connection: Connection, value: Any) -> Any:
    """Return a time as the driver gave it as a parameter for a column of Django's."""
    moment = parse_datetime(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise Refused(
            f"The table {own_tables.TABLE} has an applied_at that is not a time: {value!r}.",
            "Correct that row, and run --adopt again.",
        )
    if timezone.is_naive(moment):
        moment = moment.replace(
            tzinfo=connection.wrapper.timezone or timezone.get_default_timezone()
        )
    if not settings.USE_TZ:
        moment = timezone.make_naive(moment)
    return connection.wrapper.ops.adapt_datetimefield_value(moment)
