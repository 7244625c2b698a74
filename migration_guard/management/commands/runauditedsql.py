"""Runs a one-off SQL script that is no migration, once its numbers are confirmed; it is audited."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import ExitStack
from typing import Any, Final

from migration_guard.management.base import GuardCommand
from migration_guard.management.progress import Progress
from migration_guard.one_off import report, run
from migration_guard.one_off.confirmation import ask, can_ask
from migration_guard.one_off.preparation import Request
from migration_guard.one_off.results import ScriptOutcome
from migration_guard.one_off.run import PATIENCE
from migration_guard.problems import errors
from migration_guard.reports import text
from migration_guard.reports.escaping import escape_text

STANDARD_INPUT: Final = "-"


class Command(GuardCommand):
    """``manage.py runauditedsql``."""

    help = (
        "Run a one-off SQL script, which is not a migration, in one transaction: show the rows "
        "that each statement touched, ask, commit, and record it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the script, the reason, and the number that replaces the question."""
        super().add_arguments(parser)
        parser.add_argument(
            "file", metavar="FILE", help="The script; - for standard input, with --expect-rows."
        )
        parser.add_argument("--reason", required=True, metavar="TEXT", help="Why, for the audit.")
        parser.add_argument(
            "--expect-rows",
            type=_row_count,
            metavar="N",
            help="Do not ask: commit if the statements write N rows in all, else roll back.",
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            dest="interactive",
            action="store_false",
            help="Never ask; needs --expect-rows.",
        )

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Run, ask, report."""
        from_input, expected = options["file"] == STANDARD_INPUT, options["expect_rows"]
        asks = options["interactive"] and not from_input and can_ask(self.stderr)
        # Without a number the run is refused: do not wait for the script.
        content = sys.stdin.buffer.read() if from_input and expected is not None else b""
        request = Request(
            options["file"], options["reason"], expected, content if from_input else None
        )
        with ExitStack() as stack:
            observe = stack.enter_context(Progress(self.stderr, options["verbosity"]))

            def confirm(outcome: ScriptOutcome) -> str:
                stack.close()  # the live line must not run over the question
                self.tell(report.render_rows(outcome, _cap(options)))
                return self._confirm(outcome)

            done = run.run(request, options["database"], confirm if asks else None, observe)
        self._report(done, options, with_rows=not (asks and expected is None))
        if done.error is not None:
            return done.error.returncode, text.failure(done.error, errors(done.problems))
        return 0, ""

    def _report(self, done: ScriptOutcome, options: dict[str, Any], *, with_rows: bool) -> None:
        """Print the result, without the rows where the question listed them."""
        if options["format"] == "json":
            self.say_document(report.render_json(done))
            return
        has_rows = with_rows and done.statements
        rows = report.render_rows(done, _cap(options)) if has_rows else ""
        if not done.committed:
            self.tell(rows)
        elif options["verbosity"] > 0:
            self.say("\n".join(filter(None, (rows, report.render_commit(done)))))

    def _confirm(self, outcome: ScriptOutcome) -> str:
        """Ask, and return why the answer is no; an empty string for yes."""
        answer = ask(self.stderr, escape_text(report.render_question(outcome, PATIENCE)), PATIENCE)
        if answer is None:
            self.tell("")
            return f"No answer within {PATIENCE:g} s."
        return "" if answer == outcome.name else "Not confirmed."


def _cap(options: dict[str, Any]) -> int | None:
    return report.LIST_CAP if options["verbosity"] <= 1 else None


def _row_count(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a number of rows")
