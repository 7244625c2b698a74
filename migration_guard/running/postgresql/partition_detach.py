"""What DETACH PARTITION … CONCURRENTLY leaves behind, and how to finish it.

It commits twice: first the partition is marked, then, when no older transaction can see it in its
table, it is taken out. What ends in between stays marked: its table hides its rows and refuses
inserts in its range, and every other detach of that table fails, until FINALIZE. Sources:
PostgreSQL manual, "ALTER TABLE"; "pg_inherits", inhdetachpending.
"""

from typing import Final, NamedTuple

from psycopg import sql as pg

from migration_guard.running.connection import Connection
from migration_guard.running.statement_work import Effect
from migration_guard.sql.cursor import Name
from migration_guard.sql.partitions import ConcurrentDetach

# The note where there was nothing that the statement could detach.
_NOTHING: Final = "none"


class _Pair(NamedTuple):
    """A partitioned table and its partition, quoted for SQL; ``is_pending`` is half detached."""

    parent: str
    partition: str
    is_pending: bool


def note(connection: Connection, detach: ConcurrentDetach) -> str:
    """Return the oids of table and partition, where the statement has something to detach.

    By oid both are found again whatever the search path is then, and under another name.
    """
    rows = connection.fetch(
        "SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass(%s) "
        "AND inhrelid = to_regclass(%s) AND NOT inhdetachpending",
        (_quote(detach.parent), _quote(detach.partition)),
    )
    return f"{rows[0][0]} {rows[0][1]}" if rows else _NOTHING


def find_effect(connection: Connection, detach: ConcurrentDetach, before: str) -> Effect:
    """Return whether the partition is taken out, marked, or neither; ``before`` is the note."""
    if before == _NOTHING:
        return Effect.NOT_DONE
    pair = _find(connection, detach, before)
    if pair is None:
        return Effect.DONE
    return Effect.HALF_DONE if pair.is_pending else Effect.NOT_DONE


def finish(connection: Connection, detach: ConcurrentDetach, before: str) -> None:
    """Take a marked partition out; this waits for every older snapshot."""
    pair = _find(connection, detach, before)
    if pair is not None:
        connection.send(f"ALTER TABLE {pair.parent} DETACH PARTITION {pair.partition} FINALIZE")


def describe(connection: Connection, detach: ConcurrentDetach, before: str) -> str:
    """Return what a marked partition means to those who use its table, else nothing."""
    pair = None if before == _NOTHING else _find(connection, detach, before)
    if pair is None or not pair.is_pending:
        return ""
    return (
        f"The partition {pair.partition} is half detached from {pair.parent}: until that is "
        f"finished, {pair.parent} hides its rows, and inserts in its range fail. The next run "
        f"finishes it (by hand: ALTER TABLE {pair.parent} DETACH PARTITION {pair.partition} "
        "FINALIZE)."
    )


def _find(connection: Connection, detach: ConcurrentDetach, before: str) -> _Pair | None:
    """Return the two while one is a partition of the other, marked or not."""
    parent, _, partition = before.partition(" ")
    where, keys = "i.inhparent = %s AND i.inhrelid = %s", (parent, partition)
    if not before:  # an entry of a version that noted nothing
        where = "i.inhparent = to_regclass(%s) AND i.inhrelid = to_regclass(%s)"
        keys = _quote(detach.parent), _quote(detach.partition)
    rows = connection.fetch(
        "SELECT format('%%I.%%I', pn.nspname, p.relname), format('%%I.%%I', cn.nspname, c.relname),"
        " i.inhdetachpending FROM pg_catalog.pg_inherits i "
        "JOIN pg_catalog.pg_class p ON p.oid = i.inhparent "
        "JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace "
        "JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid "
        f"JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace WHERE {where}",
        keys,
    )
    return _Pair(*rows[0]) if rows else None


def _quote(name: Name) -> str:
    return pg.Identifier(*filter(None, (name.schema, name.name))).as_string()
