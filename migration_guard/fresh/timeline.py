"""The changes of each migration to the schema, from a snapshot after each migration.

DDL that changes nothing is the sign of a wrong order: ``ALTER TABLE IF EXISTS`` on a table that a
later migration creates succeeds and does nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from django.db import connections

from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity
from migration_guard.results import Chapter
from migration_guard.running import connecting
from migration_guard.schema.diff.compare import Change, Comparison, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.sql.classify import makes_temporary, mask_secrets, mentions, words
from migration_guard.sql.ddl import DDL, read_ddl
from migration_guard.sql.statements import SQLError, Statement, split

# The kinds of objects in a snapshot. Changes of other kinds are not visible.
_VISIBLE: Final = {
    *("TABLE", "VIEW", "INDEX", "TYPE", "DOMAIN", "EXTENSION", "SEQUENCE", "STATISTICS"),
    *("FUNCTION", "PROCEDURE", "AGGREGATE", "TRIGGER", "EVENT", "EVENT TRIGGER", "POLICY", "RULE"),
}
# Clauses of ALTER whose changes are not in a snapshot.
_INVISIBLE: Final = (
    *("OWNER", "OWNED", "TABLESPACE", "STATISTICS", "STORAGE", "COMPRESSION", "CLUSTER", "REPLICA"),
    *("ENABLE", "DISABLE", "ENGINE", "AUTO_INCREMENT", "RESTART", "INHERIT", "ATTACH", "RESET"),
    *("FILLFACTOR", "AUTOVACUUM_ENABLED", "VALIDATE"),
)
# Objects whose name the server may have made up, so that no statement mentions it.
_MAY_BE_UNNAMED: Final = {"index", "unique", "primary key", "foreign key", "check", "exclusion"}


class Timeline:
    """Watches a build. ``chapters`` and ``problems`` are complete up to the last migration."""

    def __init__(self, alias: str) -> None:
        self._vendor = connections[alias].vendor
        # A connection of its own, since that of the build may be inside a transaction.
        name = str(connections.settings[alias]["NAME"])
        self._connection = connecting.connection_to(alias, name)
        self._last = read_database(self._connection)
        self.chapters: list[Chapter] = []
        self.problems: list[Problem] = []

    def after(self, migration: str, file: MigrationFile | None) -> None:
        """Record what a migration changed. ``file`` is None for one of Django's."""
        now = read_database(self._connection)
        changes = [
            comparison
            for comparison in compare(self._last, now)
            if comparison.change is not Change.SAME
        ]
        self._last = now
        if file is not None:
            self.problems += _idle_statements(file, changes, self._vendor)
        self.chapters.append(_chapter(migration, changes, self._vendor))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _chapter(migration: str, changes: Sequence[Comparison], vendor: str) -> Chapter:
    def lines(kind: Change) -> tuple[str, ...]:
        return tuple(
            _line(comparison, vendor) for comparison in changes if comparison.change is kind
        )

    # The snapshot before is the first one, so that MISSING means removed.
    return Chapter(migration, lines(Change.EXTRA), lines(Change.DIFFERS), lines(Change.MISSING))


def _line(comparison: Comparison, vendor: str) -> str:
    item = comparison.database_object
    if item.kind == "table":
        label = f"{'view' if 'view' in str(item.properties['kind']) else 'table'} {item.table}"
    else:
        label = f"{item.object} of {item.table}" if item.table else item.object
    if comparison.change is not Change.DIFFERS:
        return label
    return mask_secrets(f"{label}: {comparison.expected} → {comparison.actual}", vendor)


def _idle_statements(
    file: MigrationFile, changes: Sequence[Comparison], vendor: str
) -> Iterator[Problem]:
    """Yield a warning for each statement of DDL that changed nothing.

    Without any change that is all DDL; else DDL with IF EXISTS or IF NOT EXISTS, unless it may have
    made one of the changes.
    """
    if any(comparison.change is Change.UNKNOWN for comparison in changes):
        return
    with suppress(SQLError):  # the server ran it, so our reader is wrong
        statements = split(file.text, vendor)
        temporary = [
            ddl.name
            for statement in statements
            if makes_temporary(statement.text, vendor)
            and (ddl := read_ddl(statement.text, vendor)) is not None
            and ddl.name
        ]
        for statement in statements:
            text = statement.text
            can_be_idle = not changes or mentions(text, "IF", vendor)
            ddl = read_ddl(text, vendor) if can_be_idle else None
            if (
                ddl is not None
                and _is_visible(ddl, text, vendor)
                and not any(_may_have_made(ddl, text, change, vendor) for change in changes)
                and not _makes_room(ddl, statements, vendor)
                and not any(mentions(text, name, vendor) for name in temporary)
            ):
                yield _changed_nothing(file, statement, vendor)


def _may_have_made(ddl: DDL, text: str, comparison: Comparison, vendor: str) -> bool:
    """Return whether a statement may have made this change."""
    item = comparison.database_object
    if item.kind == "sequence of column" and ddl.kind == "SEQUENCE":
        return True  # its name is not in the snapshot
    table = item.table.rpartition(".")[2]
    if table and not mentions(text, table, vendor):
        return False
    if item.kind == "table" or (ddl.kind == "TABLE" and item.kind in _MAY_BE_UNNAMED):
        return True
    sides = filter(None, (comparison.first, comparison.second))
    names = {side.name.partition("(")[0].rpartition(".")[2] for side in sides}
    return any(mentions(text, name, vendor) for name in names)


def _makes_room(ddl: DDL, statements: Sequence[Statement], vendor: str) -> bool:
    """Return whether a DROP only makes room for an object that the same file creates."""
    return ddl.verb == "DROP" and any(
        words(other.text, vendor, 1) == ("CREATE",) and mentions(other.text, ddl.name, vendor)
        for other in statements
    )


def _is_visible(ddl: DDL, text: str, vendor: str) -> bool:
    """Return whether a snapshot shows the changes of a statement."""
    return (
        ddl.verb != "RENAME"
        and ddl.kind in _VISIBLE
        and not makes_temporary(text, vendor)
        and not (ddl.verb == "ALTER" and any(mentions(text, word, vendor) for word in _INVISIBLE))
    )


def _changed_nothing(file: MigrationFile, statement: Statement, vendor: str) -> Problem:
    return Problem(
        "changed-nothing",
        f"{file.id} contains DDL that changed nothing on a fresh database",
        "What it alters must be created by a lower number; IF EXISTS hides that it is not. If it "
        "only clears away what older databases have, this is as it should be.",
        Severity.WARNING,
        file.path,
        statement.line,
        mask_secrets(statement.text, vendor),
    )
