"""What a trace costs, and whether the time that it tells is the time that others wait."""

# ruff: noqa: S603

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn, run, seconds
from benchmarks.options import Options
from benchmarks.site import Site

SIZES = (500,)
REFERENCE = "runsqlmigrations"
TRACED = "runsqlmigrations --impact"
ROWS = 2_000  # for each migration of the size
FILES = {
    "an index": "CREATE INDEX ON items (body);",
    "another type": "ALTER TABLE items ALTER COLUMN number TYPE bigint;",
    "a lock before an index": "ALTER TABLE items ADD x integer; CREATE INDEX ON items (number);",
}
PROBES = {
    "reader": "SELECT 1 FROM items LIMIT 1",
    "writer": "BEGIN; INSERT INTO items VALUES (0, 0, '')",
}


def tables(options: Options) -> list[Table]:
    """Measure the cost at each size, and the times beside it."""
    sizes = options.sizes_or(SIZES)
    return [table for size in sizes for table in (_cost(options, size), _times(size * ROWS))]


def _cost(options: Options, size: int) -> Table:
    with servers.postgresql() as server:
        site = Site(servers.folder() / "guard", server.database.settings)
        sql.write_migrations(site.folder, size)
        verify = verifying.migrated(server, size, "applied_migrations")
        contestants = [
            site.manage(name, *name.split(), prepare=server.empty, verify=verify)
            for name in (REFERENCE, TRACED)
        ]
        contestants[0].prepare()
        run(contestants[0])  # unmeasured: a new server makes the files of its log
        measured = in_turn(contestants, options.rounds)
    of = seconds(measured)
    ratio = f"{of[TRACED] / of[REFERENCE]:.2f} x the run without a trace (goal: 2)"
    title = f"A trace of {size:,} migrations of four statements"
    return compared(title, measured, REFERENCE, ratio if TRACED in of else "")


def _times(count: int) -> Table:
    """Hold the time that a lock is held beside the longest wait of those who try meanwhile."""
    rows = []
    with servers.postgresql() as server:
        for name, text in FILES.items():
            server.empty()
            with server.open() as connection:
                connection.execute("CREATE TABLE items (id bigint, number integer, body text)")
                connection.execute(
                    "INSERT INTO items SELECT n, n, md5(n::text) FROM generate_series(1, %s) n",
                    (count,),
                )
            site = Site(servers.folder() / "times", server.database.settings)
            site.write("sql_migrations/0001_change.sql", text)
            with _probing(server) as waits:
                done = subprocess.run(
                    [sys.executable, "manage.py", *TRACED.split(), "--format", "json"],
                    cwd=site.path,
                    capture_output=True,
                    text=True,
                    check=False,  # a long lock makes it 1
                )
            held = _held(json.loads(done.stdout))
            rows.append((name, *(f"{held[who]:.0f} / {waits[who]:.0f} ms" for who in PROBES)))
    title = f"A lock on {count:,} rows: held as traced / the longest wait of a session that tried"
    return Table(title, ("", *PROBES), tuple(rows))


def _held(report: dict[str, Any]) -> dict[str, float]:
    """Return how long readers and writers are shut out, by the trace."""
    effects = [table for s in report["impact"]["statements"] for table in s["tables"]]
    return {
        who: max((e["held_ms"] for e in effects if e[f"shuts_out_{who}s"]), default=0.0)
        for who in PROBES
    }


@contextmanager
def _probing(server: servers.PostgreSQL) -> Iterator[dict[str, float]]:
    """Let a reader and a writer try again and again; give the longest wait of each in ms."""
    waits = dict.fromkeys(PROBES, 0.0)
    stop = threading.Event()

    def probe(who: str, text: str) -> None:
        with server.open() as connection:
            while not stop.wait(0.001):
                before = time.perf_counter()
                connection.execute(text)
                waits[who] = max(waits[who], (time.perf_counter() - before) * 1000)
                connection.execute("ROLLBACK")

    threads = [threading.Thread(target=probe, args=pair) for pair in PROBES.items()]
    for thread in threads:
        thread.start()
    yield waits
    stop.set()
    for thread in threads:
        thread.join()
