"""What PostgreSQL refuses in a transaction block, and what an interruption leaves of it.

Indexes and partitions have modules of their own. By name, since each is different; source:
PostgreSQL's callers of PreventInTransactionBlock (tcop/utility.c, commands/).
"""

from typing import Final, NamedTuple

from migration_guard.running.connection import Connection
from migration_guard.running.statement_work import Effect
from migration_guard.sql.cursor import read_tokens
from migration_guard.sql.dialects import POSTGRESQL

# Run again they do their work again, or what is left of it, and nothing twice.
_REPEATABLE: Final = (
    ("VACUUM",),
    ("ANALYZE",),
    ("ANALYSE",),
    ("REINDEX",),
    ("CLUSTER",),
    ("REPACK",),
    ("CHECKPOINT",),
    ("DISCARD",),
    ("ALTER", "SYSTEM"),
    ("ALTER", "DATABASE"),  # SET TABLESPACE, which returns at once where it was done
)
# ALTER SUBSCRIPTION: these state what is to be; ADD and DROP fail where they were done.
_REPEATABLE_ALTERS: Final = frozenset({"REFRESH", "SET"})
# What is there or is not: catalogue and column of the name.
_CATALOGUES: Final = {
    "DATABASE": "pg_database WHERE datname",
    "TABLESPACE": "pg_tablespace WHERE spcname",
    "SUBSCRIPTION": "pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database "
    "WHERE datname = current_database()) AND subname",
}
# It makes a slot on another server first, which nobody sees from here.
_UNSEEN: Final = ("CREATE", "SUBSCRIPTION")
_RUNS_CODE: Final = ("CALL", "DO")
_PRESENT: Final = "present"
_ABSENT: Final = "absent"


class _Object(NamedTuple):
    """A database, tablespace or subscription that a statement makes or drops."""

    verb: str
    kind: str
    name: str


def note(connection: Connection, sql: str) -> str:
    """Return whether what the statement makes or drops is there, else nothing."""
    thing = _read_object(sql)
    return _presence(connection, thing) if thing is not None else ""


def can_tell(sql: str) -> bool:
    """Return whether an interrupted statement may be run again, or the catalogue tells of it."""
    return _is_repeatable(sql) or _read_object(sql) is not None


def find_effect(connection: Connection, sql: str, before: str, *, failed: bool) -> Effect:
    """Return what became of a statement; ``before`` is the note, ``failed`` a server's error."""
    thing = _read_object(sql)
    if _is_repeatable(sql) or (failed and not _runs_code(sql)):
        return Effect.NOT_DONE
    if thing is None:
        return Effect.UNKNOWN
    result = _PRESENT if thing.verb == "CREATE" else _ABSENT
    is_done = before not in ("", result) and _presence(connection, thing) == result
    return Effect.DONE if is_done else Effect.NOT_DONE


def _runs_code(sql: str) -> bool:
    """Return whether the statement is code, which may commit on its way before it fails."""
    return read_tokens(sql, POSTGRESQL).take() in _RUNS_CODE


def _is_repeatable(sql: str) -> bool:
    cursor = read_tokens(sql, POSTGRESQL)
    if any(cursor.accept(*words) for words in _REPEATABLE):
        return True
    if not cursor.accept("ALTER", "SUBSCRIPTION"):
        return False
    cursor.take_name()
    return cursor.peek() in _REPEATABLE_ALTERS


def _read_object(sql: str) -> _Object | None:
    cursor = read_tokens(sql, POSTGRESQL)
    verb, kind = cursor.take(), cursor.take()
    if verb not in ("CREATE", "DROP") or kind not in _CATALOGUES or (verb, kind) == _UNSEEN:
        return None
    cursor.accept("IF", "EXISTS")
    name = cursor.take_name()
    return _Object(verb, kind, name.name) if name is not None else None


def _presence(connection: Connection, thing: _Object) -> str:
    where = _CATALOGUES[thing.kind]
    found = connection.fetch(f"SELECT 1 FROM pg_catalog.{where} = %s", (thing.name,))
    return _PRESENT if found else _ABSENT
