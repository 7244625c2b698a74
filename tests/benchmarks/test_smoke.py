"""The benchmarks run: each one, once, on next to nothing. What they measure is not judged here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import ALL
from benchmarks.markdown import Table, compared, replace_between
from benchmarks.measuring import Contestant, Measured, Run, in_turn

LITTLE = ("--rounds", "1", "--size", "1")
ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "fresh-run": "**runsqlmigrations**",
    "nothing-to-do": "**runsqlmigrations**",
    "schema-check": "**checkschema**",
    "splitting": "INSERTs of one row",
    "static-check": "**checksqlmigrations**",
    "start-up": "**manage.py check**",
}


@pytest.fixture
def environment(postgres_server):
    server = postgres_server
    url = f"postgresql://{server.user}:{server.password}@{server.host}:{server.port}/postgres"
    return {**os.environ, "POSTGRES_URL": url}


@pytest.mark.parametrize("name", OURS)
def test_benchmarks_when_run_on_little_then_the_table_has_our_measurement(
    name, environment, tmp_path
):
    page = tmp_path / "speed.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, *LITTLE, "--output", str(page)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    (row, *_) = [line for line in text.splitlines() if line.startswith(f"| {OURS[name]} |")]
    assert "failed" not in row
    assert "missing" not in row


def test_benchmarks_when_the_name_is_unknown_then_the_known_ones_are_named():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "fresh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert all(name in done.stderr for name in ALL)


def test_contestants_when_measured_then_they_take_turns_and_a_failure_stands_in_the_table(tmp_path):
    log = tmp_path / "log"

    def contestant(name, code=0, **more):
        script = f"open({str(log)!r}, 'a').write({name!r}); raise SystemExit({code})"
        return Contestant(name, [sys.executable, "-c", script], **more)

    contestants = [contestant("a"), contestant("b"), contestant("c", 3)]
    measured = in_turn([*contestants, contestant("d", missing="apt install d")], rounds=2)

    assert log.read_text() == "abcab"
    assert [len(each.runs) for each in measured] == [2, 2, 0, 0]
    assert [each.note[:7] for each in measured] == ["", "", "failed:", "missing"]
    assert all(run.wall > 0 and run.memory > 1 for run in measured[0].runs)


def test_table_when_contestants_are_compared_then_the_quickest_comes_first_with_ratios():
    def measured(name, *walls):
        return Measured(name, tuple(Run(wall, wall / 2, 10) for wall in walls))

    table = compared("Title", [measured("ours", 2, 9, 2), measured("peer", 1, 1, 4)], "ours")

    assert table.rows == (
        ("peer", "1.00 s", "0.50 x", "0.50 s", "10 MB"),
        ("**ours**", "2.00 s", "1.00 x", "1.00 s", "10 MB"),
    )


def test_page_when_it_has_no_marks_then_it_becomes_the_text(tmp_path):
    assert replace_between(tmp_path / "new.md", str(Table("T", ("a",), ()))).startswith("### T")
