"""What PostgreSQL says about itself when the runner connects."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from migration_guard.history import Rows
from migration_guard.running.postgresql.liveness import LOOK_FOR_CLIENT


class ServerFacts(NamedTuple):
    """The answer to the one query at the start; ``settings`` are (name, value, source)."""

    database: str
    user: str
    role: str
    schema: str
    read_only: bool
    standby: bool
    pid: int
    settings: list[list[str]]
    new_tables: str | None
    counts: bool
    search_path: str


def fetch_facts(fetch: Callable[[str], Rows]) -> ServerFacts:
    """Return the facts; the settings are those that Django made, in the client or the session."""
    row: tuple[Any, ...] = fetch(
        "SELECT current_database(), session_user, current_setting('role'), "
        "COALESCE((SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.oid = to_regclass('applied_migrations')), "
        "current_schema(), ''), "
        "current_setting('default_transaction_read_only') = 'on', pg_is_in_recovery(), "
        "pg_backend_pid(), ARRAY(SELECT ARRAY[name, current_setting(name), source] "
        "FROM pg_catalog.pg_settings WHERE source IN ('session', 'client')), current_schema(), "
        "current_setting('track_counts') = 'on', current_setting('search_path')"
    )[0]
    return ServerFacts(*row)


def can_look_for_client(fetch: Callable[..., Rows]) -> bool:
    """Return whether the server can notice, within a statement, that its client is gone."""
    try:
        # Outside a transaction this sets nothing; some operating systems refuse it.
        return bool(
            fetch(
                "SELECT set_config(name, %s, true) FROM pg_catalog.pg_settings "
                "WHERE name = 'client_connection_check_interval' AND setting = '0'",
                (LOOK_FOR_CLIENT,),
            )
        )
    except psycopg.Error:
        return False
