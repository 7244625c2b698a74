"""The other commands: the static guard, the fresh database, start-up, and memory."""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import servers, sql
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn, say
from benchmarks.options import Options
from benchmarks.site import Site

LONG = 200  # MB
_OWN_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+migration_guard\b", re.MULTILINE)


def static_check(options: Options) -> list[Table]:
    """Measure `checksqlmigrations` on many files."""
    found = []
    for size in options.sizes_or((500, 5000)):
        with servers.folder() as folder, servers.postgresql() as server:
            site = Site(folder / "site", server.database.settings)
            sql.write_migrations(site.folder, size)
            contestants = [
                site.manage("checksqlmigrations", "checksqlmigrations", accepted=(0, 1)),
                site.manage("manage.py check", "check"),
            ]
            measured = in_turn(contestants, options.rounds_for(size))
        title = f"checksqlmigrations, {size:,} files of four statements"
        found.append(compared(title, measured, "checksqlmigrations"))
    return found


def fresh_database(options: Options) -> list[Table]:
    """Measure `checkschema --fresh` with and without a template."""
    found = []
    for size in options.sizes_or((500,)):
        with servers.folder() as folder, servers.postgresql() as server:
            site = Site(folder / "site", server.database.settings)
            sql.write_migrations(site.folder, size)
            contestants = [
                site.manage(" ".join(arguments), *arguments, "--no-models", accepted=(0, 1))
                for arguments in (
                    ("checkschema", "--fresh"),
                    ("checkschema", "--fresh", "--template"),
                )
            ]
            in_turn(contestants[1:], 1)
            measured = in_turn(contestants, options.rounds)
        title = f"Fresh database, {size:,} migrations"
        note = "With --template, what an earlier run has built of the same files is copied."
        found.append(compared(title, measured, "checkschema --fresh", note))
    return found


def start_up(options: Options) -> list[Table]:
    """Measure what the app adds to `manage.py check`: by the clock, and its own imports."""
    with servers.folder() as folder:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
        with_app = Site(folder / "with", database)
        sql.write_migrations(with_app.folder, 34)
        without = Site(folder / "without", database, [])
        contestants = [
            with_app.manage("manage.py check", "check"),
            without.manage("manage.py check without the app", "check"),
        ]
        measured = in_turn(contestants, max(options.rounds, 2) * 4)
        imports = statistics.median(_imports(with_app) for _ in range(max(options.rounds, 2)))
    note = f"The app's own modules take {imports:.1f} ms to import (goal: 15)."
    return [compared("Start-up", measured, "manage.py check", note)]


def memory(options: Options) -> list[Table]:
    """Measure peaks: many migrations, many tables, one long file."""
    migrations, tables, long = (*options.sizes, *(10000, 3000, LONG)[len(options.sizes) :])[:3]
    found = []
    with servers.folder() as folder, servers.postgresql() as server:
        settings = server.database.settings
        many = Site(folder / "many", settings)
        sql.write_migrations(many.folder, migrations)
        name = f"runsqlmigrations, {migrations:,} migrations"
        found += in_turn([many.manage(name, "runsqlmigrations", prepare=server.empty)], 1)
        name = f"nothing to do, {migrations:,} applied"
        found += in_turn([many.manage(name, "runsqlmigrations")], 1)

        server.empty()
        for statement in sql.schema(tables, "postgresql"):
            server.database.execute(statement)
        wide = Site(folder / "wide", settings)
        contract = wide.path / "contract.toml"
        name = f"checkschema --write, {tables:,} tables"
        found += in_turn([wide.manage(name, "checkschema", "--write", str(contract))], 1)
        name = f"checkschema, {tables:,} tables"
        arguments = ("checkschema", "--no-models", "--contract", str(contract))
        found += in_turn([wide.manage(name, *arguments)], 1)
        server.database.close()

        for what, write in (("INSERTs", _long_inserts), ("COPY", _long_copy)):
            site = Site(folder / what, settings)
            write(site.folder / "0001_long.sql", long)
            name = f"runsqlmigrations, one file of {long} MB of {what}"
            found += in_turn([site.manage(name, "runsqlmigrations", prepare=server.empty)], 1)
    rows = tuple(
        (each.name, f"{each.memory:.0f} MB", f"{each.wall:.1f} s")
        if each.runs
        else (each.name, each.note, "")
        for each in found
    )
    return [Table("Memory", ("", "peak", "time"), rows)]


def _long_inserts(path: Path, size: int) -> None:
    head = "CREATE TABLE users (id int, name text, email text);\n"
    sql.write(path, [head, *sql.fill(sql.wide_inserts, size * 1_000_000)])


def _long_copy(path: Path, size: int) -> None:
    head = "CREATE TABLE users (id int, name text);\nCOPY users FROM stdin;\n"
    rows = sql.fill(lambda number: f"{number}\tname {number} {'x' * 80}\n", size * 1_000_000)
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        file.writelines(rows)
        file.write("\\.\n")


def _imports(site: Site) -> float:
    """Return the milliseconds that the app's own modules take, without those that they import."""
    say("  importtime")
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
    return sum(map(int, _OWN_IMPORT.findall(done.stderr))) / 1000
