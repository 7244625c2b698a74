"""Looking up one fact of the history over a session of Django's own."""

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard import conf
from migration_guard.history.stamp import SCHEMA_OF_STAMP
from migration_guard.models import AppliedMigration, EnvironmentStamp
from migration_guard.planning.names import pad
from migration_guard.planning.stamp import STAMP_ID


def is_applied(connection: BaseDatabaseWrapper, number: int) -> bool:
    """Return whether a migration of this number is applied. Safe inside a transaction."""
    with connection.cursor() as cursor:
        # A query on a missing table would abort the transaction.
        if AppliedMigration._meta.db_table not in connection.introspection.table_names(cursor):
            return False
    if not is_of_this_schema(connection):
        return False
    applied = AppliedMigration.objects.using(connection.alias)
    return applied.filter(number=pad(number)).exists()


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
