"""Runs the project's tests; their databases get the SQL migrations."""

from typing import Any

from migration_guard import testing
from migration_guard.management.base import command_behind


class Command(command_behind("test")):  # type: ignore[misc]
    """Django's ``manage.py test``, or that of an app that stands below this one."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Prepare for the test databases, then run the tests."""
        testing.install()
        return super().execute(*args, **options)
