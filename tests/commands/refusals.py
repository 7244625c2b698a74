"""What every test of bad input asks: the answer of the command, and what is left behind."""

from pathlib import Path

OWN_TABLES = {
    "applied_migrations",
    "django_migrations",
    "migration_guard_audit",
    "migration_guard_environment",
    "migration_guard_journal",
}
_TABLES = {
    "postgresql": (
        "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog',"
        " 'information_schema')"
    ),
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
}


def refused(guard, code, *texts, args=()):
    """Run runsqlmigrations twice, with text and with JSON; both must say no, and say `texts`.

    The exit code is `code`, the message is one, on standard error, and no traceback; the JSON is
    alone on standard output and holds the same. Returns the message.
    """
    told = guard("runsqlmigrations", *args)
    result = guard("runsqlmigrations", "--format", "json", *args)

    assert (told.code, result.code) == (code, code), told.err
    assert told.err.count("CommandError: ") == 1
    assert "Traceback" not in told.err + result.err
    problems = result.json["problems"]
    assert problems
    found = "\n".join(
        f"{problem['rule']} {problem['path']}:{problem['line']} {problem['message']}\n{problem['hint']} {problem['detail']}"
        for problem in problems
    )
    for text in texts:
        assert text in told.err, told.err
        assert text in found
    return told.err


def tables(database):
    """Return the names of the tables that are not the app's own."""
    return {row[0] for row in database.execute(_TABLES[database.vendor])} - OWN_TABLES


def history(database):
    """Return the ids of the applied migrations in order."""
    return [row[0] for row in database.execute("SELECT id FROM applied_migrations ORDER BY number")]


def untouched(database):
    """Tell whether the database holds no table at all (SQLite: whether there is no file)."""
    if database.vendor == "sqlite":
        return not Path(database.settings["NAME"]).exists()
    return database.execute(_TABLES[database.vendor]) == []


def audit(database):
    """Return (action, migration, reason) of each act, the oldest first."""
    return database.execute(
        "SELECT action, migration_id, reason FROM migration_guard_audit ORDER BY id"
    )
