"""Makes the next SQL migration, with a header that says what its author must know."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.management.base import GuardCommand
from migration_guard.planning import new_migration
from migration_guard.reports import json, text


class Command(GuardCommand):
    """``manage.py makesqlmigration``. It needs no database."""

    help = "Make the next SQL migration file and print its path."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options: the name, the content and the folder."""
        super().add_arguments(parser)
        parser.add_argument(
            "name", metavar="NAME", help="Letters, digits, _ and -; spaces become _."
        )
        content = parser.add_mutually_exclusive_group()
        content.add_argument(
            "--empty", action="store_true", help="A migration with nothing to do, on purpose."
        )
        content.add_argument("--sql", metavar="TEXT", help="The SQL, instead of a placeholder.")
        parser.add_argument(
            "--dir",
            type=Path,
            metavar="FOLDER",
            help="Which of the database's folders (default: the one with the highest number).",
        )

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Make the file and print its path."""
        as_json = options["format"] == "json"
        try:
            created = new_migration.create(
                conf.load().folders(options["database"]),
                options["name"],
                options["sql"],
                empty=options["empty"],
                folder=options["dir"],
            )
        except GuardError as error:
            if as_json:
                self.say_document(json.new_migration(error))
            raise
        self.tell(text.problems(created.problems))
        self.say_document(json.new_migration(created) if as_json else str(created.path))
        return 0, ""
