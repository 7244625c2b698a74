"""The state that a failed or interrupted migration leaves, and what to do next."""

from functools import partial
from typing import Final

from migration_guard.conf import database_option
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.scripts import Script, in_one_transaction
from migration_guard.running.connection import Connection
from migration_guard.running.continuation import Outlook
from migration_guard.running.django_tables import newest_migration_for
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.remedies import FailedFile

RUN_AGAIN: Final = "run manage.py runsqlmigrations again"


def state_and_next(
    connection: Connection, script: Script, error: StatementError, outlook: Outlook | None
) -> tuple[str, str]:
    """Return the state that a failed migration leaves, and the next step."""
    name, vendor = script.file.id, connection.vendor
    database = database_option(connection.wrapper.alias)
    failed = _failed_file(script, error, outlook, vendor, database)
    cause = "" if error.kind is Kind.LOST else connection.first_step(error.error, failed)
    first = cause or ("check that the server is up" if error.kind is Kind.LOST else failed.edit)
    entry = outlook.entry if outlook is not None else None
    at_work = ""
    if outlook is not None and not outlook.is_settled:
        at_work = " The server still has the lost session."
    if outlook is not None and outlook.is_applied:
        return part(script, outlook, "")
    if entry is not None and not _is_whole(script, entry, vendor):
        state, next_step = part(script, outlook, first)
        if cause and outlook is not None and outlook.obstacle is not None:
            next_step = f"{cause}; {next_step}"
        # Of a statement in doubt the outlook has told it.
        is_told = outlook is not None and outlook.remains
        state = state if is_told or not error.remains else f"{state}\n{error.remains}"
        return state + at_work, next_step
    if error.committing and error.kind is Kind.LOST and (outlook is None or at_work):
        state = f"{name} is applied and recorded, or neither.{at_work}"
        return state, f"{first}, and {RUN_AGAIN}; it finds out."
    if outlook is None and not failed.in_transaction:
        return part(script, None, first)
    state = f"{name} was rolled back as a whole; nothing of it is in the database."
    if entry is not None:
        state += " Its entry in the journal stays, as a claim; the next run starts it again."
    elif not failed.in_transaction:
        state = f"nothing of {name} was done."
    return state, f"{first}, and {RUN_AGAIN}."


def _is_whole(script: Script, entry: JournalRow, vendor: str) -> bool:
    """Return whether a journaled file is one transaction, so that nothing of it can be done."""
    return not entry.done and not entry.doubt and in_one_transaction(script.file, vendor)


def _failed_file(
    script: Script, error: StatementError, outlook: Outlook | None, vendor: str, database: str
) -> FailedFile:
    """Return what the remedy of a failure may name; each command is one that the next run takes."""
    name, file = script.file.id, script.file.path.name
    has_pair = bool(script.units) and len(script.source) > len(script.statements)
    entry = outlook.entry if outlook is not None else None
    edit = f"correct {file} (not applied, so it may be edited)"
    if entry is not None and not _is_whole(script, entry, vendor):
        edit = _edit_of_part(script, error, entry)
    return FailedFile(
        id=name,
        file=file,
        edit=edit,
        off=f"write -- guard: transaction = off into the first lines of {file}"
        + (", without its BEGIN and COMMIT" if has_pair else ""),
        record=f"manage.py runsqlmigrations --fake {name}{database}"
        if entry is None
        else f"manage.py repairsqlmigrations {name} --mark-applied --reason TEXT{database}",
        database=database,
        requires=partial(_requires, str(error.error), file),
        sql="" if error.statement is None else error.statement.text,
        in_transaction=in_one_transaction(script.file, vendor),
    )


def _edit_of_part(script: Script, error: StatementError, entry: JournalRow) -> str:
    """Return which edit of a half-done file the next run takes."""
    file = script.file.path.name
    if entry.done == entry.total:
        return f"add the correction at the end of {file}, and leave its statements as they are"
    if error.statement is None:
        return (
            f"correct what follows the finished statements in {file}, and leave those as they are"
        )
    number = script.number_of(error.statement)
    kept = "statement 1 as it is" if number == 2 else f"statements 1 to {number - 1} as they are"  # noqa: PLR2004
    leave = f" and leave {kept}" if entry.done else ""
    return f"correct statement {number} in {file}{leave}"


def _requires(message: str, file: str) -> str:
    migration = newest_migration_for(message)
    if not migration:
        return ""
    return (
        f"; or, since Django makes it, write -- guard: requires = {migration} into the first lines "
        f"of {file}"
    )


def part(script: Script, outlook: Outlook | None, first: str) -> tuple[str, str]:
    """Return state and next step of a half-done migration; ``first`` comes before the next run."""
    if outlook is not None and outlook.is_applied:
        return (
            f"{script.file.id} is applied and recorded; only the server's answer was lost.",
            f"{RUN_AGAIN} for the rest.",
        )
    if outlook is None or outlook.entry is None:
        return (
            f"what of {script.file.id} is done stays done, and the journal knows how far it came; "
            "the database gives no answer now.",
            f"check that the server is up, and {RUN_AGAIN}: it continues there, or says why not.",
        )
    entry, obstacle = outlook.entry, outlook.obstacle
    state = (
        f"{entry.done} of {entry.total} statements of {script.file.id} are done and stay done; "
        "the journal remembers them."
    )
    if entry.doubt and obstacle is None:
        state += f" Statement {entry.doubt} was sent and did not end: the next run looks at it."
    state = "\n".join(filter(None, (state, outlook.remains, obstacle.reason if obstacle else "")))
    if obstacle is not None:
        return state, obstacle.remedy
    # What a statement has left is finished as it is: there is nothing to correct.
    first = "" if outlook.remains or not first else f"{first}, and "
    return state, f"{first}{RUN_AGAIN}: it continues there."
