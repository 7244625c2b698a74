"""The whole of a database: its snapshot, and what it does by itself.

That is routines, triggers, policies, events, free-standing sequences. No contract speaks of them,
so they are read only where two databases are compared. What belongs to an extension or to the
system is left out; so are grants and owners.

Source: MariaDB manual, "Information Schema Tables": what a role has no privilege for is not listed.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.diff.program_queries import QUERIES
from migration_guard.schema.objects import UNKNOWN, Program, Snapshot, Unknown
from migration_guard.schema.read import read_snapshot
from migration_guard.schema.readers.lock_limits import attempt, brief_waits, reason

# What MySQL lists only for those who hold such a privilege on the whole database.
_LISTED_FOR: Final = {
    "tables": ("SELECT",),
    "triggers": ("TRIGGER",),
    "events": ("EVENT",),
    "routines": ("EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE"),
}
_GRANT: Final = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<on>\*|`(?:[^`]|``)+`)\.\* TO ")
_OF_EXTENSIONS: Final = """
    SELECT n.nspname::text, c.relname::text FROM pg_depend d
    JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
"""


def read_database(connection: BaseDatabaseWrapper) -> Snapshot:
    """Return the snapshot of all tables, with the programs of the database or why there are none.

    Raises Django's errors for a connection that fails.
    """
    found = read_snapshot(connection)
    try:
        programs = tuple(_programs(connection, found))
        foreign = _of_extensions(connection)
        unlisted = tuple(_unlisted(connection))
    except DatabaseError as error:
        unknown = Unknown("", "programs", reason(error))
        return replace(found, programs=UNKNOWN, unknown=(*found.unknown, unknown))
    tables = tuple(one for one in found.tables if (one.schema, one.name) not in foreign)
    unknown_too = (*found.unknown, *unlisted)
    return replace(found, tables=tables, programs=programs, unknown=unknown_too)


def _programs(connection: BaseDatabaseWrapper, found: Snapshot) -> Iterator[Program]:
    labels = {(one.schema, one.name): one.label for one in found.tables}

    def label(schema: str | None, name: str | None) -> str:
        if not schema or schema in found.search_path:
            return str(name or "")
        return f"{schema}.{name}"

    with brief_waits(connection), connection.cursor() as cursor:
        for query in QUERIES.get(connection.vendor, ()):
            with attempt(connection):
                cursor.execute(query)
                rows = cursor.fetchall()
            for kind, schema, name, of, table, definition in rows:
                place = labels.get((of, table)) or label(of, table)
                said = UNKNOWN if definition is None else str(definition)
                yield Program(kind, label(schema, name), place, said)


def _of_extensions(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """Return schema and name of the tables and views that an extension brought along."""
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_OF_EXTENSIONS)
        return set(cursor.fetchall())


def _unlisted(connection: BaseDatabaseWrapper) -> Iterator[Unknown]:
    """Note what the role sees only a part of, if any, and cannot know which."""
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        grants = [one for (line,) in cursor.fetchall() if (one := _GRANT.match(line))]
        cursor.execute("SELECT DATABASE()")
        (database,) = cursor.fetchone()
    held = {
        privilege.strip()
        for grant in grants
        if _covers(grant["on"], database)
        for privilege in grant["privileges"].split(",")
    }
    for what, privileges in _LISTED_FOR.items():
        if not held & {"ALL PRIVILEGES", *privileges}:
            yield Unknown("", what, f"the role has no {privileges[0]} on the whole database")


def _covers(granted: str, database: str) -> bool:
    """Tell whether a grant on a database holds for this one; % and _ are wild unless escaped."""
    if granted == "*":
        return True
    pattern = re.sub(
        r"\\(.)|([%_])|(.)",
        lambda one: {"%": ".*", "_": "."}.get(one[2] or "", re.escape(one[1] or one[3] or "")),
        granted[1:-1].replace("``", "`"),
    )
    return re.fullmatch(pattern, database) is not None
