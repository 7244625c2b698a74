"""Django's migrations as a key sees them: what they are made of, and whether they run own code."""

import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, Final

from django.apps import apps
from django.core.management import get_commands
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration, RunPython, RunSQL
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.models.signals import ModelSignal, post_migrate, pre_migrate
from django.dispatch import Signal
from django.dispatch.dispatcher import NONE_ID
from django.utils.module_loading import module_has_submodule

from migration_guard.operations import RequiresSQL
from migration_guard.template_databases.canonical import canonical
from migration_guard.template_databases.losses import changes_session, find_loss
from migration_guard.template_databases.sources import Sources, is_project_module, source_file

# The packages whose receivers are known to depend on what a key holds.
_GIVEN: Final = frozenset({"django", "migration_guard"})


def migration_bytes(migration: Migration, sources: Sources) -> bytes:
    """Return what a migration is made of: its source, those that it imports, and values read."""
    parts = [f"{migration.app_label}.{migration.name}".encode()]
    module = migration.__module__
    if is_project_module(module):
        functions = [op.code.__module__ for op in _flat(migration) if isinstance(op, RunPython)]
        parts.append(sources.digest(module, *functions))
        parts.append(canonical(migration.operations).encode())
    elif (path := source_file(module)) is not None:
        with open(path, "rb") as file:  # noqa: PTH123 - a Path takes as long as the reading
            parts.append(file.read())
        parts.append(
            canonical([op.sql for op in _flat(migration) if isinstance(op, RunSQL)]).encode()
        )
    return b"\0".join(b"%d:%b" % (len(part), part) for part in parts)


def find_lost(migration: Migration, vendor: str) -> str | None:
    """Return why no copy has all that a migration makes, None if one has."""
    losses = (find_loss(text, vendor) for text in _sql_texts(migration))
    loss = next(filter(None, losses), None)
    return loss and f"{_name(migration)} names what no copy has ({loss})"


def find_session_change(migration: Migration, vendor: str) -> str | None:
    """Return that a migration changes the session, in which tests go on, None if it does not."""
    if any(changes_session(text, vendor) for text in _sql_texts(migration)):
        return f"{_name(migration)} changes the session"
    return None


def find_own_code(migrations: Iterable[Migration], connection: BaseDatabaseWrapper) -> str | None:
    """Return which code of the project runs while a database is migrated, None if none does."""
    for migration in migrations:
        if not is_project_module(migration.__module__):
            continue
        if type(migration).apply is not Migration.apply:
            return f"{_name(migration)} has a way of its own to apply"
        for operation in _flat(migration):
            kind = type(operation)
            if kind is RunPython and operation.code is not RunPython.noop:
                return f"{_name(migration)} runs Python"
            if not kind.__module__.startswith("django.") and kind is not RequiresSQL:
                return f"{_name(migration)} has an operation of its own ({kind.__name__})"
    for receiver in receiver_modules():
        if is_project_module(receiver):
            return f"{receiver} receives a signal of migrate"
    if not type(connection).__module__.startswith("django."):
        return f"the database backend is not Django's ({type(connection).__module__})"
    return None


def receiver_modules(*signals: Signal) -> list[str]:
    """Return the modules whose functions run before or after ``migrate``, or at other signals."""
    names = (getattr(receiver, "__module__", None) for receiver in _receivers(*signals))
    return sorted({name for name in names if name})


def signal_code(sources: Sources) -> bytes:
    """Return the digest of models that a receiver may ask Django for, without an import."""
    if all(module.partition(".")[0] in _GIVEN for module in receiver_modules()):
        return b""
    modules = (config.models_module for config in apps.get_app_configs())
    return sources.digest(*(module.__name__ for module in modules if module))


def find_plan_reader() -> str | None:
    """Return that a receiver looks at the plan of ``migrate``, which is shorter after a copy."""
    for receiver in _receivers():
        module = str(getattr(receiver, "__module__", ""))
        code = getattr(receiver, "__code__", getattr(type(receiver).__call__, "__code__", None))
        names = (*code.co_varnames, *code.co_consts) if code else ()
        if "plan" in names and module.partition(".")[0] not in _GIVEN:
            return f"{module} looks at the plan of migrate"
    return None


def _receivers(*signals: Signal) -> Iterator[Any]:
    """Yield what runs before or after ``migrate``, or at other signals."""
    for config in apps.get_app_configs():  # as migrate does: where receivers live
        if config.module is not None and module_has_submodule(config.module, "management"):
            import_module(".management", config.name)
    for signal in (pre_migrate, post_migrate, *signals):
        for (_id, sender), receiver, *_more in signal.receivers:
            # No receiver can name a model that Django makes of migrations.
            if sender == NONE_ID or not isinstance(signal, ModelSignal):
                yield _inner(receiver() if isinstance(receiver, weakref.ref) else receiver)


def _inner(receiver: Any) -> Any:
    """Return the function that a partial one calls."""
    return _inner(receiver.func) if isinstance(receiver, partial) else receiver


def find_own_migrate() -> str | None:
    """Return that another app has a command in place of Django's, None if none has."""
    commands = get_commands()
    names = ("migrate", "createcachetable")
    own = next((name for name in names if commands[name] != "django.core"), None)
    return own and f"another app has a command {own}"


def _flat(migration: Migration) -> Iterator[Any]:
    """Yield the operations that work on the database."""
    ahead: list[Operation] = list(migration.operations)
    while ahead:
        operation = ahead.pop(0)
        if isinstance(operation, SeparateDatabaseAndState):
            ahead = [*operation.database_operations, *ahead]
        else:
            yield operation


def _sql_texts(migration: Migration) -> Iterator[str]:
    for operation in _flat(migration):
        if isinstance(operation, RunSQL):
            sql = operation.sql
            for statement in [sql] if isinstance(sql, str) else list(sql):
                yield statement if isinstance(statement, str) else str(statement[0])


def _name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"
