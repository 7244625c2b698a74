"""Checks the SQL migrations without a database: the set, their order, their past, their danger."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.linter import lint, registry
from migration_guard.management.base import GuardCommand
from migration_guard.problems import Severity
from migration_guard.reports import github, inspected, sarif
from migration_guard.results import Inspected
from migration_guard.running import connecting


class Command(GuardCommand):
    """``manage.py checksqlmigrations``. It needs no database."""

    help = "Check the SQL migrations before any database does: names, order, past and danger."
    formats: ClassVar = ("text", "json", "github", "sarif")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to compare with, and how strict to be."""
        super().add_arguments(parser)
        parser.add_argument(
            "--base",
            metavar="GITREF",
            help="Compare with the commit at which this branch left GITREF, such as origin/main.",
        )
        parser.add_argument(
            "--renumber",
            action="store_true",
            help="Give this branch's own migrations the next free numbers (with --base).",
        )
        parser.add_argument("--strict", action="store_true", help="Let warnings fail too.")
        parser.add_argument("--explain", metavar="RULE", help="Print the page of one rule.")
        parser.add_argument(
            "--server-version",
            default="",
            metavar="VERSION",
            help="The oldest PostgreSQL that the migrations run on, for squawk "
            "(default: the oldest that Django supports).",
        )

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Explain, renumber or check; report, and give the exit code."""
        if options["explain"]:
            self.say(registry.explain(options["explain"]).rstrip())
            return 0, ""
        return self._report(self._inspect(options), options)

    def _inspect(self, options: dict[str, Any]) -> Inspected:
        alias = options["database"]
        try:
            connection = connecting.known(alias)
            asked = lint.LintRequest(
                alias,
                connection.vendor,
                options["base"],
                options["strict"],
                options["server_version"] or _oldest(connection),
            )
            settings = conf.load()
            if options["renumber"]:
                for line in lint.renumber(settings, asked, datetime.now(UTC)):
                    self.tell(line)
            return lint.inspect(settings, asked)
        except GuardError as error:
            return Inspected(alias, error=error)

    def _report(self, found: Inspected, options: dict[str, Any]) -> tuple[int, str]:
        if options["format"] == "json":
            self.say(inspected.json(found))
        elif options["format"] == "github":
            self.say(github.problems(found.problems, found.error))
        elif options["format"] == "sarif":
            self.say(sarif.problems(found.problems, found.meanings, found.error))
        elif found.error is None:
            self._report_text(found, options["verbosity"])
        if found.error is not None:
            return found.returncode, str(found.error)
        return found.returncode, inspected.summary(found) if found.returncode else ""

    def _report_text(self, found: Inspected, verbosity: int) -> None:
        least = Severity.ERROR if verbosity == 0 else Severity.INFO
        shown = [one for one in found.problems if least is Severity.INFO or one in found.failing]
        if shown:
            self.say(inspected.text(shown) + "\n")
        if verbosity:
            self.tell(inspected.not_run(found.not_run))
        if verbosity and not found.returncode:
            self.say(inspected.summary(found))


def _oldest(connection: BaseDatabaseWrapper) -> str:
    """Return the oldest server that Django supports; squawk wants two numbers."""
    oldest = connection.features.minimum_database_version or ()
    return ".".join(str(number) for number in (*oldest, 0)[:2]) if oldest else ""
