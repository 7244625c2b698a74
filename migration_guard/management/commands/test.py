"""Runs the project's tests; their databases get the SQL migrations."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from migration_guard import testing
from migration_guard.exceptions import GuardError
from migration_guard.management.base import command_behind
from migration_guard.reports.files import require_writable


class Command(command_behind("test")):  # type: ignore[misc]
    """Django's ``manage.py test``, or that of an app that stands below this one."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the recording to the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--record-usage",
            type=Path,
            metavar="FILE",
            help="Write the statements that the tested code sends, for checkschema --usage FILE.",
        )

    def execute(self, *args: Any, **options: Any) -> Any:
        """Prepare for the test databases, then run the tests."""
        testing.install()
        path = options.pop("record_usage", None)
        if path is None:
            return super().execute(*args, **options)
        # Imported late: most runs record nothing.
        from migration_guard.usage.test_runner import recording

        try:
            require_writable(path)
            with recording(path, self.stderr.write):
                return super().execute(*args, **options)
        except GuardError as error:
            raise CommandError(str(error), returncode=error.returncode) from error
