"""Reads a whole database: its tables, and its programs.

Programs are routines, triggers, policies, events and free-standing sequences. No contract is about
them, so they are read only where two databases are compared. Objects of an extension or of the
system are left out, and so are grants and owners.

Source: MariaDB manual, "Information Schema Tables": what a role has no privilege for is not listed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.diff.program_queries import QUERIES
from migration_guard.schema.objects import UNKNOWN, Program, Snapshot, Unknown
from migration_guard.schema.read import read_snapshot
from migration_guard.schema.readers.lock_limits import attempt, brief_waits, reason
from migration_guard.schema.readers.mysql import programs as mysql
from migration_guard.schema.readers.postgresql.objects import read_objects
from migration_guard.schema.readers.sqlite import programs as sqlite

# What MySQL lists only for those who hold such a privilege on the whole database.
_LISTED_FOR: Final = {
    "tables": ("SELECT",),
    "triggers": ("TRIGGER",),
    "events": ("EVENT",),
    "routines": ("EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE"),
}
_Reader: TypeAlias = Callable[[BaseDatabaseWrapper, Snapshot], Iterator[Program | Unknown]]

# What reads programs in a vendor's room, beside those of the queries.
_READERS: Final[Mapping[str, _Reader]] = {
    "mysql": mysql.read_programs,
    "sqlite": sqlite.read_programs,
    "postgresql": read_objects,
}
_WILDCARDS: Final = {"%": ".*", "_": "."}
_GRANT: Final = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<on>\*|`(?:[^`]|``)+`)\.\* TO ")


def read_database(connection: BaseDatabaseWrapper) -> Snapshot:
    """Return the snapshot of all tables, with the programs of the database.

    Programs that cannot be read are UNKNOWN, with the reason in ``Snapshot.unknown``. Raises
    Django's errors for a connection that fails.
    """
    snapshot = read_snapshot(connection)
    partly_listed = _PARTLY_LISTED.get(connection.vendor)
    try:
        with brief_waits(connection):
            found = tuple(_programs(connection, snapshot))
        unlisted = tuple(partly_listed(connection)) if partly_listed is not None else ()
    except DatabaseError as error:
        note = Unknown("", "programs", reason(error))
        return replace(snapshot, programs=UNKNOWN, unknown=(*snapshot.unknown, note))
    tables = tuple(table for table in snapshot.tables if not table.extension)
    programs = tuple(program for program in found if isinstance(program, Program))
    notes = (note for note in found if isinstance(note, Unknown))
    unknown = (*snapshot.unknown, *notes, *unlisted)
    return replace(snapshot, tables=tables, programs=programs, unknown=unknown)


def _programs(connection: BaseDatabaseWrapper, snapshot: Snapshot) -> Iterator[Program | Unknown]:
    """Yield the programs, and notes of what of them could not be read."""
    labels = {(table.schema, table.name): table.label for table in snapshot.tables}

    def label(schema: str | None, name: str | None) -> str:
        if not schema or schema in snapshot.search_path:
            return str(name or "")
        return f"{schema}.{name}"

    with connection.cursor() as cursor:
        for query in QUERIES.get(connection.vendor, ()):
            with attempt(connection):
                cursor.execute(query)
                rows = cursor.fetchall()
            for kind, name, table_schema, table, definition in rows:
                table_label = labels.get((table_schema, table)) or label(table_schema, table)
                text = UNKNOWN if definition is None else str(definition)
                yield Program(kind, name, table_label, text)
    if connection.vendor in _READERS:
        yield from _READERS[connection.vendor](connection, snapshot)


def _mysql_partly_listed(connection: BaseDatabaseWrapper) -> Iterator[Unknown]:
    """Yield a note for each list of which the role may see only a part."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        matches = [_GRANT.match(line) for (line,) in cursor.fetchall()]
        cursor.execute("SELECT DATABASE()")
        (database,) = cursor.fetchone()
    held = {
        privilege.strip()
        for grant in matches
        if grant is not None and _covers(grant["on"], database)
        for privilege in grant["privileges"].split(",")
    }
    for objects, privileges in _LISTED_FOR.items():
        if not held & {"ALL PRIVILEGES", *privileges}:
            yield Unknown("", objects, f"the role has no {privileges[0]} on the whole database")


def _covers(granted: str, database: str) -> bool:
    """Return whether a grant on a database holds for this one; % and _ are wild unless escaped."""
    if granted == "*":
        return True
    pattern = re.sub(
        r"\\(.)|([%_])|(.)",
        lambda match: _WILDCARDS.get(match[2] or "", re.escape(match[1] or match[3] or "")),
        granted[1:-1].replace("``", "`"),
    )
    return re.fullmatch(pattern, database) is not None


_PARTLY_LISTED: Final[Mapping[str, Callable[[BaseDatabaseWrapper], Iterator[Unknown]] | None]] = {
    "mysql": _mysql_partly_listed,
    # They list everything to every role.
    "postgresql": None,
    "sqlite": None,
}
