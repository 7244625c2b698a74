"""What a history does not tell in full, and what it tells of migrations that ran late.

Pure. Where there is a doubt, a difference between two databases has no certain cause.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from migration_guard.fresh.replay.files import find_stand_in
from migration_guard.history import CLEARED, How
from migration_guard.planning.digests import checksum, fingerprint
from migration_guard.planning.evidence import Act
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.results import Action, Doubt, Late
from migration_guard.running.recorded import Recorded

_HOW: Final = {
    How.FAKE: "marked as applied (fake), not run",
    How.BASELINE: "marked as applied (baseline), not run",
    How.ADOPTED: "adopted from another tool, not run by this one",
}
# The acts that say why a migration ran late, or counts as applied.
_OF_ORDER: Final = {"out-of-order", Action.MARK_APPLIED, Action.FORGET, CLEARED, *_HOW}
_REMOVALS: Final = {Action.FORGET: "forgotten", CLEARED: "cleared"}


def find_doubts(
    recorded: Recorded, today: Mapping[str, MigrationFile], environment: str, vendor: str
) -> Iterator[Doubt]:
    """Yield what the rows, the journal and the audit leave open. ``today`` are the files by id."""
    for row in recorded.history.rows.values():
        yield from _doubts_about_row(row, recorded, find_stand_in(row.id, recorded, today))
        file = today.get(row.id)
        if file is not None and not file.directives.runs_in(environment):
            why = f"it is applied here, and a fresh database in {environment} does not run it"
            yield Doubt(row.id, why, live=False)
    for entry in recorded.history.journal.values():
        if entry.done or entry.doubt:
            why = f"{entry.done} of its {entry.total} statements are done, and it has no row"
            yield Doubt(entry.id, why, files=False)
    # Of the same act on the same migration, the last one is enough.
    left = {
        (act.migration_id, act.action): why
        for act in recorded.acts
        if (why := _what_is_left(act, recorded, vendor))
    }
    for (migration_id, _action), why in left.items():
        yield Doubt(migration_id, why, files=False)


def _what_is_left(act: Act, recorded: Recorded, vendor: str) -> str:
    """Return why the live database may have more, or else, than its rows; "" if it does not."""
    if act.action in _REMOVALS:
        return f"it was {_REMOVALS[act.action]} {act.circumstances}; what it did may be there"
    if act.action == Action.ACCEPT_EDIT and _is_other_sql(act, recorded, vendor):
        return f"the SQL of its row was accepted {act.circumstances}; other SQL ran"
    return ""


def _doubts_about_row(
    row: HistoryRow, recorded: Recorded, file: MigrationFile | None
) -> Iterator[Doubt]:
    sql = recorded.sql.get(row.id)
    if row.how in _HOW:
        acts = [act for act in recorded.acts if act.migration_id == row.id]
        who = next((f" {act.circumstances}" for act in acts[::-1] if act.action in _OF_ORDER), "")
        yield Doubt(row.id, f"{_HOW[How(row.how)]}{who}")
    if sql is None:
        instead = "today's file runs in its place" if file else "there is no file of it alone"
        yield Doubt(row.id, f"the history has no SQL of it; {instead}")
    elif row.checksum is not None and checksum(sql) != row.checksum:
        yield Doubt(row.id, "the SQL in its row is not the text that ran: its checksum is another")


def _is_other_sql(act: Act, recorded: Recorded, vendor: str) -> bool:
    """Return whether an accepted edit changed more than comments, as far as anybody knows."""
    sql = recorded.sql.get(act.migration_id)
    if act.migration_id not in recorded.history.rows:
        return False
    return not (act.sql and sql and fingerprint(act.sql, vendor) == fingerprint(sql, vendor))


def find_late(recorded: Recorded) -> tuple[Late, ...]:
    """Return each migration recorded after one with a higher number, with who and why."""
    late: list[Late] = []
    before: list[HistoryRow] = []
    for row in recorded.history.rows.values():
        higher = sorted(
            (other for other in before if other.number > row.number),
            key=lambda other: (other.number, other.id),
        )
        if higher:
            why = [
                f"{act.action} {act.circumstances}"
                for act in recorded.acts
                if act.migration_id == row.id and act.action in _OF_ORDER
            ]
            late.append(Late(row.id, tuple(other.id for other in higher), tuple(why)))
        before.append(row)
    return tuple(late)
