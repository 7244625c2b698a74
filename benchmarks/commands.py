"""The other commands: the static guard, the fresh database, start-up, and memory."""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn, run, say, seconds
from benchmarks.options import Options
from benchmarks.site import Site

LONG = 200  # MB
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def static_check(options: Options) -> list[Table]:
    """Measure `checksqlmigrations` on many files."""
    found = []
    for size in options.sizes_or((5000,)):
        folder = servers.folder()
        with servers.postgresql() as server:
            site = Site(folder / "site", server.database.settings)
            sql.write_migrations(site.folder, size)
            verify = verifying.says(f"^{size} migrations? of default")
            contestants = [
                site.manage("checksqlmigrations", "checksqlmigrations", verify=verify),
                site.manage("manage.py check", "check"),
            ]
            measured = in_turn(contestants, options.rounds)
        title = f"checksqlmigrations, {size:,} files of four statements"
        found.append(compared(title, measured, "checksqlmigrations"))
    return found


def fresh_database(options: Options) -> list[Table]:
    """Measure `checkschema --fresh` with and without a template."""
    found = []
    for size in options.sizes_or((500,)):
        folder = servers.folder()
        with servers.postgresql() as server:
            site = Site(folder / "site", server.database.settings)
            sql.write_migrations(site.folder, size)
            built = f"^Fresh database built from .* and {size} SQL migration"
            fresh = ("checkschema", "--fresh", "--no-models")
            name = "checkschema --fresh"
            copied = verifying.says("^Fresh database copied from migration_guard_template_")
            contestants = [
                site.manage(name, *fresh, verify=verifying.says(built)),
                site.manage(f"{name} --template", *fresh, "--template", verify=copied),
            ]
            run(site.manage("", *fresh, "--template"))
            measured = in_turn(contestants, options.rounds)
        title = f"Fresh database, {size:,} migrations"
        note = "With --template, what an earlier run has built of the same files is copied."
        found.append(compared(title, measured, "checkschema --fresh", note))
    return found


def start_up(options: Options) -> list[Table]:
    """Measure what the app adds to `manage.py check`: by the clock, and its own imports."""
    folder = servers.folder()
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
    with_app = Site(folder / "with", database)
    sql.write_migrations(with_app.folder, 34)
    without = Site(folder / "without", database, [])
    names = ("manage.py check", "manage.py check without the app")
    sites = zip(names, (with_app, without), strict=True)
    contestants = [site.manage(name, "check") for name, site in sites]
    measured = in_turn(contestants, max(options.rounds, 2) * 4)
    imports = [_imports(with_app, without) for _ in range(max(options.rounds, 2))]
    own, all_in_all = (statistics.median(each) for each in zip(*imports, strict=True))
    of = seconds(measured)
    more = f"{(of[names[0]] - of[names[1]]) * 1000:.0f} ms" if len(of) == len(names) else "?"
    note = f"The app adds {more} to the median. Its own modules take {own:.1f} ms to import (goal: "
    note += f"15); with all that nothing but the app imports, {all_in_all:.1f} ms."
    return [compared("Start-up", measured, names[0], note)]


def memory(options: Options) -> list[Table]:
    """Measure peaks: many migrations, many tables, one long file."""
    migrations, tables, long = (*options.sizes, *(10000, 3000, LONG)[len(options.sizes) :])[:3]
    found = []
    folder = servers.folder()
    with servers.postgresql() as server:
        settings = server.database.settings
        many = Site(folder / "many", settings)
        sql.write_migrations(many.folder, migrations)
        name = f"runsqlmigrations, {migrations:,} migrations"
        done = verifying.migrated(server, migrations, "applied_migrations")
        command = many.manage(name, "runsqlmigrations", prepare=server.empty, verify=done)
        found += in_turn([command], 1)
        name = f"nothing to do, {migrations:,} applied"
        found += in_turn([many.manage(name, "runsqlmigrations", verify=done)], 1)

        server.empty()
        for statement in sql.schema(tables, "postgresql"):
            server.database.execute(statement)
        wide = Site(folder / "wide", settings)
        contract = wide.path / "contract.toml"
        name = f"checkschema --write, {tables:,} tables"
        found += in_turn([wide.manage(name, "checkschema", "--write", str(contract))], 1)
        name = f"checkschema, {tables:,} tables"
        arguments = ("checkschema", "--no-models", "--contract", str(contract))
        verify = verifying.kept(tables * sql.COLUMNS * 4)
        found += in_turn([wide.manage(name, *arguments, verify=verify)], 1)
        server.database.close()

        for what, write in (("INSERTs", _long_inserts), ("COPY", _long_copy)):
            site = Site(folder / what, settings)
            verify = verifying.recorded(server, write(site.folder / "0001_long.sql", long), "users")
            name = f"runsqlmigrations, one file of {long} MB of {what}"
            more = {"prepare": server.empty, "verify": verify}
            found += in_turn([site.manage(name, "runsqlmigrations", **more)], 1)
    rows = tuple(
        (each.name, f"{each.memory:.0f} MB", f"{each.wall:.1f} s")
        if each.runs
        else (each.name, each.note, "")
        for each in found
    )
    return [Table("Memory", ("", "peak", "time"), rows)]


def _long_inserts(path: Path, size: int) -> int:
    """Write the file; return how many rows it makes."""
    head = "CREATE TABLE users (id int, name text, email text);\n"
    return 20 * sql.write(path, sql.fill(sql.wide_inserts, size * 1_000_000), head)


def _long_copy(path: Path, size: int) -> int:
    """Write the file; return how many rows it makes."""
    head = "CREATE TABLE users (id int, name text);\nCOPY users FROM stdin;\n"
    rows = sql.fill(lambda number: f"{number}\tname {number} {'x' * 80}\n", size * 1_000_000)
    return sql.write(path, rows, head, "\\.\n")


def _imports(with_app: Site, without: Site) -> tuple[float, float]:
    """Return the milliseconds of the app's own modules, and of all that it alone imports."""
    say("  importtime")
    ours, others = _import_times(with_app), _import_times(without)
    own = sum(time for name, time in ours.items() if name.split(".")[0] == "migration_guard")
    return own, sum(time for name, time in ours.items() if name not in others)


def _import_times(site: Site) -> dict[str, float]:
    """Return the milliseconds that each module takes, without those that it imports."""
    contestant = site.manage("", "check")
    command = [sys.executable, "-X", "importtime", *contestant.command[1:]]
    done = subprocess.run(  # noqa: S603
        command,
        cwd=site.path,
        env={**os.environ, **contestant.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: int(time) / 1000 for time, name in _IMPORT.findall(done.stderr)}
