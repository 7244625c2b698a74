"""The server's own count of the rows that a transaction wrote, table by table.

Source: PostgreSQL manual, "The Cumulative Statistics System" (pg_stat_get_xact_…).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from migration_guard.history import History, Rows
from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.running.errors import NotDoneError
from migration_guard.running.own_table_rows import OwnTableRows
from migration_guard.running.transaction import HistoryChanges

_COUNTERS: Final = (
    "pg_catalog.pg_stat_get_xact_tuples_inserted({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_updated({0}), "
    "pg_catalog.pg_stat_get_xact_tuples_deleted({0}), pg_catalog.pg_relation_filenode({0}), "
    "pg_catalog.current_setting('track_counts') = 'on'"
)
SETTING: Final = "track_counts"
IS_COUNTING: Final = "SELECT pg_catalog.current_setting('track_counts') = 'on'"
OF_ROW: Final = _COUNTERS.format("tableoid")  # what RETURNING returns counts the row itself
OF_TABLE: Final = (
    f"SELECT {_COUNTERS.format('oid')} FROM (SELECT %s::regclass::oid AS oid) AS history"
)
# How a table is defined, without owner, privileges, statistics and place: GRANT … ON ALL TABLES,
# REASSIGN OWNED and VACUUM FULL reach the own tables too, and may.
_DEFINITION: Final = """pg_catalog.concat_ws(' ', c.oid, c.relname, c.relnamespace,
    c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relhasrules,
    c.relchecks, (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attname, a.atttypid,
     a.atttypmod, a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity), ';' ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    CASE WHEN c.relhastriggers THEN (SELECT pg_catalog.string_agg(
     pg_catalog.concat(t.oid, t.tgenabled), ';' ORDER BY t.oid)
     FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid) END)"""
# The same of all own tables at once, which is several times as fast. Each line begins with the oid
# of its table; of the three tables that no migration may change, the counts are part of it.
_OF_ALL: Final = """ARRAY[
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', c.oid, c.relname, c.relnamespace,
      c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relhasrules,
      c.relchecks, CASE WHEN c.relname <> {history} THEN pg_catalog.concat_ws(' ',
       pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid),
       pg_catalog.pg_relation_filenode(c.oid)) END), E'\\n')
     FROM pg_catalog.pg_class c WHERE c.oid = ANY ({oids})),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.attname,
      a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity), E'\\n')
     FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND a.attrelid = ANY ({oids})),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', t.tgrelid, t.oid, t.tgenabled), E'\\n')
     FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ANY ({oids}))]"""


# Which transaction wrote a row. VACUUM FULL moves rows, so their place counts only among those of
# this transaction, in which it cannot run.
_TRACE: Final = """pg_catalog.concat_ws(' ', xmin,
    CASE WHEN xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid THEN ctid END)"""


class NotCountedError(NotDoneError):
    """The file switched track_counts off, so that the counters say nothing about it."""

    def __init__(self) -> None:
        super().__init__("track_counts is off, so what was done to the own tables is not counted")


def of_all(history: History) -> str:
    """Return the expression for the definitions of the own tables, and counts of most.

    ``changed_tables`` compares two of its values.
    """
    names = ", ".join(f"pg_catalog.to_regclass({_literal(table)})" for table in history.tables)
    return _OF_ALL.format(oids=f"ARRAY[{names}]::oid[]", history=_literal(HISTORY_TABLE))


def changed_tables(before: Sequence[str | None], after: Sequence[str | None]) -> tuple[str, ...]:
    """Return the own tables for which ``of_all`` answered differently."""
    if before == after:
        return ()
    old, new = _lines(before), _lines(after)
    # The class comes first, and its second word is the name of the table.
    names = dict(line.split(" ")[:2] for text in (after, before) for line in _lines(text[:1]))
    changed = {names.get(line.split(" ", 1)[0]) for line in old ^ new}
    return tuple(table for table in OWN_TABLES if table in changed)


def _lines(texts: Sequence[str | None]) -> set[str]:
    return {line for text in texts if text for line in text.split("\n")}


def look(fetch: Callable[..., Rows], history: History) -> OwnTableRows:
    """Read by which transaction each row of the own tables was written.

    Counts nothing, so it answers also where the server does not count.
    """
    tables: dict[str, object] = {}
    for name, table in zip(OWN_TABLES, history.tables, strict=True):
        definition = (
            f"SELECT {_DEFINITION} FROM pg_catalog.pg_class c "
            "WHERE c.oid = pg_catalog.to_regclass(%s)"
        )
        tables[name] = fetch(definition, (table,))
    rows: dict[str, object] = {}
    for name, table in zip(OWN_TABLES, history.tables, strict=True):
        if not tables[name]:
            continue
        if name == HISTORY_TABLE:
            rows = dict(fetch(f"SELECT id, {_TRACE} FROM {table}"))
        else:
            traces = fetch(
                f"SELECT pg_catalog.md5(pg_catalog.string_agg({_TRACE}, ',' ORDER BY {_TRACE})) "
                f"FROM {table}"
            )
            tables[name] = (tables[name], traces)
    return OwnTableRows(rows, tables)


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''").replace("%", "%%") + "'"


def changes(
    before: Sequence[Any], after: Sequence[Any], *, own_updates: int = 0
) -> HistoryChanges | None:
    """Return the difference of two answers, ``own_updates`` aside.

    The counters also hold what earlier transactions did. Returns None where the server does not
    count (track_counts is off).
    """
    *first, file, _counting = before
    *last, file_after, counting = after
    if not counting:
        return None
    inserted, updated, deleted = (b - a for a, b in zip(first, last, strict=True))
    # TRUNCATE counts no row, but gives the table a new file.
    replaced = int(file != file_after)
    return HistoryChanges(inserted, updated - own_updates, max(deleted, replaced))
