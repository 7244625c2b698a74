"""The vendors that the app supports: one row each, with the places of their rooms.

The rooms are on upper floors and import a driver that may be missing. So the table holds their
dotted paths, and a room is imported when its vendor is first used.
"""

from importlib import import_module
from typing import Any, Final, NamedTuple


class Vendor(NamedTuple):
    """One supported vendor; ``title`` is its name for people, the other fields are dotted paths.

    Django's own ``display_name`` is no title, since on MySQL it asks the server.
    """

    title: str
    session: str
    reader: str
    host: str


VENDORS: Final = {
    "postgresql": Vendor(
        "PostgreSQL",
        session="migration_guard.running.postgresql.session.PostgreSQLSession",
        reader="migration_guard.schema.readers.postgresql.read",
        host="migration_guard.fresh.postgresql.PostgreSQLHost",
    ),
    "sqlite": Vendor(
        "SQLite",
        session="migration_guard.running.sqlite.session.SQLiteSession",
        reader="migration_guard.schema.readers.sqlite.read",
        host="migration_guard.fresh.sqlite.SQLiteHost",
    ),
    "mysql": Vendor(
        "MySQL or MariaDB",
        session="migration_guard.running.mysql.session.MySQLSession",
        reader="migration_guard.schema.readers.mysql.read",
        host="migration_guard.fresh.mysql.MySQLHost",
    ),
}


def load(path: str) -> Any:
    """Import and return the object at a dotted path of the table."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
