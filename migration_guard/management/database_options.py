"""The options of ``checkschema`` that make databases, and which of its options go together."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from migration_guard.exceptions import CannotTell
from migration_guard.management import impact, table_sizes
from migration_guard.management.combinations import does_nothing, find_given


def add_fresh(parser: ArgumentParser) -> None:
    """Add the options about a fresh database."""
    group = parser.add_argument_group("a database that is built now from the files, and dropped")
    group.add_argument(
        "--fresh",
        action="store_true",
        help="Build a throwaway database from nothing, and check that one.",
    )
    group.add_argument(
        "--timeline",
        action="store_true",
        help="With --fresh: list what each migration made, changed and removed.",
    )
    group.add_argument(
        "--template",
        action="store_true",
        help="Keep what was built as a PostgreSQL template, and copy it while no file changes.",
    )
    impact.add_fresh_options(group)
    group.add_argument(
        "--replay",
        action="store_true",
        help="With --fresh: build one more from the configured database's history, its order and "
        "its SQL, and compare that with both.",
    )
    group.add_argument(
        "--drift",
        action="store_true",
        help="Compare the configured database with a fresh one, object by object.",
    )
    group.add_argument(
        "--ignore",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="With --drift, --replay or --upgrade-from: what may differ, as table or table.name; * "
        "and ? as in a shell.",
    )
    group.add_argument(
        "--environment",
        metavar="NAME",
        help='Of the fresh database, instead of MIGRATION_GUARD["ENVIRONMENT"] '
        "(--drift, --replay: instead of the stamp of the configured database).",
    )


def add_upgrade(parser: ArgumentParser) -> None:
    """Add the options about an older release."""
    group = parser.add_argument_group("a database of an older release, which is upgraded")
    group.add_argument(
        "--upgrade-from",
        metavar="GITREF",
        help="Let the code of that commit migrate a throwaway database, upgrade it with today's "
        "code, and compare it with a fresh one.",
    )
    group.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="With --upgrade-from: SQL that plants rows before the upgrade.",
    )


def add_templates(parser: ArgumentParser) -> None:
    """Add the option that clears the templates."""
    parser.add_argument(
        "--clear-templates",
        action="store_true",
        help="Check nothing; drop the templates of test databases and of --template, all that this "
        "user has on the server of --database.",
    )


def needs_fresh(options: dict[str, Any]) -> bool:
    """Return True if a fresh database is built."""
    return bool(options["fresh"] or options["drift"])


def refuse_nonsense(options: dict[str, Any]) -> None:
    """Raise CannotTell for options that would have no effect."""
    upgrades = options["upgrade_from"] is not None
    needs = [
        ("timeline", "fresh", options["fresh"]),
        ("template", "fresh", needs_fresh(options)),
        ("replay", "fresh", options["fresh"]),
        ("environment", "fresh", needs_fresh(options) or upgrades),
        ("ignore", "drift", options["drift"] or options["replay"] or upgrades),
        ("rows", "upgrade-from", upgrades),
        ("matrix", "fresh", options["fresh"]),
        ("usage_of_ref", "matrix", options["matrix"] is not None),
    ]
    for option, needed, is_there in needs:
        if options[option] and not is_there:
            raise does_nothing(f"--{option.replace('_', '-')}", f"--{needed}")
    if upgrades:
        _refuse_beside_upgrade(options)
    table_sizes.refuse_beside(options)
    impact.refuse_nonsense(options)
    if options["drift"] and not options["fresh"] and (options["tables"] or options["contract"]):
        raise CannotTell(
            "--drift compares all tables, and asks no contract.",
            "Leave TABLE and --contract out (--ignore PATTERN narrows it), or add --fresh.",
        )
    if options["write"] is not None and (needs_fresh(options) or options["usage"]):
        raise CannotTell(
            "--write describes the configured database, and checks nothing.",
            "Leave --fresh, --drift and --usage out.",
        )
    if options["clear_templates"] and (
        options["format"] != "text" or options["write"] or upgrades or needs_fresh(options)
    ):
        raise CannotTell(
            "--clear-templates drops templates, says so as text, and checks nothing.",
            "Give it alone, with --database ALIAS for another database than the default one.",
        )
    if options["timeline"] and options["template"]:
        raise CannotTell(
            "--timeline watches a database being built, and --template saves building it.",
            "Choose one of them.",
        )


def _refuse_beside_upgrade(options: dict[str, Any]) -> None:
    extra = find_given(
        options,
        ("TABLE", "--contract", "--no-models", "--fresh", "--drift", "--write", "--usage"),
    )
    if extra:
        raise CannotTell(
            "--upgrade-from compares an upgraded database with a fresh one, and nothing else.",
            f"Leave {' and '.join(extra)} out, or check that by a command of its own.",
        )
