"""Looking up one fact of the history over a session of Django's own."""

from collections.abc import Collection

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from migration_guard import conf
from migration_guard.history.stamp import SCHEMA_OF_STAMP
from migration_guard.models import AppliedMigration, EnvironmentStamp
from migration_guard.planning.history_rows import HistoryRow, RecordedHistory
from migration_guard.planning.names import pad
from migration_guard.planning.stamp import STAMP_ID


def is_applied(connection: BaseDatabaseWrapper, number: int, name: str) -> bool:
    """Return whether the history has a row of ``name``, which is the number or an id.

    Safe inside a transaction.
    """
    applied = _applied(connection)
    if applied is None:
        return False
    chosen = {"number": pad(number)} if name.isdecimal() else {"id": name}
    return applied.filter(**chosen).exists()


def read_rows(connection: BaseDatabaseWrapper, ids: Collection[str]) -> RecordedHistory:
    """Return the rows of some ids with their SQL, in order. Safe inside a transaction."""
    applied = _applied(connection)
    if applied is None:
        return RecordedHistory({}, {})
    rows = list(applied.filter(id__in=ids).order_by("applied_at", "number", "id"))
    return RecordedHistory(
        {row.id: as_value(row) for row in rows},
        {},
        sql={row.id: row.sql for row in rows if row.sql is not None},
    )


def as_value(row: AppliedMigration) -> HistoryRow:
    """Return a row of the model as the planner takes it."""
    return HistoryRow(
        row.id,
        int(row.number),
        row.checksum,
        row.fingerprint,
        row.applied_at,
        row.duration_ms,
        row.how,
    )


def _applied(connection: BaseDatabaseWrapper) -> "QuerySet[AppliedMigration] | None":
    """Return the rows of the history, None where there is none for this schema."""
    with connection.cursor() as cursor:
        # A query on a missing table would abort the transaction.
        if AppliedMigration._meta.db_table not in connection.introspection.table_names(cursor):
            return None
    if not is_of_this_schema(connection):
        return None
    return AppliedMigration.objects.using(connection.alias).all()


def is_of_this_schema(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the history that a bare name finds is that of the session's schema.

    That is the schema in which migrations make tables. Safe inside a transaction.
    """
    if connection.vendor != "postgresql":
        return True
    history, stamp = (model._meta.db_table for model in (AppliedMigration, EnvironmentStamp))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.current_schema(), n.nspname::text, "
            "pg_catalog.to_regclass(pg_catalog.quote_ident(n.nspname) || %s)::text "
            "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.oid = pg_catalog.to_regclass(%s)",
            [f".{stamp}", history],
        )
        rows = cursor.fetchall()
        if not rows or rows[0][1] == rows[0][0]:
            return True
        if conf.uses_separate_schemas() or rows[0][2] is None:
            return not conf.uses_separate_schemas()
        schema = SCHEMA_OF_STAMP["postgresql"]
        cursor.execute(f"SELECT {schema} FROM {rows[0][2]} AS stamp WHERE id = {STAMP_ID}")
        return all(made_in in (None, rows[0][0]) for (made_in,) in cursor.fetchall())
