"""The option of ``checkschema`` that writes the sizes of the tables, and its work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_guard.reports.files import save
from migration_guard.reports.text import count

if TYPE_CHECKING:
    from migration_guard.management.base import GuardCommand


def add_option(parser: ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--write-sizes",
        type=Path,
        metavar="FILE",
        help="Check nothing; write rows, bytes and writes a second of each table, as the server "
        "counted them. It takes no lock and reads no row.",
    )


def write_file(command: "GuardCommand", options: dict[str, Any]) -> tuple[int, str]:
    """Write the file, and tell what the server did not say."""
    # Imported late: a plain check reads no sizes.
    from migration_guard.impact.reading import read_sizes
    from migration_guard.impact.sizes import dump

    sizes = read_sizes(options["database"])
    save(options["write_sizes"], dump(sizes))
    command.tell(f"Wrote {options['write_sizes']}: {count(len(sizes.tables), 'table')}.")
    unknown = [name for name, size in sizes.tables.items() if size.bytes is None]
    if unknown:
        command.tell(
            f"The size of {count(len(unknown), 'table')} is not known, such as {min(unknown)}: "
            f"{_CAUSES[sizes.vendor]}"
        )
    if sizes.counted_since is None:
        command.tell(f"Writes a second are not known: {_NOT_COUNTED[sizes.vendor]}")
    return 0, ""


_CAUSES = {
    "postgresql": "ANALYZE counts it.",
    "mysql": "the server's statistics do not have it.",
    "sqlite": "this SQLite was compiled without dbstat.",
}
_NOT_COUNTED = {
    "postgresql": "the server does not say since when it counts them (pg_stat_database).",
    "mysql": "MariaDB and MySQL do not count them by default.",
    "sqlite": "SQLite does not count them.",
}
