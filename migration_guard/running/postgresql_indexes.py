"""What CREATE, DROP and REINDEX INDEX CONCURRENTLY leave behind, and how to clear it.

A build that fails or is killed leaves an INVALID index, which no plan uses and every write pays
for. Source: PostgreSQL manual, "Building Indexes Concurrently".
"""

from psycopg import sql as pg

from migration_guard.history import Rows
from migration_guard.running.session import Doubt, Session
from migration_guard.sql.classify import ConcurrentIndex, concurrent_index


def note(session: Session, sql: str) -> str:
    """Return the oids of the indexes that the table of a build has before it."""
    index = concurrent_index(sql)
    if index is None or index.action != "create":
        return ""
    return ",".join(str(row[0]) for row in _indexes(session, index))


def mend(session: Session, sql: str, before: str, *, failed: bool) -> Doubt:
    """Tell whether a concurrent statement took effect; drop an INVALID index that it made.

    ``before`` is the note from before it ran; ``failed``: the server answered with an error.
    """
    index = concurrent_index(sql)
    if index is not None and index.action == "create":
        return _mend_create(session, index, set(before.split(",")))
    if index is not None and index.action == "drop":
        return Doubt.NOT_DONE if failed or _exists(session, index) else Doubt.DONE
    return Doubt.NOT_DONE


def verify(session: Session, sql: str) -> str:
    """Return why a build that succeeded must not count, or an empty string."""
    index = concurrent_index(sql)
    if index is None or index.action != "create" or index.name is None:
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


def _indexes(session: Session, index: ConcurrentIndex) -> Rows:
    """Return (oid, name, quoted qualified name, valid) of the indexes on the table."""
    return session.own(
        "SELECT i.indexrelid, c.relname, format('%%I.%%I', n.nspname, c.relname), i.indisvalid "
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
