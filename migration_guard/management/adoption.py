"""The options of the commands that take over another tool's files and history, and their work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.management.base import GuardCommand
from migration_guard.management.progress import Progress
from migration_guard.problems import errors
from migration_guard.reports import adoption, json, text
from migration_guard.reports.check import check_report
from migration_guard.reports.verdict import verdict
from migration_guard.results import Outcome, TakenOver
from migration_guard.running.events import Observer


def add_from(parser: ArgumentParser) -> None:
    """Add the options of ``makesqlmigration --from``."""
    group = parser.add_argument_group("take over the files of another tool")
    group.add_argument(
        "--from",
        dest="origin",
        nargs="+",
        metavar=("TOOL", "DIR"),
        help="Write the files of TOOL in DIR as migrations, with _adopted.json, and build them; "
        "django:APP (or several, with commas) takes the RunSQL of Django's own migrations.",
    )
    group.add_argument(
        "--table", default="", metavar="NAME", help="The tool's table, if it has another name."
    )
    group.add_argument(
        "--columns",
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="With --from table: the columns of the id and of the time (default: id applied_at).",
    )


def take_over(command: GuardCommand, options: dict[str, Any]) -> tuple[int, str]:
    """Carry out ``makesqlmigration --from``; return the exit code and the message."""
    with Progress(command.stderr, min(options["verbosity"], 1), applied=False) as observe:
        taken = _take_over(options, observe)
    command.tell(adoption.takeover_report(taken))
    if options["format"] == "json":
        command.say_document(json.takeover(taken))
    else:
        for path in taken.paths:
            command.say(str(path))
    return 0, ""


def _take_over(options: dict[str, Any], observe: Observer) -> TakenOver:
    # Imported late: a plain makesqlmigration makes no database.
    from migration_guard.fresh import adoption, django_conversion

    tool, *rest = options["origin"]
    kind, _colon, apps = tool.partition(":")
    if kind == "django" and apps and not rest:
        return django_conversion.convert(
            apps.split(","), options["database"], options["dir"], observe
        )
    if kind == "django" or len(rest) != 1:
        usage = "--from django:APP" if kind == "django" else f"--from {tool} DIR"
        raise CannotTell(
            f"--from {' '.join(options['origin'])} is not complete.", f"Write {usage}."
        )
    return adoption.take_over(
        adoption.TakeOver(
            options["database"],
            tool,
            Path(rest[0]),
            options["table"],
            tuple(options["columns"]),
            options["dir"],
        ),
        observe,
    )


def add_adopt(parser: ArgumentParser) -> None:
    """Add the options of ``runsqlmigrations --adopt``."""
    group = parser.add_argument_group("take over the history of another tool")
    group.add_argument(
        "--adopt",
        action="store_true",
        help="Record what the tool of _adopted.json has applied, or what a table "
        "applied_migrations(id, applied_at) of your own lists; run nothing.",
    )
    group.add_argument(
        "--accept-edit",
        nargs="+",
        default=(),
        metavar="ID",
        help="Adopt it although the tool ran another text (for tools that accept edits).",
    )
    group.add_argument("--reason", default="", metavar="TEXT", help="Why, for the audit.")


def finish(command: GuardCommand, outcome: Outcome, options: dict[str, Any]) -> tuple[int, str]:
    """Report an adoption and prove it; return the exit code and the message."""
    tell = command.tell if options["verbosity"] else lambda _text: None
    tell(adoption.recording(outcome))
    command.tell(text.problems(errors(outcome.problems)))
    if not any(item.ids for item in outcome.adoptions):
        return 0, ""
    # Imported late: only an adoption makes a database here.
    from migration_guard.fresh.adoption import prove

    with Progress(command.stderr, min(options["verbosity"], 1), applied=False) as observe:
        checked = prove(options["database"], outcome.adoptions, observe)
    if isinstance(checked.error, GuardError):
        command.tell(adoption.proof(checked, outcome.adoptions))
        return 0, ""
    if checked.violations or checked.unknown:
        command.tell(check_report(checked))
    else:
        tell(adoption.proof(checked, outcome.adoptions))
    if not checked.violations:
        return 0, ""
    return 1, (
        f"The history is recorded. {verdict(checked)}\n"
        f"Next, when each is decided: {adoption.drift_command(outcome.adoptions)}"
    )
