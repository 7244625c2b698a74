"""Which migrations a database has begun: those of its history and of its journal."""

from migration_guard.exceptions import GuardError
from migration_guard.running import connecting, own_tables
from migration_guard.running.errors import StatementError


def touched_ids(alias: str) -> frozenset[str] | None:
    """Return the ids that a database has applied or begun, None if it cannot be asked."""
    try:
        with connecting.open_connection(alias, read_only=True) as (connection, facts):
            if not own_tables.are_present(connection, facts):
                return frozenset()
            history = own_tables.open_history(connection, facts)
            return frozenset({*history.ids(), *history.journal.rows()})
    except (GuardError, StatementError):
        return None
