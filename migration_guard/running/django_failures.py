"""The messages of a Django migration that failed, or was interrupted, within a run."""

from collections.abc import Sequence
from typing import Final

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
# A migration, or the signal whose receivers run.
Place = Migration | str


class DjangoFailed(Refused):
    """A Django migration, or a receiver of a signal, failed; ``account`` is what happened."""

    account = ""


def django_failure(
    connection: Connection, place: Place, error: Exception, applied: Sequence[str]
) -> DjangoFailed:
    """Build the message; ``applied`` is what this run applied before."""
    cause = connection.driver_cause(error)
    kind = connection.kind(cause) if cause is not None else None
    is_expected = isinstance(error, Error | CommandError)
    answer = mask_text(str(error).strip() if is_expected else f"{type(error).__name__}: {error}")
    account = f"{_subject(place)} failed: {answer}"
    first = "correct it, and " if kind is None else _FIRST.get(kind, "correct it, and ")
    failed = DjangoFailed(
        f"{account}\nApplied before it in this run: {list_ids(applied) or 'none'}.\n"
        f"State: {_state(connection, place)}",
        f"Next: {first}{_AGAIN}.",
    )
    failed.account = account
    return failed


def django_interruption(
    connection: Connection, place: Place, applied: Sequence[str]
) -> Interrupted:
    """Build the message of an interrupt within a step of Django's migrations."""
    return Interrupted(
        f"Interrupted at {_subject(place)}: {_state(connection, place)} The run lock is released.\n"
        f"Applied before it in this run: {list_ids(applied) or 'none'}.",
        f"Next: {_AGAIN}; it goes on where this run stopped.",
    )


def _subject(place: Place) -> str:
    if isinstance(place, str):
        return f"a receiver of {place}" if place else "the beginning of migrate"
    return f"Django's migration {place.app_label}.{place.name}"


def _state(connection: Connection, place: Place) -> str:
    """Return what of a migration may be in the database."""
    if place == "post_migrate":
        return "the migrations are applied; what receivers of the signal do may be half done."
    if isinstance(place, str):
        return "nothing of this step was begun."
    name = f"{place.app_label}.{place.name}"
    if place.atomic and connection.wrapper.features.can_rollback_ddl:
        return f"{name} was rolled back as a whole, and is not applied."
    why = (
        "this database commits each DDL statement by itself" if place.atomic else "it is not atomic"
    )
    return (
        f"{name} is not recorded as applied; what it did before may stay, since {why}. "
        "Look before it runs again."
    )
