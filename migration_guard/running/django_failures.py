"""The messages of a Django migration that failed, or was interrupted, within a run."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.core.management.base import CommandError
from django.db import Error
from django.db.migrations.migration import Migration

from migration_guard.conf import database_option
from migration_guard.exceptions import Refused
from migration_guard.planning.names import list_ids
from migration_guard.running.connection import Connection
from migration_guard.running.django_record import Record
from migration_guard.running.errors import Kind
from migration_guard.running.failures import Interrupted
from migration_guard.sql.masking import mask_text

_AGAIN: Final = "run manage.py runsqlmigrations --with-django again"
_FIRST: Final = {Kind.LOCKED: "", Kind.LOST: "check that the server is up, and "}
_NO_ANSWER: Final = "The database gives no answer now. "


class Stop(NamedTuple):
    """Where a step of Django's stopped: at a migration, or at the receivers of a signal.

    ``has_run`` says that all statements of the migration have run; ``record`` is what was read
    after it failed.
    """

    place: Migration | str
    has_run: bool
    record: Record


class DjangoFailed(Refused):
    """A Django migration, or a receiver of a signal, failed; ``account`` is what happened."""

    account = ""


def django_failure(
    connection: Connection, stop: Stop, error: Exception, applied: Sequence[str]
) -> DjangoFailed:
    """Build the message; ``applied`` is what this run applied before."""
    cause = connection.driver_cause(error)
    kind = connection.kind(cause) if cause is not None else None
    is_expected = isinstance(error, Error | CommandError)
    answer = mask_text(str(error).strip() if is_expected else f"{type(error).__name__}: {error}")
    account = f"{_subject(stop)} failed: {answer}"
    state, next_step = _state_and_next(connection, stop, kind)
    failed = DjangoFailed(
        f"{account}\nApplied before it in this run: {list_ids(applied) or 'none'}.\nState: {state}",
        f"Next: {next_step}",
    )
    failed.account = account
    return failed


def django_interruption(connection: Connection, stop: Stop, applied: Sequence[str]) -> Interrupted:
    """Build the message of an interrupt within a step of Django's migrations."""
    state, next_step = _state_and_next(connection, stop, Kind.LOCKED)
    return Interrupted(
        f"Interrupted at {_subject(stop)}: {state} The run lock is released.\n"
        f"Applied before it in this run: {list_ids(applied) or 'none'}.",
        f"Next: {next_step.removesuffix('.')}; it continues where this run stopped.",
    )


def _subject(stop: Stop) -> str:
    place = stop.place
    if isinstance(place, str):
        return f"a receiver of {place}" if place else "migrate, outside of its migrations,"
    return f"Django's migration {place.app_label}.{place.name}"


def _state_and_next(connection: Connection, stop: Stop, kind: Kind | None) -> tuple[str, str]:
    """Return what of a migration is in the database, and the next step."""
    first = _FIRST.get(kind, "correct it, and ") if kind is not None else "correct it, and "
    place = stop.place
    if isinstance(place, str):
        return _STATES[place], f"{first}{_AGAIN}."
    name = f"{place.app_label}.{place.name}"
    if stop.record is Record.PRESENT:
        why = "only the server's answer was lost" if kind is Kind.LOST else "it was stopped later"
        return f"{name} is applied and recorded; {why}.", f"{_AGAIN} for the rest."
    is_known = stop.record is Record.MISSING
    first = first if is_known else "check that the server is up, and "
    if place.atomic and connection.wrapper.features.can_rollback_ddl:
        if is_known:
            return f"{name} was rolled back as a whole, and is not applied.", f"{first}{_AGAIN}."
        return f"{name} is applied and recorded, or neither. {_NO_ANSWER}", f"{first}{_AGAIN}."
    if stop.has_run:
        return _unrecorded(connection, place, is_known=is_known)
    why = (
        "this database commits each DDL statement by itself" if place.atomic else "it is not atomic"
    )
    record = "is not recorded as applied" if is_known else "may be recorded as applied, or not"
    state = f"{name} {record}; what it did before may stay, since {why}. "
    return (
        f"{state}{'' if is_known else _NO_ANSWER}Look at the database before it runs again.",
        f"{first}{_AGAIN}.",
    )


def _unrecorded(connection: Connection, place: Migration, *, is_known: bool) -> tuple[str, str]:
    """Return state and next step of a migration whose statements stay, without a record."""
    name, option = f"{place.app_label} {place.name}", database_option(connection.wrapper.alias)
    state = f"all statements of {place.app_label}.{place.name} have run and stay"
    record = f"manage.py migrate {name} --fake{option}"
    if is_known:
        return (
            f"{state}; its row in django_migrations is missing.",
            f"run {record}, which records it, and {_AGAIN}.",
        )
    return (
        f"{state}; whether it is recorded is not known. {_NO_ANSWER}",
        "check that the server is up, and look: "
        f"manage.py showmigrations {place.app_label}{option}. "
        f"If its line has no [X], run {record}, which records it. Then {_AGAIN}.",
    )


_STATES: Final = {
    "": "the migrations before it are applied.",
    "pre_migrate": "nothing of this step was begun.",
    "post_migrate": "the migrations are applied; what receivers of the signal do may be half done.",
}
