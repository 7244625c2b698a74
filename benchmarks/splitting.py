"""Splitting and fingerprinting, beside sqlparse and PostgreSQL's own scanner and parser.

Each contestant is a process; what it prints is the seconds of the work itself, without start-up,
and how many statements it found.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import peers, servers, sql
from benchmarks.markdown import Table
from benchmarks.measuring import FailedError, say
from benchmarks.options import Options
from benchmarks.site import ROOT, python_path

SIZES = (10,)  # MB


@dataclass(frozen=True)
class Text:
    """Some SQL: one piece of it, and how many statements that piece has."""

    one: Callable[[int], str]
    statements: int = 1
    vendor: str = "postgresql"


TEXTS = {
    "INSERTs of one row": Text(sql.inserts),
    "INSERTs of 20 rows": Text(sql.wide_inserts),
    "migrations (DDL)": Text(sql.migration, statements=4),
    "functions, dollar-quoted": Text(sql.dollar_functions),
    "functions, BEGIN ATOMIC": Text(sql.atomic_functions),
    "triggers (SQLite)": Text(sql.triggers, vendor="sqlite"),
}
# The peers take minutes for what takes ours a blink, so they get less of it.
TOOLS = {
    "split": ("migration_guard", 1.0, ""),
    "fingerprint": ("migration_guard", 0.2, ""),
    "sqlparse": ("sqlparse", 0.02, "pip install sqlparse"),
    "libpg_query, scanner": ("postgast", 0.1, "pip install postgast"),
    "libpg_query, parser": ("postgast", 0.1, "pip install postgast"),
}


def tables(options: Options) -> Iterator[Table]:
    """Measure each size."""
    for size in options.sizes_or(SIZES):
        yield _speeds(options, servers.folder() / "text.sql", size)


def _speeds(options: Options, path: Path, size: int) -> Table:
    rows = []
    for name, text in TEXTS.items():
        say(f"  {name}")
        cells = [_speed(options, path, tool, text, size) for tool in TOOLS]
        rows.append((name, *cells))
    note = "Goal: split 50 MB/s of INSERTs and 20 MB/s of functions. sqlparse and libpg_query "
    note += (
        "read a part of the text; libpg_query is C, and knows PostgreSQL only. Each found every "
    )
    note += "statement, but where another number stands beside the speed."
    return Table(f"Splitting, {size} MB, in MB/s", ("", *TOOLS), tuple(rows), note)


def _speed(options: Options, path: Path, tool: str, text: Text, size: int) -> str:
    module, part, remedy = TOOLS[tool]
    if missing := peers.lacks_module(module, remedy):
        return f"missing: {missing}"
    if module == "postgast" and text.vendor != "postgresql":
        return "—"
    try:
        seconds, note = _seconds(options, path, tool, text, size * part)
    except FailedError as error:
        return f"failed: {error}"
    return f"{path.stat().st_size / 1_000_000 / seconds:.1f}{note}"


def _seconds(options: Options, path: Path, tool: str, text: Text, size: float) -> tuple[float, str]:
    """Return the median, and how many statements were found where it is not their number."""
    statements = text.statements * sql.write(path, sql.fill(text.one, int(size * 1_000_000)))
    runs = [_run(tool, text.vendor, path) for _ in range(options.rounds)]
    found, note = runs[0][1], ""
    if tool != "fingerprint" and found != statements:
        note = f" ({found:,} statements of {statements:,})"
    return median(seconds for seconds, _ in runs), note


def _run(tool: str, vendor: str, path: Path) -> tuple[float, int]:
    """Return the seconds of one reading, and the number of statements."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.reading_sql", tool, vendor, str(path)],
        cwd=ROOT,
        env={**os.environ, **python_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(done.stderr.strip().splitlines()[-1])
    seconds, statements = done.stdout.split()
    return float(seconds), int(statements)
