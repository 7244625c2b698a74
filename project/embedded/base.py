"""The database wrapper: Django's own for PostgreSQL, which starts the server first."""

from typing import Any

from django.db.backends.postgresql import base

from project.embedded.client import DatabaseClient
from project.embedded.server import settings_of, start


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects to the embedded server of `DATA_DIR`."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Start the server unless it runs, and return how psycopg reaches it."""
        self.settings_dict.update(settings_of(start(self.settings_dict["DATA_DIR"])))
        return super().get_connection_params()
