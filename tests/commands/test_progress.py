"""Progress of a run: a live line on a terminal, plain lines elsewhere, nothing when silent."""

import io
import os
import pty
import subprocess
import sys

from django.core.management.base import OutputWrapper

from migration_guard.management.progress import Progress
from migration_guard.running import events


def test_run_when_on_a_terminal_shows_statement_and_seconds_on_one_live_line(
    postgres, migrations, guard_process
):
    migrations({"1_a.sql": "SELECT 1; SELECT pg_sleep(0.8); SELECT 3"})
    ours, theirs = pty.openpty()

    with subprocess.Popen(
        [sys.executable, "-m", "django", "runsqlmigrations"],
        env=guard_process.environment(),
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        seen = read_all(ours)

    assert process.returncode == 0, seen
    assert "\r\x1b[2KApplying 1_a  statement 2/3  0." in seen
    assert "Applied 1_a @ " in seen


def test_run_when_not_on_a_terminal_prints_plain_lines(postgres, migrations, guard):
    migrations({"1_a.sql": "SELECT 1", "2_b.sql": "SELECT 1"})

    result = guard("runsqlmigrations")

    lines = result.err.splitlines()
    assert lines.pop().startswith("Stamped the database production, on its first run")
    assert [line.split(" @ ")[0] for line in lines] == ["Applied 1_a", "Applied 2_b"]
    assert "\x1b" not in result.err


def test_run_when_verbosity_is_zero_is_silent(postgres, migrations, guard):
    migrations({"1_a.sql": "SELECT 1"})

    result = guard("runsqlmigrations", "--verbosity", "0")

    assert (result.code, result.out, result.err) == (0, "", "")


def test_order_report_when_long_is_capped_unless_verbosity_is_two(sqlite, migrations, guard):
    migrations({f"{n}_m.sql": "SELECT 1" for n in range(1, 26)})

    short = guard("runsqlmigrations").out.splitlines()
    whole = guard("runsqlmigrations", "--verbosity", "2").out.splitlines()

    assert short[1] == "  … 5 earlier ones (--verbosity 2 lists all)"
    assert short[2].startswith("  6. 6_m @ ")
    assert len(short) == 22
    assert len(whole) == 26


def test_progress_when_each_event_comes_writes_one_line():
    stream = io.StringIO()

    with Progress(OutputWrapper(stream), verbosity=1) as observe:
        observe(events.Waiting("pid 7"))
        observe(events.Started("1_a", 0, 2))
        observe(events.Step("1_a", 2, 2))
        observe(events.Retrying("1_a", 1, 10, 0.5, "lock timeout"))
        observe(events.AppliedElsewhere("1_a"))
        observe(events.Recorded("2_b", "fake"))
        observe(events.Cleared("4_d", ("1_a", "2_b")))

    assert stream.getvalue().splitlines() == [
        "Waiting for another run of the SQL migrations: pid 7",
        "1_a: lock timeout; rolled back, try 2 of 11 in 0.5 s",
        "Applied by another process: 1_a",
        "Recorded as fake, not run: 2_b",
        "4_d cleared, to be applied again: 1_a, 2_b",
    ]


def read_all(descriptor: int) -> str:
    """Read a terminal to its end, which Linux reports as an error."""
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(descriptor)
    return b"".join(chunks).decode()
