"""Renamed and squashed files: what counts as applied, what runs, and what stops."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_guard.planning import files as planning_files
from migration_guard.planning.digests import checksum, fingerprint
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, JournalRow, RecordedHistory
from migration_guard.planning.names import FileName, number_of
from migration_guard.planning.plan import Plan, State, make_plan

AT = datetime(2026, 1, 1, tzinfo=UTC)
VENDOR = "postgresql"


def file(migration_id: str, sql: str = "", *, formerly=(), replaces=()) -> MigrationFile:
    lines = [f"-- guard: formerly = {name}" for name in formerly]
    lines += [f"-- guard: replaces = {name}" for name in replaces]
    text = "\n".join([*lines, sql or f"SELECT '{migration_id}'"])
    directives, problems = parse(text, ())
    assert problems == []
    name = FileName(migration_id, number_of(migration_id), None, f"{migration_id}.sql")
    return MigrationFile(name, text, checksum(text), directives)


def row(migration_id: str, sql: str = "", place: int = 0) -> HistoryRow:
    text = sql or f"SELECT '{migration_id}'"
    digests = checksum(text), fingerprint(text, VENDOR)
    at = AT + timedelta(minutes=place)
    return HistoryRow(migration_id, number_of(migration_id), *digests, at, 1, "run")


def recorded(*rows: HistoryRow, journal=()) -> RecordedHistory:
    entries = {
        name: JournalRow(name, number_of(name), True, 1, 3, "", 0, "", "", "boom")
        for name in journal
    }
    return RecordedHistory({entry.id: entry for entry in rows}, entries)


def plan(files: list[MigrationFile], history: RecordedHistory) -> Plan:
    return make_plan(sorted(files, key=lambda file: file.key), history, "production", VENDOR)


def states(made: Plan) -> dict[str, str]:
    return {
        migration.id: "blocked" if migration.blocked else str(migration.state)
        for migration in made.migrations
    }


def rules(made: Plan) -> list[str]:
    return [problem.rule for problem in made.problems]


A = "SELECT 'a'"


@pytest.mark.parametrize(
    ("files", "history", "expected", "problems"),
    [
        # renamed
        ([file("1_b", A, formerly=["1_a"])], recorded(row("1_a", A)), "applied", []),
        ([file("1_b", A, formerly=["1_a"])], recorded(row("1_b", A)), "applied", ["cosmetic-edit"]),
        ([file("1_b", A, formerly=["1_a"])], recorded(), "pending", []),
        ([file("1_c", A, formerly=["1_a", "1_b"])], recorded(row("1_a", A)), "applied", []),
        ([file("1_c", A, formerly=["1_a", "1_b"])], recorded(row("1_b", A)), "applied", []),
        # renamed and edited
        (
            [file("1_b", "SELECT 2", formerly=["1_a"])],
            recorded(row("1_a", A)),
            "blocked",
            ["renamed-edited"],
        ),
        # squashed
        (
            [file("2_s", replaces=["1_a", "2_b"])],
            recorded(row("1_a"), row("2_b", place=1)),
            "applied",
            [],
        ),
        ([file("2_s", replaces=["1_a", "2_b"])], recorded(), "pending", []),
        (
            [file("2_s", replaces=["1_a", "2_b"])],
            recorded(row("1_a")),
            "blocked",
            ["partly-applied"],
        ),
        (
            [file("2_s", replaces=["1_a", "2_b or 2_c"])],
            recorded(row("1_a"), row("2_c", place=1)),
            "applied",
            [],
        ),
        # the squash's own row, whatever else is there
        (
            [file("2_s", "SELECT 1", replaces=["1_a", "2_b"])],
            recorded(row("1_a"), row("2_s", "SELECT 1", place=1)),
            "applied",
            ["cosmetic-edit"],
        ),
    ],
)
def test_state_when_a_file_changed_shape_counts_rows_of_former_ids(
    files, history, expected, problems
):
    made = plan(files, history)

    assert states(made)[files[0].id] == expected
    assert rules(made) == problems
    assert [p.id for p in made.to_run(out_of_order=True)] == (
        [files[0].id] if expected == "pending" else []
    )


@pytest.mark.parametrize("directive", ["formerly", "replaces"])
def test_file_when_its_former_id_is_half_done_never_runs(directive):
    renamed = file("1_b", A, **{directive: ["1_a"]})

    made = plan([renamed], recorded(journal=["1_a"]))

    assert states(made) == {"1_a": "missing", "1_b": "blocked"}
    assert made.to_run(out_of_order=True) == []
    assert "1_b" in made.problems[0].message


def test_renamed_file_when_it_passes_over_what_was_applied_before_is_refused():
    files = [file("1_c", A, formerly=["3_a"]), file("2_b")]

    made = plan(files, recorded(row("2_b"), row("3_a", A, place=1)))

    assert rules(made) == ["renamed-order"]
    assert "moves past 2_b" in made.problems[0].message


@pytest.mark.parametrize("new", ["2_a", "3_a"])
def test_renamed_file_when_nothing_is_passed_may_change_its_number(new):
    files = [file("1_b"), file(new, A, formerly=["4_a"])]

    made = plan(files, recorded(row("1_b"), row("4_a", A, place=1)))

    assert (rules(made), made.to_run()) == ([], [])


def test_file_below_a_renamed_one_when_pending_is_out_of_order_by_its_new_number():
    files = [file("3_b", A, formerly=["1_a"]), file("2_c")]

    assert states(plan(files, recorded(row("1_a", A)))) == {"2_c": "out_of_order", "3_b": "applied"}


def test_missing_file_when_pending_ones_hold_its_sql_names_them_all():
    files = [file("2_b", A), file("3_c", A), file("4_d")]

    made = plan(files, recorded(row("1_a", A)))

    (problem,) = made.problems
    assert states(made)["2_b"] == "pending"  # equal digests prove nothing
    assert "one of 2_b, 3_c" in problem.hint
    assert problem.hint.endswith("-- guard: formerly = 1_a")


# What the files say of each other


def read(tmp_path: Path, *files: MigrationFile) -> planning_files.FileSet:
    for migration in files:
        (tmp_path / f"{migration.id}.sql").write_text(migration.text)
    return planning_files.read([tmp_path], VENDOR, ())


@pytest.mark.parametrize(
    "files",
    [
        [file("1_a"), file("2_b", formerly=["1_a"])],
        [file("2_b", formerly=["1_a"]), file("3_c", formerly=["1_a"])],
        [file("2_b", replaces=["1_a"]), file("3_c", formerly=["1_a"])],
        [file("2_b", replaces=["1_a"]), file("3_c", replaces=["1_a"])],
        [file("2_b", formerly=["2_b"])],
        [file("1_a", replaces=["2_b"]), file("2_b", replaces=["1_a"])],
    ],
)
def test_former_id_when_two_files_have_it_is_refused(tmp_path, files):
    problems = read(tmp_path, *files).problems

    assert {problem.rule for problem in problems} == {"former-id"}


DEV = "-- guard: environments = dev\n"


@pytest.mark.parametrize(
    ("first", "squash", "expected"),
    [("", DEV, 1), (DEV, "", 1), (DEV, DEV.replace("dev", "dev, test"), 1), (DEV, DEV, 0)],
)
def test_squash_when_it_runs_elsewhere_than_its_files_is_refused(tmp_path, first, squash, expected):
    """Else production would run neither, or look for a file that it never had."""
    (tmp_path / "1_a.sql").write_text(f"{first}{A}")
    (tmp_path / "2_s.sql").write_text(f"{squash}-- guard: replaces = 1_a\n{A}")

    problems = planning_files.read([tmp_path], VENDOR, ("dev", "test")).problems

    assert [problem.rule for problem in problems] == ["former-id"] * expected


def test_replaced_files_when_still_there_are_not_read(tmp_path):
    found = read(tmp_path, file("1_a"), file("2_b"), file("2_s", replaces=["1_a", "2_b"]))

    assert [migration.id for migration in found.files] == ["2_s"]
    assert found.problems == ()


def test_squash_of_a_squash_when_its_files_are_there_knows_the_first_ids(tmp_path):
    first = file("2_s", replaces=["1_a", "2_b"])
    renamed = file("3_c", A, formerly=["3_old"])

    found = read(tmp_path, first, renamed, file("3_t", replaces=["2_s", "3_c"]))

    assert found.files[0].directives.replaces == (
        ("1_a", "2_s"),
        ("2_b", "2_s"),
        ("3_c", "3_old"),
    )
    for rows in (["1_a", "2_b", "3_old"], ["2_s", "3_c"]):
        assert states(plan([*found.files], recorded(*map(row, rows))))["3_t"] == "applied"
    for rows in (["1_a", "3_old"], ["2_s"], ["3_c"]):
        assert states(plan([*found.files], recorded(*map(row, rows))))["3_t"] == "blocked"


# Whatever happened


@st.composite
def lives(draw):
    """Draw what a team did: files, renames and squashes, and how far a database came each time.

    Each step is a release. A database gets some releases, each whole or cut off behind a file.
    """
    sql = {f"{number}_m": f"SELECT {number}" for number in range(1, draw(st.integers(2, 5)) + 1)}
    current = {name: (text, [[name]]) for name, text in sql.items()}  # id -> SQL, lines
    truth: dict[str, list[str]] = {name: [text] for name, text in sql.items()}
    releases = [_release(current, truth)]
    for step in range(draw(st.integers(1, 4))):
        names = sorted(current, key=number_of)
        if draw(st.booleans()):
            name = draw(st.sampled_from(names))
            new = f"{name.partition('_')[0]}_renamed_{step}"
            text, lines = current.pop(name)
            truth[new] = truth[name]
            if text.startswith("squash"):
                current[new] = (text, lines)
                releases.append(_release(current, truth, renamed=(new, name)))
                current[new] = (text, [[*line, new] for line in lines])
            else:
                current[new] = (text, [[new, *lines[0]]])
                releases.append(_release(current, truth))
        else:
            last = draw(st.integers(0, len(names) - 1))
            gone = names[: last + 1]
            new = f"{number_of(gone[-1])}_squash_{step}"
            lines = [line for name in gone for line in current[name][1]]
            truth[new] = [text for name in gone for text in truth[name]]
            for name in gone:
                del current[name]
            current[new] = (f"squash {step}", [[*line, new] for line in lines])
            releases.append(_release(current, truth))
    stops = draw(st.lists(st.integers(0, 5), min_size=len(releases), max_size=len(releases)))
    return releases, stops


def _release(current, truth, renamed=("", "")):
    files = []
    for name, (text, lines) in current.items():
        if text.startswith("squash"):
            others = [" or ".join(i for i in line if i not in (name, *renamed)) for line in lines]
            formerly = [renamed[1]] if renamed[0] == name else []
            files.append(file(name, f"SELECT '{text}'", formerly=formerly, replaces=others))
        else:
            files.append(file(name, text, formerly=[other for other in lines[0] if other != name]))
    return sorted(files, key=lambda migration: migration.key), dict(truth)


@settings(max_examples=200)
@given(lives())
def test_plan_when_files_change_shape_runs_nothing_twice_and_skips_nothing(life):
    releases, stops = life
    rows: dict[str, HistoryRow] = {}
    ran: list[str] = []
    for (files, truth), stop in zip(releases, stops, strict=True):
        made = plan(files, RecordedHistory(rows, {}))
        for migration in made.migrations:
            if migration.state is State.APPLIED:
                assert set(truth[migration.id]) <= set(ran), "counted, and never ran"
        for planned in made.to_run(out_of_order=True):
            assert not set(truth[planned.id]) & set(ran), "would run a second time"
        if any(problem.severity == "error" for problem in made.problems):
            continue
        for planned in made.to_run()[:stop]:
            ran += truth[planned.id]
            sql = planned.file.text
            rows[planned.id] = row(planned.id, sql, place=len(rows))
    assert len(ran) == len(set(ran))
