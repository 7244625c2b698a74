"""The options of ``makesqlmigration`` that write what a database has, and their work."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from migration_guard.exceptions import CannotTell
from migration_guard.management.base import GuardCommand
from migration_guard.planning.new_migration import NewMigration
from migration_guard.reports import json
from migration_guard.reports.squash import baseline_notes, squash_notes


def add_squash(content: Any) -> None:
    """Add the option of a squash to those that say what a file holds."""
    content.add_argument(
        "--squash",
        metavar="RANGE",
        help="One file for the migrations with these numbers, such as 1-100, with proof on "
        "throwaway databases that it builds the same.",
    )


def add_upto(parser: ArgumentParser) -> None:
    """Add the option of a baseline that another tool's table decides about."""
    parser.add_argument(
        "--upto",
        default="",
        metavar="KEY",
        help="With --from database: what the other tool's table calls its last migration.",
    )


def write(command: GuardCommand, options: dict[str, Any]) -> tuple[int, str]:
    """Write the file that the options ask for, and say what to do next."""
    tell = command.tell if options["verbosity"] else lambda _line: None
    writing = _squash if options["squash"] is not None else _write_baseline
    created, notes = writing(options, tell)
    command.tell(notes)
    as_json = options["format"] == "json"
    command.say_document(json.new_migration(created) if as_json else str(created.path))
    return 0, ""


def _squash(options: dict[str, Any], tell: Callable[[str], None]) -> tuple[NewMigration, str]:
    # Imported late: a plain makesqlmigration makes no database.
    from migration_guard.squashing.squash import squash

    low, dash, high = options["squash"].partition("-")
    if not (dash and low.strip().isdecimal() and high.strip().isdecimal()):
        raise CannotTell(
            f'"{options["squash"]}" is not a range of numbers.', "Write --squash 1-100."
        )
    numbers = int(low), int(high)
    squashed = squash(options["database"], numbers, options["name"] or "squash", tell)
    created = NewMigration(squashed.id, squashed.number, squashed.path)
    return created, squash_notes(squashed.times, squashed.replaced, squashed.shared)


def _write_baseline(
    options: dict[str, Any], tell: Callable[[str], None]
) -> tuple[NewMigration, str]:
    from migration_guard.squashing.baseline import write_baseline

    written = write_baseline(options["database"], tell, options["upto"], options["table"])
    created = NewMigration(written.id, written.number, written.path)
    return created, baseline_notes(written.filled, options["upto"])
