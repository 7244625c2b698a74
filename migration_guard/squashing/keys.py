"""The key by which another tool's table says that a database has the baseline."""

from pathlib import Path

from migration_guard.adopting import record
from migration_guard.adopting.readers.database import TOOL, has_key
from migration_guard.adopting.record import Source
from migration_guard.exceptions import CannotTell
from migration_guard.planning.max_migration import replace
from migration_guard.running.adoption.foreign_rows import find_histories, find_table, read_table
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts


def find_key(connection: Connection, facts: Facts, key: str, table: str) -> str:
    """Return the table that holds ``key``: the one that is named, else one of a known tool.

    Raises CannotTell where none does.
    """
    if table:
        named = find_table(connection, facts, TOOL, Source("database", "", table))
        found = [named] if named is not None else []
    else:
        found = [found for _, found in find_histories(connection, facts)]
    for candidate in found:
        rows = read_table(connection, candidate)
        if has_key(rows, key):
            return candidate.label
    names = ", ".join(candidate.label for candidate in found) or "no table of another tool"
    raise CannotTell(
        f'The key "{key}" is not in this database: {names} was looked at. Nothing was written.',
        "Give the key as the other tool's table has it, and its table, if it is another: --table "
        "NAME.",
    )


def record_key(folder: Path, source: Source) -> None:
    """Add a source to ``_adopted.json``. Raises CannotTell where it cannot be written."""
    path = folder / record.RECORD
    try:
        text = record.render(record.add(record.read([folder]), source))
        replace(path, text.removesuffix("\n"))
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be written: {error.strerror or error}. Nothing was written.",
            "Make the folder writable, and run it again.",
        ) from error
