"""Taking over a table ``applied_migrations(id, applied_at)`` that the team already had.

The table is set aside under another name, ours is made, and the rows are copied with their times;
so the result is the very table that a new installation has, and no row is ever deleted. Killed in
between, the next ``--adopt`` goes on.
"""

from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.utils.dateparse import parse_datetime

from migration_guard.exceptions import CannotTell, Refused
from migration_guard.history import History
from migration_guard.models import AppliedMigration
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet
from migration_guard.planning.names import number_of
from migration_guard.running import own_tables, schema_of_history
from migration_guard.running.adoption.times import as_moment, as_parameter
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts
from migration_guard.sql.dialects import dialect


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
    if _find(shapes) == own_tables.TABLE:
        _refuse_second_adoption(shapes)
        _read(connection, facts, own_tables.TABLE)  # refuses before anything is changed
        _refuse_elsewhere(facts)
        schema_of_history.refuse_second(connection, facts, files.files)
        _set_aside(connection, facts)
    own_tables.ensure(connection, facts, files.files)
    with connection.transaction(lock_timeout):
        is_first = history.stamp.environment() is None
        if is_first:  # with the rows, since a history without a stamp counts as production
            history.stamp.write(environment)
        return _copy(connection, history, facts, files, environment), is_first


def is_there(connection: Connection, facts: Facts) -> bool:
    """Return whether there is a table to adopt, or one whose adoption was interrupted."""
    shapes = own_tables.read_shapes(connection, facts)
    table = shapes.get(own_tables.TABLE)
    if table is None or own_tables.is_history(table):
        return own_tables.SET_ASIDE in shapes
    return True


def foresee(connection: Connection, facts: Facts) -> tuple[tuple[str, datetime | None], ...]:
    """Return the ids and times of the rows that an adoption copies. Raises as ``adopt`` does."""
    table = _find(own_tables.read_shapes(connection, facts))
    return tuple((row[0], row[2]) for row in _read(connection, facts, table))


def _find(shapes: own_tables.Shapes) -> str:
    """Return the name of the table to copy from. Raises CannotTell where there is none."""
    table = shapes.get(own_tables.TABLE)
    if table is not None and not own_tables.is_history(table):
        if not own_tables.is_adoptable(own_tables.TABLE, table):
            raise own_tables.foreign_table_error(own_tables.TABLE, table)
        return own_tables.TABLE
    if own_tables.SET_ASIDE not in shapes:
        raise CannotTell(
            f"There is no table {own_tables.TABLE}(id, applied_at) to adopt, and no _adopted.json "
            "beside the migrations.",
            "Run manage.py runsqlmigrations without --adopt. To come from another tool: manage.py "
            "makesqlmigration --from TOOL DIR.",
        )
    return own_tables.SET_ASIDE


def refuse_unfinished(connection: Connection, facts: Facts, history: History) -> None:
    """Raise CannotTell where an adoption was interrupted, so that our history lacks its rows.

    To be called while the history is empty.
    """
    quote = dialect(connection.vendor).quote
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
            f"The table {own_tables.TABLE} is not the app's, and {own_tables.SET_ASIDE} is "
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
        moment = as_parameter(connection, applied_at)
        history.adopt(migration_id, number, moment, file, digest, environment)
        history.audit.write("adopted", migration_id, "--adopt")
        adopted.append(migration_id)
    return adopted


def _read(connection: Connection, facts: Facts, table: str) -> list[tuple[str, int, datetime]]:
    """Return (id, number, applied_at) of each row, in the order of time.

    An id may end in .sql. Raises Refused, which names each wrong row.
    """
    quote = dialect(connection.vendor).quote
    rows = connection.fetch(
        f"SELECT id, applied_at FROM {quote(facts.schema)}.{quote(table)} ORDER BY applied_at, id"
    )
    read: dict[str, tuple[str, int, datetime]] = {}
    wrong = []
    for name, value in rows:
        migration_id = str(name).removesuffix(".sql")
        number = number_of(migration_id)
        moment = _parse(connection, value)
        if number is None:
            wrong.append(f'the row "{name}", which is not the id of a migration (number_name)')
        elif migration_id in read:
            wrong.append(f'the row "{name}" beside "{read[migration_id][0]}"')
        if moment is None:
            wrong.append(f"an applied_at that is not a time: {value!r}")
        if number is not None and moment is not None:
            read[migration_id] = migration_id, number, moment
    if wrong:
        raise Refused(
            f"The table {own_tables.TABLE} has {'; '.join(wrong)}.",
            f"Correct or remove {'that row' if len(wrong) == 1 else 'these rows'}, and run --adopt "
            "again.",
        )
    return [*read.values()]


def _parse(connection: Connection, value: Any) -> datetime | None:
    time = parse_datetime(value) if isinstance(value, str) else value
    return as_moment(connection, time) if isinstance(time, datetime) else None
