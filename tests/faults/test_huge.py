"""Huge input: data and rows of 200 MB and more in bounded memory, and ten thousand files."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.faults import record
from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
MIB = 2**20
SIZE = (200 if record.FULL else 20) * MIB
# A file is text in memory, once; while it is read or digested, once more in another form.
FACTOR = 2.1
# Runs in a process of its own, whose peak is not that of the test.
MEASURE = """
import json, sys, django
django.setup()
from migration_guard.running import executor
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
before = peak()
outcome = executor.run() if sys.argv[1] == "run" else executor.look()
print(json.dumps([str(outcome.error or ""), peak() - before]))
"""


def copy_file(folder, size, header=""):
    """Write a COPY migration of that size line by line; return its number of rows and its size."""
    path = folder / "1_data.sql"
    rows = 0
    with path.open("w") as file:
        written = file.write(f"{header}CREATE TABLE a (id int, t text);\nCOPY a FROM STDIN;\n")
        while written < size:
            written += file.write(f"{rows}\t{'x' * 80} it's $1 ; \\\\.\n")
            rows += 1
        file.write("\\.\nCREATE INDEX a_id ON a (id);\n")
    return rows, path.stat().st_size


def peak(guard_process, what):
    """Return by how many bytes a look or a run made the process grow."""
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, what],
        cwd=ROOT,
        env=guard_process.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    error, grown = json.loads(process.stdout)
    assert error == ""
    return grown


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
@pytest.mark.parametrize("header", ["", OFF], ids=["transaction", "off"])
def test_copy_when_the_file_is_huge_runs_in_bounded_memory(
    header, postgres, migrations, guard_process, tried
):
    rows, size = copy_file(migrations({}), SIZE, header)

    grown = {what: peak(guard_process, what) for what in ("look", "run")}

    assert applied(postgres) == ["1_data"]
    assert postgres.execute("SELECT count(*), max(id) FROM a") == [(rows, rows - 1)]
    most = max(grown.values())
    assert most < FACTOR * size + 8 * MIB, grown
    tried(
        f"a data migration of {size // MIB} MiB with COPY"
        + (", transaction = off" if header else ", in one transaction"),
        item=8,
        result=f"applied; the process grew by {round(most / MIB)} MiB at most",
    )


RETURNED = 3_000_000 if record.FULL else 500_000
SERIES = {
    "postgresql": f"SELECT n, repeat('x', 100) FROM generate_series(1, {RETURNED}) n",
    "mysql": f"SELECT seq, REPEAT('x', 100) FROM seq_1_to_{RETURNED}",
    "sqlite": (
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s "
        f"WHERE n < {RETURNED}) SELECT n, printf('%0100d', n) FROM s"
    ),
}
# A small file is sent together where it can be; else the runner sends statement by statement.
RETURNING = {
    "small file": "",
    "transaction = off": OFF,
    "large file": f"-- {'x' * MIB}\n",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
@pytest.mark.parametrize("case", RETURNING)
def test_returned_rows_when_there_are_millions_are_not_kept(
    case, database, migrations, guard_process, tried
):
    migrations({"0001_a.sql": f"{RETURNING[case]}{SERIES[database.vendor]};\n"})

    grown = peak(guard_process, "run")

    assert applied(database) == ["0001_a"]
    assert grown < 24 * MIB, f"{grown / MIB:.0f} MiB"
    tried(
        f"{database.vendor}: a statement that returns {RETURNED:,} rows of 100 bytes, {case}",
        item=8,
        result=f"applied; the process grew by {round(grown / MIB)} MiB",
    )


def many(folder, count):
    (folder / "00001_m.sql").write_text("CREATE TABLE a (id int); INSERT INTO a VALUES (1);\n")
    for number in range(2, count + 1):
        (folder / f"{number:05}_m.sql").write_text(f"INSERT INTO a VALUES ({number});\n")


def test_plan_when_there_are_ten_thousand_files_is_made(sqlite, migrations, guard, tried):
    many(migrations({}), 10_000)

    result = guard("runsqlmigrations", "--plan", "--format", "json")

    assert result.code == 0
    numbers = [migration["number"] for migration in result.json["migrations"]]
    assert numbers == list(range(1, 10_001))
    tried("10,000 files: the plan", item=8, result="in numeric order, nothing written")


@record.only_full
@pytest.mark.parametrize("vendor", ["sqlite", "postgres"])
def test_run_when_there_are_ten_thousand_files_applies_them_in_order(
    vendor, request, migrations, guard, tried
):
    database = request.getfixturevalue(vendor)
    many(migrations({}), 10_000)

    result = guard("runsqlmigrations", "-v", "0")

    assert result.code == 0, result.err
    assert applied(database) == [f"{number:05}_m" for number in range(1, 10_001)]
    assert database.execute("SELECT count(*), max(id) FROM a") == [(10_000, 10_000)]
    assert guard("runsqlmigrations", "-v", "0").code == 0
    tried("10,000 files: a run", item=8, result="each applied once, in numeric order")
