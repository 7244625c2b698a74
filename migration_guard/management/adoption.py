"""The options of the commands that take over another tool's files and history, and their work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.management.base import GuardCommand
from migration_guard.management.progress import Progress
from migration_guard.problems import errors
from migration_guard.reports import adoption, json, text
from migration_guard.results import Outcome


def add_from(parser: ArgumentParser) -> None:
    """Add the options of ``makesqlmigration --from``."""
    group = parser.add_argument_group("take over the files of another tool")
    group.add_argument(
        "--from",
        dest="origin",
        nargs="+",
        metavar=("TOOL", "DIR"),
        help="Write the files of TOOL in DIR as migrations, with _adopted.json, and build them.",
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
    """Carry out ``makesqlmigration --from TOOL DIR``; return the exit code and the message."""
    # Imported late: a plain makesqlmigration makes no database.
    from migration_guard.fresh.adoption import TakeOver
    from migration_guard.fresh.adoption import take_over as write_files

    tool, *rest = options["origin"]
    if len(rest) != 1:
        raise CannotTell(
            f"--from {tool} needs one folder, and has {len(rest)}.", f"Write --from {tool} DIR."
        )
    request = TakeOver(
        options["database"],
        tool,
        Path(rest[0]),
        options["table"],
        tuple(options["columns"]),
        options["dir"],
    )
    with Progress(command.stderr, min(options["verbosity"], 1), applied=False) as observe:
        taken = write_files(request, observe)
    command.tell(adoption.taken_over(taken))
    if options["format"] == "json":
        command.say_document(json.taken_over(taken))
    else:
        for path in taken.paths:
            command.say(str(path))
    return 0, ""


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
        help="Adopt it although the tool, which lets edits pass, ran another text.",
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
        command.tell(text.schema_check(checked))
    else:
        tell(adoption.proof(checked, outcome.adoptions))
    if not checked.violations:
        return 0, ""
    return 1, (
        f"The history is recorded. {text.verdict(checked)}\n"
        f"Next, when each is decided: {adoption.drift_command(outcome.adoptions)}"
    )
