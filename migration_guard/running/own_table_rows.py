"""The rows and definitions of the own tables, compared where a server does not count changes."""

from collections.abc import Mapping
from typing import NamedTuple

from migration_guard.running.transaction import HistoryChanges


class OwnTableRows(NamedTuple):
    """What the own tables hold; values compare unequal once a row or a definition has changed.

    ``history`` has a value for each migration id. ``tables`` has one for each table: the rows and
    the definition of the others, of the history only the definition.
    """

    history: Mapping[str, object]
    tables: Mapping[str, object]


def compare_rows(before: OwnTableRows, after: OwnTableRows) -> HistoryChanges:
    """Return what happened to the own tables in between."""
    old, new = before.history, after.history
    return HistoryChanges(
        inserted=len(new.keys() - old.keys()),
        updated=sum(old[key] != new[key] for key in old.keys() & new.keys()),
        deleted=len(old.keys() - new.keys()),
        tables=tuple(name for name in before.tables if before.tables[name] != after.tables[name]),
    )
