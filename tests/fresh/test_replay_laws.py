"""The verdict of a replay against an oracle that builds each database by itself, with sqlite3."""

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import installed
from tests.servers import sqlite_database

# Whoever comes last decides what a view shows.
VIEWS = st.integers(0, 2)
TEXTS = st.builds(
    lambda view, shows: (
        f"DROP VIEW IF EXISTS v{view};\nCREATE VIEW v{view} AS SELECT {shows} AS shown;\n"
    ),
    VIEWS,
    st.integers(0, 3),
)


@st.composite
def stories(draw):
    """Return the rounds in which files ran, the files that wait, today's edits, and what a hand did."""
    texts = draw(st.lists(TEXTS, min_size=2, max_size=7))
    files = {f"{number:04}_view": text for number, text in enumerate(texts, 1)}
    rounds = {name: draw(st.integers(0, 2)) for name in files}  # the last one is still to come
    if not [name for name, number in rounds.items() if number < 2]:
        rounds["0001_view"] = 0
    edited = {
        name: draw(TEXTS)
        for name, number in rounds.items()
        if number < 2 and draw(st.integers(0, 3)) == 0
    }
    by_hand = draw(st.one_of(st.none(), TEXTS))
    return files, rounds, edited, by_hand


def run(texts):
    """Return what each view is after `texts`, in a database of its own."""
    database = sqlite3.connect(":memory:")
    for text in texts:
        database.executescript(text)
    return dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))


def foretell(files, rounds, edited, by_hand):
    """Return the rule and the view of each difference."""
    today = {**files, **edited}
    ran = sorted(
        (name for name in files if rounds[name] < 2), key=lambda name: (rounds[name], name)
    )
    waiting = [name for name in files if rounds[name] == 2]
    fresh = run(today[name] for name in sorted(files))
    stored = [files[name] for name in ran]
    replayed = run([*stored, *(today[name] for name in waiting)])
    in_order = run([today[name] for name in (*ran, *waiting)])
    live = run([*stored, *([by_hand] if by_hand else [])])
    history = run(stored)
    verdicts = set()
    for view in {*fresh, *replayed, *in_order, *live}:
        ours, theirs, todays = (made.get(view) for made in (fresh, replayed, in_order))
        if ours != theirs:
            rule = {ours: "edited", theirs: "order"}.get(todays, "order-or-edit")
            verdicts.add((f"replay-{rule}", view))
        if live.get(view) != history.get(view):
            verdicts.add(("replay-unexplained", view))
    return verdicts


@given(stories())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=settings().max_examples // 5,  # each builds three databases and more
)
def test_replay_when_files_run_late_and_are_edited_then_the_verdict_is_the_oracles(
    django_db_blocker, migrations, guard, story
):
    files, rounds, edited, by_hand = story
    with (
        tempfile.TemporaryDirectory() as folder,
        sqlite_database(Path(folder) / "db.sqlite3") as database,
        installed(database, django_db_blocker),
    ):
        for number in (0, 1):
            ran = {f"{name}.sql": text for name, text in files.items() if rounds[name] <= number}
            if ran:
                migrations(ran)
                result = guard("runsqlmigrations", "--allow-out-of-order", "--with-django")
                assert result.code == 0, result.err
        migrations({f"{name}.sql": text for name, text in {**files, **edited}.items()})
        for statement in (by_hand or "").split("\n"):
            if statement:
                database.execute(statement)

        result = guard("checkschema", "--fresh", "--replay", "--format", "json", "--no-models")

    expected = foretell(files, rounds, edited, by_hand)
    told = {(one["rule"], one["table"]) for one in result.json["violations"]}
    assert told == expected, result.out
    assert result.code == int(bool(expected)), result.err
    assert result.json["unknown"] == []
