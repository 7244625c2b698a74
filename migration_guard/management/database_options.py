"""The options of ``checkschema`` that make databases."""

from argparse import ArgumentParser
from pathlib import Path

from migration_guard.management import impact


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
