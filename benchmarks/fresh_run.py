"""A fresh run: small migrations into an empty PostgreSQL, beside peers."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import peers, servers, sql
from benchmarks.markdown import Table, compared
from benchmarks.measuring import Measured, in_turn
from benchmarks.options import Options
from benchmarks.site import Site

SIZES = (500, 5000)
REFERENCE = "runsqlmigrations"


def tables(options: Options) -> list[Table]:
    """Measure each size; the slow peers only at the first."""
    return [
        _table(options, size, slow=number == 0)
        for number, size in enumerate(options.sizes_or(SIZES))
    ]


def _table(options: Options, size: int, *, slow: bool) -> Table:
    with servers.folder() as folder, servers.postgresql() as server:
        database = server.database
        site = Site(folder / "guard", database.settings)
        sql.write_migrations(site.folder, size)
        contestants = [
            site.manage(REFERENCE, "runsqlmigrations", prepare=server.empty),
            site.manage("manage.py check", "check"),
        ]
        chosen = (*peers.QUICK, *(peers.SLOW if slow else ()))
        for peer in chosen:
            place: Path = folder / peer.__name__
            contestants.append(peer(place, database, size, server.empty))
        measured = in_turn(contestants, options.rounds_for(size))
        return compared(
            f"Fresh run, {size:,} migrations of four statements",
            measured,
            REFERENCE,
            _goal(measured),
        )


def _goal(measured: Sequence[Measured]) -> str:
    seconds = {each.name: each.wall for each in measured if each.runs}
    names = (REFERENCE, "bare psycopg loop", "manage.py check")
    if not all(name in seconds for name in names):
        return ""
    ours, loop, start = (seconds[name] for name in names)
    return f"{ours / (loop + start):.2f} x the bare loop plus Django's start-up (goal: 1.15)."
