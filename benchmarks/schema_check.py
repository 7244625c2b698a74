"""`checkschema` beside what else reads or checks a whole schema."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks import peers, servers, sql, verifying, versions
from benchmarks.markdown import Table, compared
from benchmarks.measuring import Contestant, Measured, in_turn, run, seconds
from benchmarks.options import Options
from benchmarks.site import Site, python_path
from tests import servers as test_servers
from tests.servers import Database

SIZES = (300, 3000)
VENDORS = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mysql": "MariaDB"}
REFERENCE = "checkschema"
SHORT = 0.1  # seconds; a ratio to less says more of the machine
# All tables are read, and little is compared: what the reading alone costs.
KEYS = "checkschema, primary keys only"
CHECK = "manage.py check"
BARE = "bare catalogue queries"
BY_TABLE = "Django's introspection, table by table"
PGTAP = "apt install postgresql-NN-pgtap"


def tables(options: Options) -> Iterator[Table]:
    """Measure each size on each vendor."""
    for vendor, name in VENDORS.items():
        if vendor == "mysql" and (missing := test_servers.mariadb_missing()):
            yield Table(f"Schema check, {name}", ("", ""), (("not measured", missing),))
            continue
        for size in sorted(options.sizes_or(SIZES)):
            title = f"Schema check, {name}, {size:,} tables of {sql.COLUMNS} columns"
            measured = _measure(options, vendor, size)
            note = _goals(seconds(measured), vendor)
            yield compared(title, measured, REFERENCE, note, memory=False)


def _goals(of: dict[str, float], vendor: str) -> str:
    """Say how far the goals are met: beside the bare queries, and beside Django table by table."""
    if not {REFERENCE, KEYS, CHECK, BARE, BY_TABLE} <= of.keys():
        return ""
    beyond = {name: seconds - of[CHECK] for name, seconds in of.items()}
    lines = [
        f"Beyond `{CHECK}`, {BARE} take {beyond[BARE]:.2f} s; with primary keys only it is "
        f"{_times(beyond[KEYS], beyond[BARE])} that (goal: 1.5), with all columns "
        f"{_times(beyond[REFERENCE], beyond[BARE])} (goal on PostgreSQL: 2)."
    ]
    if vendor != "postgresql":
        lines += [
            f"{name}: {_times(of[BY_TABLE], of[name])} faster than table by table with start-up, "
            f"{_times(beyond[BY_TABLE], beyond[name])} without (goal: 20)."
            for name in (REFERENCE, KEYS)
        ]
    return "  \n".join(lines)


def _times(seconds: float, by: float) -> str:
    return f"{seconds / by:.1f} x" if by >= SHORT else "too short for a ratio"


def _measure(options: Options, vendor: str, size: int) -> list[Measured]:
    folder = servers.folder()
    with servers.database(vendor, folder) as database:
        _build(database, size)
        site = Site(folder / "site", database.settings, ["migration_guard", "bench"])
        site.app("bench")
        site.write("contract.toml", "")
        command = ("checkschema", "--write", str(site.path / "contract.toml"))
        site.call(*command)
        site.write("keys.toml", _keys(size))
        settings = (site.path / "site_settings.py").read_text(encoding="utf-8")
        contracts = 'MIGRATION_GUARD["CONTRACTS"] = {"default": [BASE_DIR / "contract.toml"]}\n'
        site.write("site_settings.py", settings + contracts)
        check = ("checkschema", "--no-models")
        keys = rf"^{2 * size} assertions about .*: {2 * size} kept\.$"  # the table, and its key
        contestants = [
            # Each column is there, and has its type, its nullness, and its default or identity.
            site.manage(REFERENCE, *check, verify=verifying.kept(4 * size * sql.COLUMNS)),
            site.manage(KEYS, *check, "--contract", "keys.toml", verify=verifying.says(keys)),
            site.manage(CHECK, "check"),
            _reading(site, BARE, "catalogue", database, size),
            _reading(site, BY_TABLE, "introspection", database, size),
        ]
        if vendor == "postgresql":
            contestants += _of_postgresql(site, database, size)
        return in_turn(contestants, options.rounds)


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


def _reading(site: Site, name: str, what: str, database: Database, size: int) -> Contestant:
    command = [sys.executable, "-m", "benchmarks.reading", what, database.vendor]
    environment = {**python_path(site.path), "DJANGO_SETTINGS_MODULE": "site_settings"}
    verify = verifying.says(f"^{size * sql.COLUMNS}$")
    return Contestant(name, command, site.path, environment, verify=verify)


def _of_postgresql(site: Site, database: Database, size: int) -> list[Contestant]:
    pg_dump = servers.program("pg_dump")
    created = verifying.says("^CREATE TABLE ", size)
    dump = site.path / "dump.sql"
    missing = peers.lacks_module("django_extensions", "pip install django-extensions")
    return [
        Contestant(
            "pg_dump -s",
            [pg_dump, "-s", "-f", str(dump), database.url],
            missing="" if pg_dump else "apt install postgresql-client",
            verify=lambda _said: created(dump.read_text(encoding="utf-8")),
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
    # It takes checks and indexes for differences, so that it names each model that it compared.
    name, verify = f"sqldiff, {size:,} models", verifying.says(r"^-- Model: S\d{4}$", size)
    sqldiff = other.manage(name, "sqldiff", "tables", accepted=(0, 1), verify=verify)
    return replace(sqldiff, missing=missing)


def _pgtap(site: Site, database: Database, size: int) -> Contestant:
    """Return a check of existence and one of nullness for each column.

    pgTAP's own functions are there only while it runs, in a schema of their own: the other
    contestants would read them too.
    """
    source, script = versions.pgtap_script(), site.path / "pgtap.sql"
    install = "DROP SCHEMA IF EXISTS tap CASCADE; CREATE SCHEMA tap; SET search_path = tap;\n"
    if source:
        # Not CREATE EXTENSION, which would have to be installed for the embedded server.
        lines = source.read_text(encoding="utf-8").splitlines()
        install += "\n".join(line for line in lines if not line.startswith("\\"))
        columns = database.execute(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns "
            "WHERE table_name ~ '^s[0-9]{4}$' ORDER BY 1, 2"
        )
        lines = ["SET search_path = public, tap;", "BEGIN;", "SELECT * FROM no_plan();"]
        for table, column, nullable in columns:
            check = "col_is_null" if nullable == "YES" else "col_not_null"
            lines.append(f"SELECT has_column('{table}', '{column}');")
            lines.append(f"SELECT {check}('{table}', '{column}', '');")
        sql.write(script, ["\n".join([*lines, "SELECT * FROM finish();", "ROLLBACK;", ""])])
    count = size * sql.COLUMNS * 2
    passed = verifying.says("^ok ", count)

    def prepare() -> None:
        database.execute(install)

    def verify(said: str) -> None:
        database.execute("DROP SCHEMA tap CASCADE")
        passed(said)

    options = ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]
    return Contestant(
        f"pgTAP, {count:,} assertions",
        [servers.program("psql"), *options, "-f", str(script), database.url],
        prepare=prepare,
        missing="" if source else PGTAP,
        verify=verify,
    )
