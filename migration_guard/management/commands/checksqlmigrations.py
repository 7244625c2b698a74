"""Checks the SQL migrations without a database: names, order, past and danger."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.linter import lint, registry
from migration_guard.management.base import GuardCommand, Palette
from migration_guard.problems import Severity
from migration_guard.reports import github, sarif
from migration_guard.reports import lint as lint_report
from migration_guard.results import Inspected
from migration_guard.running import connecting
from migration_guard.running.touched import touched_ids


class Command(GuardCommand):
    """``manage.py checksqlmigrations``. It needs no database."""

    help = "Check the SQL migrations without a database: names, order, edits, dangerous statements."
    formats: ClassVar = ("text", "json", "github", "sarif")
    reports_settings = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options: what to compare with, and how strict to be."""
        super().add_arguments(parser)
        parser.add_argument(
            "--base",
            metavar="GITREF",
            help="Compare with the commit at which this branch left GITREF, such as origin/main "
            "(default: the target of the CI's pull request, else the main branch of origin).",
        )
        parser.add_argument(
            "--renumber",
            action="store_true",
            help="Give this branch's own migrations the next free numbers.",
        )
        parser.add_argument(
            "--fix",
            action="store_true",
            help="Fix what has a certain fix in migrations that are neither merged nor applied: "
            "numbers, max_migration.txt, CONCURRENTLY, NOT VALID.",
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
        """Explain, renumber or check; report, and return the exit code."""
        if options["explain"]:
            self.say(registry.explain(options["explain"]).rstrip())
            return 0, ""
        return self._report(self._inspect(options), options)

    def _inspect(self, options: dict[str, Any]) -> Inspected:
        alias = options["database"]
        try:
            connection = connecting.project_connection(alias)
            request = lint.LintRequest(
                alias,
                connection.vendor,
                options["base"],
                options["strict"],
                options["server_version"] or _oldest_server(connection),
            )
            settings = conf.load()
            if options["renumber"]:
                for line in lint.renumber(settings, request, datetime.now(UTC)):
                    self.tell(line)
            touched = cache(partial(touched_ids, alias))
            if options["fix"]:
                for line in lint.fix(settings, request, touched, datetime.now(UTC)):
                    self.tell(line)
            return lint.inspect(settings, request, touched if options["format"] == "json" else None)
        except GuardError as error:
            return Inspected(alias, error=error)

    def _report(self, result: Inspected, options: dict[str, Any]) -> tuple[int, str]:
        if options["format"] == "json":
            self.say_document(lint_report.json(result))
        elif options["format"] == "github":
            self.say_document(github.problems(result.problems, result.error))
        elif options["format"] == "sarif":
            log = sarif.problems(result.problems, result.meanings, result.error, result.pages)
            self.say_document(log)
        elif result.error is None:
            self._report_text(result, options["verbosity"])
        if result.error is not None:
            return result.returncode, str(result.error)
        return result.returncode, lint_report.summary(result) if result.returncode else ""

    def _report_text(self, result: Inspected, verbosity: int) -> None:
        least = Severity.ERROR if verbosity == 0 else Severity.INFO
        problems = [
            problem
            for problem in result.problems
            if least is Severity.INFO or problem in result.failing
        ]
        if problems:
            palette = Palette(self.style)
            self.say(lint_report.text(problems, palette) + "\n", palette)
        if verbosity:
            self.tell(lint_report.not_run(result.not_run))
        if verbosity and not result.returncode:
            self.say(lint_report.summary(result))


def _oldest_server(connection: BaseDatabaseWrapper) -> str:
    """Return the version of the oldest server that Django supports, as squawk's two numbers."""
    oldest = connection.features.minimum_database_version or ()
    return ".".join(str(number) for number in (*oldest, 0)[:2]) if oldest else ""
