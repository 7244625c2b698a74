"""The messages of a Django migration that failed, or was interrupted, within a run."""

from collections.abc import Sequence
from typing import Final, Protocol

from django.core.management.base import CommandError
from django.db import Error
from django.db.migrations.migration import Migration

from migration_guard.exceptions import Refused
from migration_guard.planning.names import list_ids
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind
from migration_guard.running.failures import Interrupted
from migration_guard.sql.masking import mask_text

_AGAIN: Final = "run manage.py runsqlmigrations --with-django again"
_FIRST: Final = {Kind.LOCKED: "", Kind.LOST: "see that the server is up, and "}


class Migrating(Protocol):
    """How far a step is: at a migration, or at the receivers of a signal."""

    place: Migration | str

    @property
    def is_committed(self) -> bool:
        """Whether the statements of the migration are committed, and its record may not be."""


class DjangoFailed(Refused):
    """A Django migration, or a receiver of a signal, failed; ``account`` is what happened."""

    account = ""


def django_failure(
    connection: Connection, step: Migrating, error: Exception, applied: Sequence[str]
) -> DjangoFailed:
    """Build the message; ``applied`` is what this run applied before."""
    cause = connection.driver_cause(error)
    kind = connection.kind(cause) if cause is not None else None
    is_expected = isinstance(error, Error | CommandError)
    answer = mask_text(str(error).strip() if is_expected else f"{type(error).__name__}: {error}")
    account = f"{_subject(step)} failed: {answer}"
    first = "correct it, and " if kind is None else _FIRST.get(kind, "correct it, and ")
    failed = DjangoFailed(
        f"{account}\nApplied before it in this run: {list_ids(applied) or 'none'}.\n"
        f"State: {_state(connection, step, kind)}",
        f"Next: {first}{_AGAIN}.",
    )
    failed.account = account
    return failed


def django_interruption(
    connection: Connection, step: Migrating, applied: Sequence[str]
) -> Interrupted:
    """Build the message of an interrupt within a step of Django's migrations."""
    return Interrupted(
        f"Interrupted at {_subject(step)}: {_state(connection, step)} The run lock is released.\n"
        f"Applied before it in this run: {list_ids(applied) or 'none'}.",
        f"Next: {_AGAIN}; it goes on where this run stopped.",
    )


def _subject(step: Migrating) -> str:
    place = step.place
    if isinstance(place, str):
        return f"a receiver of {place}" if place else "migrate, outside of its migrations,"
    return f"Django's migration {place.app_label}.{place.name}"


def _state(connection: Connection, step: Migrating, kind: Kind | None = None) -> str:
    """Return what of a migration may be in the database."""
    place = step.place
    if isinstance(place, str):
        return _STATES[place]
    name = f"{place.app_label}.{place.name}"
    if step.is_committed:
        return (
            f"the statements of {name} are committed, and its row in django_migrations may not be: "
            f"look, and record it if it is missing (manage.py migrate {place.app_label} "
            f"{place.name} --fake)."
        )
    if kind is Kind.LOST:
        return f"{name} was rolled back, unless the answer to its COMMIT was lost: look."
    if place.atomic and connection.wrapper.features.can_rollback_ddl:
        return f"{name} was rolled back as a whole, and is not applied."
    why = (
        "this database commits each DDL statement by itself" if place.atomic else "it is not atomic"
    )
    return (
        f"{name} is not recorded as applied; what it did before may stay, since {why}. "
        "Look before it runs again."
    )


_STATES: Final = {
    "": "the migrations before it are applied.",
    "pre_migrate": "nothing of this step was begun.",
    "post_migrate": "the migrations are applied; what receivers of the signal do may be half done.",
}
