"""The peers of a fresh run: other tools that apply a folder of SQL migrations to PostgreSQL.

Each writes the same migrations as its own format asks and applies them with its own command, each
migration in a transaction of its own.
"""

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import servers, sql
from benchmarks.measuring import Contestant
from benchmarks.site import Site, python_path
from tests.servers import Database

Prepare = Callable[[], None]
Peer = Callable[[Path, Database, int, Prepare], Contestant]


def program(name: str) -> str:
    """Return where a program is, or how it is installed."""
    return shutil.which(name) or ""


def lacks_program(name: str, remedy: str) -> str:
    """Return the remedy where a program is not on the PATH."""
    return "" if program(name) else remedy


def lacks_module(name: str, remedy: str) -> str:
    """Return the remedy where this Python cannot import a module."""
    return "" if importlib.util.find_spec(name) else remedy


def psql(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """One session that reads every file between BEGIN and COMMIT."""
    sql.write_migrations(path, count)
    ids = [sql.migration_id(number) for number in range(1, count + 1)]
    script = "".join(f"BEGIN;\n\\i {path / each}.sql\nCOMMIT;\n" for each in ids)
    sql.write(path / "all.psql", [script])
    url = database.url
    found = servers.program("psql")
    command = [found, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path / "all.psql"), url]
    missing = "" if found else "apt install postgresql-client"
    return Contestant("psql -f", command, prepare=prepare, missing=missing)


def bare_loop(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Loop over psycopg in ten lines, which send every file whole and note its name."""
    sql.write_migrations(path, count)
    command = [sys.executable, "-m", "benchmarks.bare_loop", database.url, str(path)]
    return Contestant("bare psycopg loop", command, None, python_path(), prepare)


def dbmate(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Apply the folder with dbmate."""
    sql.write_migrations(path, count, "-- migrate:up\n", "\n-- migrate:down\n")
    url = f"{database.url}?sslmode=disable"
    command = ["dbmate", "--url", url, "--migrations-dir", str(path), "--no-dump-schema", "up"]
    missing = lacks_program("dbmate", "npm install dbmate")
    return Contestant("dbmate", command, prepare=prepare, missing=missing)


def sql_migrate(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Apply the folder with sql-migrate."""
    sql.write_migrations(path / "sql", count, "-- +migrate Up\n")
    url = f"{database.url}?sslmode=disable"
    config = f"bench:\n  dialect: postgres\n  datasource: {url}\n  dir: {path / 'sql'}\n"
    sql.write(path / "dbconfig.yml", [config])
    command = ["sql-migrate", "up", f"-config={path / 'dbconfig.yml'}", "-env=bench"]
    missing = lacks_program("sql-migrate", "apt install sql-migrate")
    return Contestant("sql-migrate", command, prepare=prepare, missing=missing)


def sqitch(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Deploy a plan of as many changes with sqitch."""
    sql.write_migrations(path / "deploy", count, "BEGIN;\n", "COMMIT;\n")
    ids = [sql.migration_id(number) for number in range(1, count + 1)]
    plan = "".join(f"{each} 2024-01-01T00:00:00Z A <a@example.com> # x\n" for each in ids)
    head = "%syntax-version=1.0.0\n%project=bench\n\n"
    sql.write(path / "sqitch.plan", [head, plan])
    sql.write(path / "sqitch.conf", ["[core]\n\tengine = pg\n"])
    command = ["sqitch", "deploy", "--target", f"db:{database.url}"]
    environment = {"SQITCH_FULLNAME": "A", "SQITCH_EMAIL": "a@example.com"}
    missing = lacks_program("sqitch", "apt install sqitch libdbd-pg-perl postgresql-client")
    return Contestant("sqitch", command, path, environment, prepare, missing)


def node_pg_migrate(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Apply the folder with node-pg-migrate."""
    sql.write_migrations(path, count, "-- Up Migration\n", "-- Down Migration\n")
    command = ["node-pg-migrate", "up", "-m", str(path), "--no-single-transaction"]
    missing = lacks_program("node-pg-migrate", "npm install node-pg-migrate pg")
    return Contestant(
        "node-pg-migrate", command, path, {"DATABASE_URL": database.url}, prepare, missing
    )


def yoyo(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Apply the folder with yoyo-migrations."""
    sql.write_migrations(path, count)
    url = database.url.replace("postgresql://", "postgresql+psycopg://")
    arguments = ["apply", "--batch", "--no-config-file", "--database", url, str(path)]
    command = [sys.executable, "-c", "from yoyo.scripts.main import main; main()", *arguments]
    missing = lacks_module("yoyo", "pip install yoyo-migrations setuptools")
    return Contestant("yoyo", command, path, python_path(), prepare, missing)


def django(path: Path, database: Database, count: int, prepare: Prepare) -> Contestant:
    """Apply as many of Django's own migrations, each one RunSQL."""
    site = Site(path, database.settings, ["bench"])
    numbers = range(1, count + 1)
    site.app("bench", [(sql.migration_id(each), sql.migration(each)) for each in numbers])
    return site.manage("Django's migrate, RunSQL", "migrate", "bench", prepare=prepare)


# Each with the table where it notes what it has applied.
QUICK: dict[Peer, str] = {
    bare_loop: "loop_history",
    psql: "",
    dbmate: "schema_migrations",
    sql_migrate: "gorp_migrations",
    node_pg_migrate: "pgmigrations",
    django: "django_migrations",
}
SAVEPOINTS = (yoyo,)  # around each statement of a migration
# Minutes where the others take seconds.
SLOW: dict[Peer, str] = {sqitch: "sqitch.changes", yoyo: "_yoyo_migration"}
