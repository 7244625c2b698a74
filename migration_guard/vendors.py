"""The vendors that the app supports: one row each, with the places of their rooms.

The rooms are on upper floors and import a driver that may be missing. So the table holds their
dotted paths, and a room is imported when its vendor is first used.
"""

from importlib import import_module
from typing import Any, Final, NamedTuple

_RUNNING: Final = "migration_guard.running"


class Vendor(NamedTuple):
    """One supported vendor; ``title`` is its name for people, the other fields are dotted paths.

    Django's own ``display_name`` is no title, since on MySQL it asks the server.
    """

    title: str
    connection: str
    transaction: str
    statement_work: str
    row_counter: str
    run_lock: str
    bind: str
    reader: str
    host: str
    writer: str
    usage: str
    sizes: str
    tracer: str
    shelf: str


VENDORS: Final = {
    "postgresql": Vendor(
        "PostgreSQL",
        connection=f"{_RUNNING}.postgresql.connection.PostgreSQLConnection",
        transaction=f"{_RUNNING}.postgresql.transaction.PostgreSQLTransaction",
        statement_work=f"{_RUNNING}.postgresql.statement_work.PostgreSQLStatementWork",
        row_counter=f"{_RUNNING}.postgresql.row_counter.PostgreSQLRowCounter",
        run_lock=f"{_RUNNING}.postgresql.lock.AdvisoryLock",
        bind=f"{_RUNNING}.postgresql.parameters.bind",
        reader="migration_guard.schema.readers.postgresql.tables.read",
        host="migration_guard.fresh.postgresql.PostgreSQLHost",
        writer="migration_guard.squashing.postgresql.PostgreSQLWriter",
        usage="migration_guard.usage.postgresql.server.PostgreSQLServer",
        sizes=f"{_RUNNING}.postgresql.sizes.read_sizes",
        tracer="migration_guard.impact.postgresql.tracer.PostgreSQLTracer",
        shelf="migration_guard.template_databases.postgresql.PostgreSQLShelf",
    ),
    "sqlite": Vendor(
        "SQLite",
        connection=f"{_RUNNING}.sqlite.connection.SQLiteConnection",
        transaction=f"{_RUNNING}.sqlite.transaction.SQLiteTransaction",
        statement_work=f"{_RUNNING}.sqlite.statement_work.SQLiteStatementWork",
        row_counter=f"{_RUNNING}.sqlite.row_counter.SQLiteRowCounter",
        run_lock=f"{_RUNNING}.sqlite.lock.FileLock",
        bind=f"{_RUNNING}.sqlite.parameters.bind",
        reader="migration_guard.schema.readers.sqlite.tables.read",
        host="migration_guard.fresh.sqlite.SQLiteHost",
        writer="migration_guard.squashing.sqlite.SQLiteWriter",
        usage="migration_guard.usage.sqlite.SQLiteServer",
        sizes=f"{_RUNNING}.sqlite.sizes.read_sizes",
        tracer="migration_guard.impact.sqlite.SQLiteTracer",
        shelf="migration_guard.template_databases.sqlite.SQLiteShelf",
    ),
    "mysql": Vendor(
        "MySQL or MariaDB",
        connection=f"{_RUNNING}.mysql.connection.MySQLConnection",
        transaction="",  # each DDL statement commits, so every file goes through the journal
        statement_work=f"{_RUNNING}.mysql.statement_work.MySQLStatementWork",
        row_counter=f"{_RUNNING}.mysql.row_counter.MySQLRowCounter",
        run_lock=f"{_RUNNING}.mysql.lock.NamedLock",
        bind=f"{_RUNNING}.mysql.parameters.bind",
        reader="migration_guard.schema.readers.mysql.tables.read",
        host="migration_guard.fresh.mysql.MySQLHost",
        writer="migration_guard.squashing.mysql.MySQLWriter",
        usage="migration_guard.usage.mysql.MySQLServer",
        sizes=f"{_RUNNING}.mysql.sizes.read_sizes",
        tracer="migration_guard.impact.mysql.tracer.MySQLTracer",
        shelf="",  # the server cannot copy a database
    ),
}


def load(path: str) -> Any:
    """Import and return the object at a dotted path of the table."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
