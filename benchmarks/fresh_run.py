"""A fresh run: small migrations into an empty PostgreSQL, beside peers."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks import peers, servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import Measured, in_turn, run, seconds
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
    folder = servers.folder()
    with servers.postgresql() as server:
        database = server.database
        site = Site(folder / "guard", database.settings)
        sql.write_migrations(site.folder, size)
        verify = verifying.migrated(server, size, "applied_migrations")
        contestants = [
            site.manage(REFERENCE, "runsqlmigrations", prepare=server.empty, verify=verify),
            site.manage("manage.py check", "check"),
        ]
        for peer, history in {**peers.QUICK, **(peers.SLOW if slow else {})}.items():
            made = peer(folder / peer.__name__, database, size, server.empty)
            savepoints = peer in peers.SAVEPOINTS
            verify = verifying.migrated(server, size, history, savepoints=savepoints)
            contestants.append(replace(made, verify=verify))
        # Unmeasured: a new server makes the files of its log, and who comes first would pay for it.
        first = peers.bare_loop(folder / "first", database, size, server.empty)
        first.prepare()
        run(first)
        measured = in_turn(contestants, options.rounds)
        return compared(
            f"Fresh run, {size:,} migrations of four statements",
            measured,
            REFERENCE,
            _goal(measured),
        )


def _goal(measured: Sequence[Measured]) -> str:
    of = seconds(measured)
    names = (REFERENCE, "bare psycopg loop", "manage.py check")
    if not all(name in of for name in names):
        return ""
    ours, loop, start = (of[name] for name in names)
    return (
        f"{ours / (loop + start):.2f} x the bare loop plus Django's start-up (goal: 1.15), "
        f"{ours / loop:.2f} x the loop alone. For the start-up stands a whole `manage.py check`: "
        "Python's own start, which the loop has too, and Django's checks are in it."
    )
