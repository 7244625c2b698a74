"""Makes the next SQL migration, with a header that says what its author must know."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.management import adoption, squashing
from migration_guard.management.base import GuardCommand
from migration_guard.planning import new_migration
from migration_guard.reports import json, text


class Command(GuardCommand):
    """``manage.py makesqlmigration``. Without ``--from`` it needs no database."""

    help = "Make the next SQL migration file and print its path."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options: the name, the content and the folder."""
        super().add_arguments(parser)
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help="Letters, digits, _ and -; spaces become _."
        )
        content = parser.add_mutually_exclusive_group()
        content.add_argument(
            "--empty", action="store_true", help="A migration with nothing to do, on purpose."
        )
        content.add_argument("--sql", metavar="TEXT", help="The SQL, instead of a placeholder.")
        squashing.add_squash(content)
        parser.add_argument(
            "--dir",
            type=Path,
            metavar="FOLDER",
            help="Which of the database's folders (default: the one with the highest number).",
        )
        adoption.add_from(parser)
        squashing.add_upto(parser)

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Make the file, or those of another tool, and print its path."""
        as_json = options["format"] == "json"
        try:
            _refuse_mixture(options)
            if options["squash"] is not None or options["origin"] == ["database"]:
                return squashing.write(self, options)
            if options["origin"]:
                return adoption.take_over(self, options)
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


def _refuse_mixture(options: dict[str, Any]) -> None:
    """Raise CannotTell for a name beside ``--from``, and for neither of them."""
    if options["squash"] is not None and not options["origin"]:
        return
    if options["origin"] and (options["name"] or options["empty"] or options["sql"]):
        raise CannotTell(
            "--from names the files itself, and takes their SQL.",
            "Leave NAME, --empty and --sql out.",
        )
    if not options["origin"] and options["name"] is None:
        raise CannotTell(
            "A migration needs a name.",
            "manage.py makesqlmigration NAME, or --from TOOL DIR for another tool's files.",
        )
    if not options["origin"] and (options["table"] or options["columns"]):
        raise CannotTell("--table and --columns are for --from.", "Add --from TOOL DIR.")
