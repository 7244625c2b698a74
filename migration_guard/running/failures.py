"""The messages of a run that failed: the fact, its place, the state left, the next step."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.names import list_ids
from migration_guard.planning.scripts import Script, in_one_transaction
from migration_guard.problems import MIGRATION_FAILED, Problem, place
from migration_guard.running.connection import Connection
from migration_guard.running.continuation import Outlook
from migration_guard.running.django_tables import newest_migration_for
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.remedies import FailedFile
from migration_guard.sql.classify import has_secret, mask_answer, show_statement
from migration_guard.sql.excerpt import shorten

RUN_AGAIN = "run manage.py runsqlmigrations again"
_SHOWN_SQL = 500


class MigrationFailed(Refused):
    """A migration failed; ``problems`` holds one problem, with file and line.

    ``account`` is what happened and where, without the state of the database and the next step.
    """

    account = ""


def migration_failure(
    connection: Connection,
    script: Script,
    error: StatementError,
    outlook: Outlook | None,
    applied: Sequence[str],
) -> MigrationFailed:
    """Build the one message of a failed migration.

    ``outlook`` is what the next run will find (None: the database gives no answer), ``applied``
    are the ids applied before it in this run.
    """
    lines, line = describe_failure(connection, script, error)
    if outlook is not None and outlook.is_applied:
        path, line = script.file.path, None
        lines = [f"{script.file.id} ({place(path)}):", server_message(connection, error)]
    state, next_step = _state_and_next(connection, script, error, outlook)
    return _failure(script, lines, state, next_step, applied, line)


def describe_failure(
    connection: Connection, script: Script, error: StatementError
) -> tuple[list[str], int | None]:
    """Return the lines that say what failed, where and why, and the line number in the file."""
    path, line = _place(connection, script, error)
    lines = [f"{script.file.id} failed at {place(path, line)}" + _which(script, error)]
    if error.statement is not None:
        lines.append(_indent(_shorten(error.statement.text, connection.vendor)))
    lines.append(server_message(connection, error))
    if error.blockers:
        lines.append(f"Blocked by:\n{_indent(error.blockers)}")
    return lines, line


def history_change_failure(
    script: Script, error: Exception, applied: Sequence[str], refusal: Refused | None
) -> MigrationFailed:
    """Build the message of a migration that did to the history what it may not.

    ``refusal`` is what the next run will say, where the change was committed.
    """
    name = script.file.id
    lines = [f"{name} ({place(script.file.path)}) changed the migration history: {error}."]
    if refusal is not None:
        state, next_step = refusal.message, refusal.hint.removeprefix("Next: ")
    else:
        state = (
            f"{name} is not recorded as applied, and what one transaction holds was rolled back: "
            "all of it, or with transaction = off and on MySQL the statement in question."
        )
        next_step = (
            f"remove that statement, and {RUN_AGAIN}; only a migration whose environments exclude "
            "production may remove markers (manage.py repairsqlmigrations is the way by hand)."
        )
    return _failure(script, lines, state, next_step, applied, None)


def step_failure(connection: Connection, error: StatementError) -> GuardError:
    """Build the error for a step of the runner's own that the database refused."""
    answer = server_message(connection, error)
    if error.kind is Kind.LOST:
        return CannotTell(
            f"{answer}\nIt was lost in a step of the run's own, in no statement of a migration.\n"
            "State: what was applied stays applied; the next run finds out about the step.",
            connection.remedy(error.error, error.kind),
        )
    message = f"The database refused a step of the run: {answer}"
    if error.kind is Kind.READ_ONLY:
        return Refused(message, "Run against a database that accepts writes.")
    if error.kind is Kind.LOCKED:
        return Refused(message, f"Nothing was changed; {RUN_AGAIN}.")
    return CannotTell(message, connection.remedy(error.error, error.kind))


class Interrupted(Refused):
    """Ctrl-C or SIGTERM ended the run."""


def interruption(
    applied: Sequence[str], script: Script | None, outlook: Outlook | None
) -> Interrupted:
    """Build the error for Ctrl-C or SIGTERM.

    ``script`` is the migration that was running and is no single transaction, None for others.
    """
    before = list_ids(applied) or "none"
    state, next_step = "the migration that was running was rolled back, and", _GOES_ON
    if script is not None and (outlook is None or outlook.entry or outlook.is_applied):
        state, next_step = _part(script, outlook, "")
        state += "\nThe session is closed, and"
    return Interrupted(
        f"Interrupted: {state} the run lock is released.\nApplied before it in this run: {before}.",
        f"Next: {next_step}",
    )


def _failure(
    script: Script,
    lines: list[str],
    state: str,
    next_step: str,
    applied: Sequence[str],
    line: int | None,
) -> MigrationFailed:
    before = list_ids(applied) or "none"
    account = "\n".join(lines)
    message = f"{account}\nApplied before it in this run: {before}.\nState: {state}"
    problem = Problem(MIGRATION_FAILED, message, next_step, path=script.file.path, line=line)
    failed = MigrationFailed(message, f"Next: {next_step}", [problem])
    failed.account = account
    return failed


