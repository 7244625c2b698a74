"""Applies the SQL migrations that are pending, each exactly once, in numeric order."""

import shlex
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from dataclasses import replace
from typing import Any

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.management import adoption, impact
from migration_guard.management.base import GuardCommand
from migration_guard.management.combinations import find_given
from migration_guard.management.progress import Progress
from migration_guard.planning.names import list_ids
from migration_guard.problems import Severity, errors
from migration_guard.reports import adoption as reports_adoption
from migration_guard.reports import json, run, text
from migration_guard.reports.command_lines import RUN
from migration_guard.reports.verdict import impact_verdict
from migration_guard.results import Outcome, Readiness
from migration_guard.running import executor
from migration_guard.running.options import Options


class Command(GuardCommand):
    """``manage.py runsqlmigrations``."""

    help = "Apply the pending SQL migrations in numeric order, each exactly once, and list them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of a run."""
        super().add_arguments(parser)
        look = parser.add_argument_group("only look (writes nothing)")
        look.add_argument("--plan", action="store_true", help="Show the state of each migration.")
        look.add_argument(
            "--check",
            action="store_true",
            help="Exit 1 if anything is pending; with --wait, wait until nothing is.",
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--target", type=int, metavar="NUMBER", help="Apply no migration above this number."
        )
        what.add_argument(
            "--fake", nargs="+", default=(), metavar="ID", help="Record as applied; run nothing."
        )
        what.add_argument(
            "--baseline",
            type=int,
            metavar="NUMBER",
            help="Begin the history of an existing database: record all up to this number.",
        )
        parser.add_argument(
            "--with-django",
            action="store_true",
            help="Apply Django's migrations too, all in the order that builds a fresh database.",
        )
        parser.add_argument(
            "--allow-out-of-order",
            action="store_true",
            help="Also apply migrations below the highest applied number (audited).",
        )
        _add_wait(parser)
        parser.add_argument(
            "--environment",
            metavar="NAME",
            help='Instead of MIGRATION_GUARD["ENVIRONMENT"]; the database\'s own stamp holds too.',
        )
        adoption.add_adopt(parser)
        impact.add_option(parser)

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Run or look, report, and return the exit code."""
        run_options = self._read_options(options)
        if options["impact"]:
            return self._trace(options, run_options)
        if options["check"] and options["wait"]:
            return self._await_ready(options)
        only_look = options["plan"] or options["check"]
        if only_look:
            outcome = executor.look(options["database"], run_options)
        else:
            with Progress(self.stderr, options["verbosity"]) as observe:
                outcome = executor.run(options["database"], run_options, observe)
        self._report(outcome, options, only_look=only_look)
        code, message = self._judge(outcome, check=options["check"])
        if options["adopt"] and not only_look and outcome.error is None and outcome.adoptions:
            return adoption.finish(self, outcome, options)
        return code, message

    def _trace(self, options: dict[str, Any], run_options: Options) -> tuple[int, str]:
        """Announce a trace, run as ever with it, and report what it saw."""
        try:
            trace = impact.of_run(options)
        except GuardError as error:
            outcome = Outcome(options["database"], error=error)
            self._report(outcome, options, only_look=False)
            return self._judge(outcome, check=False)
        self.tell(impact.ANNOUNCEMENT.format(options["database"]))
        traced = replace(run_options, trace=trace.request)
        with Progress(self.stderr, options["verbosity"]) as observe:
            outcome = executor.run(options["database"], traced, trace.observing(observe))
        report = trace.report()
        if options["format"] == "json":
            problems = (*outcome.problems, *report.problems)
            seen = outcome._replace(impact=report.result, problems=problems)
            self._report(seen, options, only_look=False)
        else:
            self._report(outcome, options, only_look=False)
            self.say(report.result.text)
        code, message = self._judge(outcome, check=False)
        if code or not report.result.failing:
            return code, message
        return 1, f"{impact_verdict(report.result)}\n{impact.APPLIED}"

    def repeated_options(self, options: dict[str, Any]) -> str:
        """Return what says which migrations run."""
        repeated = {
            " --with-django": options["with_django"],
            f" --target {options['target']}": options["target"] is not None,
            f" --environment {shlex.quote(options['environment'] or '')}": options["environment"],
            " --allow-out-of-order": options["allow_out_of_order"],
        }
        return "".join(option for option, is_given in repeated.items() if is_given)

    def _read_options(self, options: dict[str, Any]) -> Options:
        return Options(
            target=options["target"],
            fake=tuple(options["fake"]),
            baseline=options["baseline"],
            allow_out_of_order=options["allow_out_of_order"],
            wait=options["wait"],
            environment=options["environment"],
            adopt=options["adopt"],
            with_django=options["with_django"],
            accept_edit=tuple(options["accept_edit"]),
            reason=options["reason"],
            stepwise=options["verbosity"] > 0 and self.stderr.isatty(),
        )

    def _await_ready(self, options: dict[str, Any]) -> tuple[int, str]:
        """Ask until the database has what this image ships, or the time is over."""
        from migration_guard import health

        others = "--plan --target --fake --baseline --allow-out-of-order --adopt"
        if find_given(options, others.split()):
            refusal = CannotTell(
                "--check --wait asks for all that these files ship.",
                "With it go --with-django, --environment, --database and --format.",
            )
            if options["format"] == "json":
                result = Readiness(options["database"], reason=refusal.message)
                self.say_document(json.readiness(result))
            raise refusal
        readiness = health.await_ready(
            options["database"],
            options["wait"],
            django=options["with_django"],
            environment=options["environment"],
        )
        if options["format"] == "json":
            self.say_document(json.readiness(readiness))
        if readiness.is_ready:
            return 0, ""
        if readiness.reason:
            return 2, f"{readiness.alias}: {readiness.reason}; the log has the rest."
        return 1, (
            f"{len(readiness.missing)} not there yet: {list_ids(readiness.missing)}.\n"
            f"Another run applies them, or: {RUN}."
        )

    def _report(self, outcome: Outcome, options: dict[str, Any], *, only_look: bool) -> None:
        if options["verbosity"] > 0:
            self.tell(run.stamp_note(outcome))
        if options["format"] == "json":
            self.say_document(json.run(outcome))
        elif options["verbosity"] > 0:
            warnings = [
                problem for problem in outcome.problems if problem.severity is not Severity.ERROR
            ]
            self.tell(text.problems(warnings))
            if outcome.is_empty:
                folders = conf.load().folders(outcome.database)
                self.say(run.no_migration(outcome, folders))
            elif only_look:
                if outcome.adoptions:
                    self.say(reports_adoption.foresight(outcome))
                elif outcome.error is None or outcome.plan.migrations:
                    self.say(run.plan(outcome))
            elif outcome.error is None or outcome.rows:
                self.tell(run.skipped_migrations(outcome) if outcome.error is None else "")
                cap = run.ORDER_CAP if options["verbosity"] == 1 else None
                self.say(run.order(outcome.rows, cap))

    def _judge(self, outcome: Outcome, *, check: bool) -> tuple[int, str]:
        problems = errors(outcome.problems)
        if outcome.error is not None:
            return outcome.returncode, text.failure(outcome.error, problems)
        if problems:
            return 1, text.problems(problems)
        pending = [migration.id for migration in outcome.to_run]
        if outcome.steps is not None:
            pending = [name for step in outcome.steps for name in step.names]
        if check and pending:
            return 1, f"{len(pending)} pending: {list_ids(pending)}.\nRun {RUN}."
        return 0, ""


def _add_wait(parser: ArgumentParser) -> None:
    wait = parser.add_mutually_exclusive_group()
    wait.add_argument(
        "--no-wait",
        dest="wait",
        action="store_const",
        const=0.0,
        help="Give up at once if another run holds the lock.",
    )
    wait.add_argument(
        "--wait", type=_seconds, metavar="SECONDS", help="Wait that long for another run."
    )


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if float(text) >= 0:  # which NaN is not, either
            return float(text)
    raise ArgumentTypeError(f"{text!r} is not a number of seconds")
