"""Recording what another tool has applied, by ``_adopted.json`` and the tool's own table.

The other tool's table is only read. All rows come in one transaction, with one audit entry.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from migration_guard.adopting import decision
from migration_guard.adopting.decision import Decision, Entry, Request
from migration_guard.adopting.record import Source
from migration_guard.exceptions import CannotTell
from migration_guard.history import History, How
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.results import Adoption
from migration_guard.running.adoption.foreign_rows import read_source
from migration_guard.running.adoption.times import as_parameter
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts


def decide(
    connection: Connection,
    facts: Facts,
    sources: Sequence[Source],
    files: FileSet,
    recorded: RecordedHistory,
    accepted: Sequence[str],
) -> list[Decision]:
    """Return what to record of each source. Raises Refused and CannotTell; writes nothing.

    A migration that a person has put back to pending stays so.
    """
    by_id = {file.id: file for file in files.files}
    settled = {*recorded.rows, *recorded.reordered}
    decisions = []
    missing = []
    for source in sources:
        tool, found, rows = read_source(connection, facts, source)
        name = found.label if found is not None else source.table or f"a table of {tool.title}"
        is_begun = any(migration.id in recorded.rows for migration in source.migrations)
        if found is None and not is_begun:
            missing.append(name)
            continue
        # Without its table, which may be dropped after the adoption, nothing is left to record.
        request = Request(tool, source, name, by_id, settled, accepted)
        decisions.append(decision.decide(request, rows))
    if missing and not decisions:
        raise CannotTell(
            f'There is not {" nor ".join(missing)} in the schema "{facts.schema}", so there is '
            "nothing to adopt. Nothing was recorded.",
            "If this database is new, run manage.py runsqlmigrations without --adopt; else see "
            "that DATABASES and the search_path lead to the right one.",
        )
    decision.refuse_unknown_edits(accepted, decisions)
    return decisions


def record(
    connection: Connection,
    history: History,
    decisions: Sequence[Decision],
    environment: str,
    reason: str,
    lock_timeout: float | None,
) -> bool:
    """Record all entries, or none; return whether the database was stamped."""
    with connection.transaction(lock_timeout):
        is_first = history.stamp.environment() is None
        if is_first:  # with the rows, since a history without a stamp counts as production
            history.stamp.write(environment)
        for chosen in decisions:
            if chosen.entries:
                _insert(connection, history, chosen.entries, environment)
                details = _details(chosen, reason)
                history.audit.write(How.ADOPTED, "", f"--adopt {reason}".strip(), details)
    return is_first


def describe(chosen: Decision) -> Adoption:
    """Return a decision as a command reports it."""
    return Adoption(
        chosen.tool.title,
        chosen.table,
        tuple((entry.file.id, entry.applied_at) for entry in chosen.entries),
        chosen.known,
        chosen.pending,
        tuple((entry.file.id, entry.believed) for entry in chosen.entries if entry.believed),
        chosen.accepted,
    )


def _insert(
    connection: Connection, history: History, entries: Sequence[Entry], environment: str
) -> None:
    """Insert the rows with the tool's times, or with times of now in the tool's order."""
    for entry, moment in zip(entries, _choose_times(history, entries), strict=True):
        file = entry.file
        digest = fingerprint(file.text, connection.vendor)
        parameter = as_parameter(connection, moment)
        history.adopt(file.id, file.number, parameter, file, digest, environment)
        history.journal.close(file.id)


def _choose_times(history: History, entries: Sequence[Entry]) -> list[datetime]:
    """Return a time for each entry, in order; what is believed has that of the row above it."""
    given = [history.moment(entry.applied_at) for entry in entries if entry.applied_at is not None]
    if not given:  # 1 µs apart, and not later than now
        start = history.now() - timedelta(microseconds=len(entries))
        return [start + timedelta(microseconds=place) for place in range(len(entries))]
    moments = [given[0]]
    for entry in entries:
        known = entry.applied_at
        moments.append(history.moment(known) if known is not None else moments[-1])
    return decision.keep_order(entries, moments[1:])


def _details(chosen: Decision, reason: str) -> dict[str, Any]:
    """Return what the audit says of an adoption."""
    return {
        "tool": chosen.tool.name,
        "table": chosen.table,
        "ids": [entry.file.id for entry in chosen.entries],
        "times": f"of {chosen.tool.title}" if chosen.has_times else "of the adoption",
        "believed": {entry.file.id: entry.believed for entry in chosen.entries if entry.believed},
        "accepted": dict.fromkeys(chosen.accepted, reason),
    }
