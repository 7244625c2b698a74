"""What each migration did to the schema, seen from outside: a snapshot after each.

A migration that contains DDL and changed nothing is the founding bug's signature: ``ALTER TABLE IF
EXISTS`` on a table that a later migration creates succeeds, and does nothing.
"""

from collections.abc import Iterator
from contextlib import suppress

from django.db import connections

from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity
from migration_guard.results import Chapter
from migration_guard.running import connecting
from migration_guard.schema.differences import Change, Compared, compare
from migration_guard.schema.whole import whole
from migration_guard.sql.classify import makes_temporary, mask_secrets, mentions, words
from migration_guard.sql.statements import SQLError, Statement, split

_DDL = {"ALTER", "CREATE", "DROP"}
# What a snapshot shows; of other things a migration may change what nobody sees.
_SEEN = {
    *("TABLE", "INDEX", "UNIQUE", "VIEW", "MATERIALIZED", "FOREIGN", "TYPE", "DOMAIN", "EXTENSION"),
    *("FUNCTION", "PROCEDURE", "TRIGGER", "SEQUENCE", "POLICY", "RULE", "OR"),
}
# Clauses of ALTER TABLE that leave no trace in a snapshot.
_UNSEEN = (
    *("OWNER", "TABLESPACE", "STATISTICS", "STORAGE", "COMPRESSION", "CLUSTER", "REPLICA"),
    *("ENABLE", "DISABLE", "ENGINE", "AUTO_INCREMENT", "FILLFACTOR"),
)


class Timeline:
    """Watches a build; ``chapters`` and ``problems`` are what it saw so far."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._vendor = connections[alias].vendor
        # A connection of its own: that of the build is in the middle of its work.
        name = str(connections.settings[alias]["NAME"])
        self._connection = connecting.elsewhere(alias, name)
        self._last = whole(self._connection)
        self.chapters: list[Chapter] = []
        self.problems: list[Problem] = []

    def after(self, migration: str, file: MigrationFile | None) -> None:
        """Look what a migration changed; ``file`` is None for one of Django's."""
        now = whole(self._connection)
        changed = [one for one in compare(self._last, now) if one.change is not Change.SAME]
        self._last = now
        if file is not None:
            self.problems += _idle(file, changed, self._vendor)
        self.chapters.append(_chapter(migration, changed))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _chapter(migration: str, changed: list[Compared]) -> Chapter:
    def told(change: Change) -> tuple[str, ...]:
        return tuple(_told(one) for one in changed if one.change is change)

    # Seen from before: what is missing afterwards was removed.
    return Chapter(migration, told(Change.EXTRA), told(Change.DIFFERS), told(Change.MISSING))


def _told(one: Compared) -> str:
    thing = one.thing
    if not thing.object:
        return f"{'view' if 'view' in str(thing) else 'table'} {thing.table}"
    named = f"{thing.object} of {thing.table}" if thing.table else thing.object
    return f"{named}: {one.expected} → {one.actual}" if one.change is Change.DIFFERS else named


def _idle(file: MigrationFile, changed: list[Compared], vendor: str) -> Iterator[Problem]:
    """Warn of each statement that should have changed the schema and cannot have.

    That is any DDL where nothing changed at all, and DDL that says IF EXISTS or IF NOT EXISTS where
    nothing changed that it speaks of.
    """
    names = {name for one in changed for name in _names(one)}
    with suppress(SQLError):  # it ran, so it is SQL; the server knows better
        for statement in split(file.text, vendor):
            if not _visible(statement.text, vendor):
                continue
            can_be_idle = not changed or mentions(statement.text, "IF", vendor)
            if can_be_idle and not any(mentions(statement.text, name, vendor) for name in names):
                yield _changed_nothing(file, statement, vendor)


def _names(one: Compared) -> Iterator[str]:
    for thing in filter(None, (one.first, one.second)):
        yield from (name for name in (thing.table.rpartition(".")[2],) if name)
        yield from (name for name in (thing.name.partition("(")[0],) if name)


def _visible(text: str, vendor: str) -> bool:
    verb, kind = (*words(text, vendor, 2), "", "")[:2]
    return (
        verb in _DDL
        and kind in _SEEN
        and not makes_temporary(text, vendor)
        and not any(mentions(text, word, vendor) for word in _UNSEEN)
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
