"""What the next run does with a half-done file: whether it can go on, and from where.

The run that failed asks the same functions, so that its message promises what the next run does.
"""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from migration_guard.history import History
from migration_guard.planning.digests import feed
from migration_guard.planning.history_rows import JournalRow
from migration_guard.planning.scripts import Script, Unit
from migration_guard.running import half_done
from migration_guard.running.connection import Connection
from migration_guard.running.errors import StatementError
from migration_guard.running.half_done import HalfDoneError
from migration_guard.running.statement_work import StatementWork, work_on
from migration_guard.sql.classify import is_session, mask_answer
from migration_guard.sql.lexer import fingerprint_tokens

if TYPE_CHECKING:
    from hashlib import _Hash


class Outlook(NamedTuple):
    """What a failed run left and the next run will find.

    ``entry`` is None where nothing was done, or all: ``is_applied``. ``obstacle`` is why the next
    run cannot go on, ``remains`` what a statement in doubt has left for all to see, as sentences.
    Unless ``is_settled``, the server still has the session that was lost, which may change it.
    """

    entry: JournalRow | None
    obstacle: HalfDoneError | None = None
    remains: str = ""
    is_applied: bool = False
    is_settled: bool = True


def digest_of(units: list[Unit], source: str, vendor: str) -> "_Hash":
    """Return the digest of the statements of a file that are done."""
    digest = hashlib.sha256()
    for unit in units:
        add_to_digest(digest, unit, source, vendor)
    return digest


def add_to_digest(digest: "_Hash", unit: Unit, source: str, vendor: str) -> None:
    """Add the statements of a unit to the digest, without comments and white space."""
    for statement in unit.statements:
        tokens = "\0".join((*fingerprint_tokens(statement.text, vendor), ""))
        digest.update(f"{tokens}\0".encode())
        if statement.data:
            feed(digest, source[slice(*statement.data)])
        digest.update(b"\0")


def finished_units(script: Script, entry: JournalRow) -> list[Unit]:
    """Return the units that are done."""
    return [unit for unit in script.units if unit.last <= entry.done]


def find_obstacle(work: StatementWork, script: Script, entry: JournalRow) -> HalfDoneError | None:
    """Return why a run cannot go on behind what is done, or None if nothing shows."""
    finished = finished_units(script, entry)
    at_edge = entry.done in {0, *(unit.last for unit in script.units)}
    digest = digest_of(finished, script.file.text, work.vendor).hexdigest()
    if not at_edge or (entry.done and digest != entry.done_digest):
        return half_done.edited_error(script.file, entry)
    done = [statement for unit in finished for statement in unit.statements]
    rest = [
        statement
        for unit in script.units
        if unit.last > entry.done
        for statement in unit.statements
    ]
    if rest and (lost := work.unrepeatable(done, rest)):
        return half_done.session_lost_error(script.file, entry, *lost)
    asks = entry.doubt and not script.file.directives.rerun_safe
    if asks and not work.can_tell(entry.statement, entry.note):
        return half_done.in_doubt_error(script.file, entry)
    return None


def restore_session(connection: Connection, script: Script, entry: JournalRow) -> None:
    """Make the settings of the finished part again; raise HalfDoneError where one cannot be."""
    finished = finished_units(script, entry)
    if finished == list(script.units):
        return  # nothing is left that could need them
    for unit in finished:
        for statement in unit.statements:
            if not is_session(statement.text, connection.vendor):
                continue
            try:
                with connection.failing(statement):
                    connection.execute(statement, script.file.text)
            except StatementError as error:
                if error.kind in half_done.PASSING:
                    raise
                message = mask_answer(connection.message(error.error), statement.text)
                raise half_done.setting_error(script.file, entry, statement, message) from error


def foresee(work: StatementWork, script: Script, entry: JournalRow) -> Outlook:
    """Return what a run will find of an entry, as far as looking shows it."""
    remains = work.describe_remains(entry.statement, entry.note) if entry.doubt else ""
    return Outlook(entry, find_obstacle(work, script, entry), remains)


def look_ahead(connection: Connection, history: History, script: Script) -> Outlook:
    """Return what the next run will find, by doing what it begins with.

    Raises StatementError or the driver's error where the database gives no answer.
    """
    entry = history.journal.rows().get(script.file.id)
    if entry is None:
        return Outlook(None, is_applied=history.has(script.file.id))
    outlook = foresee(work_on(connection, history), script, entry)
    if outlook.obstacle is None:
        connection.fresh()
        try:
            restore_session(connection, script, entry)
        except HalfDoneError as error:
            return outlook._replace(obstacle=error)
        finally:
            connection.rollback()
            connection.clean()
    return outlook
