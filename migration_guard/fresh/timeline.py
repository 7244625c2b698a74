"""What each migration did to the schema, seen from outside: a snapshot after each.

A migration that contains DDL and changed nothing is the founding bug's signature: ``ALTER TABLE IF
EXISTS`` on a table that a later migration creates succeeds, and does nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

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

# What a snapshot shows; of other things a migration may change what nobody sees.
_SEEN = {
    *("TABLE", "VIEW", "INDEX", "TYPE", "DOMAIN", "EXTENSION", "SEQUENCE", "STATISTICS"),
    *("FUNCTION", "PROCEDURE", "AGGREGATE", "TRIGGER", "EVENT", "EVENT TRIGGER", "POLICY", "RULE"),
}
# Clauses of ALTER that leave no trace in a snapshot.
_UNSEEN = (
    *("OWNER", "OWNED", "TABLESPACE", "STATISTICS", "STORAGE", "COMPRESSION", "CLUSTER", "REPLICA"),
    *("ENABLE", "DISABLE", "ENGINE", "AUTO_INCREMENT", "RESTART", "INHERIT", "ATTACH", "RESET"),
    *("FILLFACTOR", "AUTOVACUUM_ENABLED", "VALIDATE"),
)
# Things whose name the server may have made up: no statement need mention it.
_MAY_BE_UNNAMED = {"index", "unique", "primary key", "foreign key", "check", "exclusion"}


class Timeline:
    """Watches a build; ``chapters`` and ``problems`` are what it saw so far."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._vendor = connections[alias].vendor
        # A connection of its own: that of the build is in the middle of its work.
        name = str(connections.settings[alias]["NAME"])
        self._connection = connecting.connection_to(alias, name)
        self._last = read_database(self._connection)
        self.chapters: list[Chapter] = []
        self.problems: list[Problem] = []

    def after(self, migration: str, file: MigrationFile | None) -> None:
        """Look what a migration changed; ``file`` is None for one of Django's."""
        now = read_database(self._connection)
        changed = [one for one in compare(self._last, now) if one.change is not Change.SAME]
        self._last = now
        if file is not None:
            self.problems += _idle(file, changed, self._vendor)
        self.chapters.append(_chapter(migration, changed, self._vendor))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _chapter(migration: str, changed: Sequence[Comparison], vendor: str) -> Chapter:
    def told(change: Change) -> tuple[str, ...]:
        return tuple(_told(one, vendor) for one in changed if one.change is change)

    # Seen from before: what is missing afterwards was removed.
    return Chapter(migration, told(Change.EXTRA), told(Change.DIFFERS), told(Change.MISSING))


def _told(one: Comparison, vendor: str) -> str:
    thing = one.database_object
    if thing.kind == "table":
        named = f"{'view' if 'view' in str(thing.properties['kind']) else 'table'} {thing.table}"
    else:
        named = f"{thing.object} of {thing.table}" if thing.table else thing.object
    if one.change is not Change.DIFFERS:
        return named
    return mask_secrets(f"{named}: {one.expected} → {one.actual}", vendor)


def _idle(file: MigrationFile, changed: Sequence[Comparison], vendor: str) -> Iterator[Problem]:
    """Warn of each statement that should have changed the schema and cannot have.

    That is any DDL where nothing changed at all, and DDL that says IF EXISTS or IF NOT EXISTS where
    nothing changed that it speaks of.
    """
    if any(one.change is Change.UNKNOWN for one in changed):
        return
    with suppress(SQLError):  # it ran, so it is SQL; the server knows better
        statements = split(file.text, vendor)
        temporary = [
            change.name
            for one in statements
            if makes_temporary(one.text, vendor)
            and (change := read_ddl(one.text, vendor)) is not None
            and change.name
        ]
        for statement in statements:
            text = statement.text
            can_be_idle = not changed or mentions(text, "IF", vendor)
            made = read_ddl(text, vendor) if can_be_idle else None
            if (
                made is not None
                and _is_visible(made, text, vendor)
                and not any(_speaks_of(made, text, one, vendor) for one in changed)
                and not _makes_room(made, statements, vendor)
                and not any(mentions(text, name, vendor) for name in temporary)
            ):
                yield _changed_nothing(file, statement, vendor)


def _speaks_of(made: DDL, text: str, one: Comparison, vendor: str) -> bool:
    """Tell whether a statement may have made this change."""
    thing = one.database_object
    if thing.kind == "sequence of column" and made.kind == "SEQUENCE":
        return True  # whose name is not told
    table = thing.table.rpartition(".")[2]
    if table and not mentions(text, table, vendor):
        return False
    if thing.kind == "table" or (made.kind == "TABLE" and thing.kind in _MAY_BE_UNNAMED):
        return True
    names = {each.name.partition("(")[0] for each in (one.first, one.second) if each is not None}
    return any(mentions(text, name.rpartition(".")[2], vendor) for name in names)


def _makes_room(made: DDL, statements: Sequence[Statement], vendor: str) -> bool:
    """Tell whether a DROP only makes room for what the same file creates."""
    return made.verb == "DROP" and any(
        words(other.text, vendor, 1) == ("CREATE",) and mentions(other.text, made.name, vendor)
        for other in statements
    )


def _is_visible(made: DDL, text: str, vendor: str) -> bool:
    """Tell whether a snapshot shows what a statement changes."""
    return (
        made.verb != "RENAME"
        and made.kind in _SEEN
        and not makes_temporary(text, vendor)
        and not (made.verb == "ALTER" and any(mentions(text, word, vendor) for word in _UNSEEN))
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
