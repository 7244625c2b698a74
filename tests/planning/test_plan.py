"""Files, history and journal compared: one state for each migration."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.planning.digests import checksum, fingerprint
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, JournalRow, RecordedHistory
from migration_guard.planning.names import FileName
from migration_guard.planning.plan import Plan, State, make_plan
from migration_guard.problems import Severity

AT = datetime(2026, 1, 1, tzinfo=UTC)


def file(number: int, text: str = "SELECT 1", *, dev: bool = False) -> MigrationFile:
    directives = Directives(frozenset({"dev", "test"})) if dev else Directives()
    migration_id = f"{number:04}_m"
    name = FileName(migration_id, number, None, f"{migration_id}.sql")
    return MigrationFile(name, text, checksum(text), directives)


def row(number: int, text: str | None = "SELECT 1") -> HistoryRow:
    digests = (None, None) if text is None else (checksum(text), fingerprint(text, "postgresql"))
    return HistoryRow(f"{number:04}_m", number, *digests, AT, 1, "run")


def entry(number: int, *, failed: bool) -> JournalRow:
    return JournalRow(f"{number:04}_m", number, failed, 1, 3, "", 0, "", "", "boom")


def recorded(*rows: HistoryRow, journal=(), cleared=(), stamp=None) -> RecordedHistory:
    by_id = {one.id: one for one in journal}
    return RecordedHistory({one.id: one for one in rows}, by_id, cleared, stamp)


def plan(files, found=recorded(), environment="production") -> Plan:  # noqa: B008
    return make_plan(files, found, environment, "postgresql")


def states(found: Plan) -> dict[int, str]:
    return {migration.number: str(migration.state) for migration in found.migrations}


@pytest.mark.parametrize(
    ("files", "found", "environment", "expected"),
    [
        ([file(1)], recorded(), "production", {1: "pending"}),
        ([file(1)], recorded(row(1)), "production", {1: "applied"}),
        ([file(1)], recorded(row(1, None)), "production", {1: "applied"}),
        ([file(1, "SELECT 2")], recorded(row(1)), "production", {1: "edited"}),
        ([file(1, "select  1 -- why")], recorded(row(1)), "production", {1: "applied"}),
        ([file(1, "'never closed")], recorded(row(1)), "production", {1: "edited"}),
        ([file(1, dev=True)], recorded(), "production", {1: "skipped"}),
        ([file(1, dev=True)], recorded(), "dev", {1: "pending"}),
        ([file(1, dev=True)], recorded(stamp="production"), "dev", {1: "skipped"}),
        ([file(1, dev=True)], recorded(stamp="dev"), "production", {1: "skipped"}),
        ([file(1, dev=True)], recorded(stamp="test"), "dev", {1: "pending"}),
        ([file(1), file(2)], recorded(row(2)), "dev", {1: "out_of_order", 2: "applied"}),
        (
            [file(1), file(2)],
            recorded(row(2), cleared={"0001_m"}),
            "dev",
            {1: "pending", 2: "applied"},
        ),
        (
            [file(1, dev=True), file(2)],
            recorded(row(2)),
            "production",
            {1: "skipped", 2: "applied"},
        ),
        ([file(2)], recorded(row(1), row(2)), "dev", {1: "missing", 2: "applied"}),
        ([file(1)], recorded(journal=[entry(1, failed=True)]), "dev", {1: "failed"}),
        ([file(1)], recorded(journal=[entry(1, failed=False)]), "dev", {1: "running"}),
        ([file(2)], recorded(journal=[entry(1, failed=True)]), "dev", {1: "missing", 2: "pending"}),
    ],
)
def test_state_when_files_and_database_are_compared(files, found, environment, expected):
    assert states(plan(files, found, environment)) == expected


def test_database_when_it_is_ahead_of_the_files_is_a_warning():
    found = plan([file(1)], recorded(row(1), row(2)))

    assert [(p.rule, p.severity) for p in found.problems] == [("database-ahead", Severity.WARNING)]


def test_migration_when_missing_below_the_newest_file_is_an_error():
    found = plan([file(2)], recorded(row(1), row(2)))

    assert [(p.rule, p.severity) for p in found.problems] == [("missing", Severity.ERROR)]


def test_to_run_when_a_target_is_given_ends_with_it():
    found = plan([file(1), file(2), file(3)])

    assert [one.number for one in found.to_run(target=2)] == [1, 2]


def test_to_run_when_out_of_order_is_allowed_holds_it():
    found = plan([file(1), file(2)], recorded(row(2)))

    assert found.to_run() == []
    assert [one.number for one in found.to_run(out_of_order=True)] == [1]


@pytest.mark.parametrize(
    ("applied", "now", "expected"),
    [
        ("SELECT 1", "select 1 -- why", "applied"),
        ("SELECT 1", "SELECT 2", "edited"),
        ("'never closed", "'never closed -- why", "edited"),
    ],
)
def test_state_when_the_applied_sql_is_stored_rests_on_it(applied, now, expected):
    row_ = row(1, "SELECT 1")._replace(checksum=checksum(applied), fingerprint="v9:of a later one")
    found = plan([file(1, now)], recorded(row_)._replace(sql={"0001_m": applied}))

    assert states(found) == {1: expected}


@given(st.sets(st.integers(1, 50)), st.sets(st.integers(1, 50)))
def test_plan_when_any_set_is_applied_counts_each_migration_once(have, applied):
    found = plan([file(n) for n in sorted(have)], recorded(*(row(n) for n in applied)))

    assert [one.number for one in found.migrations] == sorted(have | applied)
    highest = max(applied, default=0)
    for number, state in states(found).items():
        if number in have and number in applied:
            assert state == State.APPLIED
        elif number in have:
            assert state == (State.OUT_OF_ORDER if number < highest else State.PENDING)
        else:
            assert state == State.MISSING
