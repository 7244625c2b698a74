"""Beside another tool's history that was not adopted, nothing runs.

A migration that the other tool has applied would run a second time. The tables are looked at only
while something is pending that may be theirs.
"""

from collections.abc import Sequence

from django.apps import apps

from migration_guard import conf
from migration_guard.adopting import readers
from migration_guard.adopting.record import Source
from migration_guard.adopting.tool import ForeignRow, ForeignTool, State
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.planning.foreign_tables import ForeignTable
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Planned
from migration_guard.problems import Problem, Severity
from migration_guard.running.adoption.foreign_rows import (
    FoundTable,
    find_histories,
    read_source,
    read_table,
)
from migration_guard.running.connection import Connection
from migration_guard.running.errors import StatementError
from migration_guard.running.facts import Facts

RULE = "other-tool"


def refuse_unadopted(
    connection: Connection,
    facts: Facts,
    sources: Sequence[Source],
    recorded: RecordedHistory,
    to_run: Sequence[Planned],
) -> None:
    """Raise CannotTell where another tool's history has what would run, or may have it."""
    pending = {name for planned in to_run for name in _ids(planned)} - {*recorded.reordered}
    for source in sources:
        of_source = {migration.id for migration in source.migrations}
        if pending & of_source:
            _refuse_source(connection, facts, source, pending)
    if pending and not sources and not (recorded.rows or recorded.journal or recorded.cleared):
        _refuse_unknown(connection, facts, len(pending))


def _ids(planned: Planned) -> tuple[str, ...]:
    """Return the id, and those of which the file says that it is them, too."""
    return planned.id, *(planned.file.former_ids if planned.file is not None else ())


def find_growth(
    connection: Connection, facts: Facts, sources: Sequence[Source], recorded: RecordedHistory
) -> list[Problem]:
    """Return a warning for each other tool that went on after its history was adopted."""
    problems = []
    for source in sources:
        ids = {migration.key: migration.id for migration in source.migrations}
        if not recorded.rows.keys() & {*ids.values()}:
            continue
        try:
            tool, found, rows = read_source(connection, facts, source)
        except Refused as error:
            problems.append(_warning(error.message, error.hint))
            continue
        applied = [row.key for row in rows if row.state is not State.UNDONE]
        # What is known and pending is refused; it may also count through another id by now.
        grown = [key for key in applied if key not in ids]
        if grown and found is not None:
            problems.append(_growth_warning(tool, found, grown))
    return problems


def _growth_warning(tool: ForeignTool, found: FoundTable, keys: Sequence[str]) -> Problem:
    return _warning(
        f"{tool.title} ran {list_ids(keys)} after its history was adopted ({found.label}): two "
        "tools change this database",
        f"Stop running {tool.title}. Take over what it ran: manage.py makesqlmigration --from "
        f"{tool.name} DIR, then manage.py runsqlmigrations --adopt.",
    )


def _warning(message: str, hint: str) -> Problem:
    return Problem(RULE, message, hint, Severity.WARNING)


def _refuse_source(connection: Connection, facts: Facts, source: Source, pending: set[str]) -> None:
    tool, found, rows = read_source(connection, facts, source)
    ids = {migration.key: migration.id for migration in source.migrations}
    twice = [ids[row.key] for row in rows if _has_run(row) and ids.get(row.key) in pending]
    if twice and found is not None:
        raise CannotTell(
            f"{found.label} says that {tool.title} has run {list_ids(twice)}. It is not in the "
            "history of this app, so it would run a second time. Nothing was run.",
            "Adopt it: manage.py runsqlmigrations --adopt (--plan only shows what it would do).",
        )


def _has_run(row: ForeignRow) -> bool:
    return row.state is not State.UNDONE


def _refuse_unknown(connection: Connection, facts: Facts, number: int) -> None:
    separate = conf.separate_histories()
    for history, table in find_histories(connection, facts):
        if {table.label, table.name, f"{table.schema}.{table.name}"} & separate:
            continue
        if _is_of_project(table) or not _has_rows(connection, history, table):
            continue
        name = history.tool.lower()
        take = f"--from {name} DIR" if name in readers.MODULES else "--from database"
        files = f"{number} migration{' is' if number == 1 else 's are'} pending"
        raise CannotTell(
            f"{table.label} holds the history of {history.label}, ours is empty, and {files}: "
            "they may run a second time. Nothing was run.",
            f"Take its files over, once: manage.py makesqlmigration {take}; then on each database "
            "manage.py runsqlmigrations --adopt. If these files are there already: manage.py "
            "runsqlmigrations --baseline NUMBER. If that history is of other files: "
            f'MIGRATION_GUARD["SEPARATE_HISTORIES"] = ["{table.label}"].',
        )


def _is_of_project(table: FoundTable) -> bool:
    """Return whether a model of the project has the table, and Django makes it."""
    return any(
        model._meta.managed and model._meta.db_table.casefold() == table.name
        for model in apps.get_models()
    )


def _has_rows(connection: Connection, history: ForeignTable, table: FoundTable) -> bool:
    """Return whether a migration has run; goose's first row is none.

    A table that may not be read is taken for one with rows.
    """
    try:
        rows = read_table(connection, table)
    except StatementError:
        return True
    if "version_id" in history.columns:
        return any(row["version_id"] not in (0, "0") for row in rows)
    return bool(rows)
