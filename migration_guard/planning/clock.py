"""Times in the history that contradict the server's clock, or the order of the numbers.

Pure. Nothing depends on them, since a plan compares numbers; but whoever sorts the history by time
sees an order in which the migrations did not run.
"""

from collections.abc import Sequence
from datetime import datetime

from migration_guard.planning.history_rows import HistoryRow, RecordedHistory
from migration_guard.planning.names import list_ids
from migration_guard.problems import Problem, Severity

SLUG = "clock"
_RUN = "run"  # AppliedMigration.How.RUN


def find_clock_problems(recorded: RecordedHistory, now: datetime) -> list[Problem]:
    """Return what the times of the history say about the server's clock, which shows ``now``."""
    rows = list(recorded.rows.values())
    future = [row.id for row in rows if row.applied_at > now]
    if future:
        return [_future_problem(future, rows[-1], now)]
    reordered = _reordered(recorded)
    return [_order_problem(reordered)] if reordered else []


def _reordered(recorded: RecordedHistory) -> list[str]:
    """Return the migrations that ran after a higher number by their times, and by no act."""
    highest = -1
    ids = []
    for row in recorded.rows.values():
        if row.how != _RUN or row.id in recorded.reordered:
            continue
        if row.number < highest:
            ids.append(row.id)
        highest = max(highest, row.number)
    return ids


def _future_problem(ids: Sequence[str], last: HistoryRow, now: datetime) -> Problem:
    return Problem(
        SLUG,
        f"the server's clock shows {_show(now)}, and the history has a later time "
        f"({last.id} at {_show(last.applied_at)}): the clock has stepped back, or was ahead. Later "
        f"than now: {list_ids(ids)}",
        "Correct the clock of the server. The order of the numbers decides what runs, so nothing "
        "runs twice; but what runs before that time sorts before it by applied_at.",
        Severity.WARNING,
    )


def _order_problem(ids: Sequence[str]) -> Problem:
    return Problem(
        SLUG,
        "by their times these migrations ran after a higher number, which no act in the audit "
        f"explains: {list_ids(ids)}",
        "The server's clock stepped back between two runs, or the rows were changed by hand. The "
        "order of the numbers decides what runs, so nothing is wrong but the order by applied_at.",
        Severity.INFO,
    )


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
