"""Rows in the database of an older release: planting them, counting them, finding what was lost."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.apps import apps

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.row_counts import Counts
from migration_guard.fresh.upgrade import child
from migration_guard.planning import files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.planning.scripts import Script, Unit
from migration_guard.problems import Violation, errors, place
from migration_guard.results import Assertion, Verdict
from migration_guard.running import connecting
from migration_guard.running.errors import StatementError
from migration_guard.running.failure_text import describe_failure
from migration_guard.schema.objects import Snapshot, Table
from migration_guard.sql.classify import Control, control, mentions
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


@dataclass(frozen=True, slots=True)
class Names:
    """What the migrations that ran name: SQL files, and Django's as ``app.name``."""

    vendor: str
    files: Sequence[MigrationFile]
    words: frozenset[str]
    tables: frozenset[str]

    def include(self, table: Table) -> bool:
        """Return whether one of the migrations names the table."""
        return (
            table.name in self.tables
            or table.name.lower() in self.words
            or any(mentions(file.text, table.name, self.vendor) for file in self.files)
        )


def read_names(
    vendor: str,
    ran_files: Sequence[MigrationFile],
    ran_django: Collection[str],
    tables: Mapping[str, Sequence[str]],
) -> Names:
    """Return the names in the migrations that ran; ``tables`` are those of the release's apps.

    A migration of Django's may change every table of its app, and names a model for its table.
    """
    paths = child.migration_files()
    sources = (paths[id_].read_text("utf-8", "replace") for id_ in ran_django if id_ in paths)
    words = {word.lower() for source in sources for word in re.findall(r"\w+", source)}
    apps_of = {name.partition(".")[0] for name in ran_django}
    named = {table for app in apps_of for table in tables.get(app, ())}
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.app_label in apps_of or str(meta.model_name) in words:
            named.add(meta.db_table)
    return Names(vendor, ran_files, frozenset(words), frozenset(named))


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
