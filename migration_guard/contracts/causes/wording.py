"""The words in which a migration, its state and the next command are named. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from migration_guard.contracts.causes.events import Event
from migration_guard.planning.plan import State


class Cause(NamedTuple):
    """What made the difference, "" if nothing shows it.

    ``is_waiting`` says that the text names the command which ends it.
    """

    text: str = ""
    is_waiting: bool = False


def describe(event: Event) -> str:
    """Return what a migration does with an object, and its state."""
    state = event.migration.state
    text = "applied" if event.migration.row is not None else state.value.replace("_", " ")
    verb = "" if state is State.FAILED else "is "
    return f"{event.migration.id} {event.verb.word} it and {verb}{text}"


def describe_with_command(event: Event, option: str) -> str:
    """Return the same with what to do; ``option`` names the database where one must be named."""
    command = _COMMANDS.get(event.migration.state, "")
    return f"{describe(event)} {command}".rstrip().replace("{}", option)


def put_back(vendor: str, option: str = "", *, is_from_files: bool = False) -> str:
    """Return the sentence that says how a database gets what it lacks.

    With ``is_from_files`` any database that is built from the files lacks it.
    """
    if is_from_files:
        return _BY_MIGRATION
    return _PUT_BACK.get(vendor, _BY_MIGRATION).replace("{}", option)


def bare_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, that of the table without its schema."""
    return (names[0].rpartition(".")[2], *names[1:])


UNKNOWN_MAKER: Final = "the history does not show what made it"
NEW_MIGRATION: Final = "manage.py makesqlmigration NAME"
_BY_SCRIPT: Final = (
    "Put it back with manage.py runauditedsql FILE --reason TEXT{} (a fresh database has it)."
)
_BY_MIGRATION: Final = f"Put it back in a new migration, with IF NOT EXISTS: {NEW_MIGRATION}."
_PUT_BACK: Final = {
    "postgresql": _BY_SCRIPT,
    "sqlite": _BY_SCRIPT,
    "mysql": _BY_MIGRATION,  # DDL commits there, so that no script may hold it
}
# What to do about a migration in this state.
_COMMANDS: Final = {
    State.PENDING: "(apply it: manage.py runsqlmigrations{}).",
    State.FAILED: "(see manage.py runsqlmigrations --plan{}; the next run continues where it "
    "failed).",
    State.RUNNING: "(or was interrupted: manage.py runsqlmigrations{} continues where it stopped).",
    State.SKIPPED: "(its environments exclude this database).",
    State.OUT_OF_ORDER: "(apply it: manage.py runsqlmigrations --allow-out-of-order{}).",
}
