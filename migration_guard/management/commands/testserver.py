"""Runs a server on a test database that gets the SQL migrations."""

from typing import Any

from migration_guard import testing
from migration_guard.management.base import command_behind


class Command(command_behind("testserver")):  # type: ignore[misc]
    """Django's ``manage.py testserver``, or that of an app that stands below this one."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Prepare for the test database, then run the server."""
        testing.install()
        return super().execute(*args, **options)
