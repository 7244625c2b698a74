"""`dbshell` for the embedded server: the psql that comes with it."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from project.embedded.server import settings_of, start


class DatabaseClient(client.DatabaseClient):
    """Runs the embedded server's psql, so that none needs to be installed."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Start the server unless it runs, and return psql's command line and environment."""
        server = start(settings_dict["DATA_DIR"])
        (_, *args), env = super().settings_to_cmd_args_env(
            {**settings_dict, **settings_of(server)}, parameters
        )
        return [str(server.bin_path / "psql"), *args], env
