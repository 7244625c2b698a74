"""What an adoption records: the other tool's rows, compared with ``_adopted.json`` and the files.

Pure. Nothing is recorded where a single row speaks against it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.adopting.tool import ForeignRow, ForeignTool, State
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.planning.digests import is_fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import list_ids, number_of

_LISTED: Final = 10
_STEP: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Entry:
    """One row to record; ``applied_at`` is None where the tool records no time."""

    file: MigrationFile
    key: str
    applied_at: datetime | None
    believed: str


@dataclass(frozen=True)
class Decision:
    """What to record of one source, in order of time.

    ``known`` are ids that the history has, ``pending`` those that the tool has not applied, and
    ``accepted`` those whose text was another one when they ran.
    """

    tool: ForeignTool
    source: Source
    table: str
    entries: tuple[Entry, ...]
    known: tuple[str, ...]
    pending: tuple[str, ...]
    accepted: tuple[str, ...]

    @property
    def has_times(self) -> bool:
        """Whether the tool records when it applied a migration."""
        return any(entry.applied_at is not None for entry in self.entries)


@dataclass(frozen=True)
class _Fault:
    text: str
    hint: str


@dataclass(frozen=True)
class Request:
    """The source, its table as it is called here, and what the database and the user say of it.

    ``recorded`` are the ids in the history, ``accepted`` those of ``--accept-edit``.
    """

    tool: ForeignTool
    source: Source
    table: str
    files: Mapping[str, MigrationFile]
    recorded: Collection[str]
    accepted: Collection[str]


def decide(request: Request, rows: Sequence[ForeignRow]) -> Decision:
    """Return what to record. Raises Refused, which names each row that speaks against it."""
    request = _with_current_names(request)
    faults = [*_find_faults(request, rows)]
    if faults:
        listed = [fault.text for fault in faults[:_LISTED]]
        more = len(faults) - len(listed)
        raise Refused(
            "\n".join([*listed, *([f"and {more} more"] if more else []), "Nothing was recorded."]),
            "\n".join(dict.fromkeys(fault.hint for fault in faults)),
        )
    by_key = {migration.key: migration for migration in request.source.migrations}
    applied = {row.key: row for row in rows if row.state is State.APPLIED}
    ids = {by_key[key].id: row for key, row in applied.items()}
    entries = [
        Entry(request.files[new_id], row.key, row.applied_at, row.believed)
        for new_id, row in ids.items()
        if new_id not in request.recorded
    ]
    edits = {by_key[key].id for key, row in applied.items() if _differs(by_key[key], row)}
    all_ids = [migration.id for migration in request.source.migrations]
    return Decision(
        request.tool,
        request.source,
        request.table,
        tuple(_sort(entries)),
        tuple(new_id for new_id in all_ids if new_id in ids and new_id in request.recorded),
        tuple(new_id for new_id in all_ids if new_id not in ids and new_id not in request.recorded),
        tuple(sorted(edits & set(request.accepted))),
    )


def _with_current_names(request: Request) -> Request:
    """Return the request with the ids that renamed files have now."""
    names = {old: file.id for file in request.files.values() for old in file.directives.formerly}
    recorded = {names.get(name, name) for name in request.recorded}
    return replace(request, source=request.source.renamed(names), recorded=recorded)


def keep_order(entries: Sequence[Entry], times: Sequence[datetime]) -> list[datetime]:
    """Return the times, made later where a row would come before the one above it in the table.

    The history is sorted by time, number and id.
    """
    kept: list[datetime] = []
    last: tuple[datetime, int, str] | None = None
    for entry, time in zip(entries, times, strict=True):
        moment = max(time, last[0]) if last is not None else time
        key = (moment, number_of(entry.file.id) or 0, entry.file.id)
        if last is not None and key < last:
            key = (moment + _STEP, *key[1:])
        kept.append(key[0])
        last = key
    return kept


def refuse_unknown_edits(accepted: Sequence[str], decisions: Sequence[Decision]) -> None:
    """Raise CannotTell for an id of ``--accept-edit`` that is not edited."""
    edited = {new_id for decision in decisions for new_id in decision.accepted}
    others = [new_id for new_id in accepted if new_id not in edited]
    if others:
        raise CannotTell(
            f"--accept-edit names {list_ids(others)}, where no checksum differs. Nothing was "
            "recorded.",
            "Leave it out.",
        )


def _sort(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries in order of time; equal times keep the table's order."""
    if all(entry.applied_at is None for entry in entries):
        return sorted(entries, key=lambda entry: entry.file.key)
    moments = [entry.applied_at for entry in entries]
    filled: list[datetime] = []
    first = next(moment for moment in moments if moment is not None)
    for moment in moments:  # a row that is believed stands where the table has it
        filled.append(moment if moment is not None else (filled[-1] if filled else first))
    order = sorted(range(len(entries)), key=lambda place: _naive(filled[place]))
    return [entries[place] for place in order]


def _naive(moment: datetime) -> datetime:
    offset = moment.utcoffset()
    return moment if offset is None else moment.replace(tzinfo=None) - offset


def _differs(migration: AdoptedFile, row: ForeignRow) -> bool:
    """Return whether the tool ran another text; some tools take any of several checksums."""
    known = migration.checksum.split()
    return bool(row.checksum and known and row.checksum not in known)


def _find_faults(request: Request, rows: Sequence[ForeignRow]) -> Iterator[_Fault]:
    tool, table = request.tool, request.table
    by_key = {migration.key: migration for migration in request.source.migrations}
    for row in rows:
        migration = by_key.get(row.key)
        name = f"{migration.id} ({row.key})" if migration is not None else row.key
        if row.state is State.FAILED:
            yield _Fault(
                f"{name} failed or is half done, says {table}.",
                f"Finish it or take it back with {tool.title}, and run --adopt again.",
            )
        if row.state is not State.APPLIED:
            continue
        if migration is None:
            yield _Fault(
                f"{row.key} is applied, says {table}, and _adopted.json does not have it.",
                f"Take over its file too: manage.py makesqlmigration --from {tool.name} DIR",
            )
        elif migration.id not in request.recorded:
            yield from _find_edits(request, migration, row)


def _find_edits(request: Request, migration: AdoptedFile, row: ForeignRow) -> Iterator[_Fault]:
    file = request.files.get(migration.id)
    vendor = request.source.vendor
    if file is None:
        owners = (file.id for file in request.files.values() if migration.id in file.former_ids)
        if owner := next(owners, ""):
            yield _Fault(
                f"{migration.id} ({row.key}) is applied, and {owner} has replaced its file.",
                "Adopt with the release before the squash, which has that file; then deploy this "
                "one.",
            )
        else:
            yield _Fault(
                f"{migration.id} ({row.key}) is applied, and its file is missing.",
                "Restore the file from version control.",
            )
    elif not is_fingerprint(migration.fingerprint, file.text, vendor):
        yield _Fault(
            f"{migration.id} is edited: its text is not the one that was taken over.",
            "Restore the file from version control, and write the change into a new one.",
        )
    elif _differs(migration, row) and migration.id not in request.accepted:
        tool = request.tool
        yield _Fault(
            f"{migration.id} is edited: {tool.title} ran a text with the checksum {row.checksum}, "
            f"and the file that was taken over has {migration.checksum}.",
            f"{tool.title} lets edits pass. If this one is right: manage.py runsqlmigrations "
            f"--adopt --accept-edit {migration.id} --reason TEXT"
            if tool.lets_edits_pass
            else f"Restore the text that {tool.title} ran, take it over again, or repair "
            f"{request.table} with {tool.title}; then run --adopt again.",
        )
