"""A deploy that has nothing to apply, beside `manage.py check` and `manage.py migrate`."""

from benchmarks import servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn, seconds
from benchmarks.options import Options
from benchmarks.site import Site

SIZES = (500, 20000)
REFERENCE = "runsqlmigrations"
GOAL = "Goal: at most 1.25 x `manage.py check` with 500, 2 x with 20,000; faster than `migrate`."


def tables(options: Options) -> list[Table]:
    """Measure each size."""
    return [_table(options, size) for size in options.sizes_or(SIZES)]


def _table(options: Options, size: int) -> Table:
    folder = servers.folder()
    with servers.postgresql() as server:
        site = Site(folder / "guard", server.database.settings)
        sql.write_migrations(site.folder, size)
        site.call("runsqlmigrations", "--baseline", str(size), "-v0")
        django = Site(folder / "django", server.database.settings, ["bench"])
        numbers = range(1, size + 1)
        django.app("bench", [(sql.migration_id(each), "SELECT 1") for each in numbers])
        django.call("migrate", "bench", "--fake", "-v0")
        django.call("migrate", "-v0")
        ours = verifying.recorded(server, size, "applied_migrations")
        theirs = verifying.recorded(server, size, "django_migrations WHERE app = 'bench'")
        check = ("runsqlmigrations", "--check")
        contestants = [
            site.manage(REFERENCE, "runsqlmigrations", verify=ours),
            site.manage("runsqlmigrations --check", *check, verify=ours),
            site.manage("manage.py check", "check"),
            django.manage("Django's migrate", "migrate", verify=theirs),
        ]
        measured = in_turn(contestants, options.rounds)
    title = f"Nothing to do, {size:,} migrations applied"
    of = seconds(measured)
    ratio = ""
    if REFERENCE in of and "manage.py check" in of:
        ratio = f"{of[REFERENCE] / of['manage.py check']:.2f} x `check`. "
    return compared(title, measured, REFERENCE, ratio + GOAL)
