"""What is asked about the relations of a database, and about the locks of a session.

Each query answers in one row, so that nothing depends on the session's way of writing times.
Sources: PostgreSQL manual, "pg_locks", "Statistics Functions", "pg_stat_progress_create_index".
"""

import json
from typing import Any, Final, NamedTuple

_MICROSECONDS: Final = "(pg_catalog.date_part('epoch', pg_catalog.{}()) * 1000000)::pg_catalog.int8"
_FIRST_OWN: Final = 16384  # oids below are those of the catalogue
_SHOWN: Final = f"c.oid >= {_FIRST_OWN} AND c.relpersistence <> 't' AND c.relkind <> 'c'"
# Tables and what belongs to one; a sequence belongs to the table of its column.
_RELATIONS: Final = f"""(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
    c.oid::pg_catalog.int8, c.relnamespace::pg_catalog.int8, n.nspname, c.relname,
    c.relkind::pg_catalog.text,
    COALESCE(i.indrelid, t.oid, CASE WHEN c.relkind = 'S' THEN (
      SELECT d.refobjid FROM pg_catalog.pg_depend d
      WHERE d.objid = c.oid AND d.objsubid = 0 AND d.deptype IN ('a', 'i')
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) END, c.oid)::pg_catalog.int8,
    c.relfilenode::pg_catalog.int8, c.reltablespace::pg_catalog.int8))::pg_catalog.text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_class t ON t.reltoastrelid = c.oid AND c.relkind = 't'
  WHERE {_SHOWN})"""
# Which relations there are; it is another where one was made or dropped.
_FINGERPRINT: Final = f"""(SELECT pg_catalog.concat(pg_catalog.count(*), ' ',
    pg_catalog.sum(c.oid::pg_catalog.int8)) FROM pg_catalog.pg_class c WHERE {_SHOWN})"""
# The counters also hold what earlier transactions of the session did.
_SCANS: Final = f"""(SELECT pg_catalog.json_object_agg(c.oid, s.scans)::pg_catalog.text
  FROM pg_catalog.pg_class c, pg_catalog.pg_stat_get_xact_numscans(c.oid) AS s (scans)
  WHERE c.relkind IN ('r', 'p', 'm') AND {_SHOWN} AND s.scans > 0)"""
# The relations that a session has locked. What it dropped has no row in pg_class any more. For
# SIReadLock, which notes what a serializable transaction read, nobody waits.
_LOCKED: Final = """(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
    l.relation::pg_catalog.int8, l.modes, c.relnamespace::pg_catalog.int8, c.relname,
    c.relfilenode::pg_catalog.int8, c.reltablespace::pg_catalog.int8, {scans},
    c.relkind IN ('r', 'm', 't') AND pg_catalog.pg_relation_size(c.oid) > 0))::pg_catalog.text
  FROM (SELECT relation, pg_catalog.array_agg(DISTINCT mode) AS modes FROM pg_catalog.pg_locks
    WHERE pid = {pid} AND locktype = 'relation' AND granted AND mode <> 'SIReadLock'
    AND relation >= {first}
    AND database = (SELECT oid FROM pg_catalog.pg_database
      WHERE datname = pg_catalog.current_database())
    GROUP BY relation) AS l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation)"""
_ANSWER: Final = (
    f"SELECT {_MICROSECONDS.format('statement_timestamp')}, {{}}, {{}}, "
    "pg_catalog.current_setting('track_counts') = 'on', "
    f"{_MICROSECONDS.format('clock_timestamp')}"
)
_OWN_SCANS: Final = "pg_catalog.pg_stat_get_xact_numscans(l.relation)"
# Another session's counters are out of sight; its work on a table shows while it lasts.
_WORKS: Final = (
    "(SELECT pg_catalog.count(*) FROM (VALUES ('CREATE INDEX'), ('CLUSTER'), ('VACUUM')) "
    "AS work (name), pg_catalog.pg_stat_get_progress_info(work.name) AS p "
    "WHERE p.pid = {pid} AND p.relid = l.relation)"
)

# For a transaction that begins: its parameter is a fingerprint by which all relations are known.
BEGIN: Final = _ANSWER.format(
    _SCANS, f"CASE WHEN {_FINGERPRINT} = %s THEN NULL ELSE {_RELATIONS} END"
)
LOOK: Final = _ANSWER.format(
    _LOCKED.format(first=_FIRST_OWN, pid="pg_catalog.pg_backend_pid()", scans=_OWN_SCANS), "NULL"
)
END: Final = _ANSWER.format("NULL", _FINGERPRINT)
# Lets the counters of this session begin anew with its next transaction.
FLUSH: Final = "SELECT pg_catalog.pg_stat_force_next_flush()"
UNKNOWN: Final = ""  # a fingerprint of no database


def begin(fingerprint: str) -> str:
    """Return ``BEGIN`` with its parameter, which has digits alone."""
    return BEGIN.replace("%s", f"'{fingerprint}'")


def look_at(pid: int) -> str:
    """Return the query for the locks of another session."""
    scans = _WORKS.format(pid=pid)
    return _ANSWER.format(_LOCKED.format(first=_FIRST_OWN, pid=pid, scans=scans), "NULL")


class Relation(NamedTuple):
    """A relation before a transaction; ``table`` is the oid of the table that it belongs to."""

    oid: int
    namespace: int
    schema: str
    name: str
    kind: str
    table: int
    filenode: int
    tablespace: int


class Locked(NamedTuple):
    """A relation that a session has locked; without a file it is gone.

    ``scans`` counts reads of the whole relation, ``has_data`` says whether its file holds pages.
    """

    oid: int
    modes: list[str]
    namespace: int | None
    name: str | None
    filenode: int | None
    tablespace: int | None
    scans: int
    has_data: bool | None


class Start(NamedTuple):
    """The time of the server in microseconds, the counters by oid, and the relations.

    The relations are None where they are those of the fingerprint.
    """

    ended: int
    scans: dict[int, int]
    relations: dict[int, Relation] | None


class Look(NamedTuple):
    """Locks, with the times at the start and the end of the answer in microseconds."""

    started: int
    relations: tuple[Locked, ...]
    counts: bool
    ended: int


class End(NamedTuple):
    """The time behind the last statement, and the fingerprint of the relations there are then."""

    started: int
    fingerprint: str


def read_start(row: tuple[Any, ...]) -> Start:
    """Return the answer to ``BEGIN``."""
    _started, scans, relations, _counts, ended = row
    return Start(
        ended,
        # The keys of an object are texts.
        {int(oid): count for oid, count in json.loads(scans or "{}").items()},
        None
        if relations is None
        else {fields[0]: Relation(*fields) for fields in json.loads(relations)},
    )


def read_look(row: tuple[Any, ...]) -> Look:
    """Return the answer to ``LOOK``."""
    started, relations, _none, counts, ended = row
    locked = (Locked(*fields) for fields in json.loads(relations or "[]"))
    return Look(started, tuple(locked), counts, ended)


def read_end(row: tuple[Any, ...]) -> End:
    """Return the answer to ``END``."""
    started, _none, fingerprint, _counts, _ended = row
    return End(started, fingerprint)
