"""The proof that an edited migration is the one before, but for its SQL."""

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from django.db.migrations.migration import Migration
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from migration_guard.adopting.runsql.operations import StaysWithDjango
from migration_guard.operations import RequiresSQL

_SAME: Final = ("dependencies", "run_before", "replaces", "initial", "atomic", "name")


def refuse_difference(migration: Migration, edited: bytes, before: ProjectState) -> None:
    """Raise StaysWithDjango unless the edited source makes the same migration.

    Its operations, dependencies and the state of the models are compared; ``before`` is the state
    in front of it.
    """
    new = _import(migration, edited)
    for name in _SAME:
        if getattr(new, name) != getattr(migration, name):
            raise StaysWithDjango(f"the edit would change its {name}")
    if _kinds(new.operations) != _kinds(migration.operations):
        raise StaysWithDjango("the edit would change its other operations")
    if new.mutate_state(before) != migration.mutate_state(before):
        raise StaysWithDjango("the edit would change the state of its models")


def _import(migration: Migration, source: bytes) -> Migration:
    """Return the migration that ``source`` makes, without replacing the module."""
    old = sys.modules[type(migration).__module__]
    module = ModuleType(old.__name__)
    module.__file__, module.__package__ = old.__file__, old.__package__
    try:
        exec(compile(source, str(old.__file__), "exec"), vars(module))  # noqa: S102
    # The project's own file may raise anything.
    except Exception as error:
        raise StaysWithDjango(f"its edited source does not run: {error}") from error
    return module.Migration(migration.name, migration.app_label)  # type: ignore[no-any-return]


def _kinds(operations: Sequence[Operation]) -> list[object]:
    """Return the classes of operations, with RequiresSQL for each RunSQL, however deep."""
    return [
        RequiresSQL
        if isinstance(operation, RunSQL | RequiresSQL)
        else (type(operation), _kinds(getattr(operation, "database_operations", ())))
        for operation in operations
    ]
