"""What CREATE, DROP and REINDEX INDEX CONCURRENTLY leave behind, and how to clear it.

A build that fails or is killed leaves an INVALID index, which no plan uses and every write pays
for; REINDEX leaves its copy (_ccnew) or the original (_ccold). Sources: PostgreSQL manual,
"Building Indexes Concurrently", "Rebuilding Indexes Concurrently".
"""

from psycopg import sql as pg

from migration_guard.history import Rows
from migration_guard.running.session import Doubt, Session
from migration_guard.sql.classify import ConcurrentIndex, concurrent_index, index_if_missing


def note(session: Session, sql: str) -> str:
    """Return the oids of the indexes, or of a REINDEX's remains, that are there before it."""
    index = concurrent_index(sql)
    if index is None or index.action == "drop":
        return ""
    find = _indexes if index.action == "create" else _copies
    return ",".join(str(row[0]) for row in find(session, index))


def mend(session: Session, sql: str, before: str, *, failed: bool) -> Doubt:
    """Tell whether a concurrent statement took effect; drop an INVALID index that it made.

    ``before`` is the note from before it ran; ``failed``: the server answered with an error.
    """
    index = concurrent_index(sql)
    if index is not None and index.action == "create":
        return _mend_create(session, index, set(before.split(",")))
    if index is not None and index.action == "drop":
        return Doubt.NOT_DONE if failed or _exists(session, index) else Doubt.DONE
    if index is not None:
        _drop_copies(session, index, set(before.split(",")))
    return Doubt.NOT_DONE


def verify(session: Session, sql: str) -> str:
    """Return why IF NOT EXISTS, which did nothing, must not count, or an empty string."""
    index = index_if_missing(sql)
    if index is None:
        return ""
    for _oid, bare, name, valid in _indexes(session, index):
        if not valid and bare == index.name:
            return (
                f"the index {name} is INVALID, and this migration did not make it: "
                f"drop it (DROP INDEX CONCURRENTLY {name}) and run again"
            )
    return ""


def _mend_create(session: Session, index: ConcurrentIndex, before: set[str]) -> Doubt:
    became = Doubt.NOT_DONE
    for oid, bare, name, valid in _indexes(session, index):
        if str(oid) in before or index.name not in (None, bare):
            continue
        if valid:
            became = Doubt.DONE
        else:
            session.own(f"DROP INDEX CONCURRENTLY {name}")
    return became


def _drop_copies(session: Session, index: ConcurrentIndex, before: set[str]) -> None:
    for oid, name in _copies(session, index):
        if str(oid) not in before:
            session.own(f"DROP INDEX CONCURRENTLY {name}")


def _copies(session: Session, index: ConcurrentIndex) -> Rows:
    """Return (oid, quoted qualified name) of what REINDEX left on the tables, those in use apart.

    A table's partitions and its TOAST table are rebuilt with it.
    """
    name = _quoted(index.schema, index.name) if index.name else None
    table = _quoted(index.schema, index.table) if index.table else None
    return session.own(
        "WITH named AS (SELECT COALESCE((SELECT indrelid FROM pg_catalog.pg_index "
        "WHERE indexrelid = to_regclass(%s)), to_regclass(%s))::oid AS oid), "
        "tree AS (SELECT c.oid, c.reltoastrelid FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE CASE "
        "WHEN %s THEN c.oid IN (SELECT oid FROM named UNION "
        "SELECT relid FROM named, pg_catalog.pg_partition_tree(named.oid)) "
        "ELSE n.nspname = COALESCE(%s, n.nspname) END) "
        "SELECT i.indexrelid, format('%%I.%%I', n.nspname, c.relname) "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' "
        "AND i.indrelid IN (SELECT oid FROM tree UNION SELECT reltoastrelid FROM tree) "
        "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.relation = i.indexrelid "
        "AND l.database = (SELECT oid FROM pg_catalog.pg_database "
        "WHERE datname = current_database()) AND l.pid <> pg_backend_pid())",
        (name, table, bool(name or table), index.schema),
    )


def _indexes(session: Session, index: ConcurrentIndex) -> Rows:
    """Return (oid, name, quoted qualified name, valid) of the indexes on the table.

    Of a partitioned table they count as valid: they are while their parts are attached one by one.
    """
    return session.own(
        "SELECT i.indexrelid, c.relname, format('%%I.%%I', n.nspname, c.relname), "
        "i.indisvalid OR c.relkind = 'I' "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE i.indrelid = to_regclass(%s)",
        (_quoted(index.schema, index.table),),
    )


def _exists(session: Session, index: ConcurrentIndex) -> bool:
    name = _quoted(index.schema, index.name)
    return bool(session.own("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0])


def _quoted(*parts: str | None) -> str:
    return pg.Identifier(*filter(None, parts)).as_string()
