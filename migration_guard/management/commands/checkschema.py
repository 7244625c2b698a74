"""Tells whether a database keeps the schema contract; writes nothing to it."""

from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.color import no_style

from migration_guard import checking
from migration_guard.contracts import RULES
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.management.base import GuardCommand
from migration_guard.reports import github, json, junit, sarif, text
from migration_guard.results import Checked


class Command(GuardCommand):
    """``manage.py checkschema``."""

    help = (
        "Compare a database with what code relies on: the models, and contract files. "
        "Exit 0: kept; 1: violated; 2: it could not be told."
    )
    formats = ("text", "json", "junit", "github", "sarif")
    # Every format but text, which knows colours and verbosity.
    reports: ClassVar[Mapping[str, Callable[[Checked], str]]] = {
        "json": json.examined,
        "junit": junit.examined,
        "github": github.examined,
        "sarif": lambda checked: sarif.examined(checked, RULES),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what is checked, by which contract, and how it is reported."""
        super().add_arguments(parser)
        parser.add_argument(
            "tables", nargs="*", metavar="TABLE", help="Only these tables (default: all)."
        )
        parser.add_argument(
            "--contract",
            nargs="+",
            action="extend",
            default=[],
            type=Path,
            metavar="FILE",
            help='Contract files, instead of those in MIGRATION_GUARD["CONTRACTS"].',
        )
        parser.add_argument(
            "--models",
            action=BooleanOptionalAction,
            default=True,
            help="Whether the models are a contract too (default: they are).",
        )
        parser.add_argument(
            "--allow-unknown",
            action="store_true",
            help="Let what could not be checked pass; it is still reported.",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write the report there.")
        parser.add_argument(
            "--write",
            type=Path,
            metavar="FILE",
            help="Check nothing; write a contract of the database as it is.",
        )

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Check or write, report, and give the exit code."""
        if options["write"] is not None:
            _save(options["write"], checking.describe(options["database"], options["tables"]))
            self.tell(f"Wrote {options['write']}.")
            return 0, ""
        checked = self._check(options)
        self._report(checked, options)
        return checked.returncode, text.verdict(checked)

    def _check(self, options: dict[str, Any]) -> Checked:
        alias = options["database"]
        try:
            contract = checking.gather(
                alias, options["contract"], models=options["models"], tables=options["tables"]
            )
        except GuardError as error:
            return Checked(alias, error=error)
        return checking.check(contract, alias, allow_unknown=options["allow_unknown"])

    def _report(self, checked: Checked, options: dict[str, Any]) -> None:
        if options["format"] != "text":
            report = self.reports[options["format"]](checked)
        elif checked.error is not None:
            return
        else:
            style = no_style() if options["output"] is not None else self.style
            report = text.examined(checked, style, kept=options["verbosity"] > 1)
        if options["output"] is not None:
            _save(options["output"], report)
        elif options["format"] != "text" or options["verbosity"] > 0:
            self.say(report)


def _save(path: Path, content: str) -> None:
    try:
        path.write_text(content.rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be written: {error.strerror}.",
            "Name a file in a folder that exists and that you may write to.",
        ) from error
