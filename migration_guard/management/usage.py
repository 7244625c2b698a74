"""The options of ``checkschema`` about the statements that code sends."""

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_guard.exceptions import CannotTell

if TYPE_CHECKING:
    from migration_guard.usage.check import UsageCheck


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("the statements that code sends (pytest --record-usage FILE)")
    group.add_argument(
        "--usage",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="Tell which recorded statements the database breaks. No statement is run.",
    )
    group.add_argument(
        "--as",
        dest="role",
        default="",
        metavar="ROLE",
        help="With --usage, on PostgreSQL: prepare them with the rights of this role.",
    )


def read_request(options: dict[str, Any]) -> "UsageCheck | None":
    """Read the usage files, None without any. Raises CannotTell."""
    if not options["usage"]:
        if options["role"]:
            raise CannotTell("--as does nothing without --usage.", "Add --usage FILE.")
        return None
    # Imported late: a check without usage needs none of it.
    from migration_guard.usage.check import UsageCheck
    from migration_guard.usage.merging import merge
    from migration_guard.usage.statement import read

    statements = merge(statement for path in options["usage"] for statement in read(path))
    return UsageCheck(tuple(statements), Path.cwd(), options["role"])
