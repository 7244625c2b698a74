"""What a trace costs: the same fresh run with and without `--impact`, in pairs."""

from benchmarks import servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn, run, seconds
from benchmarks.options import Options
from benchmarks.site import Site

SIZES = (500,)
REFERENCE = "runsqlmigrations"
TRACED = "runsqlmigrations --impact"


def tables(options: Options) -> list[Table]:
    """Measure each size."""
    return [_table(options, size) for size in options.sizes_or(SIZES)]


def _table(options: Options, size: int) -> Table:
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
