"""Times of the history that contradict the clock, or the order of the numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from migration_guard.planning.clock import find_clock_problems
from migration_guard.planning.history_rows import HistoryRow, RecordedHistory

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def row(number: int, minutes: int, how: str = "run") -> HistoryRow:
    at = NOW + timedelta(minutes=minutes)
    return HistoryRow(f"{number}_x", number, None, None, at, None, how)


def find(*rows: HistoryRow, reordered: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    in_time = {one.id: one for one in sorted(rows, key=lambda one: one.applied_at)}
    recorded = RecordedHistory(in_time, {}, reordered=reordered)
    problems = find_clock_problems(recorded, NOW)
    return [(str(problem.severity), problem.message.rpartition(": ")[2]) for problem in problems]


@pytest.mark.parametrize(
    ("rows", "reordered", "expected"),
    [
        ((), (), []),
        ((row(1, -2), row(2, -1)), (), []),
        ((row(1, -1), row(2, 0)), (), []),
        ((row(1, -1), row(2, 5)), (), [("warning", "2_x")]),
        ((row(1, 5), row(2, 6), row(3, -1)), (), [("warning", "1_x, 2_x")]),
        ((row(1, 5, "adopted"), row(2, -1)), (), [("warning", "1_x")]),
        ((row(2, -2), row(1, -1)), (), [("info", "1_x")]),
        ((row(3, -3), row(1, -2), row(2, -1)), (), [("info", "1_x, 2_x")]),
        ((row(2, -2), row(1, -1)), ("1_x",), []),
        ((row(2, -2), row(1, -1, "fake")), (), []),
        ((row(2, -2, "adopted"), row(1, -1)), (), []),
        ((row(2, -2), row(2, -1)), (), []),
    ],
)
def test_times_when_they_contradict_clock_or_numbers_are_named(
    rows: tuple[HistoryRow, ...], reordered: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    assert find(*rows, reordered=reordered) == expected
