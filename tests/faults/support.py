"""What the fault tests share: an empty database again, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from migration_guard.schema.read import read_snapshot
from tests.running.support import applied

if TYPE_CHECKING:
    from tests.servers import Database


def empty(postgres: Database) -> None:
    """Make the PostgreSQL database empty again."""
    postgres.execute("DROP SCHEMA public CASCADE")
    postgres.execute("CREATE SCHEMA public")


def look(postgres: Database) -> dict[str, Any]:
    """Return schema, history and journal, as far as they do not tell the time.

    It goes to the server itself, past any proxy or pooler that Django's settings name.
    """
    connection = connections["default"].copy()
    connection.settings_dict["PORT"] = str(postgres.execute("SHOW port")[0][0])
    try:
        schema = read_snapshot(connection)
    finally:
        connection.close()
    return {
        "schema": schema,
        "invalid": postgres.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid"),
        "history": applied(postgres),
        "journal": postgres.execute("SELECT count(*) FROM migration_guard_journal"),
        "stamp": postgres.execute("SELECT environment FROM migration_guard_environment"),
        "django": postgres.execute("SELECT app, name FROM django_migrations"),
    }


def applied_now(postgres: Database) -> list[str]:
    """Return the ids in the history, none where it does not exist yet."""
    if postgres.execute("SELECT to_regclass('applied_migrations') IS NULL")[0][0]:
        return []
    return applied(postgres)
