"""Splitting and fingerprinting, beside sqlparse and PostgreSQL's own scanner and parser.

Each contestant is a process; what it prints is the seconds of the work itself, without start-up.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import peers, servers, sql
from benchmarks.markdown import Table
from benchmarks.measuring import FailedError, say
from benchmarks.options import Options
from benchmarks.site import ROOT, python_path

SIZES = (10,)  # MB
TEXTS: dict[str, tuple[Callable[[int], str], str]] = {
    "INSERTs of one row": (sql.inserts, "postgresql"),
    "INSERTs of 20 rows": (sql.wide_inserts, "postgresql"),
    "migrations (DDL)": (sql.migration, "postgresql"),
    "functions, dollar-quoted": (sql.dollar_functions, "postgresql"),
    "functions, BEGIN ATOMIC": (sql.atomic_functions, "postgresql"),
    "triggers (SQLite)": (sql.triggers, "sqlite"),
}
# The peers take minutes for what takes ours a blink, so they get less of it.
TOOLS = {
    "split": ("migration_guard", 1.0, ""),
    "fingerprint": ("migration_guard", 0.2, ""),
    "sqlparse": ("sqlparse", 0.02, "pip install sqlparse"),
    "libpg_query, scanner": ("postgast", 0.1, "pip install postgast"),
    "libpg_query, parser": ("postgast", 0.1, "pip install postgast"),
}


def tables(options: Options) -> list[Table]:
    """Measure each size."""
    return [_table(options, size) for size in options.sizes_or(SIZES)]


def _table(options: Options, size: int) -> Table:
    rows = []
    with servers.folder() as folder:
        for name, (one, vendor) in TEXTS.items():
            say(f"  {name}")
            cells = [_speed(options, folder, (tool, vendor, one), size) for tool in TOOLS]
            rows.append((name, *cells))
    title = f"Splitting, {size} MB, in MB/s"
    note = "Goal: split 50 MB/s of INSERTs and 20 MB/s of functions. sqlparse and libpg_query "
    note += "read a part of the text; libpg_query is C, and knows PostgreSQL only."
    return Table(title, ("", *TOOLS), tuple(rows), note)


def _speed(
    options: Options, folder: Path, what: tuple[str, str, Callable[[int], str]], size: int
) -> str:
    tool, vendor, one = what
    module, part, remedy = TOOLS[tool]
    if missing := peers.lacks_module(module, remedy):
        return f"missing: {missing}"
    if module == "postgast" and vendor != "postgresql":
        return "—"
    path = folder / "text.sql"
    sql.write(path, sql.fill(one, int(size * part * 1_000_000)))
    try:
        seconds = median(_runs(options.rounds, tool, vendor, path))
    except FailedError as error:
        return f"failed: {error}"
    return f"{path.stat().st_size / 1_000_000 / seconds:.1f}"


def _runs(rounds: int, tool: str, vendor: str, path: Path) -> Iterator[float]:
    command = [sys.executable, "-m", "benchmarks.reading_sql", tool, vendor, str(path)]
    for _ in range(rounds):
        done = subprocess.run(  # noqa: S603
            command,
            cwd=ROOT,
            env={**os.environ, **python_path()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FailedError(done.stderr.strip().splitlines()[-1])
        yield float(done.stdout)
