"""The benchmarks run: each one, once, on next to nothing. What they measure is not judged here."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import measuring, peers, sql
from benchmarks.__main__ import ALL
from benchmarks.markdown import Table, compared, replace_tables
from benchmarks.measuring import Contestant, Measured, Run, in_turn
from benchmarks.picture import Bar, draw
from benchmarks.servers import PostgreSQL
from benchmarks.verifying import kept, migrated, says

SVG = "{http://www.w3.org/2000/svg}"
LITTLE = ("--rounds", "1", "--size", "1")
ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "test-database": "**migration_guard, one SQL file added**",
    "fresh-run": "**runsqlmigrations**",
    "impact": "**runsqlmigrations**",
    "nothing-to-do": "**runsqlmigrations**",
    "schema-check": "**checkschema**",
    "splitting": "INSERTs of one row",
    "static-check": "**checksqlmigrations**",
    "fresh-database": "**checkschema --fresh**",
    "usage": "**checkschema --usage**",
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
    assert "statements of" not in row
    assert re.search("^Measured on .*; PostgreSQL [0-9]", text, re.MULTILINE)


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

    assert log.read_text() == "abcba"
    assert [len(each.runs) for each in measured] == [2, 2, 0, 0]
    assert [each.note[:7] for each in measured] == ["", "", "failed:", "missing"]
    assert all(run.wall > 0 and run.memory > 1 for run in measured[0].runs)


def test_contestants_when_one_has_run_for_long_then_it_sits_out_the_other_rounds(monkeypatch):
    monkeypatch.setattr(measuring, "ENOUGH", 0.3)
    quick = Contestant("quick", [sys.executable, "-c", ""])
    slow = Contestant("slow", [sys.executable, "-c", "import time; time.sleep(0.2)"])

    measured = in_turn([quick, slow], rounds=3)

    assert len(measured[1].runs) == 2


@pytest.fixture
def server(postgres_server):
    with postgres_server.database() as database:
        made = PostgreSQL(postgres_server, database)
        yield made
        made.drop_used()


# What the loop over psycopg is given instead of the migrations, and what is found to be wrong.
LESS = {
    "nothing": ({}, ""),
    "a file less": ({2: None}, "failed: 1 tables, not 2"),
    "no index": ({2: ("CREATE INDEX", "-- ")}, "failed: 1 indexes, not 2"),
    "another column": ({1: ("price", "cost")}, "failed: 1 columns `price`"),
    "another type": ({1: ("(10, 2)", "(9, 2)")}, "failed: 1 columns `price`"),
    "two transactions": ({2: ("ALTER", "COMMIT; BEGIN; ALTER")}, "failed: 1 migrations in one"),
}


@pytest.mark.parametrize("name", LESS)
def test_fresh_run_when_a_process_does_other_work_then_it_is_shown_as_failed(
    name, server, tmp_path
):
    changes, failure = LESS[name]
    loop = peers.bare_loop(tmp_path, server.database, 2, server.empty)
    for number, change in changes.items():
        path = tmp_path / f"{sql.migration_id(number)}.sql"
        path.write_text(path.read_text().replace(*change)) if change else path.unlink()

    (found,) = in_turn([replace(loop, verify=migrated(server, 2, "loop_history"))], rounds=1)

    assert found.note.startswith(failure) if failure else not found.note
    assert bool(found.runs) is not bool(failure)
    assert (found.note or "**") in str(compared("T", [found], found.name))


def test_fresh_run_when_the_history_has_other_rows_then_it_is_shown_as_failed(server, tmp_path):
    loop = peers.bare_loop(tmp_path, server.database, 1, server.empty)
    more = tmp_path / "2.sql"
    more.write_text("SELECT 1")

    (found,) = in_turn([replace(loop, verify=migrated(server, 1, "loop_history"))], rounds=1)

    assert found.note == "failed: 2 rows in loop_history, not 1"


@pytest.mark.parametrize(
    ("verify", "right", "wrong"),
    [
        (says("^ok ", 2), "ok 1\nok 2", "ok 1\nnot ok 2"),
        (kept(80), "86 assertions about default (x) in 0.1 s: 86 kept.", "nothing"),
        (kept(80), "80 assertions about default (x): 80 kept.", "9 assertions about x: 9 kept."),
        (kept(80), "80 assertions about default (x): 80 kept.", "86 assertions about x: 85 kept."),
    ],
)
def test_output_when_it_tells_of_other_work_then_the_contestant_failed(verify, right, wrong):
    def contestant(text):
        return Contestant(text, [sys.executable, "-c", f"print({text!r})"], verify=verify)

    done, failed = in_turn([contestant(right), contestant(wrong)], rounds=1)

    assert done.runs
    assert failed.note.startswith("failed: ")


def test_table_when_contestants_are_compared_then_the_quickest_comes_first_with_ratios():
    def measured(name, *walls):
        return Measured(name, tuple(Run(wall, wall / 2, 10) for wall in walls))

    table = compared("Title", [measured("ours", 2, 9, 2), measured("peer", 1, 1, 4)], "ours")

    assert table.rows == (
        ("peer", "1.00 s", "1.00 to 4.00 s, 3", "0.50 x", "0.50 s", "10 MB"),
        ("**ours**", "2.00 s", "2.00 to 9.00 s, 3", "1.00 x", "1.00 s", "10 MB"),
    )


def test_page_when_it_has_no_marks_then_it_becomes_the_text(tmp_path):
    text = replace_tables(tmp_path / "new.md", "M", [Table("T", ("a",), ())], are_all=True)

    assert text.startswith("M\n\n### T")


@pytest.mark.parametrize(("are_all", "titles"), [(False, ["B", "A", "C"]), (True, ["B"])])
def test_page_when_some_are_measured_then_the_other_tables_stay(tmp_path, are_all, titles):
    page = tmp_path / "speed.md"
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    tables = "\n\n".join(str(Table(title, ("", "old"), (("x", "1"),), "N.")) for title in "ABC")
    page.write_text(f"before\n{begin}\n\nMeasured on old.\n\n{tables}\n\n{end}\nafter\n")

    text = replace_tables(page, "Measured on new.", [Table("B", ("", "now"), ())], are_all=are_all)

    assert re.findall("^### (.*)", text, re.MULTILINE) == titles
    assert text.startswith(f"before\n{begin}\n\nMeasured on new.\n")
    assert text.endswith(f"\n\n{end}\nafter\n")
    assert ("\n\nMeasured on old.\n\n### A" in text) is not are_all


def test_page_when_some_are_measured_twice_then_each_table_keeps_its_machine(tmp_path):
    page = tmp_path / "speed.md"
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    tables = "\n\n".join(str(Table(title, ("", "old"), ())) for title in "ABC")
    page.write_text(f"{begin}\n\nMeasured on old.\n\n{tables}\n\n{end}\n")

    for title, machine in (("B", "B"), ("D", "A"), ("A", "A")):
        table = Table(title, ("", "now"), ())
        page.write_text(replace_tables(page, f"Measured on {machine}.", [table], are_all=False))

    text = page.read_text()
    assert re.findall("^### .|^Measured .*", text, re.MULTILINE) == [
        *("Measured on A.", "### A", "### D"),
        *("Measured on B.", "### B", "Measured on old.", "### C"),
    ]


def test_picture_when_bars_are_drawn_then_their_lengths_are_in_proportion():
    svg = draw("A & B", [Bar("<slow>", 4.0), Bar("quick", 1.0, is_ours=True)])

    root = ET.fromstring(svg)  # noqa: S314
    slow, quick = (float(bar.get("width")) for bar in root.iter(f"{SVG}rect"))
    assert slow == pytest.approx(4 * quick, abs=2)
    assert [text.text for text in root.iter(f"{SVG}text")][1:] == [
        "<slow>",
        "4.0 s",
        "quick",
        "1.0 s",
    ]
