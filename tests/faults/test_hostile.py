"""Hostile input: what a fuzzer makes is a migration or a problem, never a crash or a hang."""

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import fuzz, record

MODES = st.integers(0, 255).map(lambda mode: bytes([mode]))
SOUP = st.lists(st.sampled_from(fuzz.PIECES), max_size=30).map("".join).map(str.encode)
NAMES = st.tuples(st.binary(max_size=60), st.sampled_from([b"", b".sql", b".mysql.sql"])).map(
    b"".join
)
# Inputs that were found once; the first byte chooses vendor and kind.
FOUND = [
    b"\xff\xb1h\xc6\xf3D.mysql.sql",  # a name that is not UTF-8: its report could not be printed
    b"\xff1_\x1b[31m.sql",  # a name with the code that colours a terminal
    b"\xff1_a\n::error::b.sql",  # a name with a line of its own for a workflow's log
    b" --",  # MySQL: a comment only at the end of the input
    b"\xf6\\restrict/*!x\r?/*y",  # a lone CR within a line for psql
    b"-$;2",
    b"\x00SELECT $1$$;$$",
    b"\x02DELIMITER //\nBEGIN NOT ATOMIC SELECT 1;",
]


@pytest.mark.parametrize("data", FOUND)
def test_input_when_it_was_found_once_is_fine(data):
    fuzz.check(data)


@settings(
    max_examples=record.rounds(bounded=400, full=4000),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.builds(bytes.__add__, MODES, st.one_of(SOUP, NAMES, st.binary(max_size=300))))
def test_input_when_hypothesis_makes_it_is_a_migration_or_a_problem(data):
    fuzz.check(data)


@record.last
def test_input_when_it_is_fuzzed_for_long_neither_crashes_nor_hangs(fuzzing, tried):
    """Ten minutes in the full run, beside the other tests."""
    told, _ = fuzzing.communicate(timeout=900)

    assert fuzzing.returncode == 0, told
    seconds, count = re.search(r"^(\d+) s, (\d+) inputs, no failure$", told, re.MULTILINE).groups()
    tried(
        f"names, bytes and SQL made by a fuzzer for {seconds} s",
        item=8,
        result="a migration or a problem with its place; no crash, no hang",
        times=int(count),
    )


@pytest.mark.parametrize("format_", ["text", "json"])
def test_name_when_it_is_hostile_is_told_so_that_a_terminal_can_take_it(
    format_, sqlite, migrations, guard_process
):
    folder = migrations({"1_a.sql": "SELECT 1"})
    name = b"2_\x1b[31m\xff\n::error::x.sql"
    (folder / os.fsdecode(name)).write_text("SELECT 2")

    result = guard_process("runsqlmigrations", "--format", format_)

    assert result.code == 1
    assert "Traceback" not in result.err
    assert "\x1b" not in result.out + result.err
    assert "2_\\x1b[31m\\udcff\\n::error::x.sql" in result.err


@pytest.mark.parametrize(
    "name", ["2_b.sql", "2_b.postgresql.sql", "max_migration.txt", "_baseline.sql"]
)
def test_fifo_when_it_stands_for_a_file_is_not_waited_for(
    name, postgres, migrations, guard_process, tried
):
    os.mkfifo(migrations({"1_a.sql": "SELECT 1"}) / name)
    commands = ("check", "checksqlmigrations", "runsqlmigrations")

    results = {command: guard_process(command) for command in commands}

    assert "Traceback" not in "".join(result.err for result in results.values())
    is_migration = name.startswith("2")
    assert results["runsqlmigrations"].code == int(is_migration)
    told = "".join(result.out + result.err for result in results.values())
    assert "it is a FIFO, not a file" in told
    tried(
        f"a FIFO in the place of {name}: {', '.join(commands)}",
        item=8,
        result="named as what it is; nothing waits for it",
    )