def _state_and_next(
    connection: Connection, script: Script, error: StatementError, outlook: Outlook | None
) -> tuple[str, str]:
    name, vendor = script.file.id, connection.vendor
    failed = _failed_file(script, error, outlook, vendor)
    cause = "" if error.kind is Kind.LOST else connection.first_step(error.error, failed)
    first = cause or ("see that the server is up" if error.kind is Kind.LOST else failed.edit)
    entry = outlook.entry if outlook is not None else None
    at_work = ""
    if outlook is not None and not outlook.is_settled:
        at_work = " The server still has the lost session."
    if outlook is not None and outlook.is_applied:
        return _part(script, outlook, "")
    if entry is not None and not _is_whole(script, entry, vendor):
        state, next_step = _part(script, outlook, first)
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
        return _part(script, None, first)
    state = f"{name} was rolled back as a whole; nothing of it is in the database."
    if entry is not None:
        state += " Its entry in the journal stays, as a claim; the next run begins it anew."
    elif not failed.in_transaction:
        state = f"nothing of {name} was done."
    return state, f"{first}, and {RUN_AGAIN}."


def _is_whole(script: Script, entry: JournalRow, vendor: str) -> bool:
    """Return whether a journaled file is one transaction, so that nothing of it can be done."""
    return not entry.done and not entry.doubt and in_one_transaction(script.file, vendor)


def _failed_file(
    script: Script, error: StatementError, outlook: Outlook | None, vendor: str
) -> FailedFile:
    """Return what the remedy of a failure may name; each command is one that the next run takes."""
    name, file = script.file.id, script.file.path.name
    has_pair = bool(script.units) and script.units[0].first > 1
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
        record=f"manage.py runsqlmigrations --fake {name}"
        if entry is None
        else f"manage.py repairsqlmigrations {name} --mark-applied --reason TEXT",
        requires=partial(_requires, str(error.error), file),
        sql="" if error.statement is None else error.statement.text,
        in_transaction=in_one_transaction(script.file, vendor),
    )


def _edit_of_part(script: Script, error: StatementError, entry: JournalRow) -> str:
    """Return which edit of a half-done file the next run takes."""
    file = script.file.path.name
    if entry.done == entry.total:
        return f"add what puts it right at the end of {file} (never change what is done)"
    if error.statement is None:
        return f"correct what comes after them in {file} (never what is done)"
    number = script.statements.index(error.statement) + 1
    leave = " and leave those before it as they are" if entry.done else ""
    return f"correct statement {number} in {file}{leave}"


def _requires(message: str, file: str) -> str:
    migration = newest_migration_for(message)
    if not migration:
        return ""
    return (
        f"; or, since Django makes it, write -- guard: requires = {migration} into the first lines "
        f"of {file}"
    )


def _part(script: Script, outlook: Outlook | None, first: str) -> tuple[str, str]:
    """Return state and next step of a half-done migration; ``first`` comes before the next run."""
    if outlook is not None and outlook.is_applied:
        return (
            f"{script.file.id} is applied and recorded; only the answer was lost.",
            f"{RUN_AGAIN} for the rest.",
        )
    if outlook is None or outlook.entry is None:
        return (
            f"what of {script.file.id} is done stays done, and the journal knows how far it came; "
            "the database gives no answer now.",
            f"see that the server is up, and {RUN_AGAIN}: it goes on there, or says why not.",
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
    return state, f"{first}{RUN_AGAIN}: it goes on there."


_GOES_ON: Final = f"{RUN_AGAIN}; it goes on where this run stopped."


def server_message(connection: Connection, error: StatementError) -> str:
    """Return the server's message without the rows and values that it quotes.

    Of a statement with a secret only the broken constraint is told: other messages quote the SQL.
    """
    sql = error.statement.text if error.statement is not None else ""
    answer = mask_answer(connection.message(error.error), sql)
    if has_secret(sql, connection.vendor) and not _BROKEN_CONSTRAINT.match(answer):
        code = getattr(error.error, "sqlstate", None) or type(error.error).__name__
        return f"{code}: the statement holds a secret, so the server's message is withheld."
    return f"The connection was lost: {answer}" if error.kind is Kind.LOST else answer


# Messages that quote names and keys, but not the statement.
_BROKEN_CONSTRAINT = re.compile(
    r"ERROR 23502: null value in column |ERROR 23505: duplicate key value |ERROR 2350[34]: "
    r"|ERROR 23514: new row for relation |ERROR 1048: Column |ERROR 1062: Duplicate entry "
    r"|ERROR 1452: Cannot add "
    r"|SQLITE_CONSTRAINT_\w+: (?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint"
)


def _place(
    connection: Connection, script: Script, error: StatementError
) -> tuple[Path, int | None]:
    if error.statement is None:
        return script.file.path, None
    position = connection.position(error.error, error.statement.text)
    return (
        script.file.path,
        error.statement.line + error.statement.text.count("\n", 0, position),
    )


def _which(script: Script, error: StatementError) -> str:
    if error.statement is None:
        return ":"
    statements = script.statements
    return f", statement {statements.index(error.statement) + 1} of {len(statements)}:"


def _shorten(sql: str, vendor: str) -> str:
    sql = show_statement(sql, vendor)
    return sql if len(sql) <= _SHOWN_SQL else shorten(sql, _SHOWN_SQL)


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
