"""The options of ``makesqlmigration`` that write what a database has, and their work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard.exceptions import CannotTell
from migration_guard.management.base import GuardCommand
from migration_guard.planning.new_migration import NewMigration
from migration_guard.reports import json, text


def add_squash(content: Any) -> None:
    """Add the option of a squash to those that say what a file holds."""
    content.add_argument(
        "--squash",
        metavar="RANGE",
        help="One file for the migrations with these numbers, such as 1-100, with proof on "
        "throwaway databases that it builds the same.",
    )


def squash(command: GuardCommand, options: dict[str, Any]) -> tuple[int, str]:
    """Write a squash, and say what to do with the files that it replaces."""
    # Imported late: a plain makesqlmigration makes no database.
    from migration_guard.squashing.squash import squash as write

    low, dash, high = options["squash"].partition("-")
    if not (dash and low.strip().isdecimal() and high.strip().isdecimal()):
        raise CannotTell(
            f'"{options["squash"]}" is not a range of numbers.', "Write --squash 1-100."
        )
    tell = command.tell if options["verbosity"] else lambda _line: None
    name = options["name"] or "squash"
    squashed = write(options["database"], (int(low), int(high)), name, tell)
    command.tell(text.squash_notes(squashed.times, squashed.replaced))
    return _report(command, options, squashed.id, squashed.number, squashed.path)


def add_upto(parser: ArgumentParser) -> None:
    """Add the option of a baseline that another tool's table decides about."""
    parser.add_argument(
        "--upto",
        default="",
        metavar="KEY",
        help="With --from database: what the other tool's table calls its last migration.",
    )


def baseline(command: GuardCommand, options: dict[str, Any]) -> tuple[int, str]:
    """Write the first migration from the configured database, and say what to do next."""
    from migration_guard.squashing.baseline import write_baseline

    tell = command.tell if options["verbosity"] else lambda _line: None
    written = write_baseline(options["database"], tell, options["upto"], options["table"])
    command.tell(text.baseline_notes(written.filled, options["upto"]))
    return _report(command, options, written.id, written.number, written.path)


def _report(
    command: GuardCommand, options: dict[str, Any], migration_id: str, number: int, path: Path
) -> tuple[int, str]:
    created = NewMigration(migration_id, number, path)
    as_json = options["format"] == "json"
    command.say_document(json.new_migration(created) if as_json else str(path))
    return 0, ""
