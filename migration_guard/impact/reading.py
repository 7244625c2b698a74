"""Ask a database for the sizes of its tables."""

from migration_guard.impact.sizes import Sizes
from migration_guard.running.connecting import open_connection
from migration_guard.vendors import VENDORS, load


def read_sizes(alias: str) -> Sizes:
    """Return the sizes of all tables. Raises GuardError where they cannot be read."""
    with open_connection(alias, read_only=True) as (connection, _facts):
        sizes: Sizes = load(VENDORS[connection.vendor].sizes)(connection)
        return sizes
