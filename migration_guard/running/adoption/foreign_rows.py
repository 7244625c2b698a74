"""Finding and reading the tables in which other tools keep their histories. Nothing is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from migration_guard.adopting import readers
from migration_guard.adopting.record import Source
from migration_guard.adopting.tool import ForeignProblem, ForeignRow, ForeignTool
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.planning.foreign_tables import TABLES, ForeignTable, find_known, tables_of
from migration_guard.running.adoption.times import as_moment
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts
from migration_guard.sql.dialects import dialect


@dataclass(frozen=True)
class FoundTable:
    """A table of another tool; ``label`` names the schema where it is not the project's."""

    schema: str
    name: str
    columns: tuple[str, ...]
    label: str


def find_table(
    connection: Connection, facts: Facts, tool: ForeignTool, source: Source
) -> FoundTable | None:
    """Return the table of a source, None where the tool has none here.

    Raises CannotTell where the table that the source names is another tool's.
    """
    if not source.table:
        return next(_find(connection, facts, tables_of(tool.title)), None)
    schema, _dot, name = source.table.rpartition(".")
    table = ForeignTable(name, tool.title, frozenset(), schema)
    found = next(_find(connection, facts, [table]), None)
    if found is None:
        return None
    known = (table.columns for table in tables_of(tool.title))
    needed = frozenset(map(str.casefold, source.columns)) or next(known, frozenset())
    if not needed <= {column.casefold() for column in found.columns}:
        raise CannotTell(
            f"{source.table} has the columns {', '.join(found.columns)}, and a table of "
            f"{tool.title} has {', '.join(sorted(needed))}.",
            "Correct the name of the table in _adopted.json.",
        )
    return found


def find_histories(connection: Connection, facts: Facts) -> list[tuple[ForeignTable, FoundTable]]:
    """Return the tables of other tools that say which files have run."""
    found = dict.fromkeys(_find(connection, facts, TABLES))
    known = [(find_known(table.name, table.columns), table) for table in found]
    return [(tool, table) for tool, table in known if tool is not None and tool.is_history]


def read_table(connection: Connection, found: FoundTable) -> list[dict[str, Any]]:
    """Return all rows, by the names of the columns in lower case."""
    quote = dialect(connection.vendor).quote
    # SQLite's driver converts what a column of a type holds, and gives None for what it cannot
    # read, such as Prisma's milliseconds; the value of an expression it leaves as it is.
    columns = ", ".join(f"COALESCE({quote(column)}, NULL)" for column in found.columns)
    with connection.failing():
        rows = connection.fetch(f"SELECT {columns} FROM {quote(found.schema)}.{quote(found.name)}")
    names = [column.casefold() for column in found.columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_source(
    connection: Connection, facts: Facts, source: Source
) -> tuple[ForeignTool, FoundTable | None, Sequence[ForeignRow]]:
    """Return the tool, the table and the last word on each migration of a source.

    Raises Refused, which names what no reader understands.
    """
    if source.tool not in readers.MODULES:
        raise CannotTell(
            f'_adopted.json names the tool "{source.tool}", for which there is no reader.',
            "Install the version of the app that wrote it, or a later one.",
        )
    tool = readers.load(source.tool, source.columns)
    found = find_table(connection, facts, tool, source)
    if found is None:
        return tool, None, ()
    keys = [migration.key for migration in source.migrations]
    reason = ""
    try:
        _check_side(connection, facts, tool)
        rows = tool.read_rows(read_table(connection, found), keys)
        return tool, found, [_with_moment(connection, row) for row in rows]
    except ForeignProblem as problem:
        reason = str(problem)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        # A value that the tool never writes.
        reason = f"a row is none of {tool.title} ({error})."
    raise Refused(
        f"{found.label}, the table of {tool.title}: {reason} Nothing was recorded.",
        f"Correct it with {tool.title}, and run --adopt again.",
    )


def _with_moment(connection: Connection, row: ForeignRow) -> ForeignRow:
    """Return a row whose time has a zone."""
    if row.applied_at is None:
        return row
    return replace(row, applied_at=as_moment(connection, row.applied_at))


def _check_side(connection: Connection, facts: Facts, tool: ForeignTool) -> None:
    """Let the reader look at a table beside the history, which holds work in progress."""
    if tool.check_side_rows is None:
        return
    schema, _dot, name = tool.side_table.rpartition(".")
    side = ForeignTable(name, tool.title, frozenset(), schema)
    for found in _find(connection, facts, [side]):
        tool.check_side_rows(read_table(connection, found))


def _find(
    connection: Connection, facts: Facts, tables: Sequence[ForeignTable]
) -> Iterator[FoundTable]:
    """Yield those of ``tables`` that are here, in their order."""
    names = sorted({table.table for table in tables})
    has_schemas = facts.search_path is not None
    ours = tuple(dict.fromkeys(filter(None, (facts.schema, facts.new_tables))))
    with connection.failing():
        schemas = {table.schema for table in tables if table.schema} if has_schemas else set()
        schemas |= set(ours)
        if has_schemas:  # one query, where nothing is there
            schemas &= connection.schemas_with(names)
        shapes = {schema: connection.shapes(schema, names) for schema in schemas}
    for table in tables:
        for schema in [table.schema] if table.schema else ours:
            shape = shapes.get(schema, {}).get(table.table)
            if shape is not None and table.fits([column.casefold() for column in shape.columns]):
                label = table.table if schema in ours else f"{schema}.{table.table}"
                yield FoundTable(schema, table.table, tuple(shape.columns), label)
