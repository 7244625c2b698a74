"""Changes the migration history or the environment stamp by hand, and audits each act."""

from argparse import ArgumentParser
from typing import Any

from migration_guard.management.base import GuardCommand
from migration_guard.management.progress import Progress
from migration_guard.reports import json
from migration_guard.reports.repair import repair_report
from migration_guard.results import Action
from migration_guard.running import repairing
from migration_guard.running.repairing import Repair


class Command(GuardCommand):
    """``manage.py repairsqlmigrations``."""

    help = "Correct the migration history or the environment stamp by hand, with an audit entry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the acts; exactly one must be chosen."""
        super().add_arguments(parser)
        parser.add_argument("ids", nargs="*", metavar="ID", help="The ids of the migrations.")
        acts = parser.add_mutually_exclusive_group(required=True)
        acts.add_argument(
            "--accept-edit",
            dest="action",
            action="store_const",
            const=Action.ACCEPT_EDIT,
            help="Accept the file, as it is now, as the applied text.",
        )
        acts.add_argument(
            "--mark-applied",
            dest="action",
            action="store_const",
            const=Action.MARK_APPLIED,
            help="Record as applied what this database has already; run nothing.",
        )
        acts.add_argument(
            "--forget",
            dest="action",
            action="store_const",
            const=Action.FORGET,
            help="Remove from history and journal (not in production).",
        )
        acts.add_argument(
            "--stamp", metavar="NAME", help="Set the environment that the database carries."
        )
        parser.add_argument(
            "--confirm",
            metavar="DBNAME",
            help="The database's name: needed to stamp production as something else.",
        )
        parser.add_argument("--reason", required=True, metavar="TEXT", help="Why, for the audit.")

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Do the act that was chosen, and report."""
        repair = Repair(
            action=options["action"] or Action.STAMP,
            reason=options["reason"],
            ids=tuple(options["ids"]),
            environment=options["stamp"] or "",
            confirm=options["confirm"],
        )
        with Progress(self.stderr, options["verbosity"]) as observe:
            repaired = repairing.repair(repair, options["database"], observe)
        if options["format"] == "json":
            self.say_document(json.repair(repaired))
        elif repaired.error is None and options["verbosity"] > 0:
            self.say(repair_report(repaired))
        if repaired.error is not None:
            raise repaired.error
        return 0, ""
