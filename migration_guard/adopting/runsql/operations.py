"""What a migration of Django runs: SQL alone, or more that stays with Django."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.db.migrations.operations import (
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation

from migration_guard.operations import RequiresSQL

# What these do to a database. A class that changes one of them may do anything.
_ACTS: Final = ("database_forwards", "state_forwards", "_run_sql")


class StaysWithDjango(Exception):
    """A migration is left as it is; the text is the reason."""


def runs_sql(operations: Sequence[Operation]) -> bool:
    """Return whether there is a RunSQL among operations, however deep."""
    return any(
        isinstance(operation, RunSQL) or runs_sql(getattr(operation, "database_operations", ()))
        for operation in operations
    )


def sql_operations(operations: Sequence[Operation]) -> Iterator[RunSQL]:
    """Yield each RunSQL in the order in which they run.

    Raises StaysWithDjango for an operation that changes the database in another way.
    """
    for operation in operations:
        if _is_plain(operation, RunSQL):
            yield operation  # type: ignore[misc]
        elif _is_plain(operation, SeparateDatabaseAndState):
            yield from sql_operations(operation.database_operations)  # type: ignore[attr-defined]
        elif not _changes_state_alone(operation):
            raise StaysWithDjango(f"it also has {type(operation).__name__}, which is Django's work")


def _is_plain(operation: Operation, kind: type[Operation]) -> bool:
    """Return whether an operation does what ``kind`` does; a subclass may only name its SQL."""
    return isinstance(operation, kind) and all(
        getattr(type(operation), act, None) is getattr(kind, act, None) for act in _ACTS
    )


def _changes_state_alone(operation: Operation) -> bool:
    """Return whether an operation leaves every database as it is."""
    if type(operation) is CreateModel:
        return operation.options.get("managed") is False
    return type(operation) in (AlterModelManagers, AlterModelOptions, RequiresSQL)
