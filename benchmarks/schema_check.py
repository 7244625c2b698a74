"""`checkschema` beside what else reads or checks a whole schema."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import peers, servers, sql
from benchmarks.markdown import Table, compared
from benchmarks.measuring import Contestant, in_turn, run
from benchmarks.options import Options
from benchmarks.site import Site, python_path
from tests import servers as test_servers
from tests.servers import Database

SIZES = (30, 300, 3000)
VENDORS = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mysql": "MariaDB"}
REFERENCE = "checkschema"
# All tables are read, and little is compared: what the reading alone costs.
KEYS = "checkschema, primary keys only"
PGTAP = "apt install postgresql-NN-pgtap"


def tables(options: Options) -> Iterator[Table]:
    """Measure each size on each vendor."""
    for vendor in VENDORS:
        for size in options.sizes_or(SIZES):
            yield _table(options, vendor, size)


def _table(options: Options, vendor: str, size: int) -> Table:
    title = f"Schema check, {VENDORS[vendor]}, {size:,} tables of {sql.COLUMNS} columns"
    if vendor == "mysql" and (missing := test_servers.mariadb_missing()):
        return Table(title, ("", ""), (("not measured", missing),))
    with servers.folder() as folder, servers.database(vendor, folder) as database:
        _build(database, size)
        site = Site(folder / "site", database.settings, ["migration_guard", "bench"])
        # One model, so that sqldiff compares nothing else; the contract holds every table.
        site.app("bench")
        site.write("contract.toml", "")
        command = ("checkschema", "--write", str(site.path / "contract.toml"))
        site.call(*command)
        site.write("keys.toml", _keys(size))
        settings = (site.path / "site_settings.py").read_text(encoding="utf-8")
        contracts = 'MIGRATION_GUARD["CONTRACTS"] = {"default": [BASE_DIR / "contract.toml"]}\n'
        site.write("site_settings.py", settings + contracts)
        contestants = [
            site.manage(REFERENCE, "checkschema", "--no-models"),
            site.manage(KEYS, "checkschema", "--no-models", "--contract", "keys.toml"),
            site.manage("manage.py check", "check"),
            _reading(site, "bare catalogue queries", "catalogue", database),
            _reading(site, "Django's introspection, table by table", "introspection", database),
        ]
        if vendor == "postgresql":
            contestants += _of_postgresql(site, database, size)
        measured = in_turn(contestants, options.rounds_for(size))
    return compared(title, measured, REFERENCE, memory=False)


def _build(database: Database, size: int) -> None:
    statements: Sequence[str] = list(sql.schema(size, database.vendor))
    if database.vendor == "sqlite":
        statements = ["PRAGMA synchronous = OFF", "BEGIN", *statements, "COMMIT"]
    for statement in statements:
        database.execute(statement)
    if database.vendor == "postgresql":
        database.execute("ANALYZE pg_catalog.pg_attribute")


def _keys(size: int) -> str:
    tables = (f"s{number:04}" for number in range(1, size + 1))
    return "".join(f'[tables.{table}]\nprimary_key = ["id"]\n' for table in tables)


def _reading(site: Site, name: str, what: str, database: Database) -> Contestant:
    command = [sys.executable, "-m", "benchmarks.reading", what, database.vendor]
    environment = {**python_path(site.path), "DJANGO_SETTINGS_MODULE": "site_settings"}
    return Contestant(name, command, site.path, environment)


def _of_postgresql(site: Site, database: Database, size: int) -> list[Contestant]:
    pg_dump = servers.program("pg_dump")
    dump = [pg_dump, "-s", "-f", str(site.path / "dump.sql"), database.url]
    missing = peers.lacks_module("django_extensions", "pip install django-extensions")
    return [
        Contestant(
            "pg_dump -s",
            dump,
            missing="" if pg_dump else "apt install postgresql-client",
        ),
        _sqldiff(site, database, size, missing),
        _pgtap(site, database, size),
    ]


def _sqldiff(site: Site, database: Database, size: int, missing: str) -> Contestant:
    """Return sqldiff over a model of each table, which `inspectdb` writes."""
    apps = ["django_extensions", "tables"] if not missing else ["tables"]
    other = Site(site.path.parent / "sqldiff", database.settings, apps)
    other.app("tables")
    if not missing:
        command = [sys.executable, "manage.py", "inspectdb"]
        inspect = "import sys; from django.core.management import execute_from_command_line as e; "
        inspect += "sys.stdout = open('tables/models.py', 'w'); e(['manage.py', 'inspectdb'])"
        command = [sys.executable, "-c", inspect]
        environment = {
            **python_path(other.path),
            "DJANGO_SETTINGS_MODULE": "site_settings",
        }
        run(Contestant("inspectdb", command, other.path, environment))
    return other.manage(
        f"sqldiff, {size} models", "sqldiff", "-a", missing=missing, accepted=(0, 1)
    )


def _pgtap(site: Site, database: Database, size: int) -> Contestant:
    """Return a check of existence and one of nullness for each column."""
    found = sorted(Path("/usr/share/postgresql").glob("*/extension/pgtap.sql"))
    source = found[-1] if found else None
    script = site.path / "pgtap.sql"
    if source:
        # Not CREATE EXTENSION, which would have to be installed for the embedded server.
        lines = source.read_text(encoding="utf-8").splitlines()
        database.execute("\n".join(line for line in lines if not line.startswith("\\")))
        columns = database.execute(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns "
            "WHERE table_name ~ '^s[0-9]{4}$' ORDER BY 1, 2"
        )
        lines = ["BEGIN;", "SELECT * FROM no_plan();"]
        for table, column, nullable in columns:
            check = "col_is_null" if nullable == "YES" else "col_not_null"
            lines.append(f"SELECT has_column('{table}', '{column}');")
            lines.append(f"SELECT {check}('{table}', '{column}', '');")
        sql.write(script, ["\n".join([*lines, "SELECT * FROM finish();", "ROLLBACK;", ""])])
    options = ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]
    command = [servers.program("psql"), *options, "-f", str(script), database.url]
    name = f"pgTAP, {size * sql.COLUMNS * 2:,} assertions"
    return Contestant(name, command, missing="" if source else PGTAP)
