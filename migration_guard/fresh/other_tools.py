"""What drift says of a table in which another migration tool keeps its history.

Pure. After the tool's files and history were taken over, the table is no difference of the schema.
"""

from migration_guard.planning.foreign_tables import find_known
from migration_guard.schema.objects import UNKNOWN, Fact, Table


def describe(table: Fact[Table | None]) -> str:
    """Return whose history a table is and what to do about it, "" for any other table."""
    if table is UNKNOWN or table is None or table.columns is UNKNOWN:
        return ""
    known = find_known(table.name, (column.name for column in table.columns))
    if known is None:
        return ""
    return (
        f"{known.label} keeps its history in it. If nothing runs {known.tool} any more, drop it in "
        f"a migration (DROP TABLE IF EXISTS); else leave it out with --ignore {table.label}."
    )
