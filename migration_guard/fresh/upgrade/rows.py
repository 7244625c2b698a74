"""Rows in the database of an older release: planting them, counting them, finding what was lost."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.row_counts import Counts
from migration_guard.fresh.upgrade.names import Names
from migration_guard.planning import files
from migration_guard.planning.names import FileName
from migration_guard.planning.scripts import Script, Unit
from migration_guard.problems import Violation, errors, place
from migration_guard.results import Assertion, Verdict
from migration_guard.running import connecting
from migration_guard.running.errors import StatementError
from migration_guard.running.failure_text import describe_failure
from migration_guard.schema.objects import Snapshot, Table
from migration_guard.sql.classify import Control, control
from migration_guard.sql.statements import SQLError, split

RULES: Final[Mapping[str, str]] = {
    "rows-lost": "A table has fewer rows than before the upgrade, and no migration names it.",
}


def read_rows(path: Path, vendor: str) -> Script:
    """Return a file of SQL that plants rows, as statements. Raises CannotTell."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be opened: {error.strerror}.", "Name a file of SQL that can be read."
        ) from error
    file, problems = files.parse(FileName(path.name, 0, None, str(path)), raw, frozenset())
    if file is None:
        problem = errors(problems)[0]
        raise CannotTell(f"{problem.place}: {problem.message}.", problem.hint)
    try:
        all_statements = split(file.text, vendor)
    except SQLError as error:
        raise CannotTell(
            f"{place(path, error.line)}: {error}", "Correct the file of --rows, and run it again."
        ) from error
    # They run in one transaction of ours.
    brackets = {Control.BEGIN, Control.COMMIT}
    statements = tuple(
        statement for statement in all_statements if control(statement.text, vendor) not in brackets
    )
    if not statements:
        raise CannotTell(f"{path} has no statement.", "Write INSERT statements into it.")
    return Script(file, (Unit(statements, 1, len(statements)),), source=statements)


def plant(alias: str, script: Script) -> None:
    """Run the statements, in one transaction. Raises CannotTell where one fails."""
    with connecting.open_connection(alias) as (connection, _facts):
        try:
            with connection.failing():
                connection.begin()
            for statement in script.source:
                with connection.failing(statement):
                    connection.execute(statement, script.file.text)
            with connection.failing():
                connection.commit()
        except StatementError as error:
            lines, _line = describe_failure(connection, script, error)
            raise CannotTell(
                "\n".join(lines),
                "The tables are those of the release: write --rows for them. Only throwaway "
                "databases were touched.",
            ) from error


def find_lost_rows(
    snapshot: Snapshot, before: Counts, after: Counts, names: Names, release: str
) -> Iterator[Assertion]:
    """Yield an assertion for each table that had rows; ``snapshot`` is from before the upgrade."""
    for table in snapshot.tables:
        key = table.schema, table.name
        planted, kept = before.get(key, 0), after.get(key, 0)
        if not planted:
            continue
        id_ = f"upgrade::{table.label}::rows"
        if kept >= planted or any(map(names.include, _with_parents(snapshot, table))):
            yield Assertion(id_, table.label, "rows", "", Verdict.KEPT)
            continue
        violation = Violation(
            "rows-lost",
            table.label,
            "rows",
            f"{planted} as before the upgrade",
            str(kept),
            hint=f"No migration that runs since {release} names this table. Look for a foreign key "
            "with ON DELETE CASCADE, a trigger, or code that a migration calls. If you mean it, "
            "let a statement of the migration name the table.",
        )
        yield Assertion(id_, table.label, "rows", "", Verdict.VIOLATED, violation)


def _with_parents(snapshot: Snapshot, table: Table) -> Iterator[Table]:
    """Yield a table and the partitioned tables that it is part of."""
    current: Table | None = table
    while current is not None:
        yield current
        parent = current.partition_of
        fact = snapshot.table(parent) if isinstance(parent, str) and parent else None
        current = fact if isinstance(fact, Table) else None
