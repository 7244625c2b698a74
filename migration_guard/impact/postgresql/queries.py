"""What is asked about the relations of a database, and about the locks of a session.

Each query answers in one row, so that nothing depends on the session's way of writing times.
Sources: PostgreSQL manual, "pg_locks", "Statistics Functions", "pg_stat_progress_create_index".
"""

import json
from typing import Any, Final, NamedTuple

_MICROSECONDS: Final = "(pg_catalog.date_part('epoch', pg_catalog.{}()) * 1000000)::pg_catalog.int8"
_FIRST_OWN: Final = 16384  # oids below are those of the catalogue
# Tables and what belongs to one; a sequence belongs to the table of its column.
_RELATIONS: Final = """(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid,
    n.nspname, c.relname, c.relkind::pg_catalog.text,
    COALESCE(i.indrelid, t.oid, d.refobjid, c.oid), c.relfilenode, c.reltablespace,
    pg_catalog.pg_stat_get_xact_numscans(c.oid)))::pg_catalog.text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_class t ON t.reltoastrelid = c.oid AND c.relkind = 't'
  LEFT JOIN pg_catalog.pg_depend d ON c.relkind = 'S' AND d.objid = c.oid AND d.objsubid = 0
    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
  WHERE c.oid >= {first} AND c.relpersistence <> 't' AND c.relkind <> 'c')"""
# The relations that a session has locked. What it dropped has no row in pg_class any more.
_LOCKED: Final = """(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.relation, l.modes,
    c.relfilenode, c.reltablespace, {scans},
    c.relkind IN ('r', 'm', 't') AND pg_catalog.pg_relation_size(c.oid) > 0))::pg_catalog.text
  FROM (SELECT relation, pg_catalog.array_agg(DISTINCT mode) AS modes FROM pg_catalog.pg_locks
    WHERE pid = {pid} AND locktype = 'relation' AND granted AND relation >= {first}
    AND database = (SELECT oid FROM pg_catalog.pg_database
      WHERE datname = pg_catalog.current_database())
    GROUP BY relation) AS l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation)"""
_ANSWER: Final = (
    f"SELECT {_MICROSECONDS.format('statement_timestamp')}, %s, "
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


def _ask(relations: str) -> str:
    return _ANSWER.replace("%s", relations)


INVENTORY: Final = _ask(_RELATIONS.format(first=_FIRST_OWN))
LOOK: Final = _ask(
    _LOCKED.format(first=_FIRST_OWN, pid="pg_catalog.pg_backend_pid()", scans=_OWN_SCANS)
)
CLOCK: Final = _ask("NULL")
# Lets the counters of this session begin anew with its next transaction.
FLUSH: Final = "SELECT pg_catalog.pg_stat_force_next_flush()"


def look_at(pid: int) -> str:
    """Return the query for the locks of another session."""
    scans = _WORKS.format(pid=pid)
    return _ask(_LOCKED.format(first=_FIRST_OWN, pid=pid, scans=scans))


class Relation(NamedTuple):
    """A relation before a transaction; ``table`` is the oid of the table that it belongs to."""

    oid: int
    schema: str
    name: str
    kind: str
    table: int
    filenode: int
    tablespace: int
    scans: int


class Locked(NamedTuple):
    """A relation that a session has locked; without a file it is gone.

    ``scans`` counts reads of the whole relation, ``has_data`` says whether its file holds pages.
    """

    oid: int
    modes: list[str]
    filenode: int | None
    tablespace: int | None
    scans: int
    has_data: bool | None


class Look(NamedTuple):
    """An answer, with the times at its start and its end in microseconds of the server's clock."""

    started: int
    relations: tuple[Any, ...]
    counts: bool
    ended: int


def read_inventory(row: tuple[Any, ...]) -> tuple[Look, dict[int, Relation]]:
    """Return the answer to ``INVENTORY``, and the relations by oid."""
    look = _read(row)
    return look, {fields[0]: Relation(*fields) for fields in look.relations}


def read_look(row: tuple[Any, ...]) -> Look:
    """Return the answer to ``LOOK``, with its relations as ``Locked``."""
    look = _read(row)
    return look._replace(relations=tuple(Locked(*fields) for fields in look.relations))


def _read(row: tuple[Any, ...]) -> Look:
    started, relations, counts, ended = row
    return Look(started, tuple(json.loads(relations)) if relations else (), counts, ended)
