"""What a database holds that is not the app's own, as a value that two databases can be equal in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.servers import Database

_OWN = ("django_", "migration_guard", "applied_migrations", "sqlite_")
_DEFINITIONS = {
    "postgresql": (
        "SELECT c.relkind::text, c.relname, i.indisvalid, pg_get_indexdef(i.indexrelid) "
        "FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2",
        "SELECT 'column', table_name, column_name, data_type, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = 'public' "
        "ORDER BY table_name, ordinal_position",
        "SELECT 'label', t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid "
        "ORDER BY t.typname, e.enumsortorder",
        "SELECT 'function', proname, prosrc FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace ORDER BY 2",
    ),
    "mysql": (
        "SELECT 'column', table_name, column_name, column_type, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = database() "
        "ORDER BY table_name, ordinal_position",
        "SELECT 'index', table_name, index_name, seq_in_index, column_name, non_unique "
        "FROM information_schema.statistics WHERE table_schema = database() ORDER BY 2, 3, 4",
        "SELECT 'routine', routine_name, routine_definition FROM information_schema.routines "
        "WHERE routine_schema = database() ORDER BY 2",
        "SELECT 'table', table_name, table_type FROM information_schema.tables "
        "WHERE table_schema = database() ORDER BY 2",
    ),
    "sqlite": ("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2", "PRAGMA journal_mode"),
}
_TABLES = {
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    "mysql": (
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY 1"
    ),
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1",
}


def state(database: Database) -> list[Any]:
    """Return definitions and rows, in order, without what is the app's own."""
    found: list[Any] = [
        row
        for query in _DEFINITIONS[database.vendor]
        for row in database.execute(query)
        if not str(row[-1] if len(row) == 1 else row[1]).startswith(_OWN)
    ]
    for (table,) in database.execute(_TABLES[database.vendor]):
        if not table.startswith(_OWN):
            rows = sorted(database.execute(f"SELECT * FROM {table}"), key=repr)
            found.append((table, rows))
    return found


def journal(database: Database) -> list[tuple[Any, ...]]:
    """Return (id, state, done, total, doubt) of each entry."""
    return database.execute("SELECT id, state, done, total, doubt FROM migration_guard_journal")
